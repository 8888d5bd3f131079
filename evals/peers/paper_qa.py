"""paper-qa's retrieval over the same passages, in an environment of its own.

What is compared is ``Docs.retrieve_texts`` with default settings: the search of paper-qa's own in-memory index. Its LLM
steps (summaries, re-ranking, the agent that asks again) have no part, and neither has its cutting of documents. The
passages and vectors are those of plain Chroma beside it: one vector of the passage's text by the same embedder.
``hybrid`` joins them with paper-qa's own sparse vectors, ``sparse`` is those alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gadfly.evals.peers.environment import Peer
from gadfly.evals.peers.running import SCRIPTS, ask

if TYPE_CHECKING:
    from gadfly.corpus.embed import Embedder, Vectors

PAPER_QA = Peer("paper-qa", ("paper-qa==2026.8.12",), shared=())
METHODS = {"given": "paper-qa", "hybrid": "paper-qa, hybrid", "sparse": "paper-qa, sparse"}


class Found(NamedTuple):
    """Milliseconds of every question in every round, and the numbers of the passages found for each question."""

    milliseconds: list[float]
    passages: list[list[int]]


def retrieve(
    python: Path,
    embedder: Embedder,
    documents: Sequence[str],
    texts: Sequence[str],
    vectors: Vectors,
    questions: Sequence[str],
    *,
    k: int,
    rounds: int,
) -> tuple[str, dict[str, Found]]:
    """paper-qa's version, and what each of its ways found.

    Where our vectors are used, what our embedder takes for a question is added, taken once for each here.

    Args:
        documents: the document of each passage.
        vectors: of the passages' texts, by ``embedder``.

    Raises:
        GadflyError: paper-qa failed, or is not in that environment.
    """
    embedder.embed(questions[:1])
    made, taken = [], []
    for question in questions:
        began = time.perf_counter()
        made.append(embedder.embed([question])[0].tolist())
        taken.append(1000 * (time.perf_counter() - began))
    job = {
        "documents": list(documents), "texts": list(texts), "vectors": vectors.tolist(),
        "questions": list(questions), "question_vectors": made, "width": int(vectors.shape[1]),
        "k": k, "rounds": rounds, "methods": list(METHODS),
    }  # fmt: skip
    answer = ask("paper-qa", python, SCRIPTS / "paper_qa_retrieve.py", job)
    found = {}
    for method, name in METHODS.items():
        each = answer["methods"][method]
        before = [0.0] * len(taken) if method == "sparse" else taken
        found[name] = Found(
            [ms + b for one in each["milliseconds"] for ms, b in zip(one, before, strict=True)],
            each["found"],
        )
    return str(answer["version"]), found
