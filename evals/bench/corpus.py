"""How fast and how well a question is answered by the index, beside plain Chroma, plain FTS5 and paper-qa, in one run.

    python -m gadfly.evals.bench.corpus [--corpus ../shared/corpus_real] [--guide] [--peers] [--json] [--no-write]

All search the same passages. ``chroma`` is one vector for each passage, made by the same embedder; ``fts5`` one row for
each passage, ranked by BM25; ``--peers`` adds paper-qa's retrieval, in an environment of its own (see
``peers.paper_qa`` for what of it is compared). The passages are those that every user has (the guide, the installed
documentation) and, where it is there, the folder of ``--corpus`` with its questions; else, or with ``--guide``, the
guide alone and its own questions, where any passage of a document that answers is right. Questions are interleaved; the
first, which loads things, is not counted. Recall stands beside the speed, because a fast wrong passage is no gain.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from gadfly.corpus.index import Corpus
from gadfly.corpus.packaged import packaged_sources
from gadfly.corpus.sources.base import Source
from gadfly.corpus.sources.files import FilesSource
from gadfly.corpus.sources.guide import GuideSource
from gadfly.errors import UsageError
from gadfly.evals.kit.place import own_home, rows
from gadfly.evals.kit.rates import quantile
from gadfly.evals.kit.script import script
from gadfly.evals.kit.timing import took
from gadfly.evals.measuring.retrieval import Question, holds, read_questions
from gadfly.evals.peers.environment import interpreter
from gadfly.evals.peers.paper_qa import PAPER_QA, Found, retrieve
from gadfly.evals.peers.plain import Find, Shelf, plain_chroma, plain_fts5
from gadfly.evals.report.sections import text

if TYPE_CHECKING:
    from gadfly.corpus.index.embed import Embedder, Vectors

_K = 10


def shelf(corpus: Corpus) -> Shelf:
    """Everything that the index holds."""
    files = {
        each.id: str(corpus.document(each.id).meta.get("file") or each.id)
        for each in corpus.documents()
    }
    found = corpus.store.query("SELECT id, document, text FROM chunks ORDER BY id")
    return Shelf(
        [row["id"] for row in found],
        [files[row["document"]] for row in found],
        [row["text"] for row in found],
    )


def measure(
    corpus: Corpus, questions: Sequence[Question], rounds: int, paper_qa: Path | None = None
) -> dict[str, Any]:
    """Milliseconds (median, p95), ratio to ``gadfly`` and recall of each way.

    Args:
        paper_qa: an interpreter that has paper-qa; needs an embedder here.
    """
    held = shelf(corpus)
    number = {name: at for at, name in enumerate(held.ids)}
    asked = [each for each in questions if each.answerable]

    def ours(question: str, mode: Any = "hybrid") -> list[int]:
        return [number[each.id] for each in corpus.search(question, k=_K, mode=mode).results]

    methods: dict[str, Find] = {
        "gadfly": ours,
        "gadfly, words": lambda question: ours(question, "lexical"),
        "fts5": plain_fts5(held.texts, _K),
    }
    version, theirs = None, dict[str, Found]()
    with tempfile.TemporaryDirectory() as folder:
        if corpus.embedder is not None:
            vectors = _embedded(corpus.embedder, held.texts)
            methods["chroma"] = plain_chroma(vectors, corpus.embedder, Path(folder), _K)
            if paper_qa is not None:
                texts = [each.text for each in asked]
                version, theirs = retrieve(
                    paper_qa, corpus.embedder, held, vectors, texts, k=_K, rounds=rounds
                )
        found = {**_interleaved(methods, asked, rounds), **theirs}
    p95 = {name: quantile(each.milliseconds, 0.95) for name, each in found.items()}
    return {
        "passages": len(held.ids),
        "tokens": corpus.stats().tokens,
        "questions": len(asked),
        "rounds": rounds,
        "paper_qa": version,
        "methods": {
            name: {
                "median_ms": median(each.milliseconds),
                "p95_ms": p95[name],
                "p95_times_gadfly": p95[name] / p95["gadfly"],
                **{f"recall@{k}": recall(asked, each.passages, held, k) for k in (5, _K)},
            }
            for name, each in found.items()
        },
    }


def _interleaved(
    methods: dict[str, Find], asked: Sequence[Question], rounds: int
) -> dict[str, Found]:
    """Every question in every way, in a new order each round, so that no way has the quiet minutes to itself."""
    for find in methods.values():
        find(asked[0].text)
    found = {name: Found([], [[] for _ in asked]) for name in methods}
    for turn in range(rounds):
        for at in random.Random(turn).sample(range(len(asked)), len(asked)):
            for name, find in methods.items():
                found[name].passages[at], taken = took(partial(find, asked[at].text))
                found[name].milliseconds.append(1000 * taken)
    return found


def _embedded(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    import numpy as np

    made = []
    for start in range(0, len(texts), 256):
        made.append(embedder.embed(texts[start : start + 256]))
        print(f"plain vectors: {min(start + 256, len(texts))} of {len(texts)}", file=sys.stderr)
    return np.concatenate(made)


def recall(asked: Sequence[Question], found: Sequence[Sequence[int]], held: Shelf, k: int) -> float:
    """The share of questions whose every part has a gold span among the first ``k``."""

    def hit(question: Question, numbers: Sequence[int]) -> bool:
        passages = [(held.documents[n], " ".join(held.texts[n].split())) for n in numbers]
        return all(any(holds(part, *each) for each in passages) for part in question.parts)

    return sum(hit(q, numbers[:k]) for q, numbers in zip(asked, found, strict=True)) / len(asked)


def guide_questions() -> list[Question]:
    """The packaged questions; any passage of a document that answers is right."""
    return [
        Question(r["id"], r["question"], "", r["answerable"], [[(d, "") for d in r["documents"]]])
        for r in rows("questions")
    ]


def run(
    corpus: Path = Path("../shared/corpus_real"),
    questions: Path | None = None,
    guide: bool = False,
    index: Path | None = None,
    peers: bool = False,
    python: Path | None = None,
    rounds: int = 3,
) -> dict[str, Any]:
    """Index what is searched, then measure.

    Args:
        questions: default: questions_dev.jsonl there
        guide: the guide and its questions alone
        index: keep the index here (default: the data folder)
        peers: also paper-qa
        python: an interpreter that has paper-qa
    """
    file = questions or corpus / "questions_dev.jsonl"
    if questions and not file.is_file():
        raise UsageError(f"no questions at {file}")
    if not guide and not file.is_file():
        print(f"no questions at {file}: measuring on the guide alone", file=sys.stderr)
    sources, asked = _chosen(corpus, None if guide else file)
    paper_qa = (python or interpreter(PAPER_QA)) if peers else None
    with own_home(words_only=False) as home:
        held = Corpus.open(index or home / f"bench_corpus_{len(sources)}")
        for notice in held.sync(sources).notices:
            print(notice, file=sys.stderr)
        return measure(held, asked, rounds, paper_qa)


def _chosen(folder: Path, file: Path | None) -> tuple[list[Source], list[Question]]:
    if file is None or not file.is_file():
        return [GuideSource()], guide_questions()
    here = [FilesSource(folder / "docs")] if (folder / "docs").is_dir() else []
    return [*packaged_sources(), *here], read_questions(file)


if __name__ == "__main__":
    script(run, partial(text, "bench_corpus"), result="bench_corpus")
