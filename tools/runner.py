"""Running a declared tool: validate, lend it a context, record an experiment in the ledger.

Every face comes through :func:`execute`. What fails or is stopped is recorded too, so that the ledger
holds what was tried and not only what worked.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pydantic import ValidationError

from gadfly import __version__
from gadfly.corpus.progress import Progress, Silent
from gadfly.errors import Cancelled, GadflyError, MissingExtraError, ModelError, ToolInputError
from gadfly.leaving import Ended
from gadfly.tools.base import ArgsT, Declaration, ExperimentArgs, Result, ResultT, ToolArgs
from gadfly.tools.given import short
from gadfly.tools.inputs import hashes
from gadfly.tools.ledger import Ledger, Run, Status, new_id, now

if TYPE_CHECKING:
    from gadfly.corpus import Corpus
    from gadfly.tools.model import LocalModel

_PARTS = {
    "interp": ("torch", "nnterp", "nnsight", "transformers", "sklearn", "matplotlib", "safetensors")
}
_VERSIONED = ("torch", "transformers", "nnsight", "nnterp", "numpy")


class RunContext:
    """The :class:`~gadfly.tools.base.Context` of one call."""

    def __init__(self, run_id: str, ledger: Ledger, progress: Progress) -> None:
        self.progress = progress
        self._model: LocalModel | None = None
        self._run_id = run_id
        self._ledger = ledger

    def model(self, args: ExperimentArgs) -> LocalModel:
        from gadfly.tools.model import load

        model = load(args.model, device=args.device, dtype=args.dtype, progress=self.progress)
        self._model = model
        return model

    def environment(self, *, whole: bool) -> dict[str, Any]:
        """Versions and the model. ``whole``: with the hash of its weights, for which a checkpoint that is new here is
        read from end to end."""
        found = _environment()
        if self._model is not None:
            found["model"] = self._model.fingerprint if whole else self._model.identity
        return found

    def corpus(self) -> Corpus:
        from gadfly.corpus import default_corpus

        return default_corpus(self.progress)

    def artifacts(self) -> Path:
        return self._ledger.artifacts(self._run_id)


def execute(
    tool: Declaration[ArgsT, ResultT],
    arguments: dict[str, Any] | ToolArgs,
    *,
    progress: Progress | None = None,
    ledger: Ledger | None = None,
    rerun_of: str | None = None,
) -> ResultT:
    """Run a tool on arguments given as a dict (validated here) or as its argument model.

    An experiment is written to the ledger whatever its end, and its result carries the run id.

    Raises:
        ToolInputError: the arguments do not fit; nothing ran and nothing is recorded.
        GadflyError: the tool's own error; the run is recorded as failed.
    """
    args = validate(tool, arguments)
    ledger = ledger or Ledger()
    run_id = new_id()
    context = RunContext(run_id, ledger, progress or Silent())
    args.heard_by(context.progress.note)
    if not tool.is_experiment:
        return tool.function(args, context)
    if tool.extra is not None and (missing := lacking(tool.extra)):
        raise MissingExtraError(f"{tool.name} ({missing[0]} is missing)", tool.extra)
    started, clock = now(), time.monotonic()
    files = hashes(args)

    def record(status: Status, result: Result | None = None, error: str | None = None) -> None:
        ledger.append(
            Run(
                id=run_id,
                tool=tool.name,
                status=status,
                started=started,
                seconds=round(time.monotonic() - clock, 3),
                arguments=args.model_dump(mode="json"),
                environment=context.environment(whole=result is not None)
                | ({"files": files} if files else {}),
                result=result,
                error=error,
                rerun_of=rerun_of,
            )
        )

    try:
        result = tool.function(args, context)
    except (KeyboardInterrupt, Ended, Cancelled):
        record("cancelled")
        raise
    except GadflyError as error:
        record("failed", error=str(error))
        raise
    except Exception as error:
        record("failed", error=f"{type(error).__name__}: {error}")
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            raise ModelError(
                f"memory ran out in {tool.name} with the smallest batch it knows; give fewer or shorter prompts, a "
                "smaller --max-rows or --max-tokens, or --dtype bfloat16"
            ) from error
        raise
    assert isinstance(result, Result)
    result.tool, result.run = tool.name, run_id
    result.notes = [*args.noticed, *result.notes]
    record("done", result=result)
    return result


def validate(tool: Declaration[ArgsT, ResultT], arguments: dict[str, Any] | ToolArgs) -> ArgsT:
    """The tool's argument model, or a one-line ToolInputError that names each bad argument."""
    if isinstance(arguments, tool.args):
        return arguments
    try:
        return tool.args.model_validate(arguments)
    except ValidationError as error:
        problems = "; ".join(_problem(tool, item) for item in error.errors(include_url=False))
        raise ToolInputError(f"{tool.name}: {problems}") from error


def _problem(tool: Declaration[Any, Any], item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        valid = ", ".join(tool.args.model_fields)
        return f"unknown argument {place!r} (valid: {valid})"
    if item["type"] == "missing" and (choices := _choices(tool, item["loc"])):
        return f"{place}: give one of {', '.join(map(str, choices))}"
    message = item["msg"].removeprefix("Value error, ")
    # Our own validators name what they were given.
    if item["type"] not in ("missing", "value_error"):
        message += f" (got {short(item['input'])})"
    return f"{place}: {message}" if place else message


def _choices(tool: Declaration[Any, Any], place: tuple[int | str, ...]) -> tuple[Any, ...]:
    """The values that an argument may have; none where it takes any, or where a part of it is meant."""
    kind = tool.args.model_fields[str(place[0])].annotation if len(place) == 1 else None
    return get_args(kind) if get_origin(kind) is Literal else ()


def lacking(extra: str) -> list[str]:
    """The parts of an extra that are not installed. Imports none of them."""
    return [name for name in _PARTS.get(extra, ()) if importlib.util.find_spec(name) is None]


def _environment() -> dict[str, Any]:
    """Versions without importing anything heavy."""
    versions = {"gadfly": __version__, "python": platform.python_version()}
    for name in _VERSIONED:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {"versions": versions}
