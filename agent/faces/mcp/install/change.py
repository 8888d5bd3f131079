"""One file before and after: shown first, backed up, written whole or not at all.

The rules shipped for a client are such a file of their own, or a marked block in a file that others share.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from gadfly import files
from gadfly.agent.faces.mcp.install.clients import Client
from gadfly.errors import UsageError

MARK = "<!-- written by: gadfly mcp install -->"
_BEGIN, _END = "<!-- gadfly: begin -->", "<!-- gadfly: end -->"


def backup_of(path: Path) -> Path:
    """Where the last state of a file without Gadfly is kept."""
    return path.with_name(path.name + ".before-gadfly")


def read(path: Path) -> bytes | None:
    """The bytes of a file, or None where there is none. Raises UsageError if it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None


@dataclass(frozen=True)
class Change:
    """What happens to one file. ``after`` None: it is removed."""

    path: Path
    before: bytes | None
    after: bytes | None
    what: str
    """For people. Never the rest of the file, which may hold other servers' secrets."""
    keep: bool = False
    """Back the file up: it holds nothing of Gadfly yet."""
    drop: bool = False
    """The backup has done its work."""

    @property
    def differs(self) -> bool:
        return self.before != self.after

    @property
    def action(self) -> str:
        if not self.differs:
            return "unchanged"
        if self.after is None:
            return "removed"
        return "created" if self.before is None else "changed"

    def shown(self) -> str:
        """What a person reads before it is written."""
        text = f"{self.path}: {self.action}"
        if self.differs and self.after is not None:
            text += "\n" + "\n".join(f"  {line}" for line in self.what.splitlines())
        if self.differs and self.keep and self.before is not None:
            text += f"\n  backup: {backup_of(self.path)}"
        return text

    def told(self) -> dict[str, Any]:
        """The same for programs."""
        kept = self.differs and self.keep and self.before is not None
        backup = str(backup_of(self.path)) if kept else None
        return {"path": str(self.path), "action": self.action, "backup": backup}

    def write(self) -> None:
        """Make it so. Raises UsageError if the file changed meanwhile or cannot be written."""
        if read(self.path) != self.before:
            raise UsageError(f"{self.path} was changed meanwhile; nothing was written, try again")
        try:
            if self.keep and self.before is not None:
                files.write(backup_of(self.path), self.before, like=self.path)
            if self.after is None:
                self.path.unlink()
                if self.path.parent not in (Path.cwd(), Path.home()):
                    with contextlib.suppress(OSError):  # it stays unless it is empty now
                        self.path.parent.rmdir()
            else:
                self.path.resolve().parent.mkdir(parents=True, exist_ok=True)
                files.write(self.path, self.after)
            if self.drop:
                backup_of(self.path).unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(f"cannot write {self.path}: {error.strerror or error}") from None


def shipped(client: Client) -> str:
    """The rules as they are packaged."""
    place = resources.files("gadfly.agent.faces.mcp.clients").joinpath(client.text)
    return place.read_text(encoding="utf-8")


def with_rules(client: Client, path: Path) -> Change:
    """The change that puts the rules at ``path``."""
    before = read(path)
    text = shipped(client)
    if client.shares_rules:
        others = _outside(_text(before))
        block = f"{_BEGIN}\n{text.strip()}\n{_END}\n"
        after = f"{others.rstrip()}\n\n{block}" if others.strip() else block
        ours = _BEGIN in _text(before)
    else:
        after = f"{text.rstrip()}\n\n{MARK}\n"
        ours = MARK in _text(before)
    what = f"rules for {client.name}, {len(text.splitlines())} lines"
    return Change(path, before, after.encode("utf-8"), what, keep=not ours)


def without_rules(client: Client, path: Path) -> Change:
    """The change that takes them out; a file that is not ours stays."""
    before, backup = read(path), read(backup_of(path))
    text = _text(before)
    after = before
    if client.shares_rules and _BEGIN in text:
        others = _outside(text)
        after = others.encode("utf-8") if others.strip() else None
        if backup is not None and others.strip() == _text(backup).strip():
            after = backup
    elif not client.shares_rules and MARK in text:
        after = backup
    return Change(path, before, after, f"without the rules for {client.name}", drop=before != after)


def _outside(text: str) -> str:
    """What is not ours in a shared file."""
    head, begun, rest = text.partition(_BEGIN)
    if not begun:
        return text
    tail = rest.partition(_END)[2].lstrip("\n")
    return head.rstrip() + ("\n\n" if head.strip() and tail.strip() else "\n") + tail


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "replace")
