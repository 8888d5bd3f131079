"""The first experiment of a proposal, run now: is the phenomenon there, beside its controls?

It runs on the researcher's model; where that cannot take the prompts, on the demo model, and says so. Proposals with
the same pilot share one run.
"""

from __future__ import annotations

from typing import Any

from gadfly.agent.jobs.propose.draft import Call
from gadfly.agent.jobs.propose.proposal import Pilot
from gadfly.corpus.progress import Progress, Silent
from gadfly.errors import Cancelled, GadflyError
from gadfly.tools.contract import ExperimentArgs, Result
from gadfly.tools.ledger import Ledger
from gadfly.tools.registry import by_name
from gadfly.tools.runner import execute, validate

_MOST_CONTROLS = 4
DEMO = "demo"


class Pilots:
    """Runs pilots, each once.

    Args:
        model: the researcher's model: ``demo``, a hub name or a folder.
    """

    def __init__(
        self, model: str = DEMO, progress: Progress | None = None, ledger: Ledger | None = None
    ) -> None:
        self._model = model
        self._progress = progress or Silent()
        self._ledger = ledger or Ledger()
        self._done: dict[str, Pilot] = {}

    def run(self, call: Call) -> Pilot:
        """The pilot's outcome. A tool's own error is an outcome; Ctrl-C is not.

        Raises:
            Cancelled: the user stopped it.
        """
        # Who writes a draft does not choose what is loaded, and perhaps downloaded, here.
        arguments = {**call.arguments, "model": self._model}
        key = Call(tool=call.tool, arguments=arguments).line()
        if key not in self._done:
            self._done[key] = self._once(call, arguments)
        return self._done[key]

    def _once(self, call: Call, arguments: dict[str, Any]) -> Pilot:
        tool = by_name(call.tool)
        line = Call(tool=call.tool, arguments=arguments).line()
        model = str(arguments["model"])
        if not tool.is_experiment or not issubclass(tool.args, ExperimentArgs):
            return Pilot(
                state="failed",
                command=line,
                note=f"{tool.name} is no experiment: it gives no verdict",
            )
        try:
            validate(tool, arguments)
            result = execute(tool, arguments, progress=self._progress, ledger=self._ledger)
        except Cancelled:
            raise
        except GadflyError as error:
            return self._elsewhere(call, line, model, str(error))
        assert isinstance(result, Result)
        return Pilot(
            state=result.verdict.value,
            command=line,
            model=model,
            run=result.run,
            headline=result.headline,
            why=result.why,
            controls=[
                f"{c.name} = {c.value:.3g}: {c.meaning}" for c in result.controls[:_MOST_CONTROLS]
            ],
            note=_about(model),
        )

    def _elsewhere(self, call: Call, line: str, model: str, reason: str) -> Pilot:
        if model == DEMO:
            return Pilot(state="failed", command=line, model=model, note=" ".join(reason.split()))
        again = self._once(call, {**call.arguments, "model": DEMO})
        note = f"not on {model} ({' '.join(reason.split())[:200]}). {again.note}".strip()
        return again.model_copy(update={"note": note})


def unpiloted(call: Call, why: str) -> Pilot:
    """A pilot that was not asked for."""
    return Pilot(state="not run", command=call.line(), note=why)


def _about(model: str) -> str:
    if model != DEMO:
        return ""
    return (
        "On the packaged demo model, trained so that such behaviours are there: it shows that the method and its "
        "controls work, and nothing about any other model."
    )
