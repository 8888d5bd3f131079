"""A conversation that outlives its process: what every face with a dialogue talks to.

    session = Session.start(Settings(llm=None, model="demo"))      # or Session.open("s1a2b3c4")
    for event in session.turn("Where does gpt2 recall the capital?", context=diff):
        match event:
            case Text(delta): ...                # provisional; receipts are not checked yet
            case DraftDropped(): ...             # forget what was streamed since the last tool
            case ToolStarted() | ToolProgress() | ToolFinished(): ...
            case Notice() | Spent(): ...
            case ApprovalRequest(calls): ...     # last event: ask, then iterate session.resume(approve=True)
            case Stopped(): ...                  # last event after session.cancel()
            case Final(answer): ...              # last event: the checked Answer

Iteration is synchronous. The work happens in a thread of its own, so Ctrl-C (KeyboardInterrupt in the iterating
thread) is delivered at once; it cancels the turn and re-raises. ``cancel()`` may be called from any thread or signal
handler. Each step is on disk before the next begins: after an error, a cancellation or ``kill -9``,
``session.pending`` says what waits and ``session.resume()`` goes on from the last finished step.

Leaves out how a turn is thought through (``loop``), how sessions are kept (``sessions``) and how anything looks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from gadfly.agent.answers.answer import Answer, Cost
from gadfly.agent.sessions.store import SessionInfo, Sessions, new_id, now
from gadfly.agent.turn import budget as spending
from gadfly.agent.turn.engine import Engine, check_question
from gadfly.agent.turn.events import ApprovalRequest, Event, Final, PendingCall, Stopped
from gadfly.agent.turn.settings import Settings
from gadfly.agent.turn.state import begin
from gadfly.background import told
from gadfly.errors import Cancelled, UsageError

_TITLE = 80  # characters


@dataclass(frozen=True)
class Turn:
    """One question of the history. ``answer`` is None while the turn is unfinished."""

    question: str
    answer: Answer | None


class Session:
    """One conversation. One turn at a time; another process that takes a turn of it meanwhile gets a UsageError."""

    def __init__(self, info: SessionInfo, settings: Settings, store: Sessions) -> None:
        self._info = info
        self._store = store
        self._stop = threading.Event()
        self.settings = settings
        self._engine = Engine(settings, interactive=True)

    @classmethod
    def start(cls, settings: Settings | None = None) -> Session:
        """A new session. It is written to disk with its first turn.

        Raises:
            UsageError: the LLM that ``settings`` names is malformed or has no key.
        """
        settings = settings or Settings()
        moment = now()
        info = SessionInfo(id=new_id(), settings=settings.kept(), started=moment, updated=moment)
        return cls(info, settings, Sessions())

    @classmethod
    def open(cls, session_id: str | None, settings: Settings | None = None) -> Session:
        """An existing session, by id or unique prefix, or the one used last (None); ``settings`` replaces what was kept
        with it.

        Raises:
            UsageError: none or several fit.
        """
        store = Sessions()
        info = store.find(session_id)
        return cls(info, settings or Settings.read(info.settings), store)

    @property
    def id(self) -> str:
        return self._info.id

    @property
    def engine(self) -> str:
        """The name of the main model, or ``offline``."""
        return self._engine.name

    # -- turns -----------------------------------------------------------------------------------

    def turn(self, text: str, *, context: str = "") -> Iterator[Event]:
        """Ask. ``context`` is material that comes with the question (a file, a diff): data, never instructions.

        An unfinished turn before it is closed as it stands; what its tools returned stays usable.

        Raises:
            UsageError: the text is empty or too long.
            LLMError: the provider failed for good; the session stays resumable.
        """
        question = check_question(text, context)
        if not self._info.title:
            self._info.title = " ".join(question.split())[:_TITLE]
        return self._run(begin(question, context))

    def resume(self, *, approve: bool | None = None) -> Iterator[Event]:
        """Go on with the unfinished turn.

        Args:
            approve: the word on a pending :class:`ApprovalRequest`; None asks again.

        Raises:
            UsageError: nothing is pending.
        """
        waits = self.pending
        if waits is None:
            raise UsageError("nothing is pending in this session; ask a question")
        if waits == "approval" and approve is None:
            return iter([self._request(self._snapshot())])

        from langgraph.types import Command

        return self._run(Command(resume=approve) if waits == "approval" else None)

    def cancel(self) -> None:
        """Stop the running turn soon; its iterator then ends with Stopped. Callable from any thread."""
        self._stop.set()

    def _run(self, start: Any) -> Iterator[Event]:
        self._stop = stop = threading.Event()

        def work(emit: Callable[[Event], None]) -> None:
            loop = self._engine.loop(emit, stop.is_set, self._saver)
            config = {**loop.options, **self._config}
            for _ in loop.graph.stream(start, config, durability="sync"):
                pass

        with self._store.running(self.id):
            self._keep()
            try:
                yield from told(work, stop)
                yield self._ending()
            except Cancelled:
                yield Stopped("stopped; what was finished is kept")
            finally:
                self._keep()

    def _ending(self) -> Event:
        state = self._snapshot()
        if state.interrupts:
            return self._request(state)
        return Final(Answer.model_validate(state.values["turns"][-1]["answer"]))

    @staticmethod
    def _request(state: Any) -> ApprovalRequest:
        return ApprovalRequest(tuple(PendingCall(**call) for call in state.interrupts[0].value))

    # -- what was said ---------------------------------------------------------------------------

    @property
    def pending(self) -> Literal["approval", "unfinished"] | None:
        """What waits for ``resume``."""
        state = self._snapshot()
        if not state.next:
            return None
        return "approval" if state.interrupts else "unfinished"

    def history(self) -> Sequence[Turn]:
        """The turns so far, oldest first."""
        return [
            Turn(t["question"], Answer.model_validate(t["answer"]) if t["answer"] else None)
            for t in self._snapshot().values.get("turns", [])
        ]

    @property
    def cost(self) -> Cost:
        """What the session took so far, turns that were taken back included."""
        total = self._snapshot().values.get("total")
        return spending.cost(total) if total else Cost()

    def undo(self) -> str | None:
        """Take the last turn back; returns its question, or None if there was no turn. Runs stay in the ledger."""
        turns = self._snapshot().values.get("turns", [])
        if not turns:
            return None
        with self._store.running(self.id):
            self._write(self.id, self._first(len(turns) - 1))
            self._keep()
        return str(turns[-1]["question"])

    def fork(self, turns: int | None = None) -> Session:
        """A new session with the first ``turns`` turns of this one (None: all that are finished).

        Raises:
            UsageError: this one has fewer turns.
        """
        kept = self.history()
        finished = sum(1 for turn in kept if turn.answer is not None)
        wanted = finished if turns is None else turns
        if not 0 <= wanted <= len(kept):
            raise UsageError(
                f"session {self.id} has {len(kept)} turns; it cannot be forked at {turns}"
            )
        other = Session.start(self.settings)
        other._info.title, other._info.parent = self._info.title, self.id
        other._write(other.id, {**self._first(wanted), "total": spending.nothing()})
        other._keep()
        return other

    def configure(self, settings: Settings) -> None:
        """Use other settings from the next turn on.

        Raises:
            UsageError: the LLM they name is malformed or has no key; nothing changed.
        """
        self._engine = Engine(settings, interactive=True)
        self.settings = settings
        self._info.settings = settings.kept()

    # -- on disk ---------------------------------------------------------------------------------

    @property
    def _config(self) -> dict[str, Any]:
        return {"configurable": {"thread_id": self.id}}

    @cached_property
    def _saver(self) -> Any:
        return self._store.saver()

    @cached_property
    def _graph(self) -> Any:
        """The graph without its parts: enough to read and write the state."""
        from gadfly.agent.turn.loop import Loop
        from gadfly.agent.turn.toolbox import Toolbox

        return Loop(None, Toolbox([]), None, None, checkpointer=self._saver).graph  # type: ignore[arg-type]

    def _snapshot(self) -> Any:
        return self._graph.get_state(self._config)

    def _first(self, turns: int) -> dict[str, Any]:
        """The state with only the first turns."""
        values = self._snapshot().values
        return {
            "messages": [{"replace": [m for m in values.get("messages", []) if m["turn"] < turns]}],
            "turns": values.get("turns", [])[:turns],
            "total": values.get("total") or spending.nothing(),
        }

    def _write(self, session_id: str, values: dict[str, Any]) -> None:
        config = {"configurable": {"thread_id": session_id}}
        self._graph.update_state(config, values, as_node="finish")

    def _keep(self) -> None:
        """The session's row; and no more checkpoints than are needed."""
        values = self._snapshot().values
        total = values.get("total") or spending.nothing()
        self._info.turns = len(values.get("turns", []))
        self._info.dollars, self._info.updated = spending.cost(total).dollars, now()
        self._store.save(self._info)
        self._store.sweep(self.id)
