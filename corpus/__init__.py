"""Reading: sources → documents → chunks → index → search → quotes.

The everyday names are below; they load on first use, so ``import gadfly.corpus`` costs nothing. Rooms: ``sources/``
(where documents come from), ``fetch/`` (the network), ``readers/`` and ``convert/`` (files and pages to Markdown),
``index/`` (storing and searching, with the face of it all, ``index.Corpus``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gadfly.corpus.packaged import Corpus as Corpus
    from gadfly.corpus.packaged import Document as Document
    from gadfly.corpus.packaged import Filters as Filters
    from gadfly.corpus.packaged import Passage as Passage
    from gadfly.corpus.packaged import Progress as Progress
    from gadfly.corpus.packaged import SearchResults as SearchResults
    from gadfly.corpus.packaged import default_corpus as default_corpus

__all__ = [
    "Corpus",
    "Document",
    "Filters",
    "Passage",
    "Progress",
    "SearchResults",
    "default_corpus",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from gadfly.corpus import packaged

    return getattr(packaged, name)
