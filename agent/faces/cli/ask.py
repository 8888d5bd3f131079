"""``gadfly ask``: one question, one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gadfly.agent.faces.cli.console import as_json, bars, err, json_option, line, piped
from gadfly.agent.faces.cli.show import show_answer

if TYPE_CHECKING:
    from gadfly.agent.turn.events import Event


@click.command(
    epilog="\b\nExamples:\n"
    '  gadfly ask "Where does a model recall the capital of a country?"\n'
    '  gadfly ask --llm offline "What is selectivity in probing?" --json\n'
    '  gadfly ask --context auto --budget 2 "Which results on induction heads disagree?"\n'
    '  git diff | gadfly ask "Is the patching in this diff denoising or noising?"\n'
    "\nExit codes: 0 answered (or said that it cannot), 1 failed, 2 wrong usage, 130 stopped."
)
@click.argument("question", nargs=-1)
@click.option(
    "--llm",
    help="PROVIDER/MODEL for the answer, 'local' (the model of --model talks), or 'offline'. "
    "[default: by the keys set]",
)
@click.option(
    "--model",
    default="demo",
    show_default=True,
    help="The local model that experiments run on: demo, a hub name or a folder.",
)
@click.option("--no-experiment", is_flag=True, help="Answer from the corpus alone.")
@click.option(
    "--context",
    "window",
    type=click.Choice(["rag", "full", "auto"]),
    default="rag",
    show_default=True,
    help="Retrieve from the corpus, put it whole into the prompt, or choose by cost (both are printed first).",
)
@click.option("--no-skeptic", is_flag=True, help="Leave out refutation and opposed framings.")
@click.option(
    "--budget",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="Dollars.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=900.0,
    show_default=True,
    help="Time.",
)
@click.option("--calls", type=click.IntRange(0), default=40, show_default=True, help="Tool calls.")
@click.option(
    "--events",
    is_flag=True,
    help="JSON lines on stdout: each event as it happens, the answer last.",
)
@json_option
def ask(
    question: tuple[str, ...],
    llm: str | None,
    model: str,
    no_experiment: bool,
    window: str,
    no_skeptic: bool,
    budget: float,
    seconds: float,
    calls: int,
    events: bool,
    as_json_: bool,
) -> None:
    """Answer QUESTION from the corpus and from experiments on a local model.

    Every claim carries a receipt: a quote that stands verbatim in a document, or a number of a recorded
    run. A claim without one is marked as opinion. Text on standard input is added as context.
    """
    from gadfly.agent.jobs.ask import ask as answer_question
    from gadfly.agent.turn.budget import Budget
    from gadfly.agent.turn.events import Final
    from gadfly.agent.turn.settings import Settings

    settings = Settings(
        context=window,  # type: ignore[arg-type]  # click has checked it
        skeptic=not no_skeptic,
        budget=Budget(dollars=budget, seconds=seconds, tool_calls=calls),
    )
    context = piped()
    progress = bars()
    try:
        answer = answer_question(
            " ".join(question),
            context=context,
            llm=llm,
            model=model,
            experiments=not no_experiment,
            settings=settings,
            progress=progress,
            on_text=_stream if err().is_terminal and not (as_json_ or events) else lambda _: None,
            on_event=_line if events else lambda _: None,
        )
    finally:
        progress.finish()
    if events:
        _line(Final(answer))
    elif as_json_:
        as_json(answer)
    else:
        show_answer(answer)


def _line(event: Event) -> None:
    from gadfly.agent.turn.events import as_dict

    line(as_dict(event))


def _stream(text: str) -> None:
    """The draft as it arrives, dim and on stderr: receipts are not checked yet."""
    err().print(text, style="dim", end="")
