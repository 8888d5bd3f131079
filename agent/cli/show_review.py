"""How a review looks on a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gadfly.agent.cli.console import err, out

if TYPE_CHECKING:
    from rich.console import Console

    from gadfly.agent.critic.report import Remark, Report

_COLOUR = {"error": "bold red", "warning": "bold yellow", "note": "bold blue"}


def show_report(report: Report, max_inline: int, *, to_stderr: bool = False) -> None:
    """The first findings in full, the rest in a line each, then what was read."""
    from rich.text import Text

    from gadfly.agent.critic.markdown import headline, notes, visible

    console, clean = (err(), _for_a_log) if to_stderr else (out(), visible)
    first = report.inline(max_inline)
    for each in first:
        _in_full(console, each, clean)
    for each in report.findings[len(first) :]:
        console.print(
            Text.assemble(
                (each.severity, _COLOUR[each.severity]),
                clean(f"  {each.place}  {each.rule}  "),
                (each.evidence, "dim"),
            )
        )
    if len(report.findings) > len(first):
        console.print()
    for note in notes(report):
        console.print(Text(clean(f"note: {note}"), style="yellow"))
    style = "bold" if report.findings else "bold green"
    console.print(Text.assemble((headline(report), style), (clean(f"  in {report.read}"), "dim")))


def show_rules(listed: list[dict[str, str]]) -> None:
    """Every rule in a line."""
    from rich.table import Table

    table = Table("rule", "severity", "what it finds", box=None)
    for each in listed:
        table.add_row(each["rule"], each["severity"], each["title"])
    out().print(table)


def _for_a_log(text: str) -> str:
    """A workflow's log obeys lines that begin with :: or hold ##[, and a long line is broken anywhere."""
    from gadfly.agent.critic.markdown import visible

    return visible(text).replace("::", ":\u200b:").replace("##[", "#\u200b#[")


def _in_full(console: Console, each: Remark, clean: Callable[[str], str]) -> None:
    from rich.text import Text

    from gadfly.agent.critic.report import CRITIQUE

    console.print(
        Text.assemble(
            (each.severity, _COLOUR[each.severity]),
            ("  " + clean(each.place), "bold"),
            f"  {each.rule}",
            (f"  {each.evidence}", "dim"),
        )
    )
    for number, line in enumerate(each.quote.split("\n"), each.start_line):
        console.print(Text.assemble((f"{number:>6} │ ", "dim"), clean(line)))
    console.print(Text(clean(f"  {each.message}")))
    if each.fix:
        console.print(Text(clean(f"  instead: {each.fix}"), style="green"))
    if each.suggestion:
        for line in each.suggestion.split("\n"):
            console.print(Text(clean(f"       + {line}"), style="green"))
    if each.framings:
        ways = ", ".join(
            f"{name} {'yes' if found else 'no'}" for name, found in each.framings.items()
        )
        console.print(Text(f"  framings: {ways}", style="dim"))
    if each.note:
        console.print(Text(clean(f"  {each.note}"), style="dim"))
    if each.rule != CRITIQUE:
        console.print(Text(f"  gadfly review --explain {each.rule}", style="dim"))
    console.print()
