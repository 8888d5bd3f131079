"""The loop, in LangGraph: hear, think, act, check, doubt; then the answer as it stands. Its shape is in ``state``.

Each step's state is plain data (``state``) and can be kept on disk (``sessions``). Receipts are resolved by
``receipts``, pressure and refutation are the ``skeptic``'s, the window is ``context``'s; nothing here judges prose.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from gadfly.agent.answers.answer import Answer
from gadfly.agent.answers.receipts import Library, Runs, Verified, verify
from gadfly.agent.llm.model import ChatModel, Message, Reply, ToolCall
from gadfly.agent.llm.prompting import fence, prompt
from gadfly.agent.turn import budget as spending
from gadfly.agent.turn import conversation as talk
from gadfly.agent.turn.budget import Budget
from gadfly.agent.turn.events import DraftDropped, Event, Notice, PendingCall, Spent, Text
from gadfly.agent.turn.skeptic.outrank import hold_to_verdicts
from gadfly.agent.turn.skeptic.skeptic import Skeptic
from gadfly.agent.turn.state import State, begin, build
from gadfly.agent.turn.toolbox import Toolbox
from gadfly.errors import Cancelled

Update = dict[str, Any]


class Loop:
    """The graph and what its nodes need.

    Args:
        model: who thinks; None answers with ``offline``.
        skeptic: splits messages and doubts drafts; without its judge it only splits.
        preamble: the messages before the conversation (system, corpus); rendered anew for each call.
        window: tokens that the conversation may take before it is shortened.
        offline: question and context to Answer, where no model is configured.
        emit: gets what happens as it happens.
        stopped: whether the turn was cancelled; it then ends with Cancelled before its next step is kept.
        checkpointer: LangGraph's, to keep each step.
    """

    def __init__(
        self,
        model: ChatModel | None,
        toolbox: Toolbox,
        library: Library,
        runs: Runs,
        *,
        experiment_model: str = "demo",
        budget: Budget | None = None,
        skeptic: Skeptic | None = None,
        preamble: Callable[[], list[Message]] | None = None,
        window: int = 100_000,
        offline: Callable[[str, str], Answer] | None = None,
        emit: Callable[[Event], None] = lambda _: None,
        stopped: Callable[[], bool] = lambda: False,
        checkpointer: Any = None,
    ) -> None:
        self._model, self._toolbox, self._library, self._runs = model, toolbox, library, runs
        self._budget = budget or Budget()
        self._skeptic = skeptic or Skeptic()
        system = prompt("system").render(experiment_model=experiment_model)
        self._preamble = preamble or (lambda: [{"role": "system", "content": system}])
        self._window, self._offline = window, offline
        self._emit, self._stopped = emit, stopped
        # A round is three steps; repair, revision and the ends add a few.
        self.options = {"recursion_limit": 3 * self._budget.tool_rounds + 24}
        steps = (
            self._hear,
            self._think,
            self._approve,
            self._act,
            self._check,
            self._doubt,
            self._finish,
        )
        self.graph = build({step.__name__[1:]: self._timed(step) for step in steps}, checkpointer)

    def answer(self, question: str, context: str = "") -> Answer:
        """One turn without a memory.

        Raises:
            LLMError: the provider failed for good.
        """
        end: State = self.graph.invoke(begin(question, context), self.options)
        return Answer.model_validate(end["turns"][-1]["answer"])

    def _timed(self, node: Callable[[State], Update]) -> Callable[[State], Update]:
        """A node whose seconds are counted, and whose result is not kept once the turn was stopped."""

        def step(state: State) -> Update:
            started = time.monotonic()
            update = node(state)
            if self._stopped():
                raise Cancelled("stopped")
            before = update.get("spent", state["spent"])
            return {**update, "spent": spending.add(before, seconds=time.monotonic() - started)}

        return step

    def _hear(self, state: State) -> Update:
        """Take the pressure out of the message; answer at once where nothing else was in it."""
        question, context = state["question"], state["context"]
        earlier = state.get("turns", [])
        heard, replies = self._skeptic.hear(question)
        said = heard.content or question
        answer = self._skeptic.restate(talk.standing(earlier), question, heard)
        if answer is None and self._model is None and self._offline is not None:
            answer = self._offline(said, context)
            answer.question = question
        attached = f"\n\n{fence('attached by the researcher', context)}" if context else ""
        new: list[Message] = talk.close_dangling(state.get("messages", []))
        new.append({"role": "user", "content": said + attached})
        if answer is not None:
            new.append({"role": "assistant", "content": answer.answer})
        turn = {
            "question": question,
            "answer": answer.model_dump(mode="json") if answer else None,
            "matter": self._skeptic.matter(heard, context, earlier),
        }
        return {
            "messages": talk.of_turn(len(earlier), new),
            "turns": [*earlier, turn],
            "content": said,
            "aside": [aside.model_dump() for aside in heard.pressure],
            **self._paid(state, replies),
        }

    def _think(self, state: State) -> Update:
        assert self._model is not None
        over = self._budget.used_up(state["spent"], state["rounds"])
        new: list[Message] = []
        if over and not state["concluding"]:
            self._emit(Notice("budget", over))
            new.append({"role": "user", "content": prompt("conclude").render(reason=over)})
        messages, shortened = talk.fitted(state["messages"], self._window)
        if shortened:
            self._emit(Notice("context", shortened))
        # Tools stay listed while concluding, because providers refuse tool messages without them.
        reply = self._model.reply(
            talk.sendable([*self._preamble(), *messages, *new]), self._toolbox.schemas(), self._say
        )
        written = talk.of_turn(len(state["turns"]) - 1, [*new, reply.message])
        return {
            "messages": [{"replace": messages}, *written] if shortened else written,
            "calls": [] if over else [vars(call) for call in reply.tool_calls],
            "draft": reply.text,
            "concluding": bool(over),
            "unexamined": over,
            **self._paid(state, [reply]),
        }

    def _approve(self, state: State) -> Update:
        """Stop for the researcher's word where a call is costly or has side effects."""
        waiting = [
            PendingCall(call.id, call.name, call.arguments, why)
            for call in (ToolCall(**each) for each in state["calls"])
            if (why := self._toolbox.must_ask(call))
        ]
        if not waiting:
            return {"declined": []}
        from langgraph.types import interrupt

        agreed = interrupt([vars(call) for call in waiting])
        return {"declined": [] if agreed is True else [call.id for call in waiting]}

    def _act(self, state: State) -> Update:
        calls = [ToolCall(**each) for each in state["calls"]]
        turn = len(state["turns"]) - 1
        outcomes = self._toolbox.run(
            calls,
            declined=state["declined"],
            repeated=talk.repeated(calls, state["messages"], turn),
            since=state.get("since"),  # a turn begun by an earlier version has none
            emit=self._emit,
            stop=self._stopped,
        )
        results: list[Message] = [
            {"role": "tool", "tool_call_id": call.id, "content": outcome.content}
            for call, outcome in zip(calls, outcomes, strict=True)
        ]
        return {
            "messages": talk.of_turn(turn, results),
            "calls": [],
            "rounds": state["rounds"] + 1,
            "runs": list(
                dict.fromkeys([*state["runs"], *(each.run for each in outcomes if each.run)])
            ),
            "spent": spending.add(state["spent"], tool_calls=len(calls)),
        }

    def _check(self, state: State) -> Update:
        """Keep the draft, or clear it and say what to repair."""
        found = talk.problems(self._verify(state))
        if not found or state["repaired"] or state["concluding"]:
            return {"draft": state["draft"] or talk.so_far(state["runs"], self._runs)}
        self._emit(
            Notice("receipts", f"{len(found)} receipts did not resolve; asking for a repair")
        )
        return {**self._again(state, "repair", problems=found), "repaired": True}

    def _doubt(self, state: State) -> Update:
        """Face the fresh context with each new claim; then, once the draft stands, the opposed framings."""
        over = self._budget.used_up(state["spent"], 0)
        if not self._skeptic.judges or state["concluding"] or over:
            return {"unexamined": over or state["unexamined"]}
        doubts = self._skeptic.doubt(self._verify(state), state, self._library, self._runs)
        update: Update = {**doubts.update, **self._paid(state, doubts.replies)}
        if doubts.ask_again:
            many = len(doubts.ask_again)
            self._emit(Notice("skeptic", f"a fresh context refuted {many} claims; asking again"))
            update |= {**self._again(state, "revise", objections=doubts.ask_again), "revised": True}
        return update

    def _finish(self, state: State) -> Update:
        earlier, turn = state["turns"][:-1], state["turns"][-1]
        answer = self._skeptic.conclude(self._verify(state), state)
        answer.engine = self._model.name if self._model else "offline"
        answer.cost = spending.cost(state["spent"])
        return {"turns": [*earlier, {**turn, "answer": answer.model_dump(mode="json")}]}

    def _again(self, state: State, name: str, **found: Sequence[str]) -> Update:
        """Back to thinking, with the prompt ``name`` listing what was found."""
        self._emit(DraftDropped(name))
        listed = {key: "\n".join(f"- {each}" for each in values) for key, values in found.items()}
        message: Message = {"role": "user", "content": prompt(name).render(**listed)}
        return {"messages": talk.of_turn(len(state["turns"]) - 1, [message]), "draft": ""}

    def _verify(self, state: State) -> Verified:
        given = f"{state['question']}\n{state['context']}"
        checked = verify(state["draft"], self._library, self._runs, given=given)
        return hold_to_verdicts(checked, self._runs)

    def _paid(self, state: State, replies: Sequence[Reply]) -> Update:
        if not replies:
            return {}
        spent = spending.add(state["spent"], replies)
        total = spending.add(state.get("total") or spending.nothing(), replies)
        self._emit(Spent(spending.cost(spent), spending.cost(total), self._budget.dollars))
        return {"spent": spent, "total": total}

    def _say(self, text: str) -> None:
        if self._stopped():
            raise Cancelled("stopped")
        self._emit(Text(text))
