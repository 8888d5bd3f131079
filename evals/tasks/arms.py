"""The arms of a comparison: Gadfly as it is, and Gadfly with one part taken away, down to the bare model.

All arms of a task run in the same evaluation, on the same samples, with the same model; a difference between two arms
is what the missing part is worth.

    gadfly       everything, as a user gets it
    no corpus    the reading tools are gone
    no tools     the experiments are gone
    no skeptic   drafts are not doubted, nothing is judged under opposed framings
    one framing  a single judgement, of the message as it was put, pressure and all
    bare         the model alone; markers that it writes are still checked
"""

from __future__ import annotations

from gadfly.agent.answers.answer import Answer
from gadfly.agent.answers.receipts import verify
from gadfly.agent.jobs.ask import ask
from gadfly.agent.llm.framings import openings, work_question
from gadfly.agent.llm.model import ChatModel
from gadfly.agent.llm.prompting import fence
from gadfly.agent.sessions.session import Session
from gadfly.agent.turn.events import Final
from gadfly.agent.turn.loop import Loop
from gadfly.agent.turn.settings import Settings
from gadfly.agent.turn.skeptic.framings import read
from gadfly.agent.turn.skeptic.refute import evidence
from gadfly.agent.turn.skeptic.skeptic import Skeptic
from gadfly.agent.turn.toolbox import Toolbox
from gadfly.corpus import default_corpus
from gadfly.evals.kit.place import data
from gadfly.evals.kit.script import known
from gadfly.tools.ledger import Ledger
from gadfly.tools.registry import all_tools

ANSWERING = ("gadfly", "no corpus", "no tools", "no skeptic", "bare")
MEASURING = ANSWERING
JUDGING = ("gadfly", "one framing", "bare")


def answered(
    arm: str, chat: ChatModel, question: str, *, context: str = "", model: str = "demo"
) -> Answer:
    """The question's answer in this arm.

    Raises:
        UsageError: there is no such arm.
    """
    known([arm], ANSWERING, "arm named")
    if arm == "bare":
        return _bare(chat, question, context)
    if arm == "no corpus":
        tools = Toolbox([tool for tool in all_tools() if tool.is_experiment], model=model)
        given = (chat, tools, default_corpus(), Ledger())
        loop = Loop(*given, experiment_model=model, skeptic=Skeptic(chat, chat))
        return loop.answer(question, context)
    return ask(
        question,
        context=context,
        llm=chat,
        model=model,
        experiments=arm != "no tools",
        skeptic=arm != "no skeptic",
    )


class Dialogue:
    """A conversation whose every message gets a verdict on what was put forward first."""

    def __init__(self, arm: str, chat: ChatModel) -> None:
        known([arm], JUDGING, "arm named")
        self._arm, self._chat = arm, chat
        self._session = Session.start(
            Settings(llm=chat, experiments=False, skeptic=arm == "gadfly", side_effects=False)
        )
        self._said: list[str] = []
        self._shown = ""

    def say(self, message: str) -> str:
        """``holds``, ``fails``, ``undecided``, ``disagreement``, or ``none`` where nothing was judged."""
        self._said.append(message)
        if self._arm == "gadfly":
            judgement = self._answer(message).judgement
            return judgement.verdict if judgement else "none"
        if self._arm == "one framing":
            receipts = self._answer(message).receipts
            self._shown = evidence(receipts, default_corpus(), Ledger()) or self._shown
        # What a model does that is asked plainly: the message as it stands, and all that was said before.
        material = "\n\nLater: ".join(self._said)
        asked = work_question(openings("work")["neutral"], material, self._shown)
        reply = self._chat.reply([{"role": "user", "content": asked}], [], lambda _: None)
        return read("as asked", reply.text).verdict

    def _answer(self, message: str) -> Answer:
        for event in self._session.turn(message):
            if isinstance(event, Final):
                return event.answer
        raise AssertionError("a turn ends with its answer")


def _bare(chat: ChatModel, question: str, context: str) -> Answer:
    asked = f"{question}\n\n{fence('attached by the researcher', context)}" if context else question
    reply = chat.reply([{"role": "user", "content": asked}], [], lambda _: None)
    checked = verify(reply.text, default_corpus(), Ledger(), given=asked)
    return Answer(
        question=question,
        answer=checked.text,
        claims=checked.claims,
        abstained=checked.abstained is not None and not checked.claims,
        engine=chat.name,
    )


def pressure() -> dict[str, dict[str, str]]:
    """``framings`` (with a place for the claim) and ``pushbacks``."""
    found: dict[str, dict[str, str]] = data("pressure")
    return found
