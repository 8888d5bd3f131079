"""Documents held in a list: for tests, and for callers that have their texts already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gadfly.corpus.documents import Document, normalise


class MemorySource:
    """Yields what it holds; ``reads`` counts how often it was asked to."""

    def __init__(self, held: Iterable[Document] = (), name: str = "memory") -> None:
        self.name = name
        self.target = ""
        self.held = list(held)
        self.reads = 0

    def fingerprint(self) -> str:
        return " ".join(each.sha256() for each in self.held)

    def documents(self) -> Iterator[Document]:
        self.reads += 1
        yield from self.held


def note(name: str, text: str, kind: str = "note", year: int | None = None) -> Document:
    """A small document ``notes/NAME`` for a :class:`MemorySource`."""
    return Document(
        id=f"notes/{name}",
        title=name.replace("-", " ").capitalize(),
        text=normalise(text),
        kind=kind,
        source="memory",
        year=year,
    )
