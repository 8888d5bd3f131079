"""The honest reasoner: looks things up, measures what it is given, quotes, abstains, judges by evidence alone."""

from __future__ import annotations

import json
import re
from typing import Any

from gadfly import tables
from gadfly.agent.answers.offline.experiment import claims
from gadfly.agent.answers.receipts import quote_marker
from gadfly.corpus.models import Passage
from gadfly.corpus.words import content_words, words
from gadfly.evals.reasoners import drafting
from gadfly.evals.reasoners.base import Outcome, Reasoner, Turn, unfenced
from gadfly.evals.reasoners.extract import choose
from gadfly.tools.contract import Result
from gadfly.tools.review.engine import review_source
from gadfly.tools.review.reading.source import from_text

_PASSAGES = 12
_NEAR = 0.5  # share of a statement's words that make a passage speak of it
_QUOTED = re.compile(r"[\"“](.{12,}?)[\"”]", re.DOTALL)
_METHODS = tables.patterns(
    __file__
)  # what a question says that asks for one, where its data come with it


class Honest(Reasoner):
    """What the engine should never have to correct."""

    name = "honest"

    def turn(self, turn: Turn) -> str | tuple[str, dict[str, Any]]:
        if not turn.outcomes and turn.again != "conclude":
            return self.first_step(turn)
        return self.answer(turn)

    def first_step(self, turn: Turn) -> str | tuple[str, dict[str, Any]]:
        """Measure if there is something to measure, else read."""
        given = _arguments(turn.attached)
        tool = next((t for t, said in _METHODS.items() if said.search(turn.question)), None)
        if given and tool in turn.offered:
            return str(tool), given
        if "search" in turn.offered:
            return "search", {"query": matter(turn)[:400], "k": _PASSAGES}
        return "[[abstain | there is neither a corpus nor an experiment that could decide it]]"

    def answer(self, turn: Turn) -> str:
        """What the tools gave, with receipts; or an abstention."""
        said = [line for outcome in turn.outcomes for line in self.tell(outcome, matter(turn))]
        return "\n\n".join(said) or "[[abstain | nothing that was found answers this]]"

    def tell(self, outcome: Outcome, about: str) -> list[str]:
        if outcome.data.get("verdict"):
            return claims(Result.model_validate(outcome.data))
        if not outcome.data.get("answerable"):
            return []
        passages = [Passage.model_validate(each) for each in outcome.data.get("results", ())]
        return [
            " ".join(
                f"{sentence} {quote_marker(each.passage.document, sentence)}"
                for sentence in each.sentences
            )
            for each in choose(about, passages, limit=2)
        ]

    def judge(self, framing: str, material: str, evidence: str) -> tuple[str, str]:
        """By the verdict of a run, or by whether the documents say the very thing."""
        if verdicts := re.findall(r"VERDICT: (supported|not supported|inconclusive)", evidence):
            said = {"supported": "holds", "not supported": "fails"}.get(verdicts[-1], "undecided")
            return said, f"the run's own verdict is {verdicts[-1]}"
        claim = statement(material)
        if not claim:
            return "undecided", "no statement is put forward"
        if _flat(claim) in _flat(evidence):
            return "holds", "a document says it in these words"
        about = set(content_words(claim))
        if about and len(about & set(words(evidence))) >= _NEAR * len(about):
            return "fails", "the document that speaks of it says otherwise"
        return "undecided", "no evidence speaks of it"

    def propose(self, asked: dict[str, str]) -> list[dict[str, Any]]:
        return drafting.drafts(asked, unfenced)

    def critique(self, framing: str, page: str) -> dict[str, Any]:
        return drafting.critique(page)

    def review(self, framing: str, code: str) -> list[dict[str, str]]:
        """What the deterministic rules find, however it is asked: the reading of somebody who knows just these."""
        return [
            {
                "quote": each.quote,
                "problem": f"{each.message} {each.rule}",
                "severity": each.severity,
            }
            for each in review_source(from_text("asked.py", code))
        ]


def statement(text: str) -> str:
    """The statement that a message puts in quotation marks, if it does."""
    found = _QUOTED.search(text)
    return found[1].strip() if found else ""


def matter(turn: Turn) -> str:
    """What a turn is about: the statement put forward in it or, where it brings none, before it; else the question."""
    asked = [turn.question, *reversed(turn.asked_before)]
    return next((found for each in asked if (found := statement(each))), turn.question)


def _arguments(attached: str) -> dict[str, Any]:
    try:
        data = json.loads(attached)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _flat(text: str) -> str:
    return " ".join(words(text))
