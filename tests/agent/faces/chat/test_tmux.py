"""The chat in a real terminal, by tmux, with an LLM on loopback that streams as slowly as real ones."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.chat import Tmux
from support.hostile import LINE, leaks
from support.loopback import Script, Server, serve, text, tool_call

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]
CHAT = [sys.executable, "-m", "gadfly", "chat", "--llm", "openai/scripted"]


def prompting(screen: str) -> bool:
    """Whether the prompt is up and empty: the line of state stands below it."""
    lines = [line for line in screen.split("\n") if line.strip()]
    return lines[-2:-1] == ["›"] and " · experiments on " in lines[-1]


class Slowly(list[dict[str, Any]]):
    """Deltas with a pause before each."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for delta in super().__iter__():
            time.sleep(0.03)
            yield delta


def slow(*pieces: str) -> Script:
    script = text(*pieces)
    script.deltas = Slowly(script.deltas)
    return script


@pytest.fixture
def server() -> Iterator[Server]:
    scripts = [
        tool_call("search", '{"query": "denoising', ' and noising"}'),
        slow(
            *(f"word{n} " for n in range(60)),
            "\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nThe first answer.",
        ),
        slow(*(f"more{n} " for n in range(400))),
        text("The second answer."),
    ]
    with serve(scripts) as running:
        yield running


@pytest.fixture
def tmux(ready: Path, server: Server, tmp_path: Path) -> Iterator[Tmux]:
    environment = {
        "GADFLY_HOME": str(ready),
        "GADFLY_EMBEDDER": "none",
        "GADFLY_API_BASE": server.url,
        "PS1": "$ ",
    }
    terminal = Tmux(tmp_path, 80, 24, environment)
    try:
        yield terminal
    finally:
        terminal.close()


def test_a_chat(tmux: Tmux, server: Server) -> None:
    tmux.run(*CHAT, "--no-skeptic")
    tmux.wait(prompting)

    # Tab and the menu; Ctrl-C clears the line.
    tmux.type("/und")
    tmux.wait("Take the last turn back")
    tmux.press("Tab")
    tmux.wait("› /undo")
    tmux.press("C-c")
    tmux.wait(prompting)

    # A paste keeps its lines and waits.
    tmux.paste("What is this?\n  x = 1")
    tmux.wait(lambda screen: "› What is this?" in screen and "x = 1" in screen)
    assert not server.requests

    # It streams, provisional; the checked answer takes the draft's place.
    tmux.press("Enter")
    streaming = tmux.wait(lambda screen: "word5 " in screen and "draft, not checked" in screen)
    assert "✓ search query=denoising and noising" in streaming
    tmux.type("typed ahead")
    tmux.wait("receipts verified")
    whole = tmux.screen(scrollback=True)
    assert "The first answer." in whole
    assert "draft, not checked" not in whole
    assert whole.count("word7 ") == 1
    assert server.requests[0]["messages"][-1]["content"] == "What is this?\n  x = 1"
    tmux.wait("› typed ahead")  # kept, unsent
    assert len(server.requests) == 2

    # Ctrl-C stops the turn and keeps the chat and what was streamed.
    tmux.press("Enter")
    tmux.wait("more9 ")
    tmux.press("C-c")
    stopped = tmux.wait("Stopped. /resume goes on")
    assert "a draft, receipts not checked" in stopped
    assert "Traceback" not in tmux.screen(scrollback=True)
    tmux.type("/resume")
    tmux.press("Enter")
    tmux.wait("The second answer.")
    tmux.wait(prompting)

    # Ctrl-D leaves; the session goes on in another process.
    tmux.press("C-d")
    tmux.wait("gadfly --continue goes on")
    tmux.run("clear")
    tmux.wait(lambda screen: "›" not in screen)
    tmux.run(*CHAT, "--continue")
    opened = tmux.wait("The second answer.")
    assert "2 turns, the last one:" in opened
    tmux.wait(prompting)
    assert "› typed ahead" in opened
    tmux.type("/unod")
    tmux.press("Enter")
    tmux.wait("did you mean /undo?")
    tmux.wait(prompting)
    tmux.type("/quit")
    tmux.press("Enter")
    tmux.wait("Kept as")


def test_bare_gadfly_is_the_chat_and_needs_no_key(tmux: Tmux) -> None:
    tmux.type(shlex.join(["env", "-u", "GADFLY_API_BASE", "NO_COLOR=1", *CHAT[:3]]))
    tmux.type('; echo "left $?"')
    tmux.press("Enter")
    tmux.wait("/help lists the commands")
    assert "offline" in tmux.wait(prompting)
    tmux.press("C-d")
    tmux.wait("left 0")


def test_what_is_typed_pasted_and_completed_is_only_shown(tmux: Tmux, tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    desk.mkdir()
    (desk / "n\u202eame\x1b[31;107m\x9b5;5H\nx.md").write_text(LINE, encoding="utf-8")
    tmux.run("cd", str(desk))
    raw = tmp_path / "raw"
    tmux.record(raw)
    tmux.run(sys.executable, "-m", "gadfly", "--llm", "offline", "--no-experiment", "--shell")
    tmux.wait("/help lists the commands.")

    tmux.type("@n")
    tmux.wait("n\\u202eame\\x1b[31;107m\\x9b5;5H\\nx.md")  # in the menu
    tmux.press("C-c")
    tmux.paste("What is \u202eselectivity\u200b in\x1b[31;107m probing?\x9b")
    tmux.wait("\N{REPLACEMENT CHARACTER}selectivity\N{REPLACEMENT CHARACTER} in")
    tmux.press("Enter")
    tmux.wait("receipts verified")
    tmux.type(r"!printf 'x\033]52;c;AAAA\007\033[3Jy\n'")
    tmux.press("Enter")
    tmux.wait("x\\x1b]52;c;AAAA\\x07\\x1b[3Jy")
    tmux.type("/undo")
    tmux.press("Enter")
    tmux.wait("taken back")
    tmux.press("C-c", "C-d")
    tmux.wait("gadfly --continue goes on")

    told = raw.read_text(encoding="utf-8", errors="surrogateescape")
    told = told[told.index("Gadfly ") :]
    for sequence in ("\x1b[31;107m", "\x1b[3J", "\x1b]", "\x9b"):
        assert sequence not in told
    # What is left after the prompt's own modes and movements.
    assert leaks(re.sub(r"\x1b\[\??[0-9;]*[a-zA-Z]|\x08", "", told)) == ""
