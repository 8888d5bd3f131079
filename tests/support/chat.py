"""A chat on a recorded console over a session that plays given events; and a chat in tmux."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from gadfly.agent.answers.answer import Answer, Claim, Cost
from gadfly.agent.faces.chat.dialogue import Terminal
from gadfly.agent.faces.chat.talk import Chat
from gadfly.agent.faces.door.screen import Screen
from gadfly.agent.sessions.session import Turn
from gadfly.agent.turn.events import Event, Final
from gadfly.agent.turn.settings import Settings


def answer(text: str = "Patching restores the answer.", **more: Any) -> Answer:
    return Answer(question="q", answer=text, claims=[Claim(text=text)], engine="fake", **more)


@dataclass
class FakeSession:
    """Fits the part of ``Session`` that a chat uses. Each turn plays the next of ``turns``; an exception among the
    events is raised."""

    turns: list[list[Event | BaseException]] = field(default_factory=list)
    settings: Settings = field(default_factory=Settings)
    id: str = "s0fake00"
    engine: str = "fake"
    cost: Cost = field(default_factory=Cost)
    pending: str | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    approvals: list[bool | None] = field(default_factory=list)
    said: list[Turn] = field(default_factory=list)

    def turn(self, text: str, *, context: str = "") -> Iterator[Event]:
        self.asked.append((text, context))
        return self._play(text)

    def resume(self, *, approve: bool | None = None) -> Iterator[Event]:
        self.approvals.append(approve)
        return self._play("resumed")

    def _play(self, text: str) -> Iterator[Event]:
        for event in self.turns.pop(0) if self.turns else [Final(answer())]:
            if isinstance(event, BaseException):
                raise event
            if isinstance(event, Final):
                self.said.append(Turn(text, event.answer))
            yield event

    def history(self) -> Sequence[Turn]:
        return self.said

    def undo(self) -> str | None:
        return self.said.pop().question if self.said else None

    def fork(self, turns: int | None = None) -> FakeSession:
        return FakeSession(id="s0fork00", said=list(self.said[:turns]))

    def configure(self, settings: Settings) -> None:
        self.settings = settings


@dataclass
class Recorded:
    """A chat, its session, what it printed and which commands of gadfly it ran."""

    chat: Chat
    session: FakeSession
    console: Screen
    ran: list[list[str]]

    @property
    def printed(self) -> str:
        assert isinstance(self.console.file, StringIO)
        return self.console.file.getvalue()


def recorded(
    turns: Iterable[list[Event | BaseException]] = (), *, shell: bool = False, width: int = 80
) -> Recorded:
    session = FakeSession(turns=list(turns))
    console = Screen(file=StringIO(), width=width, height=24)
    ran: list[list[str]] = []
    terminal = Terminal(
        console,
        lambda each: console.print(each.answer),
        lambda words: ran.append(list(words)),
        lambda: {"runs": "List experiments.", "patch": "Localise a behaviour."},
    )
    chat = Chat(session, terminal, fresh=False, shell=shell)  # type: ignore[arg-type]
    return Recorded(chat, session, console, ran)


class Tmux:
    """One terminal in a tmux server of its own."""

    def __init__(self, folder: Path, columns: int, rows: int, environment: dict[str, str]) -> None:
        self._tmux = ["tmux", "-S", str(folder / "tmux.sock"), "-f", "/dev/null"]
        size = ["-x", str(columns), "-y", str(rows)]
        given = [word for name, value in environment.items() for word in ("-e", f"{name}={value}")]
        self._call("new-session", "-d", *size, *given, "bash --norc --noprofile")

    def type(self, text: str) -> None:
        self._call("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        self._call("send-keys", *keys)

    def paste(self, text: str) -> None:
        """Bracketed, as a terminal pastes."""
        self._call("set-buffer", text)
        self._call("paste-buffer", "-p")

    def record(self, file: Path) -> None:
        """From now on every byte that reaches the terminal is kept in ``file``."""
        self._call("pipe-pane", "-o", f"cat > {shlex.quote(str(file))}")

    def run(self, *command: str) -> None:
        self.type(shlex.join(command))
        self.press("Enter")

    def screen(self, *, scrollback: bool = False) -> str:
        return self._call("capture-pane", "-p", *(["-S", "-"] if scrollback else []))

    def wait(self, reached: str | Callable[[str], bool], seconds: float = 60) -> str:
        """The screen as soon as it holds the text, or fits."""
        fits = (lambda screen: reached in screen) if isinstance(reached, str) else reached
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if fits(screen := self.screen()):
                return screen
            time.sleep(0.05)
        raise AssertionError(f"{reached!r} did not come:\n{self.screen(scrollback=True)}")

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)

    def _call(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._tmux, *arguments], capture_output=True, text=True, check=True, timeout=20
        )
        return done.stdout
