"""Events as words."""

from __future__ import annotations

import pytest

from gadfly.agent.answers.answer import Cost
from gadfly.agent.faces.chat import lines
from gadfly.agent.turn.events import PendingCall, ToolFinished, ToolProgress, ToolStarted
from gadfly.visible import visible


def test_nothing_in_a_text_moves_the_cursor() -> None:
    hostile = "a\x1b[2Jb\x07c\x9bd\u202ee\rf"
    shown = visible(hostile)
    assert shown == "a\\x1b[2Jb\\x07c\\x9bd\\u202ee\\x0df"
    assert visible("é 日本 ✓\n\tx") == "é 日本 ✓\n\tx"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ('{"behaviour": "capital-of", "n": 32}', "patch behaviour=capital-of, n=32"),
        ('{"layers": [1, 2], "flag": true}', "patch layers=[1, 2], flag=true"),
        ("{broken", "patch {broken"),
        ("[1]", "patch [1]"),
        ("", "patch"),
        ('{"text": "a\\u001b[2J\\nb"}', "patch text=a\\x1b[2J b"),
    ],
)
def test_a_call_is_one_safe_line(raw: str, shown: str) -> None:
    assert lines.call(ToolStarted("1", "patch", raw)) == shown


def test_what_is_approved_is_seen_whole() -> None:
    code = "import os\n" + "x = 1\n" * 100 + "os.remove('a')"
    pending = PendingCall("1", "python", f'{{"code": {code!r}}}'.replace("'", '"'), "why")
    assert lines.whole_arguments('{"code": "' + "y" * 5000 + '"}').count("y") == 5000
    assert "…" in lines.call(ToolStarted("1", "python", '{"code": "' + "y" * 5000 + '"}'))
    assert lines.call(pending).startswith("python")


def test_progress_and_end() -> None:
    assert lines.progress(ToolProgress("1", "patch", "passes", 3, 40)) == "passes 3/40"
    assert lines.progress(ToolProgress("1", "patch", "loading", 0, None)) == "loading"
    end = ToolFinished("1", "patch", True, "restores 1.00", 3.14, "r0a1b2c3d")
    assert lines.finished(end) == "patch: restores 1.00 · 3.1 s · run r0a1b2c3d"


def test_cost() -> None:
    assert lines.spent(Cost()) == ""
    assert (
        lines.spent(Cost(dollars=0.5, input_tokens=1000, output_tokens=1), 1)
        == "$0.5000 of $1.00, 1,001 tokens"
    )
    assert lines.spent(Cost(dollars=None, input_tokens=5), 1) == "price unknown, 5 tokens"


def test_markers_of_a_draft_shrink_and_half_a_marker_is_not_shown() -> None:
    draft = (
        "It is so [[quote guide/x | words]] and 1.00 [[run r0a1b2c3d | a = 1.00]]. Then [[quote gui"
    )
    assert lines.draft(draft) == "It is so [?] and 1.00 [?]. Then "
