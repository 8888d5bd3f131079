"""``gadfly project``: start a proposed project, log, check, look back."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gadfly import files
from gadfly.agent.faces.cli.console import FOUND, as_json, err, json_option, out
from gadfly.agent.faces.door import say
from gadfly.errors import HomeError
from gadfly.visible import name

_folder = click.option(
    "--folder", default=".", show_default=True, type=click.Path(path_type=Path), help="The project."
)


@click.group(
    epilog="\b\nExamples:\n"
    "  gadfly project start p0123abcd\n"
    '  gadfly project log --predict "AUROC on held-out cues is at least 0.8; below 0.7 I am wrong"\n'
    '  gadfly project log "the probe is at chance on cue 3; bag of words is not"\n'
    "  gadfly project check\n"
)
def project() -> None:
    """Start a proposed project; keep its log; be asked uncomfortable questions; look back."""


@project.command()
@click.argument("identifier", metavar="ID")
@click.option("--folder", type=click.Path(path_type=Path), help="Where. [default: named after it]")
@json_option
def start(identifier: str, folder: Path | None, as_json_: bool) -> None:
    """Make a folder for the proposal ID: plan, first notebook, log with sealed predictions, write-up."""
    from gadfly.agent.jobs.propose.proposal import load
    from gadfly.agent.sessions.projects.folder import NOTEBOOK
    from gadfly.agent.sessions.projects.folder import start as make

    made = make(load(identifier), folder)
    if as_json_:
        files = sorted(str(path.relative_to(made)) for path in made.rglob("*") if path.is_file())
        as_json({"folder": str(made), "files": files})
        return
    out().print(f"{name(made)}: read README.md, run {NOTEBOOK}, then:")
    out().print(f'  cd {name(made)} && gadfly project log --predict "..."')


@project.command()
@click.argument("text", required=False)
@click.option(
    "--predict", metavar="TEXT", multiple=True, help="Seal a prediction first; may be repeated."
)
@click.option(
    "--run", "runs", metavar="ID", multiple=True, help="Runs to note. [default: new ones]"
)
@_folder
@json_option
def log(
    text: str | None, predict: tuple[str, ...], runs: tuple[str, ...], folder: Path, as_json_: bool
) -> None:
    """Append TEXT to the log with the time and the runs since the last entry; or seal a prediction."""
    from gadfly.agent.sessions.projects import log as logbook
    from gadfly.tools.ledger import Ledger

    if not text and not predict:
        raise click.UsageError("give a TEXT, or --predict TEXT")
    ledger = Ledger()
    seals = [logbook.predict(folder, each, ledger) for each in predict]
    written, noted = logbook.entry(folder, text, list(runs), ledger) if text else ("", [])
    if as_json_:
        sealed = [seal.model_dump(mode="json") for seal in seals]
        as_json({"sealed": sealed, "entry": written, "runs": [run.id for run in noted]})
        return
    for seal in seals:
        out().print(f"{seal.name} sealed at {seal.time:%H:%M} UTC: {name(seal.text)}")
    if written:
        out().print(written)


@project.command()
@_folder
@click.option("--strict", is_flag=True, help=f"Exit with code {FOUND} if a question is serious.")
@json_option
def check(folder: Path, strict: bool, as_json_: bool) -> None:
    """Ask what a good colleague would ask, from the log, the write-up, the seals and the ledger."""
    from gadfly.agent.sessions.projects.check import check as ask

    found = ask(folder)
    if as_json_:
        as_json(found)
    else:
        console = out()
        console.print(f"hour {found.hour:.1f} of {found.box:g}, {found.runs} runs", style="dim")
        for question in found.questions:
            style = "bold red" if question.level == "serious" else "yellow"
            console.print(f"{question.kind}: {name(question.text)}", style=style)
            for line in question.evidence:
                console.print(f"    {name(line)}")
        if not found.questions:
            console.print("nothing to ask, which is rare; look again tomorrow")
    if strict and found.serious:
        sys.exit(FOUND)


@project.command()
@_folder
@json_option
def retro(folder: Path, as_json_: bool) -> None:
    """Look back: plan against clock and ledger. Written to RETRO.md, unless there is one."""
    from gadfly.agent.sessions.projects.check import RETRO, retro_page
    from gadfly.agent.sessions.projects.check import retro as look_back

    found = look_back(folder)
    text = retro_page(found)
    path = folder / RETRO
    if not path.exists():
        try:
            files.write(path, text)
        except OSError as error:
            raise HomeError(f"cannot write {path} ({error.strerror or error})") from error
        err().print(f"written to {name(path)}")
    if as_json_:
        as_json(found)
    else:
        say(text, end="")
