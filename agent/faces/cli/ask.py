"""``gadfly ask``: one question, one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gadfly.agent.faces.cli.console import as_json, err, json_option, line, piped, progressing
from gadfly.agent.faces.cli.show import show_answer
from gadfly.agent.faces.cli.tools import declared
from gadfly.agent.jobs import ask as job
from gadfly.agent.turn.events import Final, Text, as_dict

if TYPE_CHECKING:
    from gadfly.agent.turn.events import Event

# The names of the arguments of ``ask`` on the command line, in the chat too.
FLAGS = {"experiments": "--experiment/--no-experiment", "window": "--context"}


@click.command(
    epilog="\b\nExamples:\n"
    '  gadfly ask "Where does a model recall the capital of a country?"\n'
    '  gadfly ask --llm offline "What is selectivity in probing?" --json\n'
    '  gadfly ask --context auto --budget 2 "Which results on induction heads disagree?"\n'
    '  git diff | gadfly ask "Is the patching in this diff denoising or noising?"\n'
    "\nExit codes: 0 answered (or said that it cannot), 1 failed, 2 wrong usage, 130 stopped."
)
@click.argument("question", nargs=-1)
@declared(job.ask, flags=FLAGS, leave_out=("question", "context"))
@click.option(
    "--events",
    is_flag=True,
    help="JSON lines on stdout: each event as it happens, the answer last.",
)
@json_option
def ask(arguments: dict[str, Any], question: tuple[str, ...], events: bool, as_json_: bool) -> None:
    streams = err().is_terminal and not (as_json_ or events)

    def heard(event: Event) -> None:
        if events:
            line(as_dict(event))
        elif streams and isinstance(event, Text):
            # Dim and on stderr: its receipts are not checked yet.
            err().print(event.delta, style="dim", end="")

    with progressing() as progress:
        answer = job.ask(
            " ".join(question), piped(), **arguments, progress=progress, on_event=heard
        )
    if events:
        line(as_dict(Final(answer)))
    elif as_json_:
        as_json(answer)
    else:
        show_answer(answer)
