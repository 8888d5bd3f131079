"""``gadfly review``: what is wrong with interpretability code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gadfly.agent.faces.cli.console import (
    FOUND,
    apart,
    as_json,
    err,
    json_option,
    out,
    output_option,
    progressing,
    read,
    show_table,
    write,
)
from gadfly.agent.faces.cli.tools import declared
from gadfly.agent.faces.door import command, say
from gadfly.agent.jobs import review as job
from gadfly.agent.llm.choose import OFFLINE
from gadfly.errors import UsageError
from gadfly.visible import name

if TYPE_CHECKING:
    from gadfly.agent.faces.door.screen import Screen
    from gadfly.tools.review.report import Remark, Report

_COLOUR = {"error": "bold red", "warning": "bold yellow", "note": "bold blue"}
_FORMATS = ("text", "json", "markdown", "sarif", "github")


@click.command(
    epilog="\b\nExamples:\n"
    "  gadfly review train_probe.py notebooks/\n"
    "  gadfly review --base main\n"
    "  git diff | gadfly review --diff - --json\n"
    "  gadfly review --base main --rules-only --fail-on error\n"
    "  gadfly review --pr owner/repo#12 --format markdown --output review.md\n"
    "  gadfly review --explain hook-edits-copy\n"
    "\nExit codes: 0 reviewed, whatever was found; 3 findings at or above --fail-on (an argument of a model "
    "alone never counts); 1 an error; 2 a wrong request."
)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--diff", metavar="FILE|-", help="A unified diff: only lines that it adds count.")
@declared(
    job.review, flags={"framings": "--framing"}, leave_out=("code", "paths", "diff", "folder")
)
@click.option(
    "--pr", metavar="OWNER/REPO#N", help="A pull request; GITHUB_TOKEN is used where it is set."
)
@click.option("--rules-only", is_flag=True, help="Ask no model, whatever is configured.")
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    help="github: with --pr one review is posted, else annotations for a workflow's log.  [default: text]",
)
@output_option
@json_option
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "note", "never"]),
    help="Exit with code 3 at findings of this severity or above. [default: never]",
)
@click.option(
    "--max-inline",
    default=5,
    show_default=True,
    type=click.IntRange(0, 50),
    help="Findings that are shown in full; the rest is folded.",
)
@click.option(
    "--explain", metavar="RULE", help="Print the page of a rule: wrong, right, why, source."
)
@click.option("--list-rules", is_flag=True, help="List the rules.")
def review(
    arguments: dict[str, Any],
    paths: tuple[str, ...],
    diff: str | None,
    pr: str | None,
    rules_only: bool,
    form: str | None,
    output: str | None,
    as_json_: bool,
    fail_on: str | None,
    max_inline: int,
    explain: str | None,
    list_rules: bool,
) -> None:
    """Review Python files, folders, notebooks, diffs or a pull request for the bugs of interpretability code.

    Rules on the syntax tree need no key. With a model, it is asked several times under opposed framings; what it
    says counts only where the code that it quotes is there, and after a second one failed to refute it. Findings
    are ranked by evidence: reproduced, static, argued. No code that is reviewed is
    executed, unless you ask for it with --reproduce.
    """
    if form is None and output in _FORMATS:  # what --output meant before there was --format
        form, output = output, None
    form = "json" if as_json_ else form or "text"
    if explain or list_rules:
        if output is not None:
            raise UsageError("--output takes a review; --explain and --list-rules print")
        _explain(explain, form) if explain else _list(form)
        return
    apart(output, [*paths, *filter(None, [diff])])
    if rules_only:
        arguments["llm"] = OFFLINE
    with progressing() as progress:
        if pr is not None:
            if diff or paths or arguments.pop("base", None):
                raise UsageError("--pr stands alone: it brings its own diff")
            if arguments.pop("reproduce", False):
                raise UsageError("--reproduce runs code, and no code of a pull request is run")
            from gadfly.agent.faces.github.pull_request import review_pull_request

            report, level = review_pull_request(
                pr, post=form == "github", max_inline=max_inline, progress=progress, **arguments
            )
        else:
            from gadfly.tools.review.config import from_folder

            level = from_folder(Path.cwd()).fail_on
            report = _local(arguments, paths, diff, progress)
            if form == "github":
                _annotate(report, max_inline)
    _give(report, form, output, max_inline)
    if report.fails(fail_on or level):
        sys.exit(FOUND)


def _local(
    arguments: dict[str, Any], paths: tuple[str, ...], diff: str | None, progress: Any
) -> Report:
    if not (paths or diff is not None or "base" in arguments):
        raise UsageError(
            "nothing to review; give a PATH, --diff FILE, --base REF or --pr OWNER/REPO#N"
        )
    if diff is not None:
        arguments["diff"] = read(diff) or "\n"  # an empty one is given, and no diff
    return job.review(**arguments, paths=list(paths), progress=progress)


def _annotate(report: Report, max_inline: int) -> None:
    from gadfly.agent.critic.markdown import commands, write_summary

    for line in commands(report):
        command(line)
    write_summary(report, max_inline)


def _give(report: Report, form: str, output: str | None, max_inline: int) -> None:
    if form in ("text", "github"):
        if output:
            write(output, _as_text(report, max_inline))
        else:
            # A workflow's log shows what annotations cut off; stdout holds the workflow commands alone.
            _show_report(err() if form == "github" else out(), report, max_inline)
        return
    if form == "json":
        as_json(report, output)
        return
    if form == "markdown":
        from gadfly.agent.critic.markdown import summary

        text = summary(report, max_inline)
        write(output, text) if output else say(text, end="")
    else:
        from gadfly.agent.critic.sarif import sarif

        as_json(sarif(report), output)


def _explain(name: str, form: str) -> None:
    from gadfly.tools.review.registry import PAGES, rules

    if name not in rules():
        from difflib import get_close_matches

        near = get_close_matches(name, rules(), n=1)
        hint = f"did you mean {near[0]}?" if near else "see: gadfly review --list-rules"
        raise UsageError(f"no rule {name!r}; {hint}")
    if form == "json":
        as_json({"rule": name, **rules()[name].page._asdict()})
    else:
        say((PAGES / f"{name}.md").read_text(encoding="utf-8"), end="")


def _list(form: str) -> None:
    from gadfly.tools.review.registry import rules

    listed = [(each.id, each.severity, each.page.title) for each in rules().values()]
    if form == "json":
        names = ("rule", "severity", "title")
        as_json({"rules": [dict(zip(names, each, strict=True)) for each in listed]})
    else:
        show_table(("rule", "severity", "what it finds"), listed, whole=True)


def _as_text(report: Report, max_inline: int) -> str:
    """What a pipe would get, for a file."""
    from io import StringIO

    from gadfly.agent.faces.door.screen import Screen

    text = StringIO()
    _show_report(Screen(file=text, soft_wrap=True, color_system=None), report, max_inline)
    return text.getvalue()


def _show_report(console: Screen, report: Report, max_inline: int) -> None:
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
