"""Growth of the corpus, chats at once, search beside peers: small, and each check can fail."""

from __future__ import annotations

import os
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from gadfly.corpus.index import Corpus
from gadfly.corpus.index.embed import HashEmbedder
from gadfly.corpus.sources.guide import GuideSource
from gadfly.corpus.sources.memory import MemorySource, note
from gadfly.errors import GadflyError, UsageError
from gadfly.evals.bench import corpus as bench_corpus
from gadfly.evals.kit.place import own_home, write
from gadfly.evals.kit.rates import beyond, quantile, slope
from gadfly.evals.measuring.retrieval import Question
from gadfly.evals.report import page as report
from gadfly.evals.report.sections import text
from gadfly.evals.scaling import corpus as scaling_corpus
from gadfly.evals.scaling import sessions as scaling_sessions
from gadfly.evals.scaling.corpus import Grown


def test_lines_on_log_axes() -> None:
    assert slope([1, 10, 100], [2, 20, 200]) == pytest.approx(1.0)
    assert beyond([1, 2, 4], [5, 4, 16], 8) == pytest.approx(64)  # by the last two points
    assert quantile([4.0, 1.0, 3.0, 2.0], 0.5) == 3.0
    assert quantile([1.0], 0.95) == 1.0


def test_the_grown_guide_keeps_its_kind_and_is_the_same_twice() -> None:
    guide = list(GuideSource().documents())
    grown = list(Grown(2).documents())
    assert grown == list(Grown(2).documents())
    assert len(grown) == 2 * len(guide) == len({each.id for each in grown})
    assert grown[: len(guide)] == guide
    copy = grown[len(guide)]
    assert copy.text != guide[0].text
    assert copy.text.count("\n") == guide[0].text.count("\n")
    assert len(copy.text.split()) == len(guide[0].text.split())
    sizes = [sum(len(each.text) for each in some) for some in (guide, grown)]
    assert sizes[1] / sizes[0] == pytest.approx(2, rel=0.02)
    assert Grown(2).fingerprint() != Grown(3).fingerprint()


def test_what_would_take_too_long_is_the_line_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[int] = []

    def alone(work: Any, *arguments: Any) -> dict[str, float]:
        if work is scaling_corpus.search:
            return dict.fromkeys(
                ("search_median_ms", "search_p95_ms", "words_median_ms", "memory_mb"), 1.0
            )
        factor = arguments[1]
        ran.append(factor)
        sizes = dict.fromkeys(("passages", "tokens", "windows", "index_seconds"), float(factor))
        return {"factor": factor, "disk_mb": 1.0, **sizes}

    monkeypatch.setattr(scaling_corpus, "alone", alone)
    monkeypatch.setattr(scaling_corpus, "embedding", lambda: None)
    found = scaling_corpus.measure((1, 10, 100), 0.5)
    assert ran == [1, 10]
    last = found["points"][-1]
    assert not last["measured"] and last["index_seconds"] == pytest.approx(100)
    assert found["slopes"]["index_seconds"] == pytest.approx(1.0)
    assert "not measured" in text("scaling_corpus", found)
    with pytest.raises(UsageError, match="rising whole numbers"):
        scaling_corpus.measure((3, 1), 1)


def test_an_index_is_built_and_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling_corpus, "_ROUNDS", 1)
    built = scaling_corpus.build(tmp_path, 1)
    assert built["windows"] > built["passages"] > 500
    found = scaling_corpus.search(tmp_path)
    assert found["words_median_ms"] > 0 and found["search_median_ms"] <= found["search_p95_ms"]
    assert found["memory_mb"] > 50


def test_chats_at_once_each_get_their_own() -> None:
    found = scaling_sessions.points(4, [1, 4], ["reading"])
    points = found["kinds"]["reading"]["points"]
    assert [point["crossed"] for point in points] == [0, 0]
    assert all(point["turns_a_second"] > 0 for point in points)
    with pytest.raises(UsageError, match="at least 4"):
        scaling_sessions.points(2, [4], ["reading"])


def test_an_answer_of_another_chat_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    real = scaling_sessions.replies
    swapped = scaling_sessions.turns(2, False)[::-1]

    def wrong(asked: scaling_sessions.Asked) -> Any:
        return real(swapped[0] if asked.question != swapped[0].question else swapped[1])

    monkeypatch.setattr(scaling_sessions, "replies", wrong)
    with own_home():
        _, done = scaling_sessions.point(1, scaling_sessions.turns(2, False))
    assert scaling_sessions.crossed(done, done) == 2


