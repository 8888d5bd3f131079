"""``gadfly ask``: one question, one answer."""

from __future__ import annotations

import select
import sys

import click

from gadfly.agent.cli.console import as_json, bars, err, json_option
from gadfly.agent.cli.show import show_answer

_STDIN_WAIT = 2.0  # seconds until a pipe that stays silent counts as empty


@click.command(
    epilog="\b\nExamples:\n"
    '  gadfly ask "Where does a model recall the capital of a country?"\n'
    '  gadfly ask --llm offline "What is selectivity in probing?" --json\n'
    '  git diff | gadfly ask "Is the patching in this diff denoising or noising?"'
)
@click.argument("question", nargs=-1)
@click.option(
    "--llm", help="PROVIDER/MODEL for the answer, or 'offline'. [default: by the keys set]"
)
@click.option(
    "--model",
    default="demo",
    show_default=True,
    help="The local model that experiments run on: demo, a hub name or a folder.",
)
@click.option("--no-experiment", is_flag=True, help="Answer from the corpus alone.")
@json_option
def ask(
    question: tuple[str, ...], llm: str | None, model: str, no_experiment: bool, as_json_: bool
) -> None:
    """Answer QUESTION from the corpus and from experiments on a local model.

    Every claim carries a receipt: a quote that stands verbatim in a document, or a number of a recorded
    run. A claim without one is marked as opinion. Text on standard input is added as context.
    """
    from gadfly.agent.jobs.ask import ask as answer_question

    context = _piped()
    progress = bars()
    try:
        answer = answer_question(
            " ".join(question),
            context=context,
            llm=llm,
            model=model,
            experiments=not no_experiment,
            progress=progress,
            on_text=_stream if err().is_terminal and not as_json_ else lambda _: None,
        )
    finally:
        progress.finish()
    if as_json_:
        as_json(answer)
    else:
        show_answer(answer)


def _stream(text: str) -> None:
    """The draft as it arrives, dim and on stderr: receipts are not checked yet."""
    err().print(text, style="dim", end="", markup=False)


def _piped() -> str:
    """Text on standard input, if any comes. An open pipe that nobody writes to must not hang the command."""
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return ""
    try:
        ready, _, _ = select.select([sys.stdin], [], [], _STDIN_WAIT)
    except (OSError, ValueError):  # no real file behind it, or a platform without select on files
        return ""
    return sys.stdin.read() if ready else ""
