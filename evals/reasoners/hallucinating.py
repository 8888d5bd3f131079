"""The hallucinating reasoner: every receipt is made up, in all the ways that look right.

A document that does not exist, words that a real document does not hold, a real passage with a number or a negation
changed, a run that never was, a real run with another value. Told what did not resolve, it makes up others.
"""

from __future__ import annotations

import re
from typing import Any

from gadfly.agent.answers.receipts import quote_marker, run_marker
from gadfly.evals.reasoners import drafting
from gadfly.evals.reasoners.base import Turn
from gadfly.evals.reasoners.honest import Honest

_WAYS = ("no such document", "no such words", "changed words", "no such run", "other value")


class Hallucinating(Honest):
    """``made`` holds each invented marker of the last draft; ``ways`` how it was invented, in the same order."""

    name = "hallucinating"

    def __init__(self) -> None:
        super().__init__()
        self.ways: list[str] = []
        self._drafts = 0

    def first_step(self, turn: Turn) -> str | tuple[str, dict[str, Any]]:
        """Looks things up where it can, so as to misquote them; without a corpus it invents all the same."""
        step = super().first_step(turn)
        return self.answer(turn) if isinstance(step, str) else step

    def answer(self, turn: Turn) -> str:
        self._drafts += 1
        self.made, self.ways = [], []
        n = self._drafts
        about = re.sub(r"[^\w ]", "", turn.question)[:60] or "this"
        effect, found = (
            "the effect was confirmed in every layer tested",
            f"we find that {about} holds",
        )
        self._invent(0, quote_marker(f"guide/techniques/made-up-{n}", effect))
        passages = [p for outcome in turn.outcomes for p in outcome.data.get("results", ())]
        for passage in passages[:2]:
            document = passage["document"]
            self._invent(1, quote_marker(document, f"{found} in all {n + 2} models tested"))
            if changed := _changed(passage["text"], n):
                self._invent(2, quote_marker(document, changed))
        self._invent(3, run_marker(f"r{n:08x}", "effect", f"0.{90 - n}"))
        for outcome in turn.outcomes:
            if run := outcome.data.get("run"):
                field, value = next(iter(outcome.data["values"].items()), ("effect", 0.0))
                self._invent(4, run_marker(run, field, f"{float(value) + 0.37:.3f}"))
        return "\n\n".join(
            f"Studies of {about} report a strong effect, number {i}. {marker}"
            for i, marker in enumerate(self.made, 1)
        )

    def _invent(self, way: int, marker: str) -> None:
        self.made.append(marker)
        self.ways.append(_WAYS[way])

    def judge(self, framing: str, material: str, evidence: str) -> tuple[str, str]:
        return "holds", "a study of 2019 showed it"

    def refute(self, claims: str) -> list[dict[str, Any]]:
        """Objections whose evidence is made up as well."""
        objection = {"kind": "contradicted", "because": "the evidence says the opposite"}
        objection["words"] = "in fact the opposite was measured in every model"
        numbers = re.findall(r"^CLAIM (\d+):", claims, re.MULTILINE)
        return [{"claim": int(number), **objection} for number in numbers]

    def propose(self, asked: dict[str, str]) -> list[dict[str, Any]]:
        return [drafting.invented(draft) for draft in super().propose(asked)]

    def critique(self, framing: str, page: str) -> dict[str, Any]:
        """A flaw in words that the page does not hold."""
        flaw = {"quote": "the authors admit that nothing was measured", "because": "so they say"}
        return drafting.scored(1, "as a study of 2019 showed", [flaw])

    def review(self, framing: str, code: str) -> list[dict[str, str]]:
        """A mistake in a line that is not there."""
        line = "resid = cache['resid_post', layer][:, -1]  # reads the pad token"
        return [{"quote": line, "problem": "the last position is padding", "severity": "high"}]


def _changed(text: str, draft: int) -> str:
    """A stretch of a passage with its meaning turned over, or nothing where no word lends itself to it."""
    for sentence in re.split(r"(?<=[.!?])\s+", text):
        stretch = " ".join(sentence.split()[:20])
        if len(stretch.split()) < 7 or "]" in stretch or "|" in stretch:
            continue
        turned = re.sub(r"\b(is|are|does|can|do)\b", r"\1 not", stretch, count=1)
        turned = re.sub(r"\d+", lambda m: str(int(m[0]) + draft), turned, count=1)
        if turned != stretch:
            return turned
    return ""
