"""Fetching the manifest's works into the index, one after the other; what failed is named and never stops the rest.

A work that is in the index is not fetched again, so a build that was stopped goes on where it was. Leaves out the
network (``fetch``) and the formats (``sources``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial

from pydantic import BaseModel

from gadfly.corpus.index import Corpus
from gadfly.corpus.manifest import Work
from gadfly.corpus.models import SyncReport
from gadfly.corpus.progress import Progress, Silent, running
from gadfly.corpus.sources.work import Resolve, WorkSource


class Built(BaseModel):
    """What a build did. ``failures`` maps the id of a work to the reason it was left out."""

    asked: int = 0
    fetched: int = 0
    unchanged: int = 0
    documents: int = 0
    tokens: int = 0
    tokens_by_kind: dict[str, int] = {}
    licences: dict[str, int] = {}
    failures: dict[str, str] = {}
    notices: list[str] = []


def build(
    corpus: Corpus,
    works: Sequence[Work],
    *,
    resolve: Resolve | None = None,
    refresh: bool = False,
    progress: Progress | None = None,
) -> Built:
    """Fetch and index the works.

    Args:
        resolve: makes a source of a target; the real one if not given.
        refresh: ask for works that are in the index again, and replace those that changed.
    """
    from gadfly.corpus.sources import resolve as real

    find = resolve or partial(real.resolve, refresh=refresh)
    progress = progress or Silent()
    built = Built(asked=len(works))
    with running(progress, "fetching works", len(works)):
        for work in works:
            source = WorkSource(work, find)
            report = corpus.sync([source], again=refresh)
            _count(report, work, built)
            if work.id in built.failures:
                progress.note(f"left out {work.title}: {built.failures[work.id]}")
            progress.advance()
    _summarise(corpus, works, built)
    return built


def _count(report: SyncReport, work: Work, built: Built) -> None:
    if report.failures:
        built.failures[work.id] = next(iter(report.failures.values()))
    elif report.skipped_sources or not (report.added or report.changed):
        built.unchanged += 1
    else:
        built.fetched += 1
    built.notices = list(dict.fromkeys([*built.notices, *report.notices]))


def _summarise(corpus: Corpus, works: Sequence[Work], built: Built) -> None:
    ours = {f"work:{work.id}" for work in works}
    documents = [each for each in corpus.documents() if each.source in ours]
    kinds: Counter[str] = Counter()
    for each in documents:
        kinds[each.kind] += each.tokens
    built.documents, built.tokens = len(documents), sum(kinds.values())
    built.tokens_by_kind = dict(kinds)
    built.licences = dict(Counter(each.licence or "not stated" for each in documents))
