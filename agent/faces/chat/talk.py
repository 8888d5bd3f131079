"""The dialogue: read a line, send it, show what happens, ask where the researcher's word is needed.

Leaves out how a turn is thought through (``agent.session``), how it looks (``screen``) and what ``/command`` does
(``commands``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from gadfly import __version__, leaving
from gadfly.agent.answers.answer import Answer
from gadfly.agent.faces.chat import attach, figures, keyboard, lines, registry, shell, warm
from gadfly.agent.faces.chat.commands import COMMANDS
from gadfly.agent.faces.chat.screen import Screen
from gadfly.agent.faces.chat.terminal import Terminal
from gadfly.agent.sessions.session import Session
from gadfly.agent.turn.events import ApprovalRequest, Event, Final, Stopped, ToolFinished
from gadfly.agent.turn.settings import Settings
from gadfly.errors import GadflyError
from gadfly.visible import name


class Chat:
    """One dialogue on one terminal. ``session`` changes with /clear, /fork and /resume.

    Args:
        fresh: whether the session was just started. It is not asked for its history then: that loads the engine, and
            the prompt is to come first.
        shell: whether ``!command`` runs commands.
    """

    def __init__(
        self, session: Session, terminal: Terminal, *, fresh: bool, shell: bool = False
    ) -> None:
        self.session = session
        self.terminal = terminal
        self.draft = ""
        """What the next prompt begins with."""
        self._fresh = fresh
        self._shell = shell
        self._images = figures.protocol()
        self._pastes: dict[str, str] = {}
        self._material: list[attach.Attachment] = []
        self._state = ""

    @property
    def settings(self) -> Settings:
        return self.session.settings

    # -- the dialogue ----------------------------------------------------------------------------

    def talk(self) -> None:
        """Until Ctrl-D or /quit."""
        from gadfly.agent.faces.chat import prompt
        from gadfly.agent.faces.chat.completing import ChatCompleter

        line = prompt.session(ChatCompleter(self), lambda: self._state, self._pastes)
        begin_loading = warm.starter(self.session.engine)
        with leaving.staying(), keyboard.unechoed(), suppress(EOFError):
            self.greet()
            self.guarded(self._open_questions)
            while True:
                self.guarded(self._note_state)
                default, self.draft = self.draft, ""
                try:
                    with leaving.lent():
                        text = line.prompt(default=default, pre_run=begin_loading)
                except KeyboardInterrupt:
                    continue
                self.guarded(lambda text=text: self.hear(text))  # type: ignore[misc]
        if not self._fresh:
            self.terminal.say(f"Kept as {self.session.id}: gadfly --continue goes on.", "dim")

    def hear(self, text: str) -> None:
        """One line of the researcher: a command, or a question.

        Raises:
            GadflyError: it was not sent, or the turn broke.
            EOFError: it asks to leave.
        """
        text = text.strip()
        if text.startswith("/") and "\n" not in text and "/" not in text[1:].split(" ")[0]:
            registry.run(self, text)
        elif text.startswith("!"):
            self._run_command(text[1:].strip())
        elif text:
            self.play(self._send(text))

    def play(self, events: Iterator[Event]) -> None:
        """Show a turn to its end, asking for approval where it waits for one."""
        drawn: set[str] = set()

        def heard(event: Event) -> None:
            if isinstance(event, ToolFinished):
                drawn.update(event.figures)

        while True:
            with Screen(self.terminal.console, images=self._images) as screen:
                last = screen.follow(events, heard)
            match last:
                case Final(answer):
                    self.terminal.say("")
                    self.terminal.show_answer(answer)
                    for path in figures.of(answer.runs):
                        if path not in drawn:  # the offline engine's experiments are no tool calls
                            figures.show(self.terminal.console, path, self._images)
                    self.terminal.say("")
                case ApprovalRequest() as request if (word := self._approved(request)) is not None:
                    events = self.session.resume(approve=word)
                    continue
                case ApprovalRequest():
                    self.terminal.say(
                        "Left open: /resume asks again; a new question leaves it behind."
                    )
                case Stopped():
                    self._say_stopped()
            return

    def go_on(self) -> None:
        """With the unfinished turn."""
        self.play(self.session.resume())

    # -- what commands use -----------------------------------------------------------------------

    def known_commands(self) -> dict[str, str]:
        """Every name that may follow a slash, with its help."""
        own = {each.name: each.help for each in COMMANDS.values()}
        return {**self.terminal.commands(), **own}

    def configure(self, **changes: Any) -> None:
        self.session.configure(replace(self.settings, **changes))

    def use(self, session: Session, *, fresh: bool = False) -> None:
        self.session, self._fresh = session, fresh

    def open(self, session_id: str) -> None:
        self.use(Session.open(session_id))
        self.greet()
        self._open_questions()

    def start(self) -> None:
        self.use(Session.start(self.settings), fresh=True)

    def last_answer(self) -> Answer | None:
        answers = [turn.answer for turn in self.session.history() if turn.answer is not None]
        return answers[-1] if answers else None

    def greet(self) -> None:
        """Who is here, and where an opened session stands."""
        turns = [] if self._fresh else self.session.history()
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

    # -- inside ----------------------------------------------------------------------------------

    def _send(self, text: str) -> Iterator[Event]:
        """Begin a turn; what cannot be sent waits in the prompt."""
        try:
            material = [*self._material, *attach.attachments(text, self._pastes)]
            for each in material:
                label = lines.one_line(each.label, 80)
                self.terminal.say(f"  with {label}, {len(each.text):,} characters", "dim")
            events = self.session.turn(text, context=attach.context(material))
        except GadflyError:
            self.draft = text
            raise
        self._material, self._fresh = [], False
        return events

    def guarded(self, action: Callable[[], None]) -> None:
        """Errors end the turn, never the chat."""
        try:
            action()
        except KeyboardInterrupt:
            self._say_stopped()
        except GadflyError as error:
            self.terminal.say(f"error: {lines.one_line(str(error), 1_000)}", "red")
            if not self._fresh and self.session.pending == "unfinished":
                self.terminal.say("/resume goes on from the last finished step.", "dim")
        except EOFError:
            raise
        except Exception as error:  # a bug must not take the dialogue with it
            text = f"{type(error).__name__}: {error}"
            self.terminal.say(f"error, a bug of Gadfly: {lines.one_line(text, 1_000)}", "red")

    def _say_stopped(self) -> None:
        pending = self.session.pending is not None
        self.terminal.say(
            "Stopped." + (" /resume goes on; or ask something else." if pending else ""), "yellow"
        )

    def _open_questions(self) -> None:
        if self._fresh:
            return
        if self.session.pending == "approval":
            self.go_on()
        elif self.session.pending == "unfinished":
            self.terminal.say("Its last turn is unfinished: /resume goes on with it.", "yellow")

    def _approved(self, request: ApprovalRequest) -> bool | None:
        """The researcher's word; None if there was none."""
        from gadfly.agent.faces.chat import prompt

        for call in request.calls:
            self.terminal.say(f"{name(call.name)} waits for you: {name(call.why)}", "bold yellow")
            for line in lines.whole_arguments(call.arguments).splitlines():
                self.terminal.say(f"    {line}")
        while True:
            try:
                word = prompt.ask("Run it? [y/n] ").lower()
            except (KeyboardInterrupt, EOFError):
                return None
            if word in ("y", "yes", "n", "no"):
                return word.startswith("y")

    def _run_command(self, command: str) -> None:
        if not self._shell:
            self.terminal.say(shell.OFF, "yellow")
        elif command:
            self._material.append(shell.run(command, self.terminal.say))
            self.terminal.say("  goes along with the next question", "dim")

    def _note_state(self) -> None:
        settings = self.settings
        parts = [
            self.session.engine,
            f"experiments on {settings.model}" if settings.experiments else "no experiments",
            "" if self._fresh else lines.spent(self.session.cost),
            self.session.id,
        ]
        self._state = name(" · ".join(part for part in parts if part))
