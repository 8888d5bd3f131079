"""The corpus that every user has: the field guide, and the installed packages' documentation."""

from __future__ import annotations

from gadfly.corpus.index import Corpus
from gadfly.corpus.progress import Progress
from gadfly.corpus.sources.base import Source
from gadfly.corpus.sources.guide import GuideSource
from gadfly.corpus.sources.installed import installed_sources


def default_corpus(progress: Progress | None = None) -> Corpus:
    """The user's index, brought up to date with :func:`packaged_sources`."""
    corpus = Corpus.open()
    corpus.sync(packaged_sources(), progress)
    return corpus


def packaged_sources() -> list[Source]:
    """Read from the package and the environment: no network, no key."""
    return [GuideSource(), *installed_sources()]
