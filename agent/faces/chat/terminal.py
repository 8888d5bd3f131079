"""What the command line lends the chat: a console, the way answers look, and its own commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gadfly.agent.answers.answer import Answer

if TYPE_CHECKING:
    from gadfly.agent.faces.door.screen import Screen


@dataclass(frozen=True)
class Terminal:
    """``run`` executes a command of gadfly as if it had been typed and raises its GadflyError; ``commands`` are the
    names it takes, with a line each."""

    console: Screen
    show_answer: Callable[[Answer], None]
    run: Callable[[Sequence[str]], None]
    commands: Callable[[], Mapping[str, str]]

    def say(self, text: str, style: str = "") -> None:
        """Plain text; nothing in it is markup."""
        self.console.print(text, style=style)

    def table(self, rows: Mapping[str, str]) -> None:
        """Names and a line each."""
        from gadfly.agent.faces.door.screen import row, table

        shown = table(show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        shown.add_column(no_wrap=True, style="cyan")
        shown.add_column()
        for name, line in rows.items():
            row(shown, name, line)
        self.console.print(shown)
