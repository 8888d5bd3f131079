"""What the command line lends the chat: a console, the way answers look, and its own commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gadfly.agent.answer import Answer
from gadfly.agent.chat.lines import safe

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Terminal:
    """``run`` executes a command of gadfly as if it had been typed and raises its GadflyError; ``commands`` are the
    names it takes, with a line each."""

    console: Console
    show_answer: Callable[[Answer], None]
    run: Callable[[Sequence[str]], None]
    commands: Callable[[], Mapping[str, str]]

    def say(self, text: str, style: str = "") -> None:
        """Plain text; nothing in it is markup."""
        self.console.print(text, style=style, markup=False, highlight=False)

    def table(self, rows: Mapping[str, str]) -> None:
        """Names and a line each."""
        from rich.table import Table

        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True, style="cyan")
        table.add_column()
        for name, line in rows.items():
            table.add_row(safe(name), safe(line))
        self.console.print(table)
