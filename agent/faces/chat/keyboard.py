"""Keys typed while nobody reads them: not echoed into the output, kept for the next prompt, never an approval."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unechoed() -> Iterator[None]:
    """Keep what is typed while no prompt reads it from being written between the lines. Ctrl-C works as ever."""
    try:
        import termios

        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
    except (ImportError, OSError, ValueError, termios.error):  # Windows, or no terminal
        yield
        return
    quiet = list(before)
    quiet[3] &= ~termios.ECHO
    quiet[3] |= termios.NOFLSH  # Ctrl-C stops the turn, and leaves what was typed
    quiet[6] = [*before[6]]
    quiet[6][termios.VEOF] = b"\0"  # a Ctrl-D is kept too: it leaves as soon as there is a prompt
    termios.tcsetattr(descriptor, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def forget_typed() -> None:
    """Drop what was typed ahead: an Enter meant for something else must not approve a call."""
    try:
        import termios

        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    except (ImportError, OSError, ValueError, termios.error):
        return
