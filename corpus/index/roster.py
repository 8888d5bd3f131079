"""The list of what an index was filled from, in a file of its own: it can be read where the index cannot.

One JSON line a source. Written by whoever holds the write lock; a damaged line loses that line alone. Leaves out
reading the sources again (``repair``).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ValidationError

from gadfly import files
from gadfly.errors import CorpusError

FILE = "sources.jsonl"
_FILES = ("files:", "pdf:", "html:", "library:")


class Entry(BaseModel):
    """A source of the index. ``target`` is what ``sources.resolve`` takes; empty where it cannot be made again."""

    name: str
    target: str = ""
    documents: int = 0


class Roster:
    """The list that belongs to the index in a folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def exists(self) -> bool:
        return self._path.is_file()

    def read(self) -> dict[str, Entry]:
        """The entries by name, without those that cannot be read."""
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError:
            return {}
        found = {}
        for line in lines:
            try:
                entry = Entry.model_validate_json(line)
            except ValidationError:
                continue
            found[entry.name] = entry
        return found

    def write(self, entries: Iterable[Entry]) -> None:
        """Replace the list.

        Raises:
            CorpusError: it cannot be written.
        """
        ordered = sorted(entries, key=lambda each: each.name)
        text = "".join(f"{entry.model_dump_json()}\n" for entry in ordered)
        try:
            if (
                not self.exists()
                or self._path.read_text(encoding="utf-8", errors="replace") != text
            ):
                files.write(self._path, text)
        except OSError as error:
            raise CorpusError(f"cannot write {self._path} ({error.strerror or error})") from error


def target_of(name: str) -> str:
    """What makes a source again, as far as its name alone tells: of an index whose list is lost."""
    for label in _FILES:
        if name.startswith(label):
            return name.removeprefix(label)
    if name.startswith("web:"):
        address = name.removeprefix("web:")
        return "" if " " in address or "***" in address else address
    return name if ":" in name and not name.startswith("drive:") else ""
