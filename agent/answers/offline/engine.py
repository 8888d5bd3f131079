"""The offline engine: search, quote, measure, write, verify. The same steps every time, no LLM."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gadfly.agent.answers.answer import Answer, Claim, Cost, Receipt
from gadfly.agent.answers.offline.experiment import claims, plan
from gadfly.agent.answers.offline.sections import LONGEST, Section, as_good, choose, parts, shown
from gadfly.agent.answers.receipts import verify
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
    """Answer with the sections that answer and one fitting experiment, or say that the corpus has nothing."""
    started = time.monotonic()
    with running(progress, "Searching the corpus"):
        found = [corpus.search(part, k=_PASSAGES) for part in parts(question)]
        chosen = _sections(found, corpus)
    result, notices = _experiment(question, model, progress) if experiments else (None, [])
    text, said = quoted(chosen)
    if not chosen:
        text = _nothing(found[0])
    if result is not None:
        measured = verify(
            _measured(result, model), corpus, Ledger(), given=question, first=1 + len(said)
        )
        text, said = f"{text}\n\n{measured.text}", [*said, *measured.claims]
    return Answer(
        question=question,
        answer=text,
        claims=said,
        abstained=not said,
        engine="offline",
        notices=[*found[0].notices, *notices],
        runs=[result.run] if result else [],
        cost=Cost(seconds=round(time.monotonic() - started, 2)),
    )


def _sections(found: list[SearchResults], corpus: Corpus) -> list[tuple[Section, tuple[int, int]]]:
    """What is shown for each part of the question that the corpus can answer, parts in their order."""
    most = LONGEST if len(found) == 1 else LONGEST * 2 // 3
    kept: dict[tuple[str, int], tuple[Section, tuple[int, int]]] = {}
    for results in found:
        if not results.answerable:
            continue
        best = choose(results.query, results.results, corpus.document, corpus.embedder)
        for section in as_good(best) if len(found) == 1 else best[:1]:
            kept.setdefault(
                (section.document.id, section.start), (section, shown(section, results.query, most))
            )
    return list(kept.values())


def quoted(chosen: Sequence[tuple[Section, tuple[int, int]]]) -> tuple[str, list[Claim]]:
    """Sections as they stand in their documents under a line that says where, and the receipt of each."""
    texts, claims = [], []
    for number, (section, (start, end)) in enumerate(chosen, 1):
        document, words = section.document, section.document.text[start:end]
        left = section.end - section.start - (end - start)
        cut = f" ({left} of its {section.end - section.start} characters left out)" if left else ""
        texts.append(
            f"**{section.heading}** in *{document.title}* ({document.id}) [{number}]{cut}\n\n{words}"
        )
        receipt = Receipt(
            kind="quote",
            state="verified",
            document=document.id,
            title=document.title,
            quote=words,
            start=start,
            end=end,
        )
        claims.append(Claim(text=words, receipts=[receipt]))
    return "\n\n".join(texts), claims


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


def _measured(result: Result, model: str) -> str:
    demo = "the demo model (it shows the method, not what other models do)"
    subject = demo if model == "demo" else model
    said = "\n".join(f"- {claim}" for claim in claims(result))
    return f"**An experiment on {subject} says:**\n\n{said}"
