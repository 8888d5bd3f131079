"""What is reviewed: files, each with the lines that count. From paths here; from diffs in ``changes``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path

from gadfly.errors import UsageError
from gadfly.tools.review.reading import source as reading
from gadfly.tools.review.reading.notebooks import json_lines
from gadfly.tools.review.reading.source import Place, Source

SUFFIXES = (".py", ".ipynb")
_DIFF = "--diff FILE, or --diff - from standard input"


@dataclass
class File:
    """One file: as the reader of code gets it, and as it lies on disk."""

    source: Source
    raw: str
    changed: set[int] | None = None
    """Lines of ``raw`` that count, from 1; None: all."""
    shown: set[int] | None = None
    """Lines of ``raw`` that the diff shows, where a comment may stand; None: all."""
    old_path: str | None = None
    before: str | None = None
    """The text before the change, where it can be told."""
    partial: bool = False
    """Only the hunks of a diff are known."""

    @property
    def path(self) -> str:
        return self.source.path

    @property
    def is_notebook(self) -> bool:
        return self.path.endswith(".ipynb")

    @cached_property
    def _json_lines(self) -> dict[Place, int]:
        return json_lines(self.raw) if self.is_notebook else {}

    def line(self, cell: int | None, line: int) -> int:
        """A line of a cell, or of the file, as a line of the file on disk."""
        return line if cell is None else self._json_lines.get(Place(cell, line), 1)

    def counts(self, cell: int | None, start: int, end: int) -> bool:
        """Whether one of the lines is among those that count."""
        return self.changed is None or any(
            self.line(cell, line) in self.changed for line in range(start, end + 1)
        )

    def is_near(self, cell: int | None, start: int, end: int) -> bool:
        """Whether the diff shows one of the lines, changed or beside a change."""
        return self.shown is None or any(
            self.line(cell, line) in self.shown for line in range(start, end + 1)
        )


@dataclass
class Material:
    """Everything that one review reads."""

    what: str
    files: list[File] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def without(self, patterns: Sequence[str]) -> Material:
        """Without the files that one of the patterns excludes, and a notice of them."""
        kept = [f for f in self.files if not excluded(f.path, patterns)]
        notices = list(self.notices)
        if left := [f.path for f in self.files if excluded(f.path, patterns)]:
            more = f" and {len(left) - 5} more" if len(left) > 5 else ""
            notices.append(
                f"the repository's settings exclude {', '.join(left[:5])}{more}; not read"
            )
        return Material(self.what, kept, notices)


def fits(path: str, pattern: str) -> bool:
    """``fnmatch`` on the whole path; a folder's name stands for everything below it."""
    pattern = pattern.removeprefix("./")
    return fnmatch(path, pattern) or fnmatch(path, f"{pattern.rstrip('/')}/*")


def excluded(path: str, patterns: Sequence[str]) -> bool:
    """Whether a pattern fits the path, or what is left of it below one of its folders."""
    parts = Path(path).parts
    tails = ["/".join(parts[number:]) for number in range(len(parts))]
    return any(fits(tail, pattern) for tail in tails for pattern in patterns)


def text_file(path: str, text: str, **more: object) -> File:
    """A file whose text is at hand."""
    raw = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return File(reading.from_text(path, text), raw, **more)  # type: ignore[arg-type]


def from_paths(paths: Sequence[str | Path]) -> Material:
    """Python files and notebooks, and what lies below folders.

    Raises:
        UsageError: a path that is not there, or a file that is neither.
    """
    for each in paths:
        path = Path(each)
        if not path.exists():
            raise UsageError(f"no file or folder {str(each)!r}; a diff is given with {_DIFF}")
        if path.is_file() and path.suffix not in SUFFIXES:
            raise UsageError(
                f"{each} is neither Python nor a notebook ({', '.join(SUFFIXES)} are read); a diff: {_DIFF}"
            )
    what = ", ".join(map(str, paths)) if len(paths) <= 3 else f"{len(paths)} paths"
    material = Material(what)
    seen: set[str] = set()
    for source in reading.sources(paths):
        if source.path in seen:
            continue
        seen.add(source.path)
        raw = "\n".join(source.lines(None))
        if source.path.endswith(".ipynb"):
            raw = _text(Path(source.path))
        material.files.append(File(source, raw))
    return material


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig", "replace").replace("\r\n", "\n")
    except OSError:
        return ""  # the source carries the notice
