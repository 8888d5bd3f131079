"""The packaged field guide: the cards under ``corpus/guide``, read as package data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

from gadfly.corpus.documents import Document, slug
from gadfly.corpus.readers.encoding import decode
from gadfly.corpus.sources.base import About, from_markdown


class GuideSource:
    """Every card of the guide. Its id is its place: ``guide/techniques/activation-patching``.

    The list ``sources`` of a card's front matter (what its facts were checked against) ends in
    ``meta``, as do ``tags`` and ``summary``.
    """

    name = "guide"
    target = ""  # it comes with the package

    def __init__(self, root: Traversable | None = None) -> None:
        self._root = root if root is not None else files("gadfly.corpus").joinpath("guide")

    def fingerprint(self) -> str:
        """A hash of the cards: they are package data of two megabytes, so reading them is cheap,
        and modification times mean nothing inside a zip or a fresh checkout."""
        digest = hashlib.sha256(b"guide 1")
        for place, card in self._cards():
            digest.update(place.encode() + b"\0" + card.read_bytes() + b"\0")
        return digest.hexdigest()

    def documents(self) -> Iterator[Document]:
        for place, card in self._cards():
            about = About(f"guide/{place}", self.name, "guide", place.rsplit("/", 1)[-1])
            document = from_markdown(about, decode(card.read_bytes()))
            if document.text:
                yield document

    def _cards(self) -> Iterator[tuple[str, Traversable]]:
        if self._root.is_dir():
            yield from _walk(self._root, ())


def _walk(folder: Traversable, parts: tuple[str, ...]) -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.is_dir():
            yield from _walk(entry, (*parts, slug(entry.name)))
        elif entry.name.endswith(".md") and entry.name.lower() != "readme.md":
            yield "/".join((*parts, slug(entry.name.removesuffix(".md")))), entry
