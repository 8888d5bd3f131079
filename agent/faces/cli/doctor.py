"""``gadfly doctor``: what is missing, the command that adds it, and what works now."""

from __future__ import annotations

import click

from gadfly.agent.faces.cli.console import as_json, json_option, out
from gadfly.visible import name


@click.command(epilog="\b\nExamples:\n  gadfly doctor\n  gadfly doctor --deep --json")
@click.option("--deep", is_flag=True, help="Also import torch and load the demo model (seconds).")
@json_option
def doctor(deep: bool, as_json_: bool) -> None:
    """Say what is here of key, corpus, GPU, weights, extras and sandbox, how to add what is not, and every setting.

    Nothing is needed for search with quotes and for experiments on the demo model. Exit code 0 whatever is missing.
    """
    from gadfly.agent.faces.cli.checks import diagnose

    report = diagnose(deep=deep)
    if as_json_:
        as_json(report)
        return
    from rich.text import Text

    console = out()
    colours = {"ok": "green", "missing": "yellow", "broken": "red"}
    for check in report.checks:
        state = Text(f"{check.state:8}", style=colours[check.state])
        console.print(Text.assemble(state, f" {check.name:8} {name(check.found)}"))
        if check.add:
            console.print(f"{'':17} add: {name(check.add)}", style="bold")
        if check.without:
            console.print(f"{'':17} without it: {name(check.without)}", style="dim")
    console.print()
    for setting in report.settings:
        where = "" if setting.source in ("default", setting.name) else f" ({setting.source})"
        style = "dim" if setting.source == "default" else ""
        console.print(Text(f"{setting.name:25} {name(setting.value)}{where}", style=style))
        if setting.wrong:
            console.print(Text(f"{'':25} {name(setting.wrong)}", style="red"))
    console.print()
    for line in report.works:
        console.print(f"works now: {line}")
    console.print(f"gadfly {report.version}, data in {report.home}", style="dim")
