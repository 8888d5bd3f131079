"""A turn on a console as it happens. Nothing here leaves the main screen: what is done stays in the scrollback.

On a terminal the lower lines are live: the end of the draft (dim: its receipts are not checked), the running calls,
what was spent. They vanish with the turn; the checked answer takes their place. Elsewhere (a log, a pipe) each call is
a line.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from gadfly import leaving
from gadfly.agent.faces.chat import figures, lines
from gadfly.agent.turn.events import (
    DraftDropped,
    Event,
    Final,
    Notice,
    Spent,
    Text,
    ToolFinished,
    ToolProgress,
    ToolStarted,
)
from gadfly.visible import name

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

    from gadfly.agent.faces.door.screen import Screen as Terminal

_PER_SECOND = 8
_RECENT = 12_000  # characters
_SAME = 0.3  # seconds in which a second Ctrl-C is the first one, handed on by a program in between


class Screen:
    """Shows the events of one turn; a context manager, so that the live lines always go.

    Args:
        images: how figures are drawn inline, if at all.
    """

    def __init__(self, console: Terminal, *, images: figures.Protocol | None = None) -> None:
        self._console = console
        self._images = images
        self._running: dict[str, _Call] = {}
        self._draft = ""
        self._spent = ""
        self._doing = ""
        self._answered = False
        self._stopping: float | None = None
        self._started = time.monotonic()
        self._live: Any = None
        self._before: Any = None

    def __enter__(self) -> Screen:
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            from rich.live import Live

            self._live = Live(
                self,
                console=self._console,
                refresh_per_second=_PER_SECOND,
                transient=True,
                vertical_overflow="crop",
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._interrupted)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        if self._live is not None:
            self._live.stop()
        if not self._answered:
            self._keep_draft()

    def follow(
        self, events: Iterator[Event], heard: Callable[[Event], None] = lambda _: None
    ) -> Event | None:
        """Show a turn to its end and return how it ended. Left early, by Ctrl-C too, it is cancelled before anything
        else happens."""
        last: Event | None = None
        try:
            for event in events:
                self.show(event)
                heard(event)
                last = event
        finally:
            if isinstance(events, Generator):
                events.close()
        return last

    def show(self, event: Event) -> None:
        """One event. How a turn ends (an answer, a question, a stop) is for the caller to say."""
        match event:
            case Text(delta):
                self._draft += delta
            case DraftDropped():
                self._draft = ""
            case ToolStarted():
                self._draft = ""  # what came before a call was thinking aloud
                self._doing = ""
                self._running[event.id] = _Call(event)
                if self._live is None:
                    self._print(lines.call(event) + " ...", "dim")
            case ToolProgress() if event.id in self._running:
                self._running[event.id].progress = lines.progress(event)
            case ToolFinished():
                self._finish(event)
            case Notice(kind="corpus") if self._live is not None:
                self._doing = lines.one_line(event.text, 100)  # how far it is; no news afterwards
            case Notice():
                self._print(f"note: {lines.one_line(event.text, 400)}", "yellow")
            case Final():
                self._answered = True
            case Spent():
                self._spent = lines.spent(event.turn, event.limit_dollars)

    def _interrupted(self, *_: object) -> None:
        """A provider that is silent takes a moment to be left; the live lines say meanwhile that Ctrl-C was heard.
        A second one does not wait for it, and ends the program; so does the first where there is no chat to keep."""
        now = time.monotonic()
        if self._stopping is not None and now - self._stopping < _SAME:
            return
        if self._stopping is not None or not leaving.stays():
            leaving.end()
        self._stopping = now
        raise KeyboardInterrupt

    def _finish(self, event: ToolFinished) -> None:
        from rich.padding import Padding
        from rich.text import Text as Line

        call = self._running.pop(event.id, None)
        mark, style = ("✓", "green") if event.ok else ("✗", "red")
        if self._live is not None and call is not None:
            self._print(f"{mark} {call.what}", style)
            said = lines.finished(event).removeprefix(f"{name(event.name)}: ")
            self._console.print(Padding(Line(said, style="dim"), (0, 0, 0, 2)))
        else:
            self._print(f"{mark} {lines.finished(event)}", style)
        for path in event.figures:
            figures.show(self._console, path, self._images)

    def _keep_draft(self) -> None:
        """Where no answer takes its place, what was streamed is not lost."""
        from gadfly.agent.faces.door.screen import prose

        if self._draft.strip() and self._console.is_terminal:
            self._console.print(prose(lines.draft(self._draft)), style="dim")
            self._print("(a draft, receipts not checked)", "dim")

    def _print(self, text: str, style: str) -> None:
        from rich.text import Text as Line

        self._console.print(Line(text, style=style), soft_wrap=not self._console.is_terminal)

    # -- the live lines --------------------------------------------------------------------------

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        from rich.text import Text as Line

        now = time.monotonic()
        running = [call.line(now) for call in self._running.values()]
        room = max(console.height - len(running) - 4, 3)
        yield from self._tail(console, options, room)
        for text in running:
            yield Line(text, style="cyan", no_wrap=True, overflow="ellipsis")
        yield Line(self._status(now), style="dim", no_wrap=True, overflow="ellipsis")

    def _tail(
        self, console: Console, options: ConsoleOptions, room: int
    ) -> Iterator[RenderableType]:
        """The last lines of the draft that fit."""
        from rich.segment import Segment, Segments
        from rich.style import Style

        from gadfly.agent.faces.door.screen import prose

        if not self._draft.strip():
            return
        # A long draft is not set anew as a whole for its last lines.
        recent = self._draft[-_RECENT:]
        if len(recent) < len(self._draft):
            recent = recent.partition("\n\n")[2] or recent
        rendered = console.render_lines(
            prose(lines.draft(recent)), options.update(height=None), style=Style(dim=True)
        )
        for line in rendered[-room:]:
            yield Segments([*line, Segment.line()])

    def _status(self, now: float) -> str:
        if self._stopping is not None:
            return f"{_spinner(now)} stopping"
        doing = self._doing or "thinking"
        if self._draft.strip():
            doing = "draft, not checked yet"
        elif self._running:
            doing = "working"
        parts = [_spinner(now), doing, f"{now - self._started:.0f} s", "Ctrl-C stops", self._spent]
        return f"{parts[0]} " + " · ".join(part for part in parts[1:] if part)


class _Call:
    """A call that runs."""

    def __init__(self, event: ToolStarted) -> None:
        self.what = lines.call(event)
        self.progress = ""
        self._name = name(event.name)
        self._arguments = lines.arguments(event.arguments)
        self._started = time.monotonic()

    def line(self, now: float) -> str:
        """How far it is first: the arguments may not fit."""
        seconds = f"{now - self._started:.0f} s"
        parts = [self._name, self.progress, seconds, self._arguments]
        return f"{_spinner(now)} " + " · ".join(part for part in parts if part)


def _spinner(now: float) -> str:
    return "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"[int(now * _PER_SECOND) % 10]
