"""The dialogue: read a line, send it, show what happens, ask where the researcher's word is needed.

Leaves out how a turn is thought through (``agent.sessions``), how it looks (``screen``) and what ``/command`` does
(``commands``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from gadfly import leaving
from gadfly.agent.faces.chat import attach, commands, figures, lines, prompt, shell
from gadfly.agent.faces.chat.dialogue import Dialogue, Terminal
from gadfly.agent.faces.chat.screen import Screen
from gadfly.agent.sessions.session import Session
from gadfly.agent.turn.events import ApprovalRequest, Event, Final, Stopped, ToolFinished
from gadfly.errors import GadflyError
from gadfly.visible import name


class Chat(Dialogue):
    """A dialogue that is read and shown.

    Args:
        shell: whether ``!command`` runs commands.
    """

    def __init__(
        self, session: Session, terminal: Terminal, *, fresh: bool, shell: bool = False
    ) -> None:
        super().__init__(session, terminal, fresh=fresh)
        self._shell = shell
        self._images = figures.protocol()
        self._pastes: dict[str, str] = {}
        self._material: list[attach.Attachment] = []
        self._state = ""

    # -- the dialogue ----------------------------------------------------------------------------

    def talk(self) -> None:
        """Until Ctrl-D or /quit."""
        from gadfly.agent.faces.chat.completing import ChatCompleter

        line = prompt.session(ChatCompleter(self), lambda: self._state, self._pastes)
        begin_loading = prompt.loading(self.session.engine)
        with leaving.staying(), prompt.unechoed(), suppress(EOFError):
            self.greet()
            self.guarded(self.open_questions)
            while True:
                self.guarded(self._note_state)
                default, self.draft = self.draft, ""
                try:
                    with leaving.lent():
                        text = line.prompt(default=default, pre_run=begin_loading)
                except KeyboardInterrupt:
                    continue
                self.guarded(lambda text=text: self.hear(text))  # type: ignore[misc]
        if not self.fresh:
            self.terminal.say(f"Kept as {self.session.id}: gadfly --continue goes on.", "dim")

    def hear(self, text: str) -> None:
        """One line of the researcher: a command, or a question.

        Raises:
            GadflyError: it was not sent, or the turn broke.
            EOFError: it asks to leave.
        """
        text = text.strip()
        if text.startswith("/") and "\n" not in text and "/" not in text[1:].split(" ")[0]:
            commands.run(self, text)
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
        self._material, self.fresh = [], False
        return events

    def guarded(self, action: Callable[[], None]) -> None:
        """Errors end the turn, never the chat."""
        try:
            action()
        except KeyboardInterrupt:
            self._say_stopped()
        except GadflyError as error:
            self.terminal.say(f"error: {lines.one_line(str(error), 1_000)}", "red")
            if not self.fresh and self.session.pending == "unfinished":
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

    def _approved(self, request: ApprovalRequest) -> bool | None:
        """The researcher's word; None if there was none."""
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
            "" if self.fresh else lines.spent(self.session.cost),
            self.session.id,
        ]
        self._state = name(" · ".join(part for part in parts if part))
