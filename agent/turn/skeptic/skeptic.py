"""The skeptic as the loop meets it: the parts of this folder, with the models behind them and what they cost.

What was paid for comes back beside each result. Without a judge nothing is refuted or judged; without a
fast model only patterns split a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from gadfly.agent.answers.answer import Answer, Aside, Judgement, Receipt
from gadfly.agent.answers.receipts import Library, Runs, Verified
from gadfly.agent.llm.asking import Asker
from gadfly.agent.llm.model import ChatModel, Reply
from gadfly.agent.turn.skeptic import framings, refute, standing
from gadfly.agent.turn.skeptic.outrank import marked
from gadfly.agent.turn.skeptic.split import Split, split
from gadfly.agent.turn.state import State
from gadfly.errors import LLMError

_MOST = 60_000  # characters of attached material that a judge sees, three times over
_LATER = "\n\nLater: "


class Doubts(NamedTuple):
    """What changes in the state, what it cost, and the objections to answer in a revision."""

    update: dict[str, Any]
    replies: list[Reply]
    ask_again: list[str]


class Skeptic:
    """Args: ``judge`` refutes and judges; ``fast`` helps to split a message."""

    def __init__(self, judge: ChatModel | None = None, fast: ChatModel | None = None) -> None:
        self._judge = judge
        self._fast = fast

    @property
    def judges(self) -> bool:
        return self._judge is not None

    def hear(self, message: str) -> tuple[Split, list[Reply]]:
        """The message's content and pressure. Where the fast model fails, patterns decide alone."""
        if self._fast is not None:
            asker = Asker(self._fast)
            try:
                return split(message, asker.ask), asker.replies
            except LLMError:
                pass
        return split(message), []

    def restate(self, answer: Answer | None, message: str, heard: Split) -> Answer | None:
        """The standing answer again, if there is one and the message is pressure alone."""
        if answer is None or not standing.is_pressure_alone(heard):
            return None
        return standing.restate(answer, message, heard)

    def matter(self, heard: Split, context: str, earlier: Sequence[dict[str, Any]]) -> str:
        """What is to be judged: what the message puts forward, or what an earlier one did and this one speaks of."""
        puts_forward = framings.submits(heard, context)
        before = standing.last_matter(earlier)
        if before is not None and framings.refers_back(heard, context):
            if puts_forward or standing.has_figures(heard.content):
                return f"{before.text}{_LATER}{heard.content}"
            return ""
        if not puts_forward:
            return ""
        return "\n\n".join(part for part in (heard.content, context[:_MOST]) if part)

    def doubt(self, checked: Verified, state: State, library: Library, runs: Runs) -> Doubts:
        """Let a fresh context attack the claims it has not seen yet; once the draft stands, let opposed framings judge
        what was put forward. A judge that fails leaves the draft unexamined, and that is told."""
        assert self._judge is not None
        asker = Asker(self._judge)
        ask, replies = asker.ask, asker.replies
        new = [claim for claim in checked.claims if claim.text not in state["examined"]]
        try:
            objections = refute.refute(new, library, runs, ask)
            update: dict[str, Any] = {
                "objections": [*state["objections"], *(vars(each) for each in objections)],
                "examined": [*state["examined"], *(claim.text for claim in new)],
            }
            if objections and not state["revised"]:
                again = [f"{each.claim!r}: {each.because}" for each in objections]
                return Doubts(update, replies, again)
            if matter := state["turns"][-1]["matter"]:
                receipts = [receipt for claim in checked.claims for receipt in claim.receipts]

                def judge(text: str, shown: list[Receipt]) -> Judgement:
                    return framings.judge(text, refute.evidence(shown, library, runs), ask)

                before = _same_matter(state)
                known = before.answer.receipts if before else []
                judgement = judge(matter, [*known, *receipts])
                if before and standing.needs_control(
                    judgement, before.answer, receipts, state["content"]
                ):
                    judgement.without = judge(before.text, known).verdict
                update["judgement"] = judgement.model_dump()
        except LLMError as error:
            return Doubts({"unexamined": f"The judge failed: {error}."}, replies, [])
        return Doubts(update, replies, [])

    def conclude(self, checked: Verified, state: State) -> Answer:
        """The answer with what was set aside, objected and judged written onto it."""
        disputed = {each["claim"]: each["because"] for each in state["objections"]}
        for claim in checked.claims:
            claim.disputed = disputed.get(claim.text, "")
        checked = marked(checked, lambda claim: claim.disputed and f"disputed: {claim.disputed}")
        answer = Answer(
            question=state["question"],
            answer=checked.text or f"No answer: {checked.abstained}",
            claims=checked.claims,
            abstained=checked.abstained is not None and not checked.claims,
            engine="",
            runs=state["runs"],
            set_aside=[Aside.model_validate(each) for each in state["aside"]],
        )
        if self.judges and state["unexamined"]:
            answer.notices.append(f"No fresh context examined this answer. {state['unexamined']}")
        if state["judgement"] is not None:
            found = Judgement.model_validate(state["judgement"])
            before = _same_matter(state)
            answer.judgement = standing.hold(
                found, before.answer if before else None, answer.receipts, state["content"]
            )
            answer.answer = f"{standing.line(answer.judgement)}\n\n{answer.answer}"
        return answer


def _same_matter(state: State) -> standing.Matter | None:
    """What was judged before, if this turn is about the same."""
    before = standing.last_matter(state["turns"][:-1])
    same = before is not None and state["turns"][-1]["matter"].startswith(before.text + _LATER)
    return before if same else None
