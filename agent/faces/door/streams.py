"""Standard output and error as text that is only shown."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import IO, Any

from gadfly.visible import as_json, no_commands, visible

_TAIL = 200  # characters of a line that is still open


def install() -> None:
    """From now on standard output and error show text and obey none. A second call does nothing."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, _Guarded):
            setattr(sys, name, _Guarded(stream))


def say(text: str = "", end: str = "\n") -> None:
    """Text on standard output."""
    _write(sys.stdout, visible(text) + end)


def tell(text: str) -> None:
    """A line on standard error: everything that is not the result."""
    _write(sys.stderr, visible(text) + "\n")


def say_json(data: Any, indent: int | None = None) -> None:
    """JSON on standard output; without ``indent`` it is one line."""
    say(as_json(data, indent))


def command(line: str) -> None:
    """A workflow command of ours, the only kind that a workflow obeys. What it holds of others must be escaped."""
    _write(getattr(sys.stdout, "raw", sys.stdout), visible(line) + "\n")


class _Guarded:
    """A text stream whose text is made visible. ``own`` is for what our console and prompt write; ``raw`` for
    workflow commands. Bytes go to ``buffer`` as ever: a protocol is none of ours."""

    def __init__(self, raw: IO[str]) -> None:
        self.raw = raw
        self.own = _Own(self)
        self._line = ""
        reconfigure = getattr(raw, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")  # a letter that the terminal lacks ends nothing

    def write(self, text: str) -> int:
        self.send(visible(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def send(self, text: str) -> None:
        """Text with our own control codes."""
        self.raw.write(self._unobeyed(text) if os.environ.get("GITHUB_ACTIONS") else text)

    def _unobeyed(self, text: str) -> str:
        """A command may come in pieces, so the line so far is looked at too."""
        before = self._line
        whole = before + text
        self._line = whole.rpartition("\n")[2][-_TAIL:]
        quiet = no_commands(whole)
        return quiet[len(before) :] if quiet.startswith(before) else "\\" + no_commands(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


class _Own:
    """The side of a guarded stream for those that clean their text themselves."""

    def __init__(self, guarded: _Guarded) -> None:
        self._guarded = guarded

    def write(self, text: str) -> int:
        self._guarded.send(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._guarded.raw, name)


def _write(stream: IO[str] | None, text: str) -> None:
    if stream is not None:
        stream.write(text)
        stream.flush()
