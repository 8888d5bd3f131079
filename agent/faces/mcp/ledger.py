"""The ledger as tools: list runs, show one, run one again. They call ``gadfly.tools`` and no more."""

from __future__ import annotations

from pydantic import BaseModel, Field

from gadfly.tools.again import Rerun
from gadfly.tools.again import rerun as execute_again
from gadfly.tools.contract import Context, ToolArgs, tool
from gadfly.tools.ledger import Ledger, Run
from gadfly.tools.reach import RunName


class RunsArgs(ToolArgs):
    tool: str | None = Field(default=None, description="only runs of this tool")
    n: int = Field(default=20, ge=1, le=200, description="how many, newest first")


class Line(BaseModel):
    """A run in one line; ``verdict`` is empty where it did not finish."""

    run: str
    tool: str
    status: str
    started: str
    seconds: float
    verdict: str = ""
    headline: str = ""


class Runs(BaseModel):
    runs: list[Line]


class ShowRunArgs(ToolArgs):
    run: str = Field(min_length=3, description="run id, or its beginning")


class RerunArgs(ToolArgs):
    run: RunName = Field(min_length=3, description="run id, or its beginning")
    tolerance: float = Field(
        default=1e-4,
        ge=0,
        description="largest difference that counts as equal: absolute below 1, relative above",
    )


@tool(name="runs", cost="milliseconds")
def runs(args: RunsArgs, context: Context) -> Runs:
    """List recorded experiments with their verdicts, newest first."""
    lines = [
        Line(
            run=each.id,
            tool=each.tool,
            status=each.status,
            started=f"{each.started:%Y-%m-%d %H:%M} UTC",
            seconds=each.seconds,
            verdict=each.result.verdict if each.result else "",
            headline=each.result.headline if each.result else (each.error or ""),
        )
        for each in Ledger().recent(args.n, tool=args.tool)
    ]
    return Runs(runs=lines)


@tool(name="show_run", cost="milliseconds")
def show_run(args: ShowRunArgs, context: Context) -> Run:
    """Show one experiment whole: arguments, seed, model fingerprint, versions, result, figures, and the nnterp and
    PyTorch script that does the same without Gadfly."""
    return Ledger().get(args.run)


@tool(name="rerun", cost="as long as the run took", read_only=False, extra="interp")
def rerun(args: RerunArgs, context: Context) -> Rerun:
    """Execute a recorded experiment again with the same arguments, and say which numbers moved."""
    return execute_again(args.run, tolerance=args.tolerance, progress=context.progress)
