"""How the program ends: by a signal at any moment, or when its work is done; always soon, and always in order.

    first signal ──▶ Ended is raised in the main thread ──▶ ``with`` and ``finally`` close what is open ──▶ ``leave``
        └──▶ the watcher, a thread, counts to ``GRACE`` ──▶ ends the process where the main thread has not

``program`` comes before anything heavy is imported. SIGINT, SIGTERM and SIGHUP take one road; a signal that the
parent chose to ignore (``nohup``, a shell's background job) stays ignored, and later signals change nothing. The C
half of Python's signal handler writes to a pipe, so the watcher hears of a signal also while the main thread waits
in C: for a lock of the import system, a file lock, a forward, a name server, or a reader that does not read.

``leave`` flushes, calls what was registered with ``closing``, gives the terminal back and ends by ``os._exit``: no
thread, no exit handler of a C++ library and no import lock can hold it up, and none can abort. Nothing that is kept
needs this: SQLite has what was committed, and locks fall with the process. But a database that is closed is one
file again.

Left out: a signal before the first line of Gadfly finds Python's own handlers. C code that does not let go of the
interpreter, as the loading of a shared library, holds the watcher up too. On Windows there is no SIGHUP and no watcher.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

GRACE = 0.6  # seconds that an orderly end may take after a signal
STOPPED = "gadfly: stopped; what was finished is kept"
_SLOWEST = 5.0  # seconds that closing may take where no signal came
_ENDING = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]
_DRAWING = {"rich.live", "prompt_toolkit"}  # what hides the cursor
_NUDGE = b"\0"  # to the watcher: look again


class Ended(SystemExit):
    """A signal ends the program. No error: ``except Exception`` lets it pass, and so does the chat's Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


class _Process:
    """What this process knows about its end."""

    def __init__(self) -> None:
        self.ended_by: int | None = None
        self.since = 0.0
        self.code = 0
        self.leaving = False
        self.at_once = False
        self.stays = False
        self.said = False
        self.closers: list[Callable[[], object]] = []
        self.pipe: tuple[int, int] | None = None
        self.terminal: list[Any] | None = None


_process = _Process()


def program(main: Callable[[], object]) -> None:
    """Run ``main`` as this process's program, and end with its exit code."""
    _install()
    code: Any = 70
    try:
        try:
            main()
            code = 0
        except Ended as end:
            stopped()
            code = end.code
        except SystemExit as end:
            code = end.code
    finally:  # whatever else comes, comes from a signal between two lines
        if code is not None and not isinstance(code, int):
            sys.stderr.write(f"{code}\n")
            code = 1
        leave(code or 0)


def closing(close: Callable[[], object]) -> None:
    """Have ``close`` called when the program leaves, the last one first, in the main thread; it must be quick. Outside
    of ``program`` nothing is called."""
    _process.closers.append(close)


def at_once() -> None:
    """From now on a signal leaves from its handler: for a server, whose event loop would wait for its tasks."""
    _process.at_once = True


@contextmanager
def staying() -> Iterator[None]:
    """Ctrl-C is a KeyboardInterrupt while the block runs, and ends what was asked for, not the program."""
    _process.stays = True
    try:
        yield
    finally:
        _process.stays = False


def stays() -> bool:
    """Whether Ctrl-C leaves the program running; also outside of ``program``, where nobody ends a program by it."""
    return _process.stays or _process.pipe is None


@contextmanager
def lent() -> Iterator[None]:
    """Around an event loop in the main thread that takes Python's wake-up descriptor for itself. Nothing is at work in
    it, so a signal leaves from its handler: raised within a task of the loop, its end would be told as a mistake."""
    before, _process.at_once = _process.at_once, True
    try:
        yield
    finally:
        _process.at_once = before
        _listen()


def end(number: int = signal.SIGINT) -> None:
    """End the program as a signal does.

    Raises:
        Ended: unless the program is ending already.
    """
    here = _process
    if here.ended_by is not None or here.leaving:
        return
    here.ended_by, here.since = number, time.monotonic()
    _nudge()
    if here.at_once:
        stopped()
        leave(128 + number)
    raise Ended(number)


def heard() -> None:
    """For who writes a stream, such as a line for each event: without a reader the work has no use.

    Raises:
        Ended: the reader of standard output went away (``gadfly ask --events | head``).
    """
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _Unheard) and raw.gone:
        end(signal.SIGPIPE)


def within(seconds: float) -> float:
    """How long something may be waited for: ``seconds``, and less once the program ends."""
    if _process.ended_by is None:
        return seconds
    left = _process.since + GRACE - 0.2 - time.monotonic()
    return max(0.0, min(seconds, left))


def stopped() -> None:
    """Say that it was stopped, once."""
    if not _process.said:
        _process.said = True
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{STOPPED}\n")
            sys.stderr.flush()


def leave(code: int) -> None:
    """Close, flush, give the terminal back, and end the process with ``code``."""
    here = _process
    here.leaving, here.code = True, code
    if here.ended_by is None:
        _flush()  # as long as the reader takes: nothing may be lost
    _nudge()
    for close in reversed(here.closers):
        with suppress(Exception):
            close()
    if here.ended_by is not None:
        _end_children()
    _flush()
    _give_terminal_back()
    os._exit(code)


