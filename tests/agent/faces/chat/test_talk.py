"""The dialogue: sending, stopping, errors, approvals, shell commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.chat import FakeSession, answer, recorded

from gadfly.agent.faces.chat import prompt, talk
from gadfly.agent.turn.events import (
    ApprovalRequest,
    Final,
    PendingCall,
    Stopped,
    Text,
    ToolFinished,
)
from gadfly.errors import LLMError, UsageError

WAITS = ApprovalRequest((PendingCall("1", "python", '{"code": "x\\ny"}', "it runs code"),))


def test_a_question_is_answered() -> None:
    made = recorded([[Text("draft"), Final(answer("Checked."))]])
    made.chat.hear("  What is it?  ")
    assert made.session.asked == [("What is it?", "")]
    assert "Checked." in made.printed
    made.chat.hear("   ")
    assert len(made.session.asked) == 1


def test_files_go_along_as_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").write_text("x = 1")
    made = recorded()
    made.chat.hear("Is @a.py right?")
    assert made.session.asked == [("Is @a.py right?", "--- a.py ---\nx = 1")]
    assert "with a.py, 5 characters" in made.printed


def test_what_cannot_be_sent_waits_in_the_prompt() -> None:
    made = recorded()
    with pytest.raises(UsageError):
        made.chat.hear("Is @no/such.py right?")
    assert made.chat.draft == "Is @no/such.py right?"
    assert made.session.asked == []


def test_ctrl_c_stops_the_turn_and_keeps_the_chat() -> None:
    made = recorded([[Text("half"), KeyboardInterrupt()]])
    made.session.pending = "unfinished"
    made.chat.guarded(lambda: made.chat.hear("Why?"))
    assert "Stopped. /resume goes on" in made.printed
    made.chat.guarded(lambda: made.chat.hear("/resume"))
    assert made.session.approvals == [None]


def test_a_stop_without_an_error_says_so_too() -> None:
    made = recorded([[Stopped("stopped")]])
    made.chat.hear("Why?")
    assert "Stopped." in made.printed


def test_a_broken_provider_is_one_line_and_the_turn_can_go_on() -> None:
    made = recorded([[LLMError("the provider\nfailed \x1b[2J")]])
    made.session.pending = "unfinished"
    made.chat.guarded(lambda: made.chat.hear("Why?"))
    assert "error: the provider failed \\x1b[2J" in made.printed
    assert "/resume goes on" in made.printed


@pytest.mark.parametrize(("typed", "word"), [("y", True), ("no", False)])
def test_a_call_waits_for_the_researcher(
    typed: str, word: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = iter(["", "perhaps", typed])
    monkeypatch.setattr(prompt, "ask", lambda _: next(words))
    made = recorded([[WAITS], [Final(answer("After it."))]])
    made.chat.hear("Run it.")
    assert made.session.approvals == [word]
    assert "python waits for you: it runs code" in made.printed
    assert "    code =\n        x\n        y\n" in made.printed
    assert "After it." in made.printed


def test_no_word_leaves_it_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(_: str) -> str:
        raise EOFError

    monkeypatch.setattr(prompt, "ask", leave)
    made = recorded([[WAITS]])
    made.chat.hear("Run it.")
    assert made.session.approvals == []
    assert "Left open" in made.printed


def test_shell_commands_are_off_by_default(tmp_path: Path) -> None:
    made = recorded()
    made.chat.hear(f"!touch {tmp_path}/made")
    assert not (tmp_path / "made").exists()
    assert "--shell" in made.printed


def test_a_shell_commands_output_goes_along_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-words")
    made = recorded(shell=True)
    made.chat.hear("!echo $OPENAI_API_KEY; echo loss 0.3; exit 3")
    made.chat.hear("Is that low?")
    made.chat.hear("And now?")
    (_, first), (_, second) = made.session.asked
    assert first.endswith("(exit code 3) ---\n***\nloss 0.3\n")
    assert second == ""


def test_figures_of_the_ledger_are_linked(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"")
    end = ToolFinished("1", "patch", True, "h", 1.0, "r0a1b2c3d", (str(path),))
    made = recorded([[end, Final(answer())]], width=300)
    made.chat.hear("Run it.")
    assert made.printed.count(str(path)) == 1


def test_an_opened_session_shows_where_it_stands() -> None:
    made = recorded()
    made.chat.hear("First?")
    made.chat.hear("Second?")
    made.chat.greet()
    tail = made.printed.rsplit("Gadfly", 1)[1]
    assert "2 turns, the last one:" in tail
    assert "› Second?" in tail
    assert "Patching restores the answer." in tail


def test_another_session_is_opened_and_its_open_question_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = FakeSession(id="s0other0", pending="approval", turns=[[WAITS], [Final(answer("Ran."))]])
    monkeypatch.setattr(talk.Session, "open", lambda _: other)
    monkeypatch.setattr(prompt, "ask", lambda _: "y")
    made = recorded()
    made.chat.hear("/resume s0o")
    assert made.chat.session.id == "s0other0"
    assert other.approvals == [None, True]
    assert "Ran." in made.printed


def test_a_bug_takes_the_turn_and_not_the_chat() -> None:
    made = recorded([[KeyError("unpriced")]])
    made.chat.guarded(lambda: made.chat.hear("Why?"))
    assert "a bug of Gadfly: KeyError" in made.printed
    with pytest.raises(EOFError):
        made.chat.guarded(lambda: made.chat.hear("/quit"))
