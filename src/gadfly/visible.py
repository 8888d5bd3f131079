"""Text of models, documents and files as text that a terminal or a log only shows.

Whatever a terminal would obey, or a reader would not see, becomes an escape that can be read: control characters and
with them every escape sequence, characters that reorder text or hide in it, breaks that are no newline, lone
surrogates. Nothing is left out: what is approved must be seen. Letters of every script, combining marks and emoji
stay as they are. Leaves out where the text goes (``door``) and Markdown (``markup``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\ufffe\uffff\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
# Kept where they do their work: joiners inside emoji and in scripts whose letters join, one variation selector after
# what it varies.
_JOINING = "\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u18af"
_EMOJI = "\u00a9\u00ae\u203c\u2049\u2100-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_KEPT = re.compile(
    f"(?<=[{_JOINING}])[\u200c\u200d](?=[{_JOINING}])|(?<=[{_EMOJI}\ufe0f])\u200d(?=[{_EMOJI}])"
    "|(?<=[^\\s\ufe00-\ufe0f])[\ufe00-\ufe0f]"
)
# A workflow of GitHub obeys lines that begin with :: and whatever holds ##[, in all that a step prints.
_COMMAND = re.compile(r"(?m)^([^\S\n]*)::|##\[")


def visible(text: str) -> str:
    """``text`` with everything that would be obeyed or unseen as an escape; newlines and tabs stay."""
    return _OBEYED.sub(_escaped, text.replace("\r\n", "\n"))


def escapes(text: str) -> Iterator[tuple[int, str]]:
    """Where in ``text`` an escape takes a character's place, and the escape."""
    for found in _OBEYED.finditer(text):
        if (shown := _escaped(found)) != found[0]:
            yield found.start(), shown


def name(text: object) -> str:
    """A name or a title: one line, on which newlines and tabs are seen too."""
    return visible(str(text)).replace("\n", "\\n").replace("\t", "\\t")


def no_commands(text: str) -> str:
    """Visible text of which a workflow's log obeys nothing."""
    return _COMMAND.sub(lambda found: "#\\#[" if found[0] == "##[" else f"{found[1]}\\::", text)


def as_json(data: Any, indent: int | None = None) -> str:
    """JSON as people read it, with the same characters escaped; a reader of JSON gets back what was there."""
    text = json.dumps(data, ensure_ascii=False, indent=indent)
    text = _OBEYED.sub(lambda found: json.dumps(found[0])[1:-1], text)
    return text.replace("##[", "#\\u0023[")


def _escaped(found: re.Match[str]) -> str:
    """A character by its number, as Python writes it."""
    if _KEPT.match(found.string, found.start()):
        return found[0]
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else ascii(found[0])[1:-1]
