"""``gadfly review``: what is wrong with interpretability code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gadfly.agent.faces.cli.console import as_json, bars, json_option
from gadfly.agent.faces.door import command, say, say_json
from gadfly.errors import UsageError

if TYPE_CHECKING:
    from gadfly.tools.review.reading.material import Material
    from gadfly.tools.review.report import Report

FOUND = 3  # the exit code when --fail-on is met; 1 and 2 are taken by errors
_OUTPUTS = ("text", "json", "markdown", "sarif", "github")
_FRAMINGS = ("neutral", "bugged", "invalidate", "passed")


@click.command(
    epilog="\b\nExamples:\n"
    "  gadfly review train_probe.py notebooks/\n"
    "  gadfly review --base main\n"
    "  git diff | gadfly review --diff - --json\n"
    "  gadfly review --base main --rules-only --fail-on error\n"
    "  gadfly review --pr owner/repo#12 --output markdown\n"
    "  gadfly review --explain hook-edits-copy\n"
    "\nExit codes: 0 reviewed, whatever was found; 3 findings at or above --fail-on (an argument of a model "
    "alone never counts); 1 an error; 2 a wrong request."
)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--diff", metavar="FILE|-", help="A unified diff: only lines that it adds count.")
@click.option(
    "--base",
    metavar="REF",
    help="What changed since this branch or commit, uncommitted work included.",
)
@click.option(
    "--pr", metavar="OWNER/REPO#N", help="A pull request; GITHUB_TOKEN is used where it is set."
)
@click.option(
    "--output",
    type=click.Choice(_OUTPUTS),
    default="text",
    show_default=True,
    help="github: with --pr one review is posted, else annotations for a workflow's log.",
)
@json_option
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "note", "never"]),
    help="Exit with code 3 at findings of this severity or above. [default: never]",
)
@click.option(
    "--llm",
    metavar="MODEL",
    help="PROVIDER/MODEL for the critique, or 'offline'. [default: by the keys set]",
)
@click.option("--rules-only", is_flag=True, help="Ask no model, whatever is configured.")
@click.option(
    "--framing",
    multiple=True,
    type=click.Choice(_FRAMINGS),
    help="Ask only in this way; may be repeated. [default: all four]",
)
@click.option(
    "--reproduce",
    is_flag=True,
    help="Let the model try a script for each argument, inside bubblewrap.",
)
@click.option(
    "--budget",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0),
    help="US dollars for the critique.",
)
@click.option(
    "--seed", default=0, show_default=True, help="Of the order in which the model is asked."
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
    paths: tuple[str, ...],
    diff: str | None,
    base: str | None,
    pr: str | None,
    output: str,
    as_json_: bool,
    fail_on: str | None,
    max_inline: int,
    explain: str | None,
    list_rules: bool,
    **how: Any,
) -> None:
    """Review Python files, folders, notebooks, diffs or a pull request for the bugs of interpretability code.

    Rules on the syntax tree need no key. With a model, it is asked several times under opposed framings; what it
    says counts only where the code that it quotes is there, and after a second one failed to refute it. Findings
    are ranked by evidence: reproduced, static, argued. No code that is reviewed is
    executed, unless you ask for it with --reproduce.
    """
    output = "json" if as_json_ else output
    if explain:
        _explain(explain, output)
        return
    if list_rules:
        _list(output)
        return
    how["framings"] = how.pop("framing")
    progress = bars()
    try:
        if pr is not None:
            if diff or base or paths:
                raise UsageError("--pr stands alone: it brings its own diff")
            if how.pop("reproduce"):
                raise UsageError("--reproduce runs code, and no code of a pull request is run")
            from gadfly.agent.faces.github.pull_request import review_pull_request

            report, level = review_pull_request(
                pr, post=output == "github", max_inline=max_inline, progress=progress, **how
            )
        else:
            report, level = _local(paths, diff, base, how, progress)
            if output == "github":
                _annotate(report, max_inline)
    finally:
        progress.finish()
    _print(report, output, max_inline)
    if report.fails(fail_on or level):
        sys.exit(FOUND)


def _local(
    paths: tuple[str, ...], diff: str | None, base: str | None, how: dict[str, Any], progress: Any
) -> tuple[Report, str]:
    from gadfly.agent.jobs.review import review as run
    from gadfly.tools.review.config import from_folder

    config = from_folder(Path.cwd())
    material = _gathered(paths, diff, base)
    return run(material, config=config, progress=progress, **how), config.fail_on


def _gathered(paths: tuple[str, ...], diff: str | None, base: str | None) -> Material:
    from gadfly.tools.review.reading.changes import from_base, from_diff
    from gadfly.tools.review.reading.material import from_paths

    if diff is not None and base is not None:
        raise UsageError("--diff and --base are two different changes; give one of them")
    if diff is not None:
        return from_diff(_read(diff), only=paths)
    if base is not None:
        return from_base(base, only=paths)
    if not paths:
        raise UsageError(
            "nothing to review; give a PATH, --diff FILE, --base REF or --pr OWNER/REPO#N"
        )
    return from_paths(paths)


def _read(name: str) -> str:
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror or error}") from None
    return data.decode("utf-8", "replace")


def _annotate(report: Report, max_inline: int) -> None:
    from gadfly.agent.critic.annotations import commands, write_summary

    for line in commands(report):
        command(line)
    write_summary(report, max_inline)


def _print(report: Report, output: str, max_inline: int) -> None:
    if output == "json":
        as_json(report)
    elif output == "sarif":
        from gadfly.agent.critic.sarif import sarif

        say_json(sarif(report), indent=2)
    elif output == "markdown":
        from gadfly.agent.critic.markdown import summary

        say(summary(report, max_inline), end="")
    else:
        from gadfly.agent.faces.cli.show_review import show_report

        # A workflow's log shows what annotations cut off; stdout holds the workflow commands alone.
        show_report(report, max_inline, to_stderr=output == "github")


def _explain(name: str, output: str) -> None:
    from gadfly.tools.review.registry import PAGES, rules

    if name not in rules():
        from difflib import get_close_matches

        near = get_close_matches(name, rules(), n=1)
        hint = f"did you mean {near[0]}?" if near else "see: gadfly review --list-rules"
        raise UsageError(f"no rule {name!r}; {hint}")
    if output == "json":
        page = rules()[name].page
        as_json({"rule": name, **page._asdict()})
        return
    say((PAGES / f"{name}.md").read_text(encoding="utf-8"), end="")


def _list(output: str) -> None:
    from gadfly.tools.review.registry import rules
    from gadfly.tools.review.report import level

    listed = [
        {"rule": each.id, "severity": level(each.severity), "title": each.page.title}
        for each in rules().values()
    ]
    if output == "json":
        as_json({"rules": listed})
        return
    from gadfly.agent.faces.cli.show_review import show_rules

    show_rules(listed)
