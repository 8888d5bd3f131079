"""200 kills with SIGKILL at random moments: what was acknowledged is there, nothing half-done counts, the next run
works."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.cli import gadfly
from support.ending import databases
from support.kills import Killer

from gadfly.agent.llm.scripted import ScriptedModel, says
from gadfly.agent.sessions.session import Session
from gadfly.agent.turn.settings import Settings
from gadfly.corpus.index import Corpus
from gadfly.tools.ledger import Ledger

pytestmark = pytest.mark.slow
SEED = 13


def test_60_kills_of_ledger_writes(tmp_path: Path) -> None:
    program = """
from gadfly.tools.ledger import Ledger, Run, new_id, now
def work(done):
    for _ in range(40):
        run = Run(id=new_id(), tool="t", status="done", started=now(), seconds=1, arguments={"a": "x" * 3000},
                  environment={})
        Ledger().append(run)
        done(run.id)
"""
    home = tmp_path / "home"
    acknowledged: list[str] = []

    def check(home: Path, words: list[str]) -> None:
        assert databases(home) == []
        acknowledged.extend(word for word in words if word != "whole")
        held = Ledger(home / "ledger").recent(10**6)
        assert set(acknowledged) <= {run.id for run in held}
        assert len(held) - len(acknowledged) <= 40 * 2 + 1 + _ahead  # two undisturbed runs before
        order = [run.id for run in reversed(held) if run.id in set(acknowledged)]
        assert order == acknowledged

    _ahead = 60  # written, and killed before it was said
    with Killer(program, home) as killer:
        assert killer.spread(60, SEED, lambda _: home, check) > 40
    assert len(acknowledged) > 100


def test_50_kills_of_corpus_add(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    for number in range(12):
        text = "\n\n".join(f"marker{number} paragraph {n} says words." for n in range(60))
        (notes / f"w{number}.md").write_text(f"# Note {number}\n\n{text}\n")
    program = f"""
from gadfly.agent.faces.cli.main import run
import gadfly.agent.faces.cli.corpus, gadfly.corpus.index, gadfly.corpus.sources.files
def work(done):
    try: run(["corpus", "add", {str(notes)!r}])
    except SystemExit as end: assert not end.code, end.code
"""

    def check(home: Path, words: list[str]) -> None:
        assert databases(home) == []
        if (home / "corpus" / "corpus.sqlite").exists():
            opened = Corpus.open(home / "corpus")
            held = [each for each in opened.documents() if each.id.startswith("notes/")]
            for each in held:  # each whole: its text, its passages, its words
                name = each.id.removeprefix("notes/w")
                found = opened.search(f"marker{name}", mode="lexical", k=50).results
                assert {passage.document for passage in found} == {each.id}
            if "whole" in words:
                assert len(held) == 12
            opened.close()
        assert killer.once(home)[0] == ["whole"]
        opened = Corpus.open(home / "corpus")
        assert len([each for each in opened.documents() if each.id.startswith("notes/")]) == 12
        opened.close()
        assert databases(home) == []
        shutil.rmtree(home)

    with Killer(program, tmp_path / "home") as killer:
        assert killer.spread(50, SEED, lambda n: tmp_path / f"home{n}", check) > 30


def test_60_kills_of_chat_turns(
    ready: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GADFLY_EMBEDDER", "none")
    program = """
from gadfly.agent.llm.scripted import ScriptedModel, calls, says
from gadfly.agent.sessions.session import Session
from gadfly.agent.turn.settings import Settings
import gadfly.agent.turn.loop, gadfly.corpus, langgraph.checkpoint.sqlite, gadfly.agent.turn.skeptic.skeptic
def work(done):
    turns = [calls("search", {"query": "logit lens"}), says("One."), says("Two."), says("Three.")]
    session = Session.start(Settings(llm=ScriptedModel(turns), skeptic=False))
    done(session.id)
    for number in range(3):
        for event in session.turn(f"What is question {number}?"): pass
        done(event.answer.answer)
    other = session.fork(2)
    done("fork " + other.id)
    assert session.undo() == "What is question 2?"
    done("undone")
"""
    home = tmp_path / "home"
    shutil.copytree(ready / "corpus", home / "corpus")
    monkeypatch.setenv("GADFLY_HOME", str(home))

    def check(home: Path, words: list[str]) -> None:
        assert databases(home) == []
        if len(words) < 2:  # a session is kept with its first turn
            return
        settings = Settings(llm=ScriptedModel([says("Next.")]), skeptic=False)
        session = Session.open(words[0], settings)
        answers = [turn.answer.answer for turn in session.history() if turn.answer]
        told = [word for word in words[1:] if word in ("One.", "Two.", "Three.")]
        if "undone" in words:
            assert answers == ["One.", "Two."]
        elif len(told) < 3:
            assert answers[: len(told)] == told
        else:
            assert answers[:2] == ["One.", "Two."]
        for word in words:
            if word.startswith("fork "):
                assert len(Session.open(word.split()[1], settings).history()) == 2
        *_, end = session.turn("And now?")
        assert end.answer.answer == "Next."  # type: ignore[union-attr]

    with Killer(program, home) as killer:
        assert killer.spread(60, SEED, lambda _: home, check) > 40


def test_30_kills_of_a_real_patch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    program = """
from gadfly.agent.faces.cli.main import run
import torch, nnterp, transformers, gadfly.agent.faces.cli.tools, gadfly.tools.patching, gadfly.tools.model
import matplotlib.pyplot
def work(done):
    try: run(["patch", "--behaviour", "capital-of", "--n", "4", "--json"])
    except SystemExit as end: assert not end.code, end.code
"""
    home = tmp_path / "home"
    finished = 0

    def check(home: Path, words: list[str]) -> None:
        nonlocal finished
        assert databases(home) == []
        finished += "whole" in words
        held = Ledger(home / "ledger").recent(10**6)
        assert len(held) >= finished
        for run in held:
            assert run.status == "done"  # a killed run is none: it left no line
            assert run.result
            assert run.result.run in ("", run.id)
            for figure in run.result.figures:
                assert (home / "ledger" / "artifacts" / run.id / figure.png).stat().st_size > 1000

    with Killer(program, home) as killer:
        assert killer.spread(30, SEED, lambda _: home, check) > 15
    done = gadfly("patch", "--behaviour", "capital-of", "--n", "4", "--json", home=home)
    assert done.returncode == 0, done.stderr
    listed = gadfly("runs", "--json", home=home)
    assert listed.returncode == 0, listed.stderr
