"""What a notebook's cell printed, kept short: text in a fence, everything else as a note.

Leaves out images, widgets and HTML: their place is marked, so that text that speaks of them makes sense.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gadfly.corpus.readers.fences import fence

LINES = 20
CHARACTERS = 1_200
LINE = 300
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


def rendered(outputs: Any) -> str:
    """The outputs of one cell as Markdown, bounded in lines and characters all together."""
    texts: list[str] = []
    dropped: list[str] = []
    for output in outputs if isinstance(outputs, list) else ():
        if isinstance(output, dict):
            for kind, text in _pieces(output):
                (texts if kind == "text" else dropped).append(text)
    parts = [fence(shortened("\n".join(texts)), "output")]
    parts += [f"[{what} left out]" for what in dict.fromkeys(dropped)]
    return "\n\n".join(filter(None, parts))


def joined(value: Any) -> str:
    """A text that nbformat may hold as a list of lines."""
    if isinstance(value, list):
        return "".join(each for each in value if isinstance(each, str))
    return value if isinstance(value, str) else ""


def shortened(text: str) -> str:
    """The first lines of an output, with a last line that says how much more there was."""
    text = _ANSI.sub("", text)
    # A progress bar writes over itself: only what is left on the screen counts.
    lines = [line.rstrip("\r").rsplit("\r", 1)[-1].rstrip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    kept: list[str] = []
    room = CHARACTERS
    for line in lines[:LINES]:
        if room <= 0:
            break
        short = line if len(line) <= LINE else line[:LINE] + " …"
        kept.append(short)
        room -= len(short) + 1
    if len(kept) < len(lines):
        kept.append(f"… ({len(lines) - len(kept)} more lines)")
    return "\n".join(kept)


def _pieces(output: dict[str, Any]) -> Iterator[tuple[str, str]]:
    kind = output.get("output_type")
    if kind == "stream":
        yield "text", joined(output.get("text")).rstrip("\n")
        return
    if kind in ("error", "pyerr"):  # the traceback repeats the code and is full of colours
        yield "text", f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"
        return
    data = output.get("data")
    if not isinstance(data, dict):  # nbformat 3 has the formats side by side with the rest
        data = output
    for name in data:
        if name.startswith("image/") or name in ("png", "jpeg", "svg"):
            yield "note", "image"
            return
    text = joined(data.get("text/plain", data.get("text")))
    if "application/vnd.plotly.v1+json" in data or text.startswith("Figure("):
        yield "note", "interactive figure"
    elif any("widget" in name for name in data):
        yield "note", "widget"
    elif joined(data.get("text/markdown")).strip():
        yield "text", joined(data["text/markdown"])
    elif re.fullmatch(r"<[\w.]+ (object|at 0x)[^\n]*>", text.strip()) or not text.strip():
        if "text/html" in data or "html" in data:
            yield "note", "HTML output"
    else:
        yield "text", text