@pytest.mark.slow
def test_the_local_model_queues_and_without_its_lock_it_shows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("torch")
    from gadfly.tools.model import load

    asked = scaling_sessions.turns(3, True)
    with own_home():
        _, alone = scaling_sessions.point(1, asked)
        _, queued = scaling_sessions.point(3, asked)
        assert (
            scaling_sessions.crossed(alone, alone) == scaling_sessions.crossed(queued, alone) == 0
        )
        monkeypatch.setattr(load("demo"), "_worker", nullcontext())
        try:
            _, mixed = scaling_sessions.point(3, asked)
        except Exception:  # hooks of two chats in one forward may also end in an error
            return
    assert scaling_sessions.crossed(mixed, alone) > 0


def test_recall_wants_the_document_and_every_part(tmp_path: Path) -> None:
    corpus = Corpus.open(tmp_path, embedder=HashEmbedder())
    corpus.sync([MemorySource([note("lens", "It reads layers."), note("probes", "It reads too.")])])
    held = bench_corpus.shelf(corpus)
    lens, probes = (held.documents.index(f"notes/{name}") for name in ("lens", "probes"))
    both = Question(
        "q", "reads", "", True, [[("notes/lens", "reads")], [("notes/probes", "reads")]]
    )
    assert bench_corpus.recall([both], [[lens, probes]], held, 2) == 1.0
    assert bench_corpus.recall([both], [[lens, probes]], held, 1) == 0.0
    one = Question("q", "reads", "", True, [[("notes/probes", "layers")]])
    assert bench_corpus.recall([one], [[lens, probes]], held, 2) == 0.0
    measured = bench_corpus.measure(corpus, [both], 2)["methods"]
    assert set(measured) == {"gadfly", "gadfly, words", "fts5", "chroma"}
    assert measured["chroma"]["recall@10"] == 1.0


def test_a_peer_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    corpus = Corpus.open(tmp_path, embedder=HashEmbedder())
    corpus.sync([MemorySource([note("lens", "It reads layers.")])])
    asked = [Question("q", "layers?", "", True, [[("notes/lens", "")]])]
    with pytest.raises(GadflyError, match="paper-qa"):
        bench_corpus.measure(corpus, asked, 1, tmp_path / "python")


@pytest.mark.slow
def test_paper_qa_finds_the_nearest_passage(tmp_path: Path) -> None:
    """Where ``GADFLY_PAPER_QA`` names an interpreter that has it."""
    python = os.environ.get("GADFLY_PAPER_QA")
    if not python or not shutil.which(python):
        pytest.skip("GADFLY_PAPER_QA names no interpreter with paper-qa")
    corpus = Corpus.open(tmp_path, embedder=HashEmbedder())
    words = ("lens", "probes", "steering", "patching")
    corpus.sync([MemorySource([note(word, f"All about {word} and {word}.") for word in words])])
    asked = [Question(w, w, "", True, [[(f"notes/{w}", w)]]) for w in words]
    found = bench_corpus.measure(corpus, asked, 1, Path(python))
    assert found["paper_qa"]
    assert found["methods"]["paper-qa"]["recall@5"] == 1.0
    assert set(found["methods"]) >= {"paper-qa", "paper-qa, hybrid", "paper-qa, sparse"}


def test_the_page_shows_all_three(tmp_path: Path) -> None:
    point = dict.fromkeys(("passages", *scaling_corpus.COLUMNS), 12.0)
    corpus = {
        "points": [{"factor": 1, "measured": False, **point}],
        "slopes": {"disk_mb": 0.9},
        "embedding": None,
    }
    row = {"chats": 16, "turns_a_second": 3.0, "median_s": 1.0, "p95_s": 2.0, "crossed": 0}
    way = {"median_ms": 1.0, "p95_ms": 2.0, "recall@5": 0.5, "recall@10": 0.625}
    write("scaling_corpus", corpus, into=tmp_path)
    write("scaling_sessions", {"turns": 32, "kinds": {"reading": {"points": [row]}}}, into=tmp_path)
    counts = {"questions": 3, "passages": 9, "tokens": 99, "methods": {"<fts5>": way}}
    write("bench_corpus", counts, into=tmp_path)
    shown = report.page(tmp_path)
    for expected in ("not measured", "Chats at once", "<td>16</td>", "&lt;fts5&gt;", "0.625"):
        assert expected in shown
