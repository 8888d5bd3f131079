"""``gadfly sessions``: the conversations that are kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gadfly.agent.faces.cli.console import as_json, json_option, out, show_table
from gadfly.agent.faces.cli.show import show_answer
from gadfly.agent.faces.door import say, tell
from gadfly.visible import name

if TYPE_CHECKING:
    from gadfly.agent.sessions.session import Session


@click.group(invoke_without_command=True)
@click.option(
    "-n", "limit", default=20, show_default=True, type=click.IntRange(1), help="How many."
)
@json_option
@click.pass_context
def sessions(ctx: click.Context, limit: int, as_json_: bool) -> None:
    """List the sessions used last, newest first.

    \b
    Examples:
      gadfly sessions
      gadfly sessions show s1a2b3c4
      gadfly sessions export s1a2b3c4 talk.ipynb
      gadfly chat --resume s1a2b3c4
    """
    if ctx.invoked_subcommand:
        return
    from gadfly.agent.sessions.store import Sessions

    found = Sessions().listing(limit)
    if as_json_:
        as_json({"sessions": [each.model_dump(mode="json") for each in found]})
        return
    if not found:
        tell("No sessions yet. Try: gadfly chat")
        return
    rows = []
    for each in found:
        price = "unknown" if each.dollars is None else f"${each.dollars:.2f}"
        rows.append((each.id, f"{each.updated:%Y-%m-%d %H:%M}", each.turns, price, each.title))
    columns = ("session", "last used (UTC)", "turns", "cost", "first question")
    show_table(columns, rows, whole=True)


@sessions.command()
@click.argument("session_id")
@json_option
def show(session_id: str, as_json_: bool) -> None:
    """Show every turn of a session. 'last' is the one used last."""
    session = opened(session_id)
    if as_json_:
        turns = [
            {
                "question": turn.question,
                "answer": turn.answer and turn.answer.model_dump(mode="json"),
            }
            for turn in session.history()
        ]
        as_json({"id": session.id, "turns": turns})
        return
    from rich.text import Text

    for turn in session.history():
        out().print(Text(f"› {turn.question}", style="bold"))
        if turn.answer is None:
            out().print("(unfinished)", style="yellow")
        else:
            show_answer(turn.answer)
        out().print()


@sessions.command()
@click.argument("session_id")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--format", "kind", help="markdown, html or notebook. [default: by the ending of PATH]"
)
@json_option
def export(session_id: str, path: Path, kind: str | None, as_json_: bool) -> None:
    """Write a session to PATH: Markdown, one HTML page, or a notebook that runs its experiments again."""
    from gadfly.agent.sessions.export import export as write
    from gadfly.agent.sessions.export import format_of

    written = write(opened(session_id), kind or format_of(path), path)
    if as_json_:
        as_json({"written": str(written)})
    else:
        say(f"written: {name(written)}")


def opened(session_id: str) -> Session:
    from gadfly.agent.llm.choose import OFFLINE
    from gadfly.agent.sessions.session import Session
    from gadfly.agent.turn.settings import Settings

    # Reading needs no model, and the one that it talked with may have no key any more.
    reading = Settings(llm=OFFLINE)
    return Session.open(None if session_id == "last" else session_id, reading)
