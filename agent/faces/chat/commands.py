"""Slash commands. One command is one function under ``@command``; its docstring's first line is its help.

A command gets the chat and the words behind its name. The commands of ``gadfly`` itself (``/runs``, ``/review``,
``/patch`` …) need no function: the command line lends them.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import get_args

from gadfly.agent.faces.chat import lines
from gadfly.agent.faces.chat.dialogue import Dialogue
from gadfly.agent.turn.settings import Window
from gadfly.errors import UsageError
from gadfly.settings import expanded
from gadfly.visible import name as seen

Words = Sequence[str]
# What may stand next, with a remark each; None: a path.
Completes = Callable[[Dialogue, Words], dict[str, str] | None]


@dataclass(frozen=True)
class Command:
    """A slash command."""

    name: str
    takes: str
    run: Callable[[Dialogue, Words], None]
    completes: Completes | None

    @property
    def help(self) -> str:
        return (self.run.__doc__ or "").partition("\n")[0]


COMMANDS: dict[str, Command] = {}


def command(
    name: str, takes: str = "", completes: Completes | None = None
) -> Callable[[Callable[[Dialogue, Words], None]], Callable[[Dialogue, Words], None]]:
    """Register a function as ``/name``; ``takes`` shows its arguments, in brackets where they may be left out."""

    def register(function: Callable[[Dialogue, Words], None]) -> Callable[[Dialogue, Words], None]:
        COMMANDS[name] = Command(name, takes, function, completes)
        return function

    return register


def run(chat: Dialogue, line: str) -> None:
    """Run what stands behind the slash.

    Raises:
        UsageError: there is no such command, or its words do not fit.
    """
    try:
        name, *words = shlex.split(line[1:])
    except ValueError as error:
        if "No" not in str(error):
            raise UsageError("name a command after /; /help lists them") from None
        name, *words = line[1:].split()  # an apostrophe, not a quotation
    if name in COMMANDS:
        COMMANDS[name].run(chat, words)
    elif name in chat.terminal.commands():
        chat.terminal.run([name, *words])
    else:
        near = get_close_matches(name, known(chat), n=1, cutoff=0.5)
        hint = f"did you mean /{near[0]}? " if near else ""
        raise UsageError(f"no command /{seen(name)}; {hint}/help lists them")


def known(chat: Dialogue) -> dict[str, str]:
    """Every name that may follow a slash, with its help."""
    own = {each.name: each.help for each in COMMANDS.values()}
    return {**chat.terminal.commands(), **own}


CORPUS = (
    "add",
    "build",
    "cite",
    "export",
    "list",
    "rebuild",
    "remove",
    "search",
    "show",
    "status",
    "update",
)


# -- what they offer to Tab --------------------------------------------------------------------------


def _words(*words: str) -> Completes:
    return lambda _, before: {} if before else dict.fromkeys(words, "")


def _sessions(chat: Dialogue, before: Words) -> dict[str, str]:
    from gadfly.agent.sessions.store import Sessions

    with closing(Sessions()) as store:
        return {} if before else {each.id: each.title for each in store.listing()}


def _runs(chat: Dialogue, before: Words) -> dict[str, str]:
    from gadfly.tools.ledger import Ledger

    return {} if before else {each.id: each.tool for each in Ledger().recent(20)}


def _export(chat: Dialogue, before: Words) -> dict[str, str] | None:
    from gadfly.agent.sessions.export import FORMATS

    return None if before else dict(FORMATS)


def _models(chat: Dialogue, before: Words) -> dict[str, str]:
    from gadfly.agent.llm.choose import LOCAL, OFFLINE

    known = {
        chat.session.engine: "now",
        LOCAL: "the experiment model",
        OFFLINE: "quotes and experiments",
    }
    return {} if before else known


# -- the commands ------------------------------------------------------------------------------------


@command("help", "[COMMAND]", lambda chat, _: dict(known(chat)))
def show_help(chat: Dialogue, words: Words) -> None:
    """List the commands, or say what one of them takes."""
    if words and words[0].lstrip("/") not in COMMANDS:
        chat.terminal.run([words[0].lstrip("/"), "--help"])
        return
    rows = {
        f"/{each.name} {each.takes}".rstrip(): each.help
        for each in COMMANDS.values()
        if not words or each.name == words[0].lstrip("/")
    }
    chat.terminal.table(rows)
    if not words:
        chat.terminal.say("\nThe commands of gadfly work too; /help COMMAND shows their options:")
        chat.terminal.say("  " + "  ".join(f"/{name}" for name in chat.terminal.commands()))
        chat.terminal.say(
            "\n@file or @RUN attaches it, !command runs a shell command (with --shell)."
        )
        chat.terminal.say(
            "Esc Enter or a backslash begins a new line. Ctrl-C stops, Ctrl-D leaves."
        )


@command("model", "[NAME|local|offline]", _models)
def model(chat: Dialogue, words: Words) -> None:
    """Show which model talks, or let another one: PROVIDER/MODEL, local or offline."""
    if words:
        chat.configure(llm=words[0])
    runs = chat.settings.model if chat.settings.experiments else "off"
    chat.terminal.say(f"talks: {chat.session.engine}   experiments: {runs}")


@command("experiments", "[MODEL|off]", _words("demo", "off"))
def experiments(chat: Dialogue, words: Words) -> None:
    """Choose the local model that experiments run on, or turn them off."""
    if words:
        on = words[0] != "off"
        chat.configure(experiments=on, model=words[0] if on else chat.settings.model)
    chat.terminal.say(f"experiments: {chat.settings.model if chat.settings.experiments else 'off'}")


@command("context", "[auto|rag|full]", _words(*get_args(Window)))
def context(chat: Dialogue, words: Words) -> None:
    """Choose whether the corpus is searched (rag), read whole (full), or what costs less (auto)."""
    if words and words[0] not in get_args(Window):
        raise UsageError(f"no context {words[0]!r}; there are: {', '.join(get_args(Window))}")
    if words:
        chat.configure(context=words[0])
    chat.terminal.say(f"context: {chat.settings.context}")


@command("framing", "[on|off]", _words("on", "off"))
def framing(chat: Dialogue, words: Words) -> None:
    """Show how the last answer was judged under opposed framings; on or off for the next ones."""
    if words and words[0] not in ("on", "off"):
        raise UsageError(f"/framing takes on or off, not {words[0]!r}")
    if words:
        chat.configure(skeptic=words[0] == "on")
    chat.terminal.say(f"framing and refutation: {'on' if chat.settings.skeptic else 'off'}")
    answer = chat.last_answer()
    if answer is None or words:
        return
    for aside in answer.set_aside:
        chat.terminal.say(f"  set aside ({aside.kind}): {lines.one_line(aside.text, 200)}")
    if answer.judgement is None:
        chat.terminal.say("  the last answer judged nobody's work")
        return
    chat.terminal.say(f"  verdict: {answer.judgement.verdict}")
    for opinion in answer.judgement.opinions:
        chat.terminal.say(
            f"  {opinion.framing}: {opinion.verdict}. {lines.one_line(opinion.why, 300)}"
        )


@command("tools")
def tools(chat: Dialogue, words: Words) -> None:
    """List the tools that an answer may use."""
    from gadfly.tools.registry import all_tools

    what = {each.name: each.description.split(". ")[0].split(": ")[0] for each in all_tools()}
    chat.terminal.table({name: line.rstrip(".") + "." for name, line in what.items()})


@command("corpus", "WORDS", lambda _, before: {} if before else dict.fromkeys(CORPUS, ""))
def corpus(chat: Dialogue, words: Words) -> None:
    """Search the corpus; or a command of gadfly corpus, such as /corpus add paper.pdf."""
    known = bool(words) and words[0] in CORPUS
    chat.terminal.run(
        ["corpus", *words] if known else ["corpus", "search", "-k", "5", "--", *words]
    )


@command("run", "ID", _runs)
def show_run(chat: Dialogue, words: Words) -> None:
    """Show one experiment whole. To ask about it, write @ID in a question."""
    chat.terminal.run(["runs", "show", *words])


@command("cost")
def cost(chat: Dialogue, words: Words) -> None:
    """Show what the session took, and what a turn may take."""
    budget = chat.settings.budget
    chat.terminal.say(lines.spent(chat.session.cost) or "nothing spent so far")
    chat.terminal.say(
        f"a turn may take ${budget.dollars:.2f}, {budget.tokens:,} tokens, {budget.tool_calls} tool calls, "
        f"{budget.seconds:.0f} s"
    )


@command("budget", "DOLLARS")
def budget(chat: Dialogue, words: Words) -> None:
    """Set what a turn may take, in US dollars."""
    try:
        dollars = float(words[0].lstrip("$"))
    except (IndexError, ValueError):
        dollars = -1.0
    if not 0 <= dollars < float("inf"):
        raise UsageError("/budget takes US dollars for one turn, such as /budget 0.50")
    chat.configure(budget=replace(chat.settings.budget, dollars=dollars))
    chat.terminal.say(f"a turn may take ${dollars:.2f}")


@command("export", "FORMAT PATH", _export)
def export(chat: Dialogue, words: Words) -> None:
    """Write the session to a file: markdown, html, or a notebook that runs its experiments again."""
    from gadfly.agent.sessions.export import export as write

    if len(words) != 2:
        raise UsageError("/export takes a format and a path, such as /export notebook talk.ipynb")
    path = write(chat.session, words[0], expanded(words[1]))
    chat.terminal.say(f"written: {path}")


@command("undo")
def undo(chat: Dialogue, words: Words) -> None:
    """Take the last turn back; its question waits in the prompt. Runs stay in the ledger."""
    question = chat.session.undo()
    if question is None:
        raise UsageError("there is no turn to take back")
    chat.draft = question
    chat.terminal.say("taken back")


@command("fork", "[TURNS]")
def fork(chat: Dialogue, words: Words) -> None:
    """Go on in a copy, with all turns so far or the first few; this session stays as it is."""
    if words and not words[0].isdecimal():
        raise UsageError(f"/fork takes a number of turns, not {words[0]!r}")
    before = chat.session.id
    chat.use(chat.session.fork(int(words[0]) if words else None))
    chat.terminal.say(f"session {chat.session.id}, a copy of {before}")


@command("sessions")
def sessions(chat: Dialogue, words: Words) -> None:
    """List the sessions used last."""
    chat.terminal.run(["sessions"])


@command("resume", "[ID]", _sessions)
def resume(chat: Dialogue, words: Words) -> None:
    """Go on with the turn that was stopped, or open another session."""
    if words:
        chat.open(words[0])
    elif chat.session.pending is None:
        raise UsageError("nothing is unfinished here; /resume ID opens another session")
    else:
        chat.go_on()


@command("clear")
def clear(chat: Dialogue, words: Words) -> None:
    """Start a new session on an empty screen; this one is kept."""
    chat.start()
    chat.terminal.console.clear()
    chat.greet()


@command("quit")
def leave(chat: Dialogue, words: Words) -> None:
    """Leave. The session is kept: gadfly --continue goes on with it."""
    raise EOFError
