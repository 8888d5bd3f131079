"""Unified diffs as git and ``diff -u`` write them: which lines of which file they add, and what a version becomes.

unidiff reads the hunks. Ours is what it refuses: names that git quotes, other line ends, a hunk that is cut short
(it ends where it stops making sense). Nothing raises. A hunk that does not fit a version is never forced: the answer
is then None. Leaves out combined (merge) diffs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from unidiff.patch import Hunk, PatchSet

_HUNK = re.compile(r"^@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@")
_GIT = re.compile(r'^(?:"?a/.*?"?) (?:"?b/(.*?)"?)$')
_OCTAL = re.compile(r'\\([0-7]{3}|["\\abtnvfr])')
_ESCAPES = dict(zip("abtnvfr", (7, 8, 9, 10, 11, 12, 13), strict=False)) | {'"': 34, "\\": 92}
_LONGEST = (
    2_000_000  # a line number beyond this is nonsense, and would be filled up with blank lines
)


@dataclass
class FileChange:
    """What a diff does to one file; line numbers count in the new version."""

    path: str = ""
    old_path: str | None = None
    deleted: bool = False
    hunks: list[Hunk] = field(default_factory=list)

    @property
    def added(self) -> set[int]:
        """The lines that the change adds."""
        return {
            _number(line.target_line_no) for hunk in self.hunks for line in hunk if line.is_added
        }

    @property
    def commentable(self) -> set[int]:
        """The lines that the diff shows: a review may comment on them alone."""
        shown = (line for hunk in self.hunks for line in hunk if line.is_added or line.is_context)
        return {_number(line.target_line_no) for line in shown}


def parse(diff: str) -> list[FileChange]:
    """The changes in the order of the diff."""
    return [change for head, body in _pieces(diff) if (change := _change(head, body)).path]


def of_patch(patch: str) -> FileChange:
    """The change of one file, from a patch as GitHub sends it: without headers."""
    (change,) = parse(f"--- a/x\n+++ b/x\n{patch}")[:1]
    return change


def _pieces(diff: str) -> Iterator[tuple[list[str], list[str]]]:
    """The lines about each file, and its hunks; each hunk says how many lines it really has."""
    lines = [line.removesuffix("\r") for line in diff.split("\n")]
    head: list[str] = []
    body: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        found = _HUNK.match(line)
        if found:
            wanted = [1 if found[n] is None else int(found[n]) for n in (2, 4)]
            stop, old, new = _end(lines, at, *wanted)
            if old or new:
                # Without the marks of a missing last newline: what a mark may say differs between programs.
                kept = [line for line in lines[at:stop] if not line.startswith("\\")]
                body += [f"@@ -{found[1]},{old} +{found[3]},{new} @@", *kept]
            at = stop
            continue
        if line.startswith("diff --git ") or (line.startswith("--- ") and body):
            yield head, body
            head, body = [], []
        head.append(line)
    yield head, body


def _end(lines: list[str], at: int, old: int, new: int) -> tuple[int, int, int]:
    """Where a hunk ends, and how many lines of the old and of the new version it holds."""
    before = after = 0
    while at < len(lines) and (before < old or after < new):
        mark = lines[at][:1]
        if mark not in ("+", "-", " ", "", "\\"):
            break
        removed, added = mark in ("-", " ", ""), mark in ("+", " ", "")
        if before + removed > old or after + added > new:
            break
        before, after, at = before + removed, after + added, at + 1
    return at, before, after


def _change(head: list[str], body: list[str]) -> FileChange:
    change = FileChange()
    for line in head:
        if line.startswith("diff --git "):
            found = _GIT.match(line[11:])
            change.path = _unquoted(found[1]) if found else ""
        elif line.startswith("--- "):
            change.old_path = change.old_path or _name(line[4:])
        elif line.startswith("+++ "):
            name = _name(line[4:])
            change.deleted = change.deleted or name is None
            change.path = name or change.path or change.old_path or ""
        elif line.startswith("deleted file mode"):
            change.deleted = True
        elif line.startswith(("rename from ", "copy from ")):
            change.old_path = _unquoted(line.split(" from ", 1)[1])
        elif line.startswith(("rename to ", "copy to ")):
            change.path = _unquoted(line.split(" to ", 1)[1])
    if change.path and body:
        change.hunks = list(PatchSet(f"{line}\n" for line in ("--- a", "+++ b", *body))[0])
    return change


def _name(header: str) -> str | None:
    """The path of a ``---`` or ``+++`` line; None for /dev/null."""
    name = _unquoted(header.split("\t", 1)[0])
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
    raw = name.encode("utf-8", "replace").decode("latin-1")
    raw = _OCTAL.sub(lambda found: chr(_ESCAPES.get(found[1]) or int(found[1], 8) & 255), raw)
    return raw.encode("latin-1").decode("utf-8", "replace")


def _number(line: int | None) -> int:
    return line or 0


def _old(hunk: Hunk) -> list[str]:
    return [line.value[:-1] for line in hunk if line.is_removed or line.is_context]


def _new(hunk: Hunk) -> list[str]:
    return [line.value[:-1] for line in hunk if line.is_added or line.is_context]


def is_new_side(text: str, hunks: Iterable[Hunk]) -> bool:
    """Whether a text is what the diff leads to."""
    lines = text.split("\n")
    return all(_at(lines, hunk.target_start, _new(hunk)) for hunk in hunks)


def applied(text: str, hunks: Iterable[Hunk]) -> str | None:
    """The new version made from the old one, or None where a hunk does not fit."""
    return _laid(text, ((hunk.source_start, _old(hunk), _new(hunk)) for hunk in hunks))


def unapplied(text: str, hunks: Iterable[Hunk]) -> str | None:
    """The old version made from the new one, or None where a hunk does not fit."""
    return _laid(text, ((hunk.target_start, _new(hunk), _old(hunk)) for hunk in hunks))


def _laid(text: str, pieces: Iterable[tuple[int, list[str], list[str]]]) -> str | None:
    """A text with some of its lines replaced: from which line on, what stands there, what shall."""
    lines = text.split("\n")
    made: list[str] = []
    done = 0
    for number, there, instead in pieces:
        start = max(number - 1, 0) if there else number
        if start < done or not _at(lines, start + 1, there):
            return None
        made += lines[done:start] + instead
        done = start + len(there)
    return "\n".join(made + lines[done:])


def as_it_stands(hunks: list[Hunk]) -> tuple[str, bool]:
    """What the diff alone shows of the new version, every line at its number, and whether that is all of it.

    A hunk from inside a block gets an ``if True:`` in the unknown line above it, so that it may parse.
    """
    whole = len(hunks) == 1 and hunks[0].source_start == 0 and not _old(hunks[0])
    lines: list[str] = []
    for hunk in hunks:
        if not len(lines) < hunk.target_start <= _LONGEST:
            continue
        new = _new(hunk)
        lines += [""] * (hunk.target_start - 1 - len(lines))
        first = next((line for line in new if line.strip()), "")
        if first[:1].isspace() and lines and not lines[-1]:
            lines[-1] = "if True:"
        lines += new
        last = next((line for line in reversed(new) if line.strip()), "")
        indent = " " * (len(last) - len(last.lstrip()))
        if not whole and last.rstrip().endswith(":"):
            lines.append(f"{indent} pass")
        elif not whole and last.lstrip().startswith("@"):
            lines.append(f"{indent}def _(): pass")
    return "\n".join(lines), whole


def _at(lines: list[str], start: int, wanted: list[str]) -> bool:
    at = max(start - 1, 0)
    return lines[at : at + len(wanted)] == wanted
