"""Slash commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.chat import Recorded, answer, recorded

from gadfly.agent.answers.answer import Aside, Judgement, Opinion
from gadfly.agent.faces.chat.commands import COMMANDS, CORPUS
from gadfly.agent.faces.cli.corpus import corpus
from gadfly.agent.turn.events import Final
from gadfly.errors import GadflyError, UsageError


@pytest.fixture
def made() -> Recorded:
    return recorded()


def test_each_command_has_its_help() -> None:
    for command in COMMANDS.values():
        assert command.help.endswith("."), command.name
    made = recorded()
    made.chat.hear("/help")
    for name in COMMANDS:
        assert f"/{name}" in made.printed
    assert "/patch" in made.printed


def test_help_for_one(made: Recorded) -> None:
    made.chat.hear("/help undo")
    assert "/undo" in made.printed
    assert "/quit" not in made.printed
    made.chat.hear("/help patch")
    assert made.ran == [["patch", "--help"]]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("/unod", "did you mean /undo?"),
        ("/pach --n 3", "did you mean /patch?"),
        ("/xyzzy", "no command /xyzzy; /help lists them"),
        ("/", "name a command"),
        ("/context wide", "auto, rag, full"),
        ("/framing maybe", "on or off"),
        ("/budget", "US dollars"),
        ("/budget -1", "US dollars"),
        ("/budget nan", "US dollars"),
        ("/fork two", "number of turns"),
        ("/export", "takes a format and a path"),
        ("/resume", "nothing is unfinished"),
        ("/undo", "no turn to take back"),
    ],
)
def test_a_wrong_command_is_one_line_with_the_way_out(made: Recorded, line: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        made.chat.hear(line)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert made.session.asked == []


def test_settings_change_from_the_next_turn_on(made: Recorded) -> None:
    for line in (
        "/model offline",
        "/experiments planted",
        "/context auto",
        "/framing off",
        "/budget $0.25",
    ):
        made.chat.hear(line)
    settings = made.session.settings
    assert (settings.llm, settings.model, settings.context) == ("offline", "planted", "auto")
    assert settings.skeptic is False
    assert settings.budget.dollars == 0.25
    made.chat.hear("/experiments off")
    assert made.session.settings.experiments is False
    assert made.session.settings.model == "planted"


def test_framing_shows_how_the_last_answer_was_judged() -> None:
    judged = answer(
        judgement=Judgement(
            verdict="disagreement",
            opinions=[
                Opinion(framing="neutral", verdict="holds", why="It does."),
                Opinion(framing="friend", verdict="fails", why="It does not."),
            ],
        ),
        set_aside=[Aside(kind="hope", text="I hope it works")],
    )
    made = recorded([[Final(judged)]])
    made.chat.hear("What do you think?")
    made.chat.hear("/framing")
    assert "verdict: disagreement" in made.printed
    assert "friend: fails. It does not." in made.printed
    assert "set aside (hope): I hope it works" in made.printed


def test_the_corpus_is_searched_unless_one_of_its_commands_is_named(made: Recorded) -> None:
    made.chat.hear("/corpus what's denoising")
    made.chat.hear("/corpus add 'my paper.pdf'")
    assert made.ran == [
        ["corpus", "search", "-k", "5", "--", "what's", "denoising"],
        ["corpus", "add", "my paper.pdf"],
    ]
    assert set(CORPUS) == set(corpus.commands)


def test_commands_of_gadfly_are_lent(made: Recorded) -> None:
    made.chat.hear("/patch --behaviour capital-of")
    made.chat.hear("/run r0a1b2c3d")
    made.chat.hear("/sessions")
    assert made.ran == [
        ["patch", "--behaviour", "capital-of"],
        ["runs", "show", "r0a1b2c3d"],
        ["sessions"],
    ]


def test_undo_gives_the_question_back(made: Recorded) -> None:
    made.chat.hear("First?")
    made.chat.hear("Second?")
    made.chat.hear("/undo")
    assert made.chat.draft == "Second?"
    assert [turn.question for turn in made.session.said] == ["First?"]


def test_fork_goes_on_in_a_copy(made: Recorded) -> None:
    made.chat.hear("First?")
    made.chat.hear("Second?")
    made.chat.hear("/fork 1")
    assert made.chat.session.id == "s0fork00"
    assert len(made.chat.session.history()) == 1
    assert len(made.session.said) == 2


def test_export_writes_a_file_and_overwrites_none(made: Recorded, tmp_path: Path) -> None:
    made.chat.hear("First?")
    path = tmp_path / "a talk.md"
    made.chat.hear(f'/export markdown "{path}"')
    assert "First?" in path.read_text()
    for line in (f'/export markdown "{path}"', f"/export docx {tmp_path}/x", "/export html /no/x"):
        with pytest.raises(GadflyError):
            made.chat.hear(line)


def test_quit_leaves(made: Recorded) -> None:
    with pytest.raises(EOFError):
        made.chat.hear("/quit")


def test_a_path_is_no_command(made: Recorded) -> None:
    made.chat.hear("/home/me/x.py fails, why?")
    made.chat.hear("/a\nb")
    assert [text for text, _ in made.session.asked] == ["/home/me/x.py fails, why?", "/a\nb"]
