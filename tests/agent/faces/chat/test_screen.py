"""A turn on a console."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.cells import cell_len
from support.chat import answer

from gadfly.agent.answers.answer import Cost
from gadfly.agent.faces.chat.screen import Screen
from gadfly.agent.faces.door.screen import Screen as Console
from gadfly.agent.turn.events import (
    DraftDropped,
    Event,
    Final,
    Notice,
    Spent,
    Text,
    ToolFinished,
    ToolProgress,
    ToolStarted,
)


def terminal(width: int = 80, height: int = 24) -> Console:
    return Console(
        file=StringIO(), force_terminal=True, width=width, height=height, color_system="standard"
    )


def text_of(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def live(console: Console, *events: Event) -> list[str]:
    """The live lines after these events, without styles."""
    screen = Screen(console)
    for event in events:
        screen.show(event)
    plain = Console(file=StringIO(), width=console.width, height=console.height)
    plain.print(screen)
    return [line.rstrip() for line in text_of(plain).splitlines()]


def test_in_a_log_each_call_is_a_line(tmp_path: Path) -> None:
    console = Console(file=StringIO(), width=40)
    with Screen(console) as screen:
        screen.show(ToolStarted("1", "patch", '{"behaviour": "capital-of"}'))
        screen.show(ToolProgress("1", "patch", "passes", 1, 2))
        screen.show(Text("A draft that a log does not need."))
        screen.show(Notice("retry", "again in 2 s"))
        screen.show(ToolFinished("1", "patch", True, "restores 1.00 " * 5, 3.0, "r0a1b2c3d"))
        screen.show(ToolFinished("2", "probe", False, "no such layer", 0.1))
        screen.show(Final(answer()))
    assert text_of(console).splitlines() == [
        "patch behaviour=capital-of ...",
        "note: again in 2 s",
        "✓ patch: restores 1.00 restores 1.00 restores 1.00 restores 1.00 restores 1.00 · 3.0 s · run r0a1b2c3d",
        "✗ probe: no such layer · 0.1 s",
    ]


def test_the_live_lines_hold_the_draft_the_calls_and_the_cost() -> None:
    shown = live(
        terminal(),
        Text("Patching **restores** it [[quote a/b | words]]."),
        Spent(Cost(dollars=0.01, input_tokens=900, output_tokens=100), Cost(), 1.0),
    )
    assert shown[0] == "Patching restores it [?]."
    assert "draft, not checked yet" in shown[-1]
    assert "$0.0100 of $1.00, 1,000 tokens" in shown[-1]
    shown = live(
        terminal(),
        ToolStarted("1", "patch", '{"behaviour": "capital-of"}'),
        ToolStarted("2", "search", '{"query": "x"}'),
        ToolProgress("1", "patch", "passes", 12, 40),
    )
    assert "patch · passes 12/40 · 0 s · behaviour=capital-of" in shown[0]
    assert "search" in shown[1]
    assert "working" in shown[2]


def test_a_dropped_draft_is_gone() -> None:
    shown = live(terminal(), Text("wrong words"), DraftDropped("again"), Text("right words"))
    assert shown[0] == "right words"
    assert not any("wrong" in line for line in shown)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (30, 10), (20, 6)])
def test_the_live_lines_fit_and_show_the_end(width: int, height: int) -> None:
    draft = "\n\n".join(f"Paragraph {n} " + "words " * 20 for n in range(100)) + "\n\nThe end."
    call = ToolStarted("1", "patch", '{"prompts": "' + "long " * 100 + '"}')
    shown = live(terminal(width, height), call, Text(draft))
    assert len(shown) < height
    assert max(map(cell_len, shown)) <= width
    assert any("The end." in line for line in shown)


def test_on_a_terminal_the_draft_goes_and_the_calls_stay() -> None:
    console = terminal()
    with Screen(console) as screen:
        screen.show(ToolStarted("1", "patch", "{}"))
        screen.show(ToolFinished("1", "patch", True, "restores 1.00", 3.0))
        screen.show(Text("the draft"))
        screen.show(Final(answer()))
    printed = text_of(console)
    assert "✓ patch" in printed
    after = printed[printed.rindex("\x1b[2K") :]  # the live lines are erased; nothing follows
    assert "draft" not in after
    assert "\x1b[?1049h" not in printed  # no alternate screen


def test_a_draft_that_no_answer_replaces_stays() -> None:
    console = terminal()
    with pytest.raises(KeyboardInterrupt), Screen(console) as screen:
        screen.show(Text("half an answer"))
        raise KeyboardInterrupt
    after = text_of(console).rsplit("\x1b[2K", 1)[-1]
    assert "half an answer" in after
    assert "receipts not checked" in after


def test_ctrl_c_is_heard_at_once_and_the_turn_is_left_before_anything_else() -> None:
    console = terminal()
    screen = Screen(console)
    left: list[str] = []

    def turn() -> Iterator[Event]:
        try:
            yield Text("half")
            os.kill(os.getpid(), signal.SIGINT)
            yield Text("never")
        finally:
            console.print(screen)
            left.append("closed")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), screen:
        screen.follow(turn())
    assert left == ["closed"]
    assert "stopping" in text_of(console)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_hostile_summary_obeys_nothing() -> None:
    console = terminal()
    with Screen(console) as screen:
        screen.show(ToolStarted("1", "read\x1b]0;title\x07", "{}"))
        screen.show(ToolFinished("1", "read", True, "\x1b]8;;http://evil\x1b\\click", 1.0))
        screen.show(Notice("corpus", "\x1b[2J"))
        screen.show(Text("\x1b]52;c;AAAA\x07"))
        screen.show(Final(answer()))
    printed = text_of(console)
    assert "\x1b]" not in printed
    assert "\x1b[2J" not in printed
