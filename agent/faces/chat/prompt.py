"""The input line: history, several lines, completion, a line of state below it.

Enter sends. A backslash at the end of a line, or Esc Enter, begins a new one; pasted text keeps its lines, and a long
one is replaced by a name and goes along as material. Ctrl-C clears the line, Ctrl-D on an empty one leaves, Ctrl-R
searches the history.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gadfly import leaving
from gadfly.agent.faces.chat import keyboard
from gadfly.home import folder

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
    keyboard.forget_typed()
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
