"""What a larger corpus costs: seconds to index, milliseconds to search, memory and disk, from 1 to 100 times the guide.

    python -m gadfly.evals.scaling.corpus [--factors 1,3,10,30,100] [--minutes 10] [--quick] [--json] [--no-write]

The corpus is the packaged guide and synthetic copies of it (``Grown``). The vectors are hashed words of MiniLM's
width, because making MiniLM's own takes longest and grows in proportion: its seconds for a passage and for a question
are measured on their own, and are not part of the other columns. Each size is indexed in one fresh process and searched
in another, whose memory is read. A size that would take longer than ``--minutes``, by the line through the sizes
before it, is not run: its figures are that line's, and are marked so.
"""

from __future__ import annotations

import multiprocessing
import random
import re
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from gadfly.corpus.documents import Document
from gadfly.corpus.index import Corpus
from gadfly.corpus.index.embed import HashEmbedder, default_embedder
from gadfly.corpus.models import Mode
from gadfly.corpus.sources.guide import GuideSource
from gadfly.corpus.sources.memory import MemorySource, note
from gadfly.errors import UsageError
from gadfly.evals.kit.place import rows
from gadfly.evals.kit.rates import beyond, quantile, slope
from gadfly.evals.kit.script import script
from gadfly.evals.kit.timing import seconds, took
from gadfly.evals.report.sections import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gadfly.corpus.index.embed import Vectors

FACTORS = (1, 3, 10, 30, 100)
WIDTH = 384  # MiniLM's
_SEARCH = ("search_median_ms", "search_p95_ms", "words_median_ms")
COLUMNS = ("index_seconds", *_SEARCH, "memory_mb", "disk_mb")
_ROUNDS = 3
_WORD = re.compile(r"[^\W\d_]{2,}")


class Grown:
    """The guide, and ``factor - 1`` synthetic copies of each of its documents, with their words drawn anew.

    Structure, lengths and the frequency of words stay those of the guide, so that passages and windows grow in
    proportion. What does not grow is the vocabulary: real text would bring new words. Deterministic in the seed.
    """

    def __init__(self, factor: int, seed: int = 0) -> None:
        self.name = f"grown-{factor}-{seed}"
        self.target = ""
        self.factor, self._seed = factor, seed

    def fingerprint(self) -> str:
        return f"{GuideSource().fingerprint()} {self.name}"

    def documents(self) -> Iterator[Document]:
        guide = list(GuideSource().documents())
        words = [word for document in guide for word in _WORD.findall(document.text)]
        yield from guide
        for copy in range(1, self.factor):
            dice = random.Random(self._seed * 1_000_003 + copy)
            for document in guide:
                yield document.model_copy(
                    update={
                        "id": f"{document.id}-{copy}",
                        "title": redrawn(document.title, words, dice),
                        "text": redrawn(document.text, words, dice),
                    }
                )


def redrawn(text: str, words: list[str], dice: random.Random) -> str:
    """The text with every word replaced by one drawn from ``words``; marks, figures and layout stay."""
    return _WORD.sub(lambda _: dice.choice(words), text)


class Timed(HashEmbedder):
    """Counts what making vectors takes, so that it can be left out."""

    def __init__(self) -> None:
        super().__init__(WIDTH)
        self.seconds = 0.0

    def embed(self, texts: Sequence[str]) -> Vectors:
        made, taken = took(lambda: HashEmbedder.embed(self, texts))
        self.seconds += taken
        return made


def build(folder: Path, factor: int) -> dict[str, float]:
    """Index the grown guide. Seconds leave out the vectors' making, and what loads on first use."""
    embedder = Timed()
    with tempfile.TemporaryDirectory() as scratch:
        Corpus.open(Path(scratch), embedder=embedder).sync([MemorySource([note("a", "b")])])
    embedder.seconds = 0.0
    corpus = Corpus.open(folder, embedder=embedder)
    taken = seconds(lambda: corpus.sync([Grown(factor)])) - embedder.seconds
    stats = corpus.stats()
    return {
        "factor": factor,
        "passages": stats.chunks,
        "tokens": stats.tokens,
        "windows": corpus.vectors.count(),
        "index_seconds": taken,
        "disk_mb": sum(each.stat().st_size for each in folder.rglob("*") if each.is_file()) / 1e6,
    }


