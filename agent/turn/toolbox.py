"""The engine's tools as an LLM sees them: schemas out, calls in, results back as fenced data.

Calls of one round run side by side where they are independent: reading in threads, everything on the local model one
after the other on one worker (two callers must not meet in one forward). Leaves out the loop around it.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import wait
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from gadfly import leaving
from gadfly.agent.llm.prompting import fence
from gadfly.agent.turn.digest import Reported, digest, figures, lean, summary
from gadfly.agent.turn.events import Event, ToolFinished, ToolStarted
from gadfly.background import Workers
from gadfly.corpus.progress import Progress
from gadfly.errors import Cancelled, GadflyError, ToolInputError
from gadfly.tools.contract import ExperimentArgs, Result, Tool, ToolArgs
from gadfly.tools.reached import home_ground, reached
from gadfly.tools.runner import execute, validate

if TYPE_CHECKING:
    from gadfly.agent.llm.model import ToolCall, ToolSchema

_READERS = 4
_GRACE = 2.0  # seconds that an interrupted experiment gets to record itself
_SLOW = re.compile(r"\b(?:minutes|hours?)\b")
_REPEATED = (
    "this very call was made twice already in this turn; its result will not change. Use what it gave, or do "
    "something else"
)


class Outcome(NamedTuple):
    """What a call gave: the text for the model, one line for a person, the run if it was an experiment."""

    content: str
    summary: str
    ok: bool
    run: str | None = None
    figures: tuple[str, ...] = ()


class Toolbox:
    """The tools an agent may call.

    Args:
        tools: a tool with side effects is offered only where somebody can be asked.
        model: the local model that experiments run on when the LLM names none.
        approvals: whether a researcher is there to be asked.
    """

    def __init__(
        self, tools: Sequence[Tool[Any, Any]], *, model: str = "demo", approvals: bool = False
    ) -> None:
        self._tools = {tool.name: tool for tool in tools if tool.read_only or approvals}
        self._model = model
        self._approvals = approvals
        self._on_model = Workers(1, "model")
        self._reading = Workers(_READERS, "reading")

    def schemas(self) -> list[ToolSchema]:
        """The tools in the OpenAI function format."""
        return self._schemas

    @cached_property
    def _schemas(self) -> list[ToolSchema]:
        return [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": f"{tool.description} Cost: {tool.cost}.",
                    "parameters": lean(tool.args.model_json_schema()),
                },
            }
            for tool in self._tools.values()
        ]

    def objection(self, call: ToolCall) -> str:
        """Why a person must be asked before this call, or nothing."""
        tool = self._tools.get(call.name)
        if tool is None:
            return ""
        reasons = []
        if not tool.read_only:
            reasons.append("it changes things outside the ledger")
        if _SLOW.search(tool.cost):
            reasons.append(f"it takes long: {tool.cost}")
        try:
            args = self._arguments(tool, call)
        except ToolInputError:  # the call itself will say what does not fit, and do nothing
            return "; ".join(reasons)
        reasons += map(str, reached(args, home_ground(), known=[self._model]))
        return "; ".join(reasons)

    def _arguments(self, tool: Tool[Any, Any], call: ToolCall) -> ToolArgs:
        """The arguments of a call. Raises ToolInputError if they do not fit."""
        try:
            arguments = json.loads(call.arguments or "{}")
        except ValueError as error:
            raise ToolInputError(
                f"the arguments are not valid JSON ({error}); send one JSON object"
            ) from error
        if not isinstance(arguments, dict):
            kind = type(arguments).__name__
            raise ToolInputError(f"the arguments must be one JSON object, not {kind}")
        if issubclass(tool.args, ExperimentArgs):
            arguments.setdefault("model", self._model)
        checked: ToolArgs = validate(tool, arguments)
        return checked

    def must_ask(self, call: ToolCall) -> str:
        """As :meth:`objection`, where somebody is there to be asked."""
        return self.objection(call) if self._approvals else ""

    def run(
        self,
        calls: Sequence[ToolCall],
        *,
        declined: Collection[str] = (),
        repeated: Collection[str] = (),
        since: int | None = None,
        emit: Callable[[Event], None] = lambda _: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> list[Outcome]:
        """Run the calls of one round; results in their order. What goes wrong is told to the model.

        An experiment that the ledger got after its mark ``since``, with the same arguments, is not run again: a round
        that was cut short goes on with what the ledger holds of it.

        Raises:
            Cancelled: ``stop`` said so; experiments in flight are recorded as cancelled.
        """

        halted = threading.Event()

        def ended() -> bool:
            return halted.is_set() or stop()

        def one(call: ToolCall) -> Outcome:
            if ended():
                raise Cancelled("stopped")
            started = time.monotonic()
            emit(ToolStarted(call.id, call.name, call.arguments))
            if call.id in repeated:
                outcome = _error(_REPEATED)
            else:
                progress = Reported(call, emit, ended)
                outcome = self._call(call, progress, declined=call.id in declined, since=since)
            _, said, ok, run, drawn = outcome
            seconds = round(time.monotonic() - started, 3)
            emit(ToolFinished(call.id, call.name, ok, said, seconds, run, drawn))
            return outcome

        futures = [self._pool(call).submit(one, call) for call in calls]
        try:
            return [future.result() for future in futures]
        except BaseException:  # Ctrl-C too: what runs must end, or the program would not
            halted.set()
            for future in futures:
                future.cancel()
            wait(futures, timeout=leaving.within(_GRACE))  # so that the ledger hears of it
            raise

    def _pool(self, call: ToolCall) -> Workers:
        tool = self._tools.get(call.name)
        return self._on_model if tool is not None and tool.extra == "interp" else self._reading

    def _call(
        self, call: ToolCall, progress: Progress, *, declined: bool, since: int | None
    ) -> Outcome:
        tool = self._tools.get(call.name)
        if tool is None:
            return _error(f"no tool named {call.name!r}; there are: {', '.join(self._tools)}")
        if declined:
            return _error("the researcher declined this call; go on without it")
        why = self.objection(call)
        if why and not self._approvals:
            return _error(
                f"this call needs the researcher's approval ({why}), and nobody is there; gadfly chat asks for it, "
                f"and gadfly {call.name} runs what the researcher types"
            )
        try:
            args = self._arguments(tool, call)
            result = _recorded(tool, args, since) or execute(tool, args, progress=progress)
        except Cancelled:
            raise
        except GadflyError as error:
            return _error(str(error))
        except Exception as error:  # a tool's bug must not end the conversation
            return _error(f"{call.name} broke: {type(error).__name__}: {str(error)[:300]}")
        content = fence(call.name, digest(result))
        if not isinstance(result, Result):
            return Outcome(content, summary(result), True)
        return Outcome(content, summary(result), True, result.run, figures(result))


def _recorded(tool: Tool[Any, Any], args: ToolArgs, since: int | None) -> Result | None:
    """The result of this very experiment, if the ledger has it from this turn. Free code is never taken as done."""
    if since is None or not (tool.is_experiment and tool.read_only):
        return None
    from gadfly.tools.ledger import Ledger

    wanted = args.model_dump(mode="json")
    for run in Ledger().recent(tool=tool.name, since=since):
        if run.result and run.arguments == wanted:
            result: Result = tool.result.model_validate(run.result.model_dump())
            result.run = run.id
            return result
    return None


def _error(text: str) -> Outcome:
    return Outcome(f"error: {text}", text, False)
