"""The chat's input line: what is typed, pasted, completed and stands below it is only shown."""

from __future__ import annotations

import os
import sys
from typing import Any

from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput
from prompt_toolkit.output import Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output

from gadfly.visible import escapes

_HIDDEN = "\N{REPLACEMENT CHARACTER}"


def output() -> Output:
    """The terminal for a prompt: its own control codes pass, and no text that holds any."""
    if sys.platform == "win32":  # its console takes text and no codes
        return create_output()
    return _Terminal.from_pty(sys.stdout, term=os.environ.get("TERM"))


class Shown(Processor):
    """Shows a sign for each character that cannot be seen; the text itself stays, and keeps its length."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        return Transformation(
            [
                (style, signs(text), *rest)  # type: ignore[misc]
                for style, text, *rest in transformation_input.fragments
            ]
        )


class _Terminal(Vt100_Output):
    """What reaches it unseen has no width for the prompt either, so leaving it out moves nothing. A carriage return
    is the prompt's own: in a text it draws a sign for it."""

    def write(self, data: str) -> None:
        super().write("\r".join(signs(each, "") for each in data.split("\r")))

    def set_title(self, title: str) -> None:
        """Never: a title is no place for text of others."""


def signs(text: str, sign: str = _HIDDEN) -> str:
    """``text`` with one sign for each character that would be obeyed or unseen."""
    hidden: dict[int, Any] = dict(escapes(text))
    return (
        "".join(sign if at in hidden else each for at, each in enumerate(text)) if hidden else text
    )
