"""From a ranking to results: texts, neighbours joined, copies left out, a token budget kept.

Ten places of a plain ranking are often three stretches of two documents, cut where passages end, and one README from
two sources. Each stretch is one result here, and the places that become free go to the next best. Leaves out ranking
(``search``).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gadfly.corpus.documents import packaged
from gadfly.corpus.index.chunks import TARGET
from gadfly.corpus.index.store import Store
from gadfly.corpus.models import Passage
from gadfly.corpus.words import runs as runs_of

_LONGEST = 2 * TARGET  # tokens of a joined result: one stretch must not take the room of all others
_COPIED = (
    0.9  # share of the shorter text's runs; among real documents few pairs lie between 0.7 and 0.9
)


@dataclass(frozen=True, slots=True)
class Found:
    """A passage with its place in the document's order."""

    passage: Passage
    ordinal: int


@dataclass(slots=True)
class Result:
    """A stretch of one document: the passages ``first`` to ``last`` in its order, named after the best one."""

    best: Passage
    first: int
    last: int
    tokens: int

    def beside(self, other: Found) -> bool:
        """Whether a passage goes on from here, or before here, and the two are not too long together."""
        return (
            other.passage.document == self.best.document
            and other.ordinal in (self.first - 1, self.last + 1)
            and self.tokens + other.passage.tokens <= _LONGEST
        )

    def join(self, other: Found) -> None:
        self.first, self.last = min(self.first, other.ordinal), max(self.last, other.ordinal)
        self.tokens += other.passage.tokens


def found(store: Store, scored: Sequence[tuple[str, float]]) -> Iterator[Found]:
    """The passages behind chunk ids, in the order given."""
    marks = ",".join("?" * len(scored))
    rows = store.query(
        'SELECT c.id, c.document, c.start, c."end", c.heading, c.text, c.tokens, c.ordinal,'
        " d.title, d.kind, d.source, d.year, d.url, d.version"
        f" FROM chunks c JOIN documents d ON d.id = c.document WHERE c.id IN ({marks})",
        [chunk for chunk, _ in scored],
    )
    by_id = {row["id"]: dict(row) for row in rows}
    for chunk, score in scored:
        fields = by_id.get(chunk)
        if fields is not None:  # a vector may outlive its passage until the next sweep
            ordinal = fields.pop("ordinal")
            heading = " > ".join(json.loads(fields.pop("heading")))
            yield Found(Passage(**fields, heading=heading, score=round(score, 6)), ordinal)


def within(
    candidates: Iterable[Found], k: int, token_budget: int | None, *, condense: bool
) -> list[Result]:
    """The first ``k`` that fit the budget together; one that does not is passed over for a shorter one.

    ``condense`` joins neighbours and leaves out copies.
    """
    kept: list[Result] = []
    copies = _Copies()
    left = float("inf") if token_budget is None else token_budget
    for each in candidates:
        size = each.passage.tokens
        if size > left:
            continue
        runs = runs_of(each.passage.text) if condense else set()
        same = copies.of(runs)
        if same is not None:
            _prefer(kept[same], each)
            continue
        at = next((n for n, one in enumerate(kept) if condense and one.beside(each)), len(kept))
        if at < len(kept):
            kept[at].join(each)
        elif at < k:
            kept.append(Result(each.passage, each.ordinal, each.ordinal, size))
        else:
            break
        copies.add(runs, at)
        left -= size
    return kept


def read(store: Store, result: Result) -> Passage:
    """A result with its text: the passage itself, or the whole stretch as it stands in the document."""
    best = result.best
    if result.first == result.last:
        return best
    row = store.query(
        'SELECT min(c.start) AS start, max(c."end") AS "end", d.text FROM chunks c'
        " JOIN documents d ON d.id = c.document WHERE c.document = ? AND c.ordinal BETWEEN ? AND ?",
        (best.document, result.first, result.last),
    )[0]
    text = row["text"][row["start"] : row["end"]]
    place = {"start": row["start"], "end": row["end"]}
    return best.model_copy(update={**place, "text": text, "tokens": result.tokens})


class _Copies:
    """Which result a text is a copy of: one README from two sources, a method that two classes share."""

    def __init__(self) -> None:
        self._holders: dict[int, list[int]] = {}
        self._sizes: Counter[int] = Counter()

    def of(self, runs: set[int]) -> int | None:
        shared = Counter(holder for run in runs for holder in self._holders.get(run, ()))
        for holder, count in shared.most_common(1):
            if count >= _COPIED * min(len(runs), self._sizes[holder]):
                return holder
        return None

    def add(self, runs: set[int], holder: int) -> None:
        for run in runs:
            self._holders.setdefault(run, []).append(holder)
        self._sizes[holder] += len(runs)


def _prefer(result: Result, copy: Found) -> None:
    """Of two copies of one text the user's own document stands, not the packaged one; in the better place."""
    alone = result.first == result.last
    same_size = copy.passage.tokens <= result.tokens
    if alone and same_size and packaged(result.best.source) and not packaged(copy.passage.source):
        result.best = copy.passage.model_copy(update={"score": result.best.score})
        result.first = result.last = copy.ordinal
        result.tokens = copy.passage.tokens
