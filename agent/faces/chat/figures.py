"""Figures on a terminal: always a link to the file, and the picture itself where the terminal can show it.

Two protocols carry a PNG inline: kitty's and iTerm2's. Which one is told by the environment alone, since asking the
terminal would mix its reply with what is typed. ``GADFLY_IMAGES`` (``kitty``, ``iterm2``, ``off``) overrules. Inside
tmux and screen pictures are off: both swallow them.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gadfly.settings import IMAGES
from gadfly.visible import name

if TYPE_CHECKING:
    from gadfly.agent.faces.door.screen import Screen

Protocol = Literal["kitty", "iterm2"]
_CHUNK = 4096  # characters of base64 that kitty takes at once
_MOST_BYTES = 4_000_000
_WIDEST = 72  # columns


def protocol(environment: Mapping[str, str] | None = None) -> Protocol | None:
    """How this terminal shows pictures, or None."""
    env = os.environ if environment is None else environment
    told = IMAGES.value(env).lower()
    if told in ("kitty", "iterm2"):
        return "kitty" if told == "kitty" else "iterm2"
    inside = env.get("TMUX") or env.get("STY") or env.get("TERM", "").startswith(("screen", "tmux"))
    if told or inside:
        return None
    program = env.get("TERM_PROGRAM", "")
    if env.get("KITTY_WINDOW_ID") or env.get("TERM") == "xterm-kitty" or program == "ghostty":
        return "kitty"
    return "iterm2" if program in ("iTerm.app", "WezTerm") else None


def show(console: Screen, path: str, how: Protocol | None) -> None:
    """The link of one figure, and the figure below it if ``how`` says so."""
    from rich.style import Style
    from rich.text import Text

    if how is not None and console.is_terminal and (sequence := inline(path, how, console.width)):
        console.draw(sequence)
    link = Style(dim=True, link=Path(path).absolute().as_uri())
    console.print(Text.assemble("  figure ", (name(path), link)), soft_wrap=True)


def of(runs: Iterable[str]) -> Iterator[str]:
    """The figures of recorded runs, as far as they are on disk."""
    from gadfly.tools.ledger import Ledger

    ledger = Ledger()
    for run_id in runs:
        run = ledger.find(run_id)
        for figure in run.result.figures if run and run.result else ():
            path = ledger.artifacts(run_id) / (figure.png or figure.html or "")
            if path.is_file():
                yield str(path)


def inline(path: str, how: Protocol, columns: int) -> str:
    """The escape sequence that draws a PNG; empty for what is no PNG, too big or unreadable."""
    file = Path(path)
    try:
        if file.suffix.lower() != ".png" or file.stat().st_size > _MOST_BYTES:
            return ""
        data = file.read_bytes()
    except OSError:
        return ""
    if not data.startswith(b"\x89PNG\r\n"):
        return ""
    width = min(columns, _WIDEST)
    text = base64.b64encode(data).decode()
    if how == "iterm2":
        return f"\x1b]1337;File=inline=1;size={len(data)};width={width};preserveAspectRatio=1:{text}\x07"
    pieces = [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]
    # q=2: no reply, which would arrive as if it had been typed.
    head = f"a=T,f=100,q=2,c={width},"
    return "".join(
        f"\x1b_G{head if index == 0 else ''}m={int(index + 1 < len(pieces))};{piece}\x1b\\"
        for index, piece in enumerate(pieces)
    )
