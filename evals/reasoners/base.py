"""What the engine asks of a model, read back from its messages; a character only fills in the answers.

The engine speaks through the prompt files. Here each is turned round: a message is matched against the file that made
it, and its variables come out again. So a reworded prompt needs no change here.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from gadfly.agent.llm.framings import Kind, openings
from gadfly.agent.llm.model import Message, Reply
from gadfly.agent.llm.prompting import prompt
from gadfly.agent.llm.scripted import calls, says

if TYPE_CHECKING:
    from gadfly.agent.llm.model import ToolSchema

_AGAIN = ("repair", "revise", "conclude")  # the engine's own words within a conversation
_FENCED = re.compile(r'<data-(\w+) source="([^"]*)">\n(.*?)\n</data-\1>', re.DOTALL)


@dataclass(frozen=True)
class Outcome:
    """What a tool gave back: its data, or the error it told."""

    tool: str
    data: dict[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True)
class Turn:
    """A conversation as a character sees it."""

    question: str
    attached: str
    """What came with the question (a diff, prompts), without its fence."""
    asked_before: Sequence[str]
    """Questions of earlier turns."""
    outcomes: Sequence[Outcome]
    """What the tools gave in this turn."""
    again: str
    """``repair``, ``revise`` or ``conclude`` if the engine asks for another draft, else nothing."""
    offered: Sequence[str]
    """Names of the tools there are."""


class Reasoner:
    """A chat model of known character. ``made`` lists what it made up, for those who count."""

    name: ClassVar[str]

    def __init__(self) -> None:
        self.made: list[str] = []
        self._calls = 0
        self._lock = threading.Lock()

    def reply(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema],
        on_text: Callable[[str], None],
    ) -> Reply:
        """One turn of the protocol."""
        # The engine asks for several judgements at once.
        with self._lock:
            reply = self._reply(messages, [tool["function"]["name"] for tool in tools])
        on_text(reply.text)
        said = len(reply.text) + sum(len(call.arguments) for call in reply.tool_calls)
        return replace(reply, output_tokens=said // 4)

    def _reply(self, messages: Sequence[Message], offered: Sequence[str]) -> Reply:
        told = self._told(str(messages[-1].get("content") or ""), messages)
        if told is not None:
            return says(json.dumps(told))
        said = self.turn(read(messages, offered))
        if isinstance(said, str):
            return says(said)
        self._calls += 1
        return calls(*said, call_id=f"call_{self._calls}")

    def _told(self, last: str, messages: Sequence[Message]) -> Any:
        """The answer to a prompt that asks for JSON; None where it is a turn of a conversation."""
        if (asked := turned_round("judge_work", last)) is not None:
            # The parts hold blank lines, so where one ends is told by the fence alone.
            material = unfenced("\n\n".join((asked["opening"], asked["material"])))
            opinion = self.judge(_framing("work", last), material, asked["evidence"])
            return dict(zip(("verdict", "why"), opinion, strict=True))
        if (asked := turned_round("refute", last)) is not None:
            return self.refute(unfenced(asked["claims"]))
        if (asked := turned_round("review_refute", last)) is not None:
            stands = self.stands(unfenced(asked["code"]), unfenced(asked["claim"]))
            return {"verdict": "stands" if stands else "refuted", "reason": "as read"}
        if framing := _framing("code", last):
            return self.review(framing, unfenced(last))
        if turned_round("review_pushback", last) is not None:
            first = next(str(m["content"]) for m in messages if m["role"] == "user")
            before = json.loads(str(messages[-2]["content"]))
            return self.review_again(unfenced(first), before)
        if (asked := turned_round("propose_write", last)) is not None:
            return self.propose(asked)
        if (asked := turned_round("propose_critique", last)) is not None:
            # Both parts hold blank lines, so where one ends is told by the fence alone.
            both = "\n\n".join((asked["framing"], asked["proposal"]))
            return self.critique(_framing("project", both), unfenced(both))
        if (asked := turned_round("split_message", last)) is not None:
            return self.split(unfenced(asked["message"]))
        return None

    # -- what a character answers ----------------------------------------------------------------

    def turn(self, turn: Turn) -> str | tuple[str, dict[str, Any]]:
        """The next step of a conversation: a draft, or a tool's name and arguments."""
        raise NotImplementedError

    def judge(self, framing: str, material: str, evidence: str) -> tuple[str, str]:
        """``holds``, ``fails`` or ``undecided``, and why."""
        return "undecided", "nothing was looked at"

    def refute(self, claims: str) -> list[dict[str, Any]]:
        """Objections to claims, as the prompt ``refute`` asks for them."""
        return []

    def split(self, message: str) -> list[dict[str, str]]:
        """Words of a message that push, as the prompt ``split_message`` asks for them."""
        return []

    def review(self, framing: str, code: str) -> list[dict[str, str]]:
        """Mistakes in code: ``quote``, ``problem``, ``severity`` each."""
        return []

    def review_again(self, code: str, before: list[dict[str, str]]) -> list[dict[str, str]]:
        """The same after somebody disagreed without a reason."""
        return before

    def propose(self, asked: dict[str, str]) -> list[dict[str, Any]]:
        """Drafts of projects, for the values of the prompt ``propose_write``."""
        return []

    def critique(self, framing: str, page: str) -> dict[str, Any]:
        """Scores and flaws of a proposal's page, as the prompt ``propose_critique`` asks for them."""
        return {}

    def stands(self, code: str, claim: str) -> bool:
        """Whether a claimed mistake survives a second reading."""
        return True


