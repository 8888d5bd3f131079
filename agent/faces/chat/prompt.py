"""The input line: history, several lines, completion, a line of state below it.

Enter sends. A backslash at the end of a line, or Esc Enter, begins a new one; pasted text keeps its lines, and a long
one is replaced by a name and goes along as material. Ctrl-C clears the line, Ctrl-D on an empty one leaves, Ctrl-R
searches the history. What is typed while no prompt reads is kept for the next one, and is never an approval.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gadfly import leaving
from gadfly.settings import folder

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import Completer
    from prompt_toolkit.key_binding import KeyBindings

_LONG_PASTE = 2_000  # characters; a question is lost among more of them


def session(
    completer: Completer, state: Callable[[], str], pastes: dict[str, str]
) -> PromptSession[str]:
    """The prompt of one chat. ``state`` is what stands below it; long pasted texts are put into ``pastes``."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory
    from prompt_toolkit.output import ColorDepth
    from prompt_toolkit.styles import Style

    from gadfly.agent.faces.door import typing

    return PromptSession(
        message=[("class:prompt", "› ")],
        multiline=True,
        prompt_continuation=lambda width, line, wrapped: "  "[:width],
        key_bindings=_keys(pastes),
        history=FileHistory(_history_file()),
        completer=completer,
        input_processors=[typing.Shown()],
        output=typing.output(),
        complete_while_typing=True,
        complete_in_thread=True,
        reserve_space_for_menu=6,
        bottom_toolbar=lambda: [("class:state", state())],
        style=Style.from_dict({"bottom-toolbar": "noreverse", "state": "dim", "prompt": "bold"}),
        color_depth=ColorDepth.DEPTH_1_BIT if os.environ.get("NO_COLOR") else None,
    )


def ask(question: str) -> str:
    """The word on an approval. What was typed before the question was seen is no answer to it.

    Raises:
        EOFError, KeyboardInterrupt: there was none.
    """
    from prompt_toolkit import PromptSession
    from prompt_toolkit.input.typeahead import clear_typeahead

    from gadfly.agent.faces.door import typing

    line: PromptSession[str] = PromptSession(
        message=question, input_processors=[typing.Shown()], output=typing.output()
    )
    clear_typeahead(line.input)
    _forget_typed()
    with leaving.lent():
        return line.prompt().strip()


def _history_file() -> Path:
    """Questions may be confidential: nobody else reads them."""
    path = folder("chat") / "history"
    path.touch(mode=0o600)
    return path


def _keys(pastes: dict[str, str]) -> KeyBindings:
    from prompt_toolkit.application.current import get_app
    from prompt_toolkit.filters import Condition
    from prompt_toolkit.key_binding import KeyBindings
    from prompt_toolkit.keys import Keys

    keys = KeyBindings()

    @Condition
    def choosing() -> bool:
        menu = get_app().current_buffer.complete_state
        return menu is not None and menu.current_completion is not None

    @keys.add("enter", filter=choosing)
    def take(event: Any) -> None:
        event.current_buffer.complete_state = None

    @keys.add("enter", filter=~choosing)
    def send(event: Any) -> None:
        buffer = event.current_buffer
        if buffer.document.char_before_cursor == "\\" and buffer.document.is_cursor_at_the_end:
            buffer.delete_before_cursor()
            buffer.newline(copy_margin=False)
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    @keys.add("c-j")
    def newline(event: Any) -> None:
        event.current_buffer.newline(copy_margin=False)

    @keys.add(Keys.Vt100MouseEvent)
    def no_mouse(_: Any) -> None:
        """None is asked for: what looks like one was typed or pasted, and the library takes its numbers as given."""

    @keys.add(Keys.BracketedPaste)
    def paste(event: Any) -> None:
        text = event.data.replace("\r\n", "\n").replace("\r", "\n")
        buffer = event.current_buffer
        if len(text) > _LONG_PASTE:
            name = f"paste{len(pastes) + 1}"
            pastes[name] = text
            gap = "" if buffer.document.char_before_cursor in ("", " ", "\n") else " "
            text = f"{gap}@{name} "
        buffer.insert_text(text)

    return keys


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


def _forget_typed() -> None:
    """Drop what was typed ahead: an Enter meant for something else must not approve a call."""
    try:
        import termios

        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    except (ImportError, OSError, ValueError, termios.error):
        return


def loading(engine: str) -> Callable[[], None]:
    """What a prompt runs once it is up, so that it comes first: the parts of a turn are imported while the researcher
    types. Only the first time counts."""
    thread = threading.Thread(target=_load, args=[engine], name="warm", daemon=True)

    def start() -> None:
        if thread.ident is None:
            thread.start()

    return start


def _load(engine: str) -> None:
    from gadfly.agent.llm.choose import OFFLINE

    with suppress(Exception):  # an error belongs to the turn that meets it
        import langgraph.checkpoint.sqlite
        import langgraph.graph  # noqa: F401

        import gadfly.agent.turn.loop
        import gadfly.corpus  # noqa: F401

        if engine != OFFLINE:
            from gadfly.agent.llm.provider import preload

            preload()
