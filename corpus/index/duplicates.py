"""Documents that say nearly the same: told when they are added, and one of them is shown by a search.

Two texts are near when most runs of five words of the shorter one stand in the other. Leaves out passages that two
documents share (``results``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from gadfly.corpus.documents import Document
from gadfly.corpus.index.chunks import Chunk
from gadfly.corpus.index.store import Store
from gadfly.corpus.words import runs

_NEAR = 0.8  # of the shorter text's runs are in the other one
_ALIKE = 0.6  # of the longer document's length, at least, so that a part is no copy of the whole
_LEAST = 30  # words; less says too little to be told apart


def original(store: Store, document: Document, passages: Iterable[Chunk]) -> str | None:
    """The document of which this one is nearly a copy, if there is one; it is no copy itself.

    Those are compared that share a passage, a title, an arXiv id or a DOI with it.
    """
    own = runs(document.text)
    if len(own) < _LEAST:
        return None
    copies = store.duplicates()
    for identifier in store.akin(document, [each.sha256() for each in passages]):
        other = store.document(identifier) if identifier not in copies else None
        if other is None:
            continue
        held = runs(other.text)
        alike = min(len(own), len(held)) >= _ALIKE * max(len(own), len(held))
        if alike and _near(own, held):
            return identifier
    return None


def hidden(copies: Mapping[str, str], among: Collection[str] | None) -> set[str]:
    """The copies whose original can be found too; ``among`` are the documents that a search looks at, or None: all."""
    found = set()
    for identifier in copies:
        original = copies[identifier]
        while among is not None and original not in among and original in copies:
            original = copies[original]
        if among is None or original in among:
            found.add(identifier)
    return found


def _near(one: set[int], other: set[int]) -> bool:
    return len(one & other) >= _NEAR * min(len(one), len(other))
