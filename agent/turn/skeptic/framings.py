"""One verdict under opposed framings: the same material as a friend's, as the writer's own, as nobody's.

Where they agree, that is the verdict; where the framing decides, the verdict is ``disagreement`` and is shown as such.
Leaves out finding flaws in code (the review).
"""

from __future__ import annotations

from gadfly.agent.answers.answer import Judgement, Opinion
from gadfly.agent.llm.asking import Ask, line_of, object_in
from gadfly.agent.llm.framings import under_each, work_question
from gadfly.agent.turn.skeptic.split import Split
from gadfly.tables import patterns

_SHORT = 60  # words; a longer message stands by itself
_VERDICTS = ("holds", "fails", "undecided")
# The researcher puts something forward: a result, a claim, code. A question about the field is none of these.
_SAYS = patterns(__file__)


def submits(split: Split, context: str = "") -> bool:
    """Whether there is something to judge: attached material, a claim, a result, code."""
    return (
        bool(context)
        or any(aside.kind in ("belief", "authorship") for aside in split.pressure)
        or bool(_SAYS["submits"].search(split.content))
    )


def refers_back(split: Split, context: str) -> bool:
    """Whether a message speaks of what was put forward before: it points there and brings no work of its own."""
    short = len(split.content.split()) <= _SHORT
    return (
        short
        and not context
        and bool(_SAYS["refers"].search(split.content))
        and not _SAYS["other"].search(split.content)
    )


def judge(material: str, evidence: str, ask: Ask) -> Judgement:
    """Ask for a verdict under each framing at once, and compare.

    Args:
        material: what the researcher put forward, without its pressure.
        evidence: quotes and runs found so far, as text.
        ask: a prompt to the judge model, each in a fresh context; called from several threads.
    """

    replies = under_each("work", lambda _, says: ask(work_question(says, material, evidence)))
    return combine([read(framing, reply) for framing, reply in replies.items()])


def read(framing: str, reply: str) -> Opinion:
    """An opinion out of a reply. One that does not parse is undecided, and says so."""
    data = object_in(reply)
    verdict = str(data.get("verdict", "")).strip().lower()
    if verdict not in _VERDICTS:
        return Opinion(framing=framing, verdict="undecided", why="the reply was not readable")
    told = {"framing": framing, "verdict": verdict, "why": line_of(data.get("why"))}
    return Opinion.model_validate(told)


def combine(opinions: list[Opinion]) -> Judgement:
    """The common verdict. ``holds`` against ``fails`` is disagreement; one undecided leaves the whole undecided."""
    found = {opinion.verdict for opinion in opinions}
    if {"holds", "fails"} <= found:
        return Judgement(verdict="disagreement", opinions=opinions)
    verdict = found.pop() if len(found) == 1 else "undecided"
    return Judgement(verdict=verdict, opinions=opinions)