# -- signals -------------------------------------------------------------------------------------


def _install() -> None:
    here = _process
    _occupy_standard_descriptors()
    if sys.platform != "win32" and os.isatty(0):
        import termios

        here.terminal = termios.tcgetattr(0)
    if sys.platform != "win32":
        here.pipe = os.pipe()
        os.set_blocking(here.pipe[1], False)
        threading.Thread(target=_watch, args=[here.pipe[0]], name="leaving", daemon=True).start()
        os.register_at_fork(after_in_child=_child)
        _listen()
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _heard)
    sys.unraisablehook = _unraisable
    threading.excepthook = _thread_failed


def _listen() -> None:
    if _process.pipe is not None:
        signal.set_wakeup_fd(_process.pipe[1], warn_on_full_buffer=False)


def _child() -> None:
    """A forked child has a life of its own: its signals are not the parent's."""
    signal.set_wakeup_fd(-1)
    for number in _ENDING:
        if signal.getsignal(number) is _heard:
            signal.signal(number, signal.SIG_DFL)


def _heard(number: int, _: FrameType | None) -> None:
    if number == signal.SIGINT and _process.stays:
        raise KeyboardInterrupt
    end(number)


def _nudge() -> None:
    if _process.pipe is not None:
        with suppress(OSError):
            os.write(_process.pipe[1], _NUDGE)


def _watch(pipe: int) -> None:
    """Ends the process where the main thread does not."""
    here = _process
    while True:
        said = os.read(pipe, 64)
        ending = [n for n in said if n in _ENDING and not (n == signal.SIGINT and here.stays)]
        by = ending[0] if ending else here.ended_by
        if by is not None:
            time.sleep(GRACE)
            _end_now(128 + by)
        elif here.leaving:
            time.sleep(_SLOWEST)
            _end_now(here.code)


def _end_now(code: int) -> None:
    """From the watcher: the main thread is stuck, and may hold any lock. Nothing here waits for one."""
    import select

    _end_children()
    _give_terminal_back()
    if not _process.said and code > 128:
        start = "\r\x1b[J" if os.isatty(2) else ""
        with suppress(OSError, ValueError):
            if select.select([], [2], [], 0)[
                1
            ]:  # a reader that does not read must not hold this up
                os.write(2, f"{start}{STOPPED}\n".encode())
    os._exit(code)


def _unraisable(what: Any) -> None:
    """A signal that comes while an object is being deleted is no news; the watcher ends the process."""
    if _process.ended_by is None and not isinstance(what.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(what)


def _thread_failed(what: Any) -> None:
    """What breaks in a thread because the program is closing is no news."""
    if _process.ended_by is None and not _process.leaving:
        threading.__excepthook__(what)


# -- what must be left in order ------------------------------------------------------------------


class _Unheard(io.FileIO):
    """A standard stream whose reader may go away: what is written then is dropped, and the work goes on to its
    exit code."""

    gone = False

    def write(self, data: Any) -> int:
        if not self.gone:
            try:
                return super().write(data) or 0
            except BrokenPipeError:
                self.gone = True
        return len(data)


def _occupy_standard_descriptors() -> None:
    """A closed 0, 1 or 2 would be given to the next file that is opened, such as a database, and what is printed
    would land in it."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        old = getattr(sys, name)
        tty = os.isatty(descriptor)
        if tty and old is not None:
            continue
        stream = io.TextIOWrapper(
            io.BufferedWriter(_Unheard(descriptor, "w", closefd=False)),
            encoding=getattr(old, "encoding", None) or "utf-8",
            errors=getattr(old, "errors", None) or "backslashreplace",
            line_buffering=name == "stderr",
        )
        setattr(sys, name, stream)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()


def _give_terminal_back() -> None:
    """Echo on, cursor shown, pastes unmarked; only where it is ours: a background job that touches it is halted."""
    with suppress(Exception):  # there is none, or it is gone
        import termios

        for descriptor in (0, 2):
            if not os.isatty(descriptor) or os.tcgetpgrp(descriptor) != os.getpgrp():
                continue
            if descriptor == 0 and termios.tcgetattr(0) != _process.terminal:
                termios.tcsetattr(0, termios.TCSANOW, _process.terminal)  # type: ignore[arg-type]
            if (
                descriptor == 2
                and _DRAWING & sys.modules.keys()
                and os.environ.get("TERM") != "dumb"
            ):
                os.write(2, b"\x1b[?25h\x1b[?2004l\x1b[0m")


def _end_children() -> None:
    """What this process started and did not wait for: a shell command, git, pip, the kernel. Linux only."""
    left = _descendants()
    for number in (signal.SIGTERM, signal.SIGKILL):
        for child in left:
            with suppress(OSError):
                os.kill(child, number)
        until = time.monotonic() + 0.1
        while left and time.monotonic() < until:
            time.sleep(0.01)
            left = [child for child in left if _runs(child)]


def _descendants() -> list[int]:
    parents: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            fields = status.read_text(errors="replace").rpartition(")")[2].split()
            if fields[0] != "Z":
                parents.setdefault(int(fields[1]), []).append(int(status.parent.name))
    found, look = [], [os.getpid()]
    while look:
        children = parents.get(look.pop(), [])
        found += children
        look += children
    return found


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
