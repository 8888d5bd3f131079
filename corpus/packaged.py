"""The corpus that every user has (the field guide, the installed packages' documentation) and the names to use it."""

from __future__ import annotations

from gadfly.corpus.documents import Document as Document
from gadfly.corpus.index import Corpus as Corpus
from gadfly.corpus.models import Filters as Filters
from gadfly.corpus.models import Passage as Passage
from gadfly.corpus.models import SearchResults as SearchResults
from gadfly.corpus.progress import Progress as Progress
from gadfly.corpus.sources.base import Source
from gadfly.corpus.sources.guide import GuideSource
from gadfly.corpus.sources.installed import installed_sources


def default_corpus(progress: Progress | None = None, *, vectors: bool = True) -> Corpus:
    """The user's index, brought up to date with :func:`packaged_sources`.

    Without ``vectors`` none are made, which may take minutes: for those who only look at documents.
    """
    corpus = Corpus.open(embedder="auto" if vectors else None)
    corpus.sync(packaged_sources(), progress)
    return corpus


def packaged_sources() -> list[Source]:
    """Read from the package and the environment: no network, no key."""
    return [GuideSource(), *installed_sources()]
