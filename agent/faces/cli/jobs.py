"""``gadfly propose``: mini-projects that arrive with their first result. ``gadfly redteam``: a write-up attacked before
a reviewer does it."""

from __future__ import annotations

import sys
from typing import Any

import click

from gadfly.agent.faces.cli.console import (
    FOUND,
    apart,
    as_json,
    json_option,
    output_option,
    progressing,
    read,
    show_page,
)
from gadfly.agent.faces.cli.tools import declared
from gadfly.agent.jobs.propose import job
from gadfly.agent.jobs.redteam import attack


@click.command(
    epilog="\b\nExamples:\n"
    "  gadfly propose\n"
    '  gadfly propose --topic "attention sinks" --days 2 --gpu "RTX 4090"\n'
    "  gadfly propose --topic probing --gpu none --level beginner -n 5 --output ideas.md\n"
    "  gadfly propose --from notes.md --llm offline --json\n"
    "\nThen: gadfly project start ID"
)
@declared(job.propose, flags={"n": "-n"}, leave_out=("notes",))
@click.option(
    "--from", "source", metavar="NOTES", help="A file with notes on your interests; - for stdin."
)
@output_option
@json_option
def propose(
    arguments: dict[str, Any], source: str | None, output: str | None, as_json_: bool
) -> None:
    from gadfly.agent.jobs.propose.page import pages

    if source:
        apart(output, [source])
        arguments["notes"] = read(source)
    with progressing() as progress:
        found = job.propose(**arguments, progress=progress)
    if as_json_:
        as_json(found, output)
    else:
        show_page(pages(found), output)


@click.command(
    epilog="\b\nExamples:\n"
    "  gadfly redteam WRITEUP.md\n"
    "  gadfly redteam WRITEUP.md --llm offline --json\n"
    "  gadfly redteam - < draft.md\n"
    "\nName the run behind a number in its paragraph (r0123abcd), and it is traced."
)
@click.argument("file", metavar="WRITEUP.md")
@declared(attack.redteam, leave_out=("text",))
@click.option("--strict", is_flag=True, help=f"Exit with code {FOUND} if a number matches no run.")
@output_option
@json_option
def redteam(
    arguments: dict[str, Any], file: str, strict: bool, output: str | None, as_json_: bool
) -> None:
    from gadfly.agent.jobs.redteam.report import page

    apart(output, [file])
    text = read(file)
    with progressing() as progress:
        report = attack.redteam(text, **arguments, progress=progress)
    if as_json_:
        as_json(report, output)
    else:
        show_page(page(report), output)
    if strict and report.flagged:
        sys.exit(FOUND)
