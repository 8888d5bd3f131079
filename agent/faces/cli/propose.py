"""``gadfly propose``: mini-projects that arrive with their first result."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gadfly import files
from gadfly.agent.faces.cli.console import as_json, bars, err, json_option, out
from gadfly.agent.faces.door import say
from gadfly.errors import UsageError
from gadfly.visible import name

_LONGEST = 200_000  # characters of notes


@click.command(
    epilog="\b\nExamples:\n"
    "  gadfly propose\n"
    '  gadfly propose --topic "attention sinks" --days 2 --gpu "RTX 4090"\n'
    "  gadfly propose --topic probing --gpu none --level beginner -n 5 --output ideas.md\n"
    "  gadfly propose --from notes.md --llm offline --json\n"
    "\nThen: gadfly project start ID"
)
@click.option("--topic", default="", help="What it should be about. [default: anything]")
@click.option("--days", default=3, show_default=True, type=int, help="1 to 5.")
@click.option("--gpu", help="A name (RTX 4090), a memory size (24GB), or none. [default: 24GB]")
@click.option(
    "--budget", default=50.0, show_default=True, help="US dollars for API calls of the project."
)
@click.option("--level", help="beginner, intermediate or advanced.")
@click.option(
    "--from", "source", metavar="NOTES", help="A file with notes on your interests; - for stdin."
)
@click.option("-n", "n", default=3, show_default=True, type=int, help="How many.")
@click.option(
    "--llm",
    help="PROVIDER/MODEL to write and attack drafts, or 'offline'. [default: by the keys set]",
)
@click.option("--model", default="demo", show_default=True, help="The model that pilots run on.")
@click.option("--no-pilot", is_flag=True, help="Do not run the first experiments now.")
@click.option("--output", metavar="FILE.md", help="Write the pages here.")
@json_option
def propose(
    topic: str,
    days: int,
    gpu: str | None,
    budget: float,
    level: str | None,
    source: str | None,
    n: int,
    llm: str | None,
    model: str,
    no_pilot: bool,
    output: str | None,
    as_json_: bool,
) -> None:
    """Propose mini-projects of 1 to 5 days, each on one page, with the first experiment already run.

    Each is grounded in verified quotes, made to fit the machine by calculation, piloted with controls, criticised
    against a rubric and ranked. Without an LLM they are templates of the packaged bank, and say so.
    """
    from gadfly.agent.jobs.propose.job import propose as run
    from gadfly.agent.jobs.propose.page import pages

    notes = _read(source) if source else ""
    progress = bars()
    try:
        found = run(
            topic,
            days=days,
            gpu=gpu,
            budget=budget,
            level=level,
            notes=notes,
            n=n,
            llm=llm,
            model=model,
            pilot=not no_pilot,
            progress=progress,
        )
    finally:
        progress.finish()
    text = pages(found)
    if output:
        _write(Path(output), text)
        err().print(f"written to {name(output)}")
    if as_json_:
        as_json(found)
    elif not output:
        show(text)


def show(text: str) -> None:
    """Markdown: laid out on a terminal, as it is elsewhere."""
    if not out().is_terminal:
        say(text, end="")
        return
    from gadfly.agent.faces.door.screen import markdown

    out().print(markdown(text))


def _read(source: str) -> str:
    try:
        text = sys.stdin.read() if source == "-" else _text(Path(source))
    except OSError as error:
        raise UsageError(f"cannot read {source}: {error.strerror or error}") from None
    if len(text) > _LONGEST:
        raise UsageError(f"{source} has {len(text):,} characters; at most {_LONGEST:,} are taken")
    return text


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _write(path: Path, text: str) -> None:
    try:
        files.write(path, text)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
