"""How fast a question is answered by the index, beside plain Chroma and plain FTS5 over the same passages, in one run.

    python -m gadfly.evals.bench_corpus [--corpus ../shared/corpus_real] [--index FOLDER] [--json]

The index holds what every user has (the guide, the installed documentation) and, where it is there, the folder of
``--corpus``. ``chroma`` is one vector for each passage, made by the same embedder; ``fts5`` one row for each passage,
ranked by BM25. Questions are interleaved; the first, which loads things, is not counted. Recall@10 of the questions'
gold spans stands beside the speed, because a fast wrong passage is no gain.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gadfly.corpus.embed import Embedder
from gadfly.corpus.index import Corpus
from gadfly.corpus.packaged import packaged_sources
from gadfly.corpus.sources.base import Source
from gadfly.corpus.sources.files import FilesSource
from gadfly.evals.retrieval import Question, read_questions

Find = Callable[[str], list[str]]
"""A question to the texts of its ten best passages."""
_K = 10


def plain_fts5(passages: Sequence[str]) -> Find:
    """One FTS5 table of passages with the tokenizer's defaults, words joined by OR."""
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE passages USING fts5(text)")
    db.executemany("INSERT INTO passages VALUES (?)", [(text,) for text in passages])

    def find(question: str) -> list[str]:
        words = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", question))
        sql = "SELECT text FROM passages WHERE passages MATCH ? ORDER BY rank LIMIT ?"
        return [row[0] for row in db.execute(sql, (words, _K))]

    return find


def plain_chroma(passages: Sequence[str], embedder: Embedder, folder: Path) -> Find:
    """One Chroma collection of passages with their own text's vector."""
    import chromadb

    client = chromadb.PersistentClient(
        path=str(folder), settings=chromadb.Settings(anonymized_telemetry=False)
    )
    collection = client.create_collection("plain", configuration={"hnsw": {"space": "cosine"}})
    for start in range(0, len(passages), 256):
        some = list(passages[start : start + 256])
        ids = [str(start + number) for number in range(len(some))]
        collection.add(ids=ids, documents=some, embeddings=embedder.embed(some))
        print(f"plain chroma: {start + len(some)} of {len(passages)}", file=sys.stderr)

    def find(question: str) -> list[str]:
        answer = collection.query(query_embeddings=embedder.embed([question]), n_results=_K)
        documents: Any = answer["documents"]
        return list(documents[0])

    return find


def measure(corpus: Corpus, questions: Sequence[Question], rounds: int) -> dict[str, Any]:
    """Milliseconds (median, p95), ratio to ``gadfly`` and recall@10 of each way."""
    passages = [row["text"] for row in corpus.store.query("SELECT text FROM chunks ORDER BY id")]
    methods: dict[str, Find] = {
        "gadfly": lambda question: [p.text for p in corpus.search(question, k=_K).results],
        "gadfly, words": lambda q: [p.text for p in corpus.search(q, k=_K, mode="lexical").results],
        "fts5": plain_fts5(passages),
    }
    with tempfile.TemporaryDirectory() as folder:
        if corpus.embedder is not None:
            methods["chroma"] = plain_chroma(passages, corpus.embedder, Path(folder))
        times: dict[str, list[float]] = {name: [] for name in methods}
        hits: dict[str, int] = dict.fromkeys(methods, 0)
        asked = [each for each in questions if each.answerable]
        for find in methods.values():
            find(asked[0].text)
        for turn in range(rounds):
            for question in random.Random(turn).sample(asked, len(asked)):
                for name, find in methods.items():
                    begun = time.perf_counter()
                    found = find(question.text)
                    times[name].append(1000 * (time.perf_counter() - begun))
                    if turn == 0:
                        hits[name] += _hit(question, found)
    p95 = {name: sorted(each)[int(0.95 * len(each))] for name, each in times.items()}
    return {
        "passages": len(passages),
        "tokens": corpus.stats().tokens,
        "questions": len(asked),
        "rounds": rounds,
        "methods": {
            name: {
                "median_ms": sorted(each)[len(each) // 2],
                "p95_ms": p95[name],
                "p95_times_gadfly": p95[name] / p95["gadfly"],
                "recall@10": hits[name] / len(asked),
            }
            for name, each in times.items()
        },
    }


def _hit(question: Question, texts: Sequence[str]) -> bool:
    flat = [" ".join(text.split()) for text in texts]
    return all(any(span in text for _, span in part for text in flat) for part in question.parts)


def main() -> int:
    """The command line of the module docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus_real"))
    parser.add_argument("--questions", type=Path, help="default: questions_dev.jsonl there")
    parser.add_argument("--index", type=Path, help="keep the index here (default: the data folder)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sources: list[Source] = packaged_sources()
    if (options.corpus / "docs").is_dir():
        sources.append(FilesSource(options.corpus / "docs"))
    questions = options.questions or options.corpus / "questions_dev.jsonl"
    if not questions.is_file():
        print(f"no questions at {questions}; give --questions", file=sys.stderr)
        return 2
    from gadfly import home

    corpus = Corpus.open(options.index or home.folder("evals", "bench_corpus"))
    corpus.sync(sources)
    found = measure(corpus, read_questions(questions), options.rounds)
    if options.json:
        print(json.dumps(found, indent=1))
        return 0
    print(
        f"{found['passages']} passages, {found['tokens']:,} tokens, {found['questions']} questions"
    )
    for name, row in found["methods"].items():
        print(
            f"  {name:14} median {row['median_ms']:6.1f} ms   p95 {row['p95_ms']:6.1f} ms "
            f"({row['p95_times_gadfly']:.2f} x)   recall@10 {row['recall@10']:.3f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
