"""paper-qa's retrieval over the same passages, in an environment of its own.

What is compared is ``Docs.retrieve_texts`` with default settings: the search of paper-qa's own in-memory index. Its LLM
steps (summaries, re-ranking, the agent that asks again) have no part, and neither has its cutting of documents. The
passages and vectors are those of plain Chroma beside it: one vector of the passage's text by the same embedder.
``hybrid`` joins them with paper-qa's own sparse vectors, ``sparse`` is those alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gadfly.evals.kit.timing import took
from gadfly.evals.peers.environment import Peer
from gadfly.evals.peers.running import SCRIPTS, ask

if TYPE_CHECKING:
    from gadfly.corpus.index.embed import Embedder, Vectors
    from gadfly.evals.peers.plain import Shelf

PAPER_QA = Peer("paper-qa", ("paper-qa==2026.8.12",), shared=())
METHODS = {"given": "paper-qa", "hybrid": "paper-qa, hybrid", "sparse": "paper-qa, sparse"}


class Found(NamedTuple):
    """Milliseconds of every question in every round, and the numbers of the passages found for each question."""

    milliseconds: list[float]
    passages: list[list[int]]


def retrieve(
    python: Path,
    embedder: Embedder,
    held: Shelf,
    vectors: Vectors,
    questions: Sequence[str],
    *,
    k: int,
    rounds: int,
) -> tuple[str, dict[str, Found]]:
    """paper-qa's version, and what each of its ways found.

    Where our vectors are used, what our embedder takes for a question is added, taken once for each here.

    Args:
        held: the passages, with their documents.
        vectors: of the passages' texts, by ``embedder``.

    Raises:
        GadflyError: paper-qa failed, or is not in that environment.
    """
    embedder.embed(questions[:1])
    made = [took(partial(embedder.embed, [question])) for question in questions]
    taken = [1000 * each for _, each in made]
    job = {
        "documents": held.documents,
        "texts": held.texts,
        "vectors": vectors.tolist(),
        "questions": list(questions),
        "question_vectors": [vector[0].tolist() for vector, _ in made],
        "width": int(vectors.shape[1]),
        "k": k,
        "rounds": rounds,
        "methods": list(METHODS),
    }
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