def search(folder: Path) -> dict[str, float]:
    """Milliseconds of the guide's questions, and the peak memory of this process."""
    corpus = Corpus.open(folder, embedder=HashEmbedder(WIDTH))
    questions = [row["question"] for row in rows("questions")]
    corpus.search(questions[0], k=10)  # loads things
    taken: dict[Mode, list[float]] = {"hybrid": [], "lexical": []}
    for _ in range(_ROUNDS):
        for question in questions:
            for mode, times in taken.items():
                work = partial(corpus.search, question, k=10, mode=mode)
                times.append(1000 * seconds(work))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "search_median_ms": median(taken["hybrid"]),
        "search_p95_ms": quantile(taken["hybrid"], 0.95),
        "words_median_ms": median(taken["lexical"]),
        "memory_mb": peak / (1e6 if sys.platform == "darwin" else 1e3),
    }


def embedding(passages: int = 48) -> dict[str, float] | None:
    """MiniLM's seconds for a passage (its windows) and for a question; None where it is not installed."""
    from gadfly.corpus.index.chunks import chunks, views

    embedder = default_embedder().embedder
    if embedder is None:
        return None
    guide = [(each.title, chunk) for each in Grown(1).documents() for chunk in chunks(each)]
    some = guide[:: max(1, len(guide) // passages)][:passages]
    windows = [text for title, chunk in some for text in views(title, chunk.heading, chunk.text)]
    embedder.embed(windows[:2])
    each = seconds(lambda: embedder.embed(windows)) / len(some)
    taken = [seconds(partial(embedder.embed, [row["question"]])) for row in rows("questions")]
    return {"seconds_a_passage": each, "question_ms": 1000 * median(taken)}


def alone(work: Any, *arguments: Any) -> Any:
    """Run in a fresh process, whose memory holds nothing else."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def measure(
    factors: tuple[int, ...] = FACTORS, minutes: float = 10, quick: bool = False
) -> dict[str, Any]:
    """A point for each factor, the exponents, and what was left to the line.

    Args:
        minutes: the longest that one size may take to index
        quick: 1 and 3 times, nothing written

    Raises:
        UsageError: the factors do not rise from 1 on.
    """
    factors = (1, 3) if quick else factors
    if not factors or sorted(set(factors)) != list(factors) or factors[0] < 1:
        raise UsageError(f"--factors must be rising whole numbers from 1 on, not {list(factors)}")
    points: list[dict[str, Any]] = []
    for factor in factors:
        sizes = [point["factor"] for point in points]
        if len(points) > 1 and minutes * 60 < beyond(sizes, _all(points, "index_seconds"), factor):
            points.append({"factor": factor, "measured": False, **_line(points, factor)})
            continue
        folder = Path(tempfile.mkdtemp(prefix="gadfly-scaling-"))
        try:
            point = {**alone(build, folder, factor), **alone(search, folder), "measured": True}
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        points.append(point)
        print(f"{factor} x: {point['index_seconds']:.0f} s to index", file=sys.stderr)
    real = [point for point in points if point["measured"]]
    sizes = [point["factor"] for point in real]
    slopes = {name: slope(sizes, _all(real, name)) for name in COLUMNS} if len(real) > 1 else {}
    return {"points": points, "slopes": slopes, "embedding": embedding()}


def _line(points: Sequence[dict[str, Any]], factor: int) -> dict[str, float]:
    sizes = [point["factor"] for point in points]
    names = ("passages", "tokens", "windows", *COLUMNS)
    return {name: beyond(sizes, _all(points, name), factor) for name in names}


def _all(points: Sequence[dict[str, Any]], name: str) -> list[float]:
    return [float(point[name]) for point in points]


if __name__ == "__main__":
    script(measure, partial(text, "scaling_corpus"), result="scaling_corpus", parts=["quick"])
