"""Reading: sources → documents → chunks → index → search → quotes.

The everyday names are below; everything loads on first use, so ``import gadfly.corpus`` costs
nothing. Rooms: ``sources/`` (where documents come from), ``fetch/`` (the network), ``readers/`` and ``convert/``
(files and pages to Markdown), ``index/`` (storing and searching, with the face of it all, ``index.Corpus``).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gadfly.corpus.documents import Document as Document
    from gadfly.corpus.index import Corpus as Corpus
    from gadfly.corpus.models import Filters as Filters
    from gadfly.corpus.models import Passage as Passage
    from gadfly.corpus.models import SearchResults as SearchResults
    from gadfly.corpus.packaged import default_corpus as default_corpus
    from gadfly.corpus.progress import Progress as Progress

_HOME = {
    "Corpus": "index",
    "Document": "documents",
    "Filters": "models",
    "Passage": "models",
    "Progress": "progress",
    "SearchResults": "models",
    "default_corpus": "packaged",
}

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
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
