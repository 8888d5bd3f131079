"""Figures on a terminal."""

from __future__ import annotations

import base64
import re
from io import StringIO
from pathlib import Path

import pytest

from gadfly.agent.faces.chat import figures
from gadfly.agent.faces.door.screen import Screen as Console

# A PNG of one pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"TERM": "xterm-256color"}, None),
        ({"KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM_PROGRAM": "ghostty"}, "kitty"),
        ({"TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ({"TERM_PROGRAM": "WezTerm"}, "iterm2"),
        ({"TERM_PROGRAM": "iTerm.app", "TMUX": "/tmp/x"}, None),
        ({"KITTY_WINDOW_ID": "1", "TERM": "screen-256color"}, None),
        ({"TMUX": "/tmp/x", "GADFLY_IMAGES": "kitty"}, "kitty"),
        ({"KITTY_WINDOW_ID": "1", "GADFLY_IMAGES": "off"}, None),
    ],
)
def test_the_environment_tells_the_protocol(
    environment: dict[str, str], expected: str | None
) -> None:
    assert figures.protocol(environment) == expected


def test_kitty_gets_the_whole_picture_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG + bytes(9000))
    sequence = figures.inline(str(path), "kitty", 200)
    pieces = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", sequence)
    assert "".join(data for _, data in pieces) == base64.b64encode(path.read_bytes()).decode()
    assert [head.endswith("m=1") for head, _ in pieces] == [True] * (len(pieces) - 1) + [False]
    assert len(pieces) > 1
    assert "q=2" in pieces[0][0]  # no reply that would look like typed text


def test_iterm2_gets_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    sequence = figures.inline(str(path), "iterm2", 40)
    assert sequence.startswith("\x1b]1337;File=inline=1;")
    assert "width=40;" in sequence
    assert sequence.endswith(base64.b64encode(PNG).decode() + "\x07")


def test_what_is_no_png_is_only_linked(tmp_path: Path) -> None:
    fake, page = tmp_path / "a.png", tmp_path / "a.html"
    fake.write_text("\x1b[2J")
    page.write_text("<p>")
    for path in (fake, page, tmp_path / "gone.png"):
        assert figures.inline(str(path), "kitty", 80) == ""
    console = Console(file=StringIO(), force_terminal=True, width=200, color_system="standard")
    figures.show(console, str(page), "kitty")
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert page.as_uri() in printed  # OSC 8
    assert "\x1b_G" not in printed


def test_no_picture_goes_into_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    console = Console(file=StringIO(), width=20)
    figures.show(console, str(path), "kitty")
    assert console.file.getvalue() == f"  figure {path}\n"  # type: ignore[attr-defined]
