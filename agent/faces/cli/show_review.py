"""How a review looks on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gadfly.agent.faces.cli.console import out
from gadfly.visible import name

if TYPE_CHECKING:
    from gadfly.agent.faces.door.screen import Screen
    from gadfly.tools.review.report import Remark, Report

_COLOUR = {"error": "bold red", "warning": "bold yellow", "note": "bold blue"}


def as_text(report: Report, max_inline: int) -> str:
    """What a pipe would get, for a file."""
    from io import StringIO

    from gadfly.agent.faces.door.screen import Screen

    text = StringIO()
    show_report(Screen(file=text, soft_wrap=True, color_system=None), report, max_inline)
    return text.getvalue()


def show_report(console: Screen, report: Report, max_inline: int) -> None:
    """The first findings in full, the rest in a line each, then what was read."""
    from rich.text import Text

    from gadfly.agent.critic.markdown import headline, notes

    first = report.inline(max_inline)
    for each in first:
        _in_full(console, each)
    for each in report.findings[len(first) :]:
        console.print(
            Text.assemble(
                (each.severity, _COLOUR[each.severity]),
                name(f"  {each.place}  {each.rule}  "),
                (each.evidence, "dim"),
            )
        )
    if len(report.findings) > len(first):
        console.print()
    for note in notes(report):
        console.print(name(f"note: {note}"), style="yellow")
    style = "bold" if report.findings else "bold green"
    console.print(Text.assemble((headline(report), style), (name(f"  in {report.read}"), "dim")))


def show_rules(listed: list[dict[str, str]]) -> None:
    """Every rule in a line."""
    from gadfly.agent.faces.door.screen import row, table

    shown = table("rule", "severity", "what it finds", whole=True)
    for each in listed:
        row(shown, each["rule"], each["severity"], each["title"])
    out().print(shown)


def _in_full(console: Screen, each: Remark) -> None:
    from rich.text import Text

    from gadfly.tools.review.report import CRITIQUE

    console.print(
        Text.assemble(
            (each.severity, _COLOUR[each.severity]),
            (f"  {name(each.place)}", "bold"),
            f"  {each.rule}",
            (f"  {each.evidence}", "dim"),
        )
    )
    for number, line in enumerate(each.quote.split("\n"), each.start_line):
        console.print(Text.assemble((f"{number:>6} │ ", "dim"), line))
    console.print(f"  {each.message}")
    if each.fix:
        console.print(f"  instead: {each.fix}", style="green")
    if each.suggestion:
        for line in each.suggestion.split("\n"):
            console.print(f"       + {line}", style="green")
    if each.framings:
        ways = ", ".join(
            f"{name} {'yes' if found else 'no'}" for name, found in each.framings.items()
        )
        console.print(name(f"  framings: {ways}"), style="dim")
    if each.note:
        console.print(f"  {each.note}", style="dim")
    if each.rule != CRITIQUE:
        console.print(f"  gadfly review --explain {each.rule}", style="dim")
    console.print()
