"""``gadfly runs``, ``gadfly rerun`` and ``gadfly report``: the ledger."""

from __future__ import annotations

from pathlib import Path

import click

from gadfly.agent.faces.cli.console import as_json, json_option, out, progressing, show_table, write
from gadfly.agent.faces.cli.show import show_result
from gadfly.agent.faces.door import say, tell
from gadfly.visible import name


@click.group(invoke_without_command=True)
@click.option("--tool", help="Only runs of this tool.")
@click.option(
    "-n", "limit", default=20, show_default=True, type=click.IntRange(1), help="How many."
)
@json_option
@click.pass_context
def runs(ctx: click.Context, tool: str | None, limit: int, as_json_: bool) -> None:
    """List the latest experiments, newest first.

    \b
    Examples:
      gadfly runs -n 5
      gadfly runs show r1f2e3d4c
    """
    if ctx.invoked_subcommand:
        return
    from gadfly.tools.ledger import Ledger

    found = Ledger().recent(limit, tool=tool)
    if as_json_:
        as_json({"runs": [run.model_dump(mode="json") for run in found]})
        return
    if not found:
        tell("No runs yet. Try: gadfly patch --data task:indirect-object")
        return
    rows = []
    for run in found:
        verdict = run.result.verdict if run.result else run.status
        text = run.result.headline if run.result else (run.error or "")
        when = f"{run.started:%Y-%m-%d %H:%M}"
        rows.append((run.id, run.tool, when, f"{run.seconds:.1f}", verdict, text))
    show_table(("run", "tool", "when (UTC)", "seconds", "verdict", "headline"), rows, whole=True)


@runs.command()
@click.argument("run_id")
@json_option
def show(run_id: str, as_json_: bool) -> None:
    """Show one experiment whole: arguments, environment, result, reproduction script."""
    from gadfly.tools.ledger import Ledger

    run = Ledger().get(run_id)
    if as_json_:
        as_json(run)
        return
    import json

    console = out()
    console.print(
        f"run {name(run.id)}   {name(run.tool)}   {run.status}   {run.started:%Y-%m-%d %H:%M} UTC   {run.seconds:.1f} s"
    )
    console.print("arguments " + json.dumps(run.arguments), soft_wrap=True)
    console.print("environment " + json.dumps(run.environment), soft_wrap=True)
    if run.error:
        console.print(run.error, style="red")
    if run.result:
        show_result(run.result)
        console.print("\nThe same in plain nnterp and PyTorch:\n", style="bold")
        console.print(run.result.reproduce, soft_wrap=True)


@click.command()
@click.argument("run_id")
@click.option(
    "--tolerance",
    default=1e-4,
    show_default=True,
    help="Largest difference that counts as equal: absolute below 1, relative above.",
)
@json_option
def rerun(run_id: str, tolerance: float, as_json_: bool) -> None:
    """Execute a recorded experiment again with the same arguments and say what moved."""
    from gadfly.tools.again import rerun as execute_again

    with progressing() as progress:
        again = execute_again(run_id, tolerance=tolerance, progress=progress)
    if as_json_:
        as_json(again)
        return
    console = out()
    if again.moved:
        for moved in again.moved:
            after = "missing" if moved.after is None else f"{moved.after:.6g}"
            console.print(f"{name(moved.field)}: {moved.before:.6g} → {after}")
    else:
        console.print(f"reproduced: all {again.compared} values within {tolerance:g}")
    if again.verdict_before != again.verdict_after:
        console.print(f"verdict: {again.verdict_before} → {again.verdict_after}", style="red")
    for key, (before, after) in again.environment_changed.items():
        console.print(name(f"{key} changed: {before} → {after}"), style="yellow")
    console.print(name(f"run {again.run}, again from {again.original}"), style="dim")


@click.command()
@click.argument("run_ids", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "-o",
    "--output",
    default="gadfly-report.html",
    show_default=True,
    metavar="FILE",
    help="Write it to FILE.",
)
@click.option("--title", default="Gadfly report", show_default=True)
@json_option
def report(run_ids: tuple[str, ...], output: str, title: str, as_json_: bool) -> None:
    """Write experiments to one HTML page with their figures, controls and scripts; nothing outside it is needed.

    \b
    Examples:
      gadfly report r1f2e3d4c
      gadfly report r1f2e3d4c r5a6b7c8d -o sweep.html --title "Where capitals are recalled"
    """
    from gadfly.tools.ledger import Ledger
    from gadfly.tools.page import page

    ledger = Ledger()
    found = [ledger.get(run_id) for run_id in run_ids]
    write(output, page(found, title=title))
    if as_json_:
        as_json({"file": str(Path(output).resolve()), "runs": [run.id for run in found]})
        return
    say(name(Path(output).resolve()))
