"""Search with a language model beside it: the question rewritten into queries, the passages found judged for relevance,
and what they only name searched for in a second hop.

A reply that is not what was asked for costs nothing but its effect: the plain search stands, with a notice. The model
only chooses among passages of the corpus; it never writes one.
"""

from __future__ import annotations

import time
from itertools import zip_longest
from typing import Any, NamedTuple

from gadfly.agent.llm.asking import Asker, list_in
from gadfly.agent.llm.model import ChatModel
from gadfly.agent.llm.prompting import fence, prompt
from gadfly.corpus import Corpus, Filters, Passage, SearchResults
from gadfly.errors import LLMError

_QUERIES = 3
_POOL = 24  # passages that are judged
_HOPS = 2  # queries for what the passages only name
_NEXT = 8  # passages of each that are judged
_SECONDS = 60.0  # after so long no second hop is begun


def search(
    llm: ChatModel,
    corpus: Corpus,
    query: str,
    *,
    k: int = 8,
    filters: Filters | None = None,
    token_budget: int | None = None,
) -> SearchResults:
    """Hybrid search over the query and its rewritings, then only the passages that the model finds to the point.

    ``answerable`` is False where the model finds none; then the best of the plain search are still given.
    """
    until = time.monotonic() + _SECONDS
    notices: list[str] = []
    queries = [query, *_rewritten(llm, query, notices)]
    found = [corpus.search(each, k=_POOL, filters=filters, condense=False) for each in queries]
    pool = _merged(found)[:_POOL]
    judged = _judged(llm, query, pool, notices)
    chosen = judged.chosen if judged else None
    if judged and judged.missing and time.monotonic() < until:
        seen = {each.id for each in pool}
        more = [
            corpus.search(each, k=_NEXT, filters=filters, condense=False) for each in judged.missing
        ]
        fresh = [each for each in _merged(more) if each.id not in seen]
        second = _judged(llm, query, fresh, notices)
        chosen = _alternating(judged.chosen, second.chosen if second else [])
    best = pool if chosen is None else chosen or pool
    plain = found[0]
    return plain.model_copy(
        update={
            "results": _within(best, k, token_budget),
            "answerable": plain.answerable if chosen is None else bool(chosen),
            "notices": [*plain.notices, *notices],
        }
    )


class _Judgement(NamedTuple):
    chosen: list[Passage]
    missing: list[str]  # queries for what the passages only name


def _rewritten(llm: ChatModel, query: str, notices: list[str]) -> list[str]:
    asked = prompt("rewrite_query").render(question=fence("question", query))
    queries = [each.strip() for each in _ask(llm, asked, str, notices) or [] if each.strip()]
    return [each[:400] for each in queries[:_QUERIES] if each != query]


def _judged(
    llm: ChatModel, query: str, pool: list[Passage], notices: list[str]
) -> _Judgement | None:
    """The passages that the model picked and what it misses, or None where its reply was of no use."""
    if not pool:
        return None
    shown = "\n\n".join(
        fence(f"passage {number}", f"{passage.heading}\n{passage.text}")
        for number, passage in enumerate(pool, 1)
    )
    asked = prompt("judge_passages").render(question=fence("question", query), passages=shown)
    reply = _ask(llm, asked, (int, str), notices)
    if reply is None:
        return None
    numbers = [each for each in reply if isinstance(each, int) and 1 <= each <= len(pool)]
    queries = [each.strip()[:400] for each in reply if isinstance(each, str) and each.strip()]
    chosen = [pool[number - 1] for number in dict.fromkeys(numbers)]
    return _Judgement(chosen, queries[:_HOPS])


def _alternating(one: list[Passage], other: list[Passage]) -> list[Passage]:
    """The two parts of an answer by turns: either may be cut at the end."""
    turns = zip_longest(one, other)
    return list({each.id: each for pair in turns for each in pair if each}.values())


def _ask(
    llm: ChatModel, text: str, of: type | tuple[type, ...], notices: list[str]
) -> list[Any] | None:
    """The JSON list in the model's reply, or None, with a notice."""
    try:
        found = list_in(Asker(llm).ask(text), of)
    except LLMError as error:
        notices.append(f"searched without a language model: {error}")
        return None
    if found is None:
        notices.append(f"{llm.name} did not reply with a list; the plain search stands")
    return found


def _merged(found: list[SearchResults]) -> list[Passage]:
    """Each passage once with its best score; a passage that several queries find gains a little."""
    best: dict[str, Passage] = {}
    times: dict[str, int] = {}
    for results in found:
        for passage in results.results:
            times[passage.id] = times.get(passage.id, 0) + 1
            known = best.get(passage.id)
            if known is None or passage.score > known.score:
                best[passage.id] = passage
    return sorted(best.values(), key=lambda p: -(p.score + 0.05 * (times[p.id] - 1)))


def _within(passages: list[Passage], k: int, token_budget: int | None) -> list[Passage]:
    kept, spent = [], 0
    for passage in passages[:k]:
        spent += passage.tokens
        if token_budget is not None and spent > token_budget:
            break
        kept.append(passage)
    return kept
