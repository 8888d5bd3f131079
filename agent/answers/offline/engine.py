"""The offline engine: search, quote, measure, write, verify. The same steps every time, no LLM."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from gadfly.agent.answers.answer import Answer, Cost
from gadfly.agent.answers.offline.experiment import claims, plan
from gadfly.agent.answers.offline.extract import Excerpt, choose, parts
from gadfly.agent.answers.receipts import quote_marker, verify
from gadfly.corpus.progress import Progress, running
from gadfly.errors import Cancelled, GadflyError, MissingExtraError
from gadfly.tools.contract import Result
from gadfly.tools.ledger import Ledger
from gadfly.tools.registry import by_name
from gadfly.tools.runner import execute

if TYPE_CHECKING:
    from gadfly.corpus import Corpus
    from gadfly.corpus.models import SearchResults

_PASSAGES = 24


def answer(
    question: str,
    corpus: Corpus,
    *,
    model: str = "demo",
    experiments: bool = True,
    progress: Progress,
) -> Answer:
    """Answer from quotes and one fitting experiment, or say that the corpus has nothing."""
    started = time.monotonic()
    with running(progress, "Searching the corpus"):
        found = [corpus.search(part, k=_PASSAGES) for part in parts(question)]
        quoted = _quotes(found, corpus)
    result, notices = _experiment(question, model, progress) if experiments else (None, [])
    preface = "" if quoted else _nothing(found[0])
    checked = verify(_compose(quoted, result, model), corpus, Ledger(), given=question)
    return Answer(
        question=question,
        answer="\n\n".join(filter(None, [preface, checked.text])),
        claims=checked.claims,
        abstained=not checked.claims,
        engine="offline",
        notices=[*found[0].notices, *notices],
        runs=[result.run] if result else [],
        cost=Cost(seconds=round(time.monotonic() - started, 2)),
    )


def _quotes(found: list[SearchResults], corpus: Corpus) -> list[Excerpt]:
    """The best excerpts for each part of the question that the corpus can answer, parts in their order."""
    each = 4 if len(found) == 1 else 3
    quoted: list[Excerpt] = []
    for results in found:
        if results.answerable:
            chosen = choose(results.query, results.results, limit=each, embedder=corpus.embedder)
            said = {sentence for excerpt in quoted for sentence in excerpt.sentences}
            quoted += [e for e in chosen if said.isdisjoint(e.sentences)]
    return quoted


def _experiment(question: str, model: str, progress: Progress) -> tuple[Result | None, list[str]]:
    """The fitting experiment's result; or nothing, and why. A failed one never costs the quotes."""
    fitting = plan(question, model=model)
    if fitting.tool is None:
        return None, [f"No experiment was run: {fitting.reason}."]
    try:
        result: Any = execute(by_name(fitting.tool), fitting.arguments, progress=progress)
    except MissingExtraError as error:
        return None, [f"No experiment was run: {error}"]
    except Cancelled:
        raise
    except GadflyError as error:
        return None, [f"The experiment failed: {error}"]
    return result, []


def _nothing(found: SearchResults) -> str:
    """What is said in place of quotes. It is about the corpus, not a claim about the world."""
    nearest = list(dict.fromkeys(f"{p.title} ({p.document})" for p in found.results))[:3]
    listed = "".join(f"\n- {title}" for title in nearest)
    return "Not in the corpus." + (f" The nearest it has:\n{listed}" if nearest else "")


def _compose(quoted: list[Excerpt], result: Result | None, model: str) -> str:
    parts = _grouped(quoted)
    if result is not None:
        demo = "the demo model (it shows the method, not what other models do)"
        subject = demo if model == "demo" else model
        parts += [
            f"**An experiment on {subject} says:**",
            "\n".join(f"- {claim}" for claim in claims(result)),
        ]
    return "\n\n".join(parts)


def _grouped(quoted: list[Excerpt]) -> list[str]:
    """A lead-in and bullets for each document, the best document first, its excerpts as they stand in it."""
    documents: dict[str, list[Excerpt]] = {}
    for excerpt in quoted:
        documents.setdefault(excerpt.passage.document, []).append(excerpt)
    parts = []
    for document, excerpts in documents.items():
        excerpts.sort(key=lambda e: e.passage.start + e.passage.text.find(e.sentences[0]))
        title = excerpts[0].passage.title
        parts += [f"**{title}** ({document}):", "\n".join(map(_bullet, excerpts))]
    return parts


def _bullet(excerpt: Excerpt) -> str:
    document = excerpt.passage.document
    return "- " + " ".join(f"{s} {quote_marker(document, s)}" for s in excerpt.sentences)
