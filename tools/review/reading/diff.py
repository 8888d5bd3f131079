"""Unified diffs as git writes them: which lines of which file a change adds.

Knows renames, copies, deletions, new and binary files, quoted names, CRLF and ``\\ No newline``. Reads what
it can and never raises: a broken hunk ends where it stops making sense. Leaves out combined (merge) diffs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_HUNK = re.compile(r"^@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@")
_GIT = re.compile(r'^diff --git (?:"?a/(?P<old>.*?)"?) (?:"?b/(?P<new>.*?)"?)$')
_OCTAL = re.compile(r'\\([0-7]{3}|["\\abtnvfr])')
_ESCAPES = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, '"': 34, "\\": 92}


@dataclass
class FileChange:
    """What a diff does to one file; line numbers count in the new version."""

    path: str
    old_path: str | None = None
    added: set[int] = field(default_factory=set)
    context: set[int] = field(default_factory=set)  # unchanged lines that the diff shows
    texts: dict[int, str] = field(default_factory=dict)  # of added and context lines
    removed: int = 0
    deleted: bool = False
    created: bool = False
    binary: bool = False

    @property
    def commentable(self) -> set[int]:
        """The lines on which a review may comment at all."""
        return self.added | self.context

    @property
    def text(self) -> str | None:
        """The whole file, where the diff creates it and so shows all of it."""
        if not self.created or not self.added:
            return None
        return "\n".join(self.texts[number] for number in sorted(self.texts)) + "\n"


def parse(text: str) -> list[FileChange]:
    """The changes in the order of the diff."""
    changes: list[FileChange] = []
    current: FileChange | None = None
    old_left = new_left = line_number = 0
    for raw in text.split("\n"):
        line = raw[:-1] if raw.endswith("\r") else raw
        if current is not None and (old_left > 0 or new_left > 0):
            kind = line[:1]
            if kind == "+" and new_left > 0:
                current.added.add(line_number)
                current.texts[line_number] = line[1:]
                line_number, new_left = line_number + 1, new_left - 1
                continue
            if kind == "-" and old_left > 0:
                current.removed += 1
                old_left -= 1
                continue
            if kind in (" ", "") and old_left > 0 and new_left > 0:
                current.context.add(line_number)
                current.texts[line_number] = line[1:]
                line_number += 1
                old_left, new_left = old_left - 1, new_left - 1
                continue
            if kind == "\\":
                continue
            old_left = new_left = 0  # a truncated hunk: read this line as a header
        if line.startswith("diff --git "):
            found = _GIT.match(line)
            current = FileChange(_unquoted(found["new"]) if found else "")
            changes.append(current)
        elif line.startswith("--- "):
            name = _name(line[4:])
            if current is None or current.added or current.context or current.removed:
                current = FileChange("")  # a plain `diff -u`, without git's header
                changes.append(current)
            current.old_path = current.old_path or name
            current.created = current.created or name is None
        elif line.startswith("+++ ") and current is not None:
            name = _name(line[4:])
            if name is None:
                current.deleted = True
                current.path = current.path or current.old_path or ""
            else:
                current.path = name
        elif current is not None:
            hunk = _HUNK.match(line)
            if hunk:
                old_left = 1 if hunk[2] is None else int(hunk[2])
                new_left = 1 if hunk[4] is None else int(hunk[4])
                line_number = int(hunk[3])
            else:
                _header(current, line)
    return [change for change in changes if change.path]


def changed_lines(text: str) -> dict[str, set[int]]:
    """Added lines by path; deleted, binary and merely renamed files are not in it."""
    return {change.path: change.added for change in parse(text) if change.added}


def _header(change: FileChange, line: str) -> None:
    if line.startswith("deleted file mode"):
        change.deleted = True
    elif line.startswith("new file mode"):
        change.created = True
    elif line.startswith(("rename from ", "copy from ")):
        change.old_path = _unquoted(line.split(" from ", 1)[1])
    elif line.startswith(("rename to ", "copy to ")):
        change.path = _unquoted(line.split(" to ", 1)[1])
    elif line.startswith(("Binary files ", "GIT binary patch")):
        change.binary = True


def _name(header: str) -> str | None:
    """The path of a ``---`` or ``+++`` line; None for /dev/null."""
    name = header.split("\t", 1)[0].rstrip()
    name = _unquoted(name)
    if name == "/dev/null":
        return None
    return name[2:] if name[:2] in ("a/", "b/") else name


def _unquoted(name: str) -> str:
    """Git quotes names with unusual bytes as C strings."""
    name = name.strip()
    if len(name) >= 2 and name[0] == name[-1] == '"':
        name = name[1:-1]
    if "\\" not in name:
        return name
    out = bytearray()
    at = 0
    for found in _OCTAL.finditer(name):
        out += name[at : found.start()].encode("utf-8", "replace")
        code = found[1]
        out.append(_ESCAPES[code] if code in _ESCAPES else int(code, 8) & 255)
        at = found.end()
    out += name[at:].encode("utf-8", "replace")
    return out.decode("utf-8", "replace")
