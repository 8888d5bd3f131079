"""Python as the tool of last resort: for what the typed tools cannot do, inside a sandbox or not at all.

The code runs in a process of its own under bubblewrap (``sandbox``): no network, nothing writable but a scratch folder
in memory, limits on time, memory and processes, no environment and so no key. Variables stay from one call to the
next. Each execution is a run in the ledger; its verdict is always ``inconclusive``, because free code brings no
controls. A face asks the researcher before each call.
"""

from __future__ import annotations

from pydantic import Field

from gadfly.corpus.progress import running
from gadfly.tools.contract import Context, Result, ToolArgs, Verdict, tool
from gadfly.tools.reach import ModelName, PlainText

_SHOWN = 6_000  # characters of output that reach the model; the whole is in the run's artifacts


class PythonArgs(ToolArgs):
    """Arguments of ``python``."""

    code: PlainText = Field(
        min_length=1,
        max_length=40_000,
        description="Python source; the value of a last expression is shown. At hand: load(name) gives the local "
        "model, results[run_id] earlier runs, artifacts a folder with their files, torch where it is installed",
    )
    seconds: int = Field(default=120, ge=1, le=1800, description="time limit of this execution")
    model: ModelName = Field(
        default="demo", description="the model whose weights the sandbox may read"
    )


class PythonResult(Result):
    """What the code printed and gave."""

    output: str = ""
    value: str = ""
    error: str = ""


@tool(
    name="python",
    cost="as long as the code takes; a process starts with the first call",
    read_only=False,
    extra="interp",
)
def python(args: PythonArgs, context: Context) -> PythonResult:
    """Last resort, only where no other tool can do it: run Python in a sandbox without network. State stays between
    calls. Its numbers have no controls, so they decide nothing by themselves.

    Raises:
        ToolInputError: there is no working sandbox; says what to install. Nothing ran.
    """
    from gadfly.tools.kernel.process import kernel

    with running(context.progress, "Running Python in the sandbox"):
        done = kernel(args.model).run(args.code, args.seconds, context.progress)
    (context.artifacts() / "code.py").write_text(args.code, encoding="utf-8", errors="replace")
    (context.artifacts() / "output.txt").write_text(done.output, encoding="utf-8")
    cut = done.output if len(done.output) <= _SHOWN else done.output[:_SHOWN] + "\n[cut]"
    head = "The code ran" if not done.error else "The code failed"
    return PythonResult(
        headline=f"{head} in {done.seconds:.1f} s.",
        verdict=Verdict.INCONCLUSIVE,
        why="free code has no controls: what it prints is an observation, not a result",
        output=cut,
        value=done.value[:_SHOWN],
        error=done.error[-2_000:],
        values=done.numbers,
        notes=["A number named in `values` can be cited; keep(name=number) in the code names one."],
        reproduce=args.code,
    )
