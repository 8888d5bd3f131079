"""What a larger corpus costs: seconds to index, milliseconds to search, memory and disk, from 1 to 100 times the guide.

    python -m gadfly.evals.scaling_corpus [--factors 1,3,10,30,100] [--minutes 10] [--quick] [--json] [--no-write]

The corpus is the packaged guide and synthetic copies of it (``scaling_text``). The vectors are hashed words of MiniLM's
width, because making MiniLM's own takes longest and grows in proportion: its seconds for a passage and for a question
are measured on their own, and are not part of the other columns. Each size is indexed in one fresh process and searched
in another, whose memory is read. A size that would take longer than ``--minutes``, by the line through the sizes
before it, is not run: its figures are that line's, and are marked so.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from gadfly.corpus.embed import HashEmbedder, default_embedder
from gadfly.corpus.index import Corpus
from gadfly.corpus.sources.memory import MemorySource, note
from gadfly.errors import UsageError
from gadfly.evals.place import rows, told, write
from gadfly.evals.scaling_lines import beyond, quantile, slope
from gadfly.evals.scaling_text import Grown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gadfly.corpus.embed import Vectors

FACTORS = (1, 3, 10, 30, 100)
WIDTH = 384  # MiniLM's
COLUMNS = (
    "index_seconds",
    "search_median_ms",
    "search_p95_ms",
    "words_median_ms",
    "memory_mb",
    "disk_mb",
)
_ROUNDS = 3


class Timed(HashEmbedder):
    """Counts what making vectors takes, so that it can be left out."""

    def __init__(self) -> None:
        super().__init__(WIDTH)
        self.seconds = 0.0

    def embed(self, texts: Sequence[str]) -> Vectors:
        began = time.perf_counter()
        made = super().embed(texts)
        self.seconds += time.perf_counter() - began
        return made


def build(folder: Path, factor: int) -> dict[str, float]:
    """Index the grown guide. Seconds leave out the vectors' making, and what loads on first use."""
    embedder = Timed()
    with tempfile.TemporaryDirectory() as scratch:
        Corpus.open(Path(scratch), embedder=embedder).sync([MemorySource([note("a", "b")])])
    embedder.seconds = 0.0
    corpus = Corpus.open(folder, embedder=embedder)
    began = time.perf_counter()
    corpus.sync([Grown(factor)])
    seconds = time.perf_counter() - began - embedder.seconds
    stats = corpus.stats()
    return {
        "factor": factor,
        "passages": stats.chunks,
        "tokens": stats.tokens,
        "windows": corpus.vectors.count(),
        "index_seconds": seconds,
        "disk_mb": sum(each.stat().st_size for each in folder.rglob("*") if each.is_file()) / 1e6,
    }


def search(folder: Path) -> dict[str, float]:
    """Milliseconds of the guide's questions, and the peak memory of this process."""
    corpus = Corpus.open(folder, embedder=HashEmbedder(WIDTH))
    questions = [row["question"] for row in rows("questions")]
    corpus.search(questions[0], k=10)  # loads things
    taken: dict[str, list[float]] = {"hybrid": [], "lexical": []}
    for _ in range(_ROUNDS):
        for question in questions:
            for mode, times in taken.items():
                began = time.perf_counter()
                corpus.search(question, k=10, mode=mode)  # type: ignore[arg-type]
                times.append(1000 * (time.perf_counter() - began))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "search_median_ms": median(taken["hybrid"]),
        "search_p95_ms": quantile(taken["hybrid"], 0.95),
        "words_median_ms": median(taken["lexical"]),
        "memory_mb": peak / (1e6 if sys.platform == "darwin" else 1e3),
    }


def embedding(passages: int = 48) -> dict[str, float] | None:
    """MiniLM's seconds for a passage (its windows) and for a question; None where it is not installed."""
    from gadfly.corpus.chunks import chunks
    from gadfly.corpus.views import views

    embedder = default_embedder().embedder
    if embedder is None:
        return None
    guide = [(each.title, chunk) for each in Grown(1).documents() for chunk in chunks(each)]
    some = guide[:: max(1, len(guide) // passages)][:passages]
    windows = [text for title, chunk in some for text in views(title, chunk.heading, chunk.text)]
    embedder.embed(windows[:2])
    began = time.perf_counter()
    embedder.embed(windows)
    each = (time.perf_counter() - began) / len(some)
    taken = []
    for row in rows("questions"):
        began = time.perf_counter()
        embedder.embed([row["question"]])
        taken.append(time.perf_counter() - began)
    return {"seconds_a_passage": each, "question_ms": 1000 * median(taken)}


def alone(work: Any, *arguments: Any) -> Any:
    """Run in a fresh process, whose memory holds nothing else."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def measure(factors: Sequence[int], minutes: float) -> dict[str, Any]:
    """A point for each factor, the exponents, and what was left to the line."""
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


def table(found: dict[str, Any]) -> str:
    """The measurement as text."""
    head = ("passages", "index", "search", "p95", "words", "memory", "disk")
    wide = (10, 11, 12, 12, 12, 11, 11)
    lines = [" " * 7 + "".join(f"{name:>{w}}" for name, w in zip(head, wide, strict=True))]
    lines += [
        f"{p['factor']:>5} x{p['passages']:>11,.0f}{p['index_seconds']:>9.1f} s{p['search_median_ms']:>9.1f} ms"
        f"{p['search_p95_ms']:>9.1f} ms{p['words_median_ms']:>9.1f} ms{p['memory_mb']:>8.0f} MB"
        f"{p['disk_mb']:>8.0f} MB{'' if p['measured'] else '   by the line, not measured'}"
        for p in found["points"]
    ]
    lines += [f"  {name:18} exponent {each:.2f}" for name, each in found["slopes"].items()]
    made = found["embedding"]
    lines.append(
        f"not in these columns: MiniLM takes {made['seconds_a_passage']:.3f} s a passage, {made['question_ms']:.0f} ms "
        "a question, at every size"
        if made
        else "MiniLM is not installed, so that making its vectors was not measured"
    )
    return "\n".join(lines)


def main() -> int:
    """The command line of the module docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--factors", default=",".join(map(str, FACTORS)))
    parser.add_argument(
        "--minutes", type=float, default=10, help="the longest that one size may take to index"
    )
    parser.add_argument("--quick", action="store_true", help="1 and 3 times, nothing written")
    parser.add_argument("--no-write", action="store_true", help="leave evals/results as it is")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    try:
        factors = [1, 3] if args.quick else [int(each) for each in args.factors.split(",")]
    except ValueError:
        raise UsageError(
            f"--factors is {args.factors!r}; give whole numbers such as 1,3,10"
        ) from None
    found = measure(factors, args.minutes)
    if not args.no_write and not args.quick:
        print(f"written to {write('scaling_corpus', found)}", file=sys.stderr)
    print(json.dumps(found, indent=1) if args.json else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(told(main))
