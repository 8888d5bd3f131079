"""A dialogue as slash commands see it: its session, its settings, its terminal, and what they may do with them. The
terminal is lent by the command line: a console, the way answers look, and its own commands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gadfly import __version__
from gadfly.agent.answers.answer import Answer
from gadfly.agent.sessions.session import Session
from gadfly.agent.turn.events import Event
from gadfly.agent.turn.settings import Settings

if TYPE_CHECKING:
    from gadfly.agent.faces.door.screen import Screen


class Dialogue:
    """One dialogue on one terminal. ``session`` changes with /clear, /fork and /resume.

    Args:
        fresh: whether the session was just started. It is not asked for its history then: that loads the engine, and
            the prompt is to come first.
    """

    def __init__(self, session: Session, terminal: Terminal, *, fresh: bool) -> None:
        self.session = session
        self.terminal = terminal
        self.fresh = fresh
        self.draft = ""
        """What the next prompt begins with."""

    @property
    def settings(self) -> Settings:
        return self.session.settings

    def play(self, events: Iterator[Event]) -> None:
        """Show a turn to its end."""
        raise NotImplementedError

    def go_on(self) -> None:
        """With the unfinished turn."""
        self.play(self.session.resume())

    def open_questions(self) -> None:
        """What an opened session waits for."""
        if self.fresh:
            return
        if self.session.pending == "approval":
            self.go_on()
        elif self.session.pending == "unfinished":
            self.terminal.say("Its last turn is unfinished: /resume goes on with it.", "yellow")

    def configure(self, **changes: Any) -> None:
        self.session.configure(replace(self.settings, **changes))

    def use(self, session: Session, *, fresh: bool = False) -> None:
        self.session, self.fresh = session, fresh

    def open(self, session_id: str) -> None:
        self.use(Session.open(session_id))
        self.greet()
        self.open_questions()

    def start(self) -> None:
        self.use(Session.start(self.settings), fresh=True)

    def last_answer(self) -> Answer | None:
        answers = [turn.answer for turn in self.session.history() if turn.answer is not None]
        return answers[-1] if answers else None

    def greet(self) -> None:
        """Who is here, and where an opened session stands."""
        turns = [] if self.fresh else self.session.history()
        self.terminal.console.print(f"Gadfly {__version__}", style="bold", end="")
        self.terminal.say(f"  session {self.session.id}", "dim")
        if not turns:
            self.terminal.say("Ask about interpretability; /help lists the commands.", "dim")
            return
        count = "1 turn" if len(turns) == 1 else f"{len(turns)} turns, the last one"
        self.terminal.say(f"{count}:", "dim")
        self.terminal.say(f"› {turns[-1].question}")
        if turns[-1].answer is not None:
            self.terminal.say("")
            self.terminal.show_answer(turns[-1].answer)
        self.terminal.say("")


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
        from gadfly.agent.faces.door.screen import table

        how: dict[str, Any] = {"show_header": False, "pad_edge": False, "padding": (0, 2, 0, 0)}
        shown = table(("", ""), rows.items(), whole=True, **how)
        shown.columns[0].style, shown.columns[0].overflow = "cyan", "ellipsis"
        self.console.print(shown)