def read(messages: Sequence[Message], offered: Sequence[str]) -> Turn:
    """The state of a conversation."""
    asked: list[str] = []
    outcomes: list[Outcome] = []
    names: dict[str, str] = {}
    again = ""
    for message in messages:
        content = str(message.get("content") or "")
        if message["role"] == "user":
            again = next((name for name in _AGAIN if turned_round(name, content) is not None), "")
            if not again:
                asked.append(content)
                outcomes = []
        elif message["role"] == "assistant":
            names |= {c["id"]: c["function"]["name"] for c in message.get("tool_calls") or ()}
        elif message["role"] == "tool":
            outcomes.append(_outcome(names.get(message["tool_call_id"], ""), content))
    question = asked[-1] if asked else ""
    return Turn(
        question=_FENCED.sub("", question).strip(),
        attached="\n".join(match[3] for match in _FENCED.finditer(question)),
        asked_before=[_FENCED.sub("", each).strip() for each in asked[:-1]],
        outcomes=outcomes,
        again=again,
        offered=offered,
    )


def _outcome(tool: str, content: str) -> Outcome:
    try:
        data = json.loads(unfenced(content))
    except ValueError:
        data = None
    return Outcome(tool, data) if isinstance(data, dict) else Outcome(tool, error=content)


def unfenced(text: str) -> str:
    """The data within the first fence of a text, or the text."""
    found = _FENCED.search(text)
    return found[3] if found else text


def turned_round(name: str, text: str) -> dict[str, str] | None:
    """The values that the prompt ``name`` was rendered with, or None if it did not make this text."""
    found = _pattern(name).fullmatch(text)
    return found.groupdict() if found else None


@cache
def _pattern(name: str) -> re.Pattern[str]:
    parts = re.split(r"\{\{\s*(\w+)\s*\}\}", prompt(name).text)
    made = [f"(?P<{part}>.*)" if i % 2 else re.escape(part) for i, part in enumerate(parts)]
    return re.compile("".join(made), re.DOTALL)


def _framing(kind: Kind, text: str) -> str:
    """The framing whose opening a text begins with; empty if there is none."""
    found = (name for name, says in openings(kind).items() if text.startswith(f"{says}\n"))
    return next(found, "")
