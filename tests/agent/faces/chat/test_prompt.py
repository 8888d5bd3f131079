"""The input line, fed with the bytes that a terminal sends."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from support.chat import recorded

from gadfly.agent.faces.chat import attach, prompt
from gadfly.agent.faces.chat.completing import ChatCompleter
from gadfly.settings import home

ENTER, ESC_ENTER = "\r", "\x1b\r"


def typed(keys: str, pastes: dict[str, str] | None = None) -> str:
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        pipe.send_text(keys)
        line: str = prompt.session(
            ChatCompleter(recorded().chat), lambda: "state", {} if pastes is None else pastes
        ).prompt()
        return line


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("hello" + ENTER, "hello"),
        ("one\\" + ENTER + "two" + ENTER, "one\ntwo"),
        ("one" + ESC_ENTER + "two" + ENTER, "one\ntwo"),
        ("one\ntwo" + ENTER, "one\ntwo"),  # Enter typed ahead arrives as a line feed
        ("\x1b[200~def f():\r    return 1\r\x1b[201~" + ENTER, "def f():\n    return 1\n"),
        ("a \\b" + ENTER, "a \\b"),
        # What looks like a mouse, with numbers missing: the library's own reading of it is an error.
        ("a\x1b[<5;5Mb" + ENTER, "ab"),
        ("a\x1b[32;5Mb" + ENTER, "ab"),
    ],
)
def test_enter_sends_and_lines_are_kept(keys: str, text: str) -> None:
    assert typed(keys) == text


def test_a_long_paste_becomes_material() -> None:
    pastes: dict[str, str] = {}
    long = "x = 1\r" * 1_000
    line = typed(f"why:\x1b[200~{long}\x1b[201~and\x1b[200~{long}\x1b[201~" + ENTER, pastes)
    assert line == "why: @paste1 and @paste2 "
    assert pastes["paste1"] == "x = 1\n" * 1_000
    assert [each.text for each in attach.attachments(line, pastes)] == list(pastes.values())
    assert attach.attachments(line) == []


def test_what_was_typed_ahead_approves_nothing() -> None:
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        pipe.send_text("run it" + ENTER + "y" + ENTER)
        completer = ChatCompleter(recorded().chat)
        assert prompt.session(completer, lambda: "", {}).prompt() == "run it"
        pipe.send_text("n" + ENTER)
        assert prompt.ask("Run it? ") == "n"


def test_ctrl_d_leaves_and_ctrl_c_is_for_the_chat() -> None:
    with pytest.raises(EOFError):
        typed("\x04")
    with pytest.raises(KeyboardInterrupt):
        typed("abc\x03")


def test_the_history_is_kept_and_nobody_else_reads_it() -> None:
    typed("my secret idea" + ENTER)
    path = home() / "chat" / "history"
    assert "my secret idea" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert typed("\x1b[A" + ENTER) == "my secret idea"


@pytest.fixture
def offered() -> Callable[[str], list[str]]:
    completer = ChatCompleter(recorded().chat)

    def complete(text: str) -> list[str]:
        found = completer.get_completions(Document(text), CompleteEvent())
        return [each.text for each in found]

    return complete


def test_tab_offers_commands_and_what_they_take(
    offered: Callable[[str], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "probe.py").write_text("")
    assert offered("/un") == ["undo"]
    assert set(offered("/ru")) == {"run", "runs"}
    assert offered("/pat") == ["patch"]
    assert set(offered("/context ")) == {"auto", "rag", "full"}
    assert offered("/export ht") == ["html"]
    assert offered("/export html pro") == ["be.py"]
    assert offered("Is @pro") == ["be.py"]
    assert offered("/resume s") == []
    assert offered("/undo x") == []
    assert offered("Is this /un") == []
    assert offered("plain words") == []
