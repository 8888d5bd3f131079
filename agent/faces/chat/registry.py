"""The register of slash commands: what one is, and running the one that a line names."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from gadfly.errors import UsageError
from gadfly.visible import name as seen

if TYPE_CHECKING:
    from gadfly.agent.faces.chat.talk import Chat

Words = Sequence[str]
# What may stand next, with a remark each; None: a path.
Completes = Callable[["Chat", Words], dict[str, str] | None]


@dataclass(frozen=True)
class Command:
    """A slash command."""

    name: str
    takes: str
    run: Callable[[Chat, Words], None]
    completes: Completes | None

    @property
    def help(self) -> str:
        return (self.run.__doc__ or "").partition("\n")[0]


COMMANDS: dict[str, Command] = {}


def command(
    name: str, takes: str = "", completes: Completes | None = None
) -> Callable[[Callable[[Chat, Words], None]], Callable[[Chat, Words], None]]:
    """Register a function as ``/name``; ``takes`` shows its arguments, in brackets where they may be left out."""

    def register(function: Callable[[Chat, Words], None]) -> Callable[[Chat, Words], None]:
        COMMANDS[name] = Command(name, takes, function, completes)
        return function

    return register


def run(chat: Chat, line: str) -> None:
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
        near = get_close_matches(name, chat.known_commands(), n=1, cutoff=0.5)
        hint = f"did you mean /{near[0]}? " if near else ""
        raise UsageError(f"no command /{seen(name)}; {hint}/help lists them")
