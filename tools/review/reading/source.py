"""Reading what is to be reviewed: Python files and notebooks, as one text that the parser accepts.

A notebook becomes one module, its code cells below one another, so that values flow from cell to cell;
``Source.place`` leads back to the cell. IPython magics are blanked out in place: no line moves.
Leaves out diffs (``diff``) and everything that is not Python.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from gadfly.tools.review.code.names import listed

MAX_CHARS = 1_500_000  # a longer file is generated code or data
_SKIPPED = listed(".git .venv venv node_modules __pycache__ site-packages .ipynb_checkpoints")
_MAGIC = re.compile(r"^(\s*)(?:[%!]|\?\??\w)")
_ASSIGNED_MAGIC = re.compile(r"^(\s*[A-Za-z_][\w, .]*=\s*)[%!].*$")
_HELP = re.compile(r"^(\s*)[\w.]+\?{1,2}\s*$")
_CELL_MAGIC = re.compile(r"^\s*%%(\w+)")
_PYTHON_CELLS = {"time", "timeit", "capture", "prun", "memit"}


class Place(NamedTuple):
    """A line as its reader sees it: within the cell of a notebook, or within the file."""

    cell: int | None
    line: int


@dataclass
class Source:
    """One file as the parser gets it, and as its reader sees it."""

    path: str
    text: str
    places: list[Place] | None = None  # of each line; None where line n is line n
    shown: dict[int | None, list[str]] = field(default_factory=dict)
    notice: str | None = None

    def place(self, line: int) -> Place:
        """Where a line of ``text`` stands for the reader."""
        if self.places is None:
            return Place(None, line)
        if not self.places:
            return Place(None, 1)
        return self.places[min(max(line, 1), len(self.places)) - 1]

    def lines(self, cell: int | None) -> list[str]:
        """The lines as they stand in the file, or in one cell."""
        return self.shown.get(cell, [])


def read(path: Path, name: str | None = None) -> Source:
    """A file from disk; an unreadable one gives a notice."""
    shown = name or str(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        return Source(shown, "", notice=f"cannot read {shown}: {error.strerror or error}")
    return from_text(shown, data.decode("utf-8-sig", "replace"))


def sources(files: Iterable[Path | str]) -> list[Source]:
    """The files as sources; folders are searched for Python files and notebooks."""
    found: list[Source] = []
    for each in files:
        path = Path(each)
        if path.is_dir():
            inside = sorted(
                below
                for below in path.rglob("*")
                if below.suffix in (".py", ".ipynb")
                and below.is_file()
                and below.resolve().is_relative_to(path.resolve())  # a link may lead anywhere
                and not _SKIPPED & set(below.relative_to(path).parts)
            )
            found += [read(below) for below in inside]
        else:
            found.append(read(path, str(each)))
    return found


def from_text(path: str, text: str) -> Source:
    """A Python file or a notebook, by its name."""
    if len(text) > MAX_CHARS:
        limit = f"{MAX_CHARS:,} characters"
        return Source(path, "", notice=f"{path} is longer than {limit}; it was not reviewed")
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if path.endswith(".ipynb"):
        return _notebook(path, text)
    # The form feed and its kin end a line for str.splitlines, not for Python's parser.
    lines = text.split("\n")
    if any(line.lstrip()[:1] in ("%", "!", "?") for line in lines):
        text = "\n".join(_without_magics(lines)) if not _parses(text) else text
    return Source(path, text, shown={None: lines})


def _parses(text: str) -> bool:
    try:
        compile(text, "<reviewed>", "exec", flags=0x400, dont_inherit=True)  # PyCF_ONLY_AST
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return False
    return True


def _notebook(path: str, text: str) -> Source:
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        return Source(path, "", notice=f"{path} is not a notebook: its JSON cannot be read")
    cells = cells_of(raw)
    if cells is None:
        return Source(path, "", notice=f"{path} is not a notebook: it has no cells")
    source = Source(path, "", places=[])
    assert source.places is not None
    kept: list[str] = []
    for number, cell in enumerate(cells):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        lines = _joined(cell.get("source", cell.get("input"))).split("\n")
        source.shown[number] = lines
        clean = _without_magics(lines)
        if not _parses("\n".join(clean)):
            # One broken cell (top-level await, half-typed code) must not hide the others.
            clean = [""] * len(lines)
            source.notice = f"{path}: cell {number} cannot be parsed and was not reviewed"
        kept += clean
        source.places += [Place(number, line) for line in range(1, len(lines) + 1)]
    source.text = "\n".join(kept)
    return source


def cells_of(raw: Any) -> list[Any] | None:
    """The cells of a notebook's JSON, of the present form or the old one with worksheets."""
    if not isinstance(raw, dict):
        return None
    if isinstance(raw.get("cells"), list):
        return list(raw["cells"])
    sheets = raw.get("worksheets")
    if not isinstance(sheets, list):
        return None
    return [
        cell
        for sheet in sheets
        if isinstance(sheet, dict) and isinstance(sheet.get("cells"), list)
        for cell in sheet["cells"]
    ]


def _joined(source: Any) -> str:
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    return source.replace("\r\n", "\n").replace("\r", "\n") if isinstance(source, str) else ""


def _without_magics(lines: list[str]) -> list[str]:
    """The same number of lines, with everything that only IPython understands made harmless."""
    first = next((line for line in lines if line.strip()), "")
    cell_magic = _CELL_MAGIC.match(first)
    if cell_magic and cell_magic[1] not in _PYTHON_CELLS:
        return [""] * len(lines)  # %%bash, %%html: another language
    if _parses("\n".join(lines)):
        return lines
    clean, continued = [], False
    for line in lines:
        if continued:
            clean.append("")
            continued = line.rstrip().endswith("\\")
        elif magic := _MAGIC.match(line) or _HELP.match(line):
            clean.append(f"{magic[1]}pass")
            continued = line.rstrip().endswith("\\")
        elif assigned := _ASSIGNED_MAGIC.match(line):
            clean.append(f"{assigned[1]}None")
        else:
            clean.append(line)
    return clean
