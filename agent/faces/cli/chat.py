"""``gadfly ask``: one question, one answer. ``gadfly chat``: a dialogue in the terminal; with ``-p`` one turn of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from gadfly.agent.faces.cli.console import as_json, err, json_option, line, out, piped, progressing
from gadfly.agent.faces.cli.show import show_answer
from gadfly.agent.faces.cli.tools import declared
from gadfly.agent.jobs import ask as job
from gadfly.agent.turn.events import Final, Text, as_dict
from gadfly.errors import UsageError
from gadfly.leaving import Ended
from gadfly.settings import SHELL
from gadfly.tools.runner import validate

if TYPE_CHECKING:
    from gadfly.agent.sessions.session import Session
    from gadfly.agent.turn.events import Event

# The names of the arguments of ``ask`` on the command line, in the chat too.
_FLAGS = {"experiments": "--experiment/--no-experiment", "window": "--context"}
_SETTING = {"window": "context"}  # where a setting is not called as its argument
# Commands that make no sense inside a chat, or that it has itself.
_NOT_INSIDE = ("chat", "ask", "mcp", "complete", "sessions")


@click.command(
    epilog="\b\nExamples:\n"
    '  gadfly ask "Where does a model recall the capital of a country?"\n'
    '  gadfly ask --llm offline "What is selectivity in probing?" --json\n'
    '  gadfly ask --context auto --budget 2 "Which results on induction heads disagree?"\n'
    '  git diff | gadfly ask "Is the patching in this diff denoising or noising?"\n'
    "\nExit codes: 0 answered (or said that it cannot), 1 failed, 2 wrong usage, 130 stopped."
)
@click.argument("question", nargs=-1)
@declared(job.ask, flags=_FLAGS, leave_out=("question", "context"))
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


@click.command(
    epilog="\b\nExamples:\n"
    "  gadfly chat\n"
    "  gadfly --continue\n"
    "  gadfly chat --llm offline --model ./my-checkpoint\n"
    '  git diff | gadfly -p "Is the patching in this diff denoising or noising?"\n'
    '  gadfly -p "And at layer 3?" --continue --jsonl\n'
    "\nExit codes: 0 answered, also where the answer is that the corpus has none; 1 an error; 2 a wrong request; "
    "130 stopped by Ctrl-C (gadfly --continue goes on)."
)
@click.option("-c", "--continue", "latest", is_flag=True, help="Go on with the session used last.")
@click.option("-r", "--resume", metavar="ID", help="Go on with this session; see: gadfly sessions")
@click.option("--fork", is_flag=True, help="Go on in a copy of it.")
@click.option("-p", "--print", "text", metavar="TEXT", help="Ask TEXT, print the answer, leave.")
@declared(
    job.ask,
    flags=_FLAGS,
    only=("llm", "model", "experiments", "window", "budget", "skeptic"),
    kept=True,
)
@click.option("--shell", is_flag=True, help="Let !command run shell commands.")
@click.option(
    "--approve", is_flag=True, help="With -p: approve every call that asks. [default: decline]"
)
@click.option(
    "--jsonl", is_flag=True, help="With -p: every event as a line of JSON, the answer last."
)
@click.option("--schema", is_flag=True, help="Print the JSON schema of an answer, and leave.")
@json_option
def chat(
    arguments: dict[str, Any],
    latest: bool,
    resume: str | None,
    fork: bool,
    text: str | None,
    shell: bool,
    approve: bool,
    jsonl: bool,
    schema: bool,
    as_json_: bool,
) -> None:
    """Talk in the terminal; every claim carries a receipt, every experiment its controls.

    Enter sends, Esc Enter or a backslash at the end begins a new line, /help lists the commands, @file attaches
    a file. Ctrl-C stops a turn, Ctrl-D leaves. Sessions are kept; a turn that was interrupted goes on with /resume.
    Without a key the offline engine answers: quotes and experiments. With -p, text on standard input goes along as
    material; the answer is on standard output, everything else on standard error.
    """
    if schema:
        from gadfly.agent.answers.answer import Answer

        as_json(Answer.model_json_schema(mode="serialization"))
        return
    if latest and resume is not None:
        raise UsageError("--continue and --resume name two sessions; give one of them")
    if fork and not (latest or resume):
        raise UsageError("--fork copies a session: name it with --continue or --resume ID")
    if text is None and (approve or jsonl or as_json_):
        raise UsageError("--approve, --json and --jsonl go with -p TEXT")
    if jsonl and as_json_:
        raise UsageError("--json and --jsonl are two outputs; give one of them")
    validate(job.ask, {"question": "", **arguments})
    session = _session(latest, resume, fork, arguments)
    if text is not None:
        _once(session, text, approve=approve, jsonl=jsonl, json_=as_json_)
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError('the chat needs a terminal; for one question: gadfly -p "QUESTION"')
    from gadfly.agent.faces.chat.dialogue import Terminal
    from gadfly.agent.faces.chat.talk import Chat

    # Held here: click knows the command of this thread alone, and completion runs in others.
    root = click.get_current_context().find_root()
    terminal = Terminal(out(), show_answer, partial(_run, root), partial(_commands, root))
    fresh = not (latest or resume)
    Chat(session, terminal, fresh=fresh, shell=shell or SHELL.on()).talk()


def _session(latest: bool, resume: str | None, fork: bool, arguments: dict[str, Any]) -> Session:
    """The session that the options name, with the settings that they change."""
    from contextlib import closing

    from gadfly.agent.sessions.session import Session
    from gadfly.agent.sessions.store import Sessions
    from gadfly.agent.turn.settings import Settings

    kept, settings = None, Settings()
    if latest or resume is not None:
        with closing(Sessions()) as store:
            kept = store.find(resume)
        settings = Settings.read(kept.settings)
    changes = {_SETTING.get(name, name): value for name, value in arguments.items()}
    if "budget" in changes:
        changes["budget"] = replace(settings.budget, dollars=changes["budget"])
    settings = replace(settings, **changes)
    if kept is None:
        return Session.start(settings)
    # Opened with its new settings: the model that it was kept with may have no key any more.
    session = Session.open(kept.id, settings)
    return session.fork() if fork else session


def _once(session: Session, text: str, *, approve: bool, jsonl: bool, json_: bool) -> None:
    from gadfly.agent.faces.chat.once import once

    answer = once(
        session,
        text,
        context=piped(),
        progress=err(),
        approve=approve,
        write=line if jsonl else None,
    )
    if json_:
        as_json({"session": session.id, **answer.model_dump(mode="json")})
    elif not jsonl:
        show_answer(answer)


def _commands(root: click.Context) -> Mapping[str, str]:
    """What a chat may run of gadfly, with a line each."""
    gadfly: Any = root.command
    names = [name for name in gadfly.list_commands(root) if name not in _NOT_INSIDE]
    return {name: gadfly.line(name) for name in names}


def _run(root: click.Context, arguments: Sequence[str]) -> None:
    """A command of gadfly, inside the chat. GadflyError and KeyboardInterrupt are for the caller."""
    try:
        root.command.main(args=list(arguments), prog_name="gadfly", standalone_mode=False)
    except click.ClickException as error:
        raise UsageError(error.format_message()) from None
    except click.Abort:
        raise KeyboardInterrupt from None
    except Ended:
        raise
    except SystemExit:
        return  # its exit code says what its output has said
