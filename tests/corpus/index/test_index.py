"""The index as a whole: filling, searching, many processes, and everything that can be missing."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gadfly.corpus.documents import Document
from gadfly.corpus.index import Corpus
from gadfly.corpus.index.chunks import views
from gadfly.corpus.index.embed import HashEmbedder
from gadfly.corpus.models import Filters, SearchResults
from gadfly.corpus.progress import Silent
from gadfly.corpus.sources.memory import MemorySource, note
from gadfly.errors import CorpusError, GadflyError, IndexBusyError, UsageError


def windows(corpus: Corpus) -> int:
    """How many vectors the index should hold."""
    rows = corpus.store.query("SELECT heading, text FROM chunks")
    return sum(len(views("", json.loads(row["heading"]), row["text"])) for row in rows)


def top(results: SearchResults) -> str:
    return results.results[0].document


@pytest.mark.parametrize("mode", ["hybrid", "lexical", "dense"])
def test_search_finds_exact_passages(corpus: Corpus, mode: str) -> None:
    results = corpus.search("logit lens fails GPT-Neo", mode=mode)  # type: ignore[arg-type]
    assert top(results) == "notes/lens"
    for each in results.results:
        assert corpus.document(each.document).text[each.start : each.end] == each.text
    assert [each.score for each in results.results] == sorted(
        (each.score for each in results.results), reverse=True
    )
    assert results.notices == []


def test_exact_and_regular_expressions(corpus: Corpus) -> None:
    assert top(corpus.search("run_with_cache(tokens)", mode="exact")) == "notes/patching"
    assert top(corpus.search(r"/9\d\.5%/", mode="exact")) == "notes/probes"
    nothing = corpus.search("RUN_WITH_CACHE", mode="exact")
    assert (nothing.results, nothing.answerable) == ([], False)
    for bad in ("/(/", "/(a+)+$/", "/(x*)*/", "/" + "a" * 300 + "/"):
        with pytest.raises(CorpusError, match="regular expression"):
            corpus.search(bad, mode="exact")


def test_parts_of_identifiers_are_found(corpus: Corpus) -> None:
    assert top(corpus.search("hooked transformer", mode="lexical")) == "notes/lens"


def test_filters_hold_in_every_mode(corpus: Corpus) -> None:
    for mode in ("hybrid", "lexical", "dense", "exact"):
        results = corpus.search("the", mode=mode, filters=Filters(kinds=("pitfall",)))  # type: ignore[arg-type]
        assert {each.document for each in results.results} <= {"notes/probes"}
    assert corpus.search("probe", filters=Filters(year_from=2100)).results == []


def test_neighbours(corpus: Corpus) -> None:
    long = "\n\n".join(f"## Part {n}\n\n" + f"Sentence {n} says this. " * 60 for n in range(5))
    corpus.sync([MemorySource([note("long", long)], "long")])
    middle = corpus.search("Sentence 2 says this", mode="exact").results[0]
    around = corpus.neighbours(middle.id)
    assert len(around) == 3
    assert around[1].id == middle.id
    assert around[0].end <= middle.start < middle.end <= around[2].start
    assert corpus.neighbours(around[0].id, before=9, after=0)[-1].id == around[0].id
    with pytest.raises(CorpusError, match="no passage"):
        corpus.neighbours("notes/long#0000")


def test_budget_and_k(corpus: Corpus) -> None:
    assert len(corpus.search("activation", k=1).results) == 1
    within = corpus.search("activation probe lens", token_budget=40)
    assert 0 < sum(each.tokens for each in within.results) <= 40
    assert corpus.search("activation", token_budget=1).results == []


@pytest.mark.parametrize(("query", "k"), [("", 8), ("  \n", 8), ("x", 0)])
def test_senseless_queries(corpus: Corpus, query: str, k: int) -> None:
    with pytest.raises(UsageError):
        corpus.search(query, k=k)


def test_an_empty_index_answers_nothing(tmp_path: Path) -> None:
    opened = Corpus.open(tmp_path, embedder=HashEmbedder())
    results = opened.search("anything")
    assert (results.results, results.answerable, results.answerability) == ([], False, 0.0)


def test_an_unchanged_source_is_not_read(corpus: Corpus, source: MemorySource) -> None:
    generation = corpus.store.generation()
    report = corpus.sync([source])
    assert (source.reads, report.skipped_sources) == (1, 1)
    assert corpus.store.generation() == generation


def test_changes_are_incremental(corpus: Corpus, source: MemorySource) -> None:
    source.held[1] = note("probes", "# Linear probes\n\nNow about selectivity.", kind="pitfall")
    del source.held[2]
    source.held.append(note("steering", "# Steering\n\nAdd a vector to the residual stream."))
    report = corpus.sync([source])
    assert (report.added, report.changed, report.removed, report.unchanged) == (1, 1, 1, 1)
    assert report.embedded == 2
    assert top(corpus.search("selectivity")) == "notes/probes"
    for mode in ("lexical", "dense", "exact"):
        found = corpus.search("GPT-Neo", mode=mode).results  # type: ignore[arg-type]
        assert "notes/lens" not in {each.document for each in found}
    stats = corpus.stats()
    assert stats.embedded == stats.chunks
    assert corpus.vectors.count() == windows(corpus)


def test_remove_and_unknown_documents(corpus: Corpus) -> None:
    corpus.remove("notes/lens")
    assert corpus.vectors.count() == windows(corpus)
    with pytest.raises(CorpusError, match="near: notes/probes"):
        corpus.document("notes/probe")
    with pytest.raises(CorpusError, match="no document"):
        corpus.remove("notes/lens")


def test_rebuild_gives_the_same_answers(corpus: Corpus) -> None:
    before = corpus.search("probe accuracy")
    report = corpus.rebuild()
    assert report.embedded == corpus.stats().chunks
    after = corpus.search("probe accuracy")
    assert [each.id for each in before.results] == [each.id for each in after.results]


def test_one_bad_source_never_stops_the_others(corpus: Corpus) -> None:
    class Bad(MemorySource):
        def documents(self) -> Iterator[Document]:
            yield note("good-half", "The first half arrives.")
            raise UnicodeError("the second half is rotten")

    good = MemorySource([note("after", "What comes after is read.")], "good")
    report = corpus.sync([Bad(name="bad"), good])
    assert "rotten" in report.failures["bad"]
    assert top(corpus.search("what comes after")) == "notes/after"
    assert "bad" not in corpus.store.fingerprints()  # it is tried again next time


def test_two_sources_may_use_the_same_id(corpus: Corpus) -> None:
    for number in range(3):
        other = MemorySource([note("lens", f"Another lens, number {number}.")], f"other{number}")
        corpus.sync([other])
        assert corpus.sync([other]).skipped_sources == 1
    ids = [each.id for each in corpus.documents() if each.id.startswith("notes/lens")]
    assert len(ids) == 4
    assert "GPT-Neo" in corpus.document("notes/lens").text


def test_add_files(corpus: Corpus, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "a.md").write_text("# Mine\n\nZebra stripes in weights.")
    assert corpus.add([folder]).added == 1
    assert top(corpus.search("zebra")) == "mine/a"
    (folder / "a.md").write_text("# Mine\n\nGiraffe patches in weights, longer than before.")
    assert corpus.add([folder]).changed == 1
    with pytest.raises(CorpusError, match="no such file"):
        corpus.add([tmp_path / "absent"])


# -- what can be missing ---------------------------------------------------------------------------


def test_without_an_embedder_words_decide(tmp_path: Path, source: MemorySource) -> None:
    opened = Corpus.open(tmp_path / "words", embedder=None)
    opened.sync([source])
    results = opened.search("logit lens")
    assert top(results) == "notes/lens"
    assert "words only" in results.notices[0]
    assert not (tmp_path / "words" / "chroma").exists()


def test_another_embedder_is_never_mixed(
    corpus: Corpus, source: MemorySource, tmp_path: Path
) -> None:
    other = Corpus.open(tmp_path / "index", embedder=HashEmbedder(32))
    results = other.search("logit lens")
    assert top(results) == "notes/lens"
    assert "hash-64" in results.notices[0]
    report = other.sync([source])
    assert (report.embedded, source.reads) == (other.stats().chunks, 1)
    assert other.search("logit lens").notices == []


def test_lost_vectors_come_back(corpus: Corpus, source: MemorySource, tmp_path: Path) -> None:
    corpus.vectors.refresh()
    shutil.rmtree(tmp_path / "index" / "chroma")
    again = Corpus.open(tmp_path / "index", embedder=HashEmbedder())
    assert top(again.search("logit lens")) == "notes/lens"
    assert again.sync([source]).embedded == again.stats().chunks
    assert top(again.search("logit lens", mode="dense")) == "notes/lens"


def test_rotten_vectors_are_a_notice(corpus: Corpus, tmp_path: Path) -> None:
    corpus.vectors.refresh()
    (tmp_path / "index" / "chroma" / "chroma.sqlite3").write_bytes(b"rotten" * 1000)
    again = Corpus.open(tmp_path / "index", embedder=HashEmbedder())
    results = again.search("logit lens")
    assert top(results) == "notes/lens"
    assert any("rebuild" in notice for notice in results.notices)
    again.rebuild()
    assert again.search("logit lens").notices == []


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/gadfly")):
        with pytest.raises(GadflyError, match="cannot use"):
            Corpus.open(place, embedder=None)


def test_weights_that_do_not_load_are_a_notice(tmp_path: Path, source: MemorySource) -> None:
    class Broken(HashEmbedder):
        def embed(self, texts: Sequence[str]) -> Any:
            raise CorpusError("the weights are not the pinned ones")

    opened = Corpus.open(tmp_path / "broken", embedder=Broken())
    assert any("pinned" in notice for notice in opened.sync([source]).notices)
    assert top(opened.search("logit lens")) == "notes/lens"


# -- many processes, and the end of one ------------------------------------------------------------

WRITER = """
import sys, time
from pathlib import Path
from typing import Any
from gadfly.corpus.index.embed import HashEmbedder
from gadfly.corpus.index import Corpus
from gadfly.corpus.sources.memory import MemorySource, note
class Slow(MemorySource):
    def documents(self):
        for each in self.held:
            print("next", flush=True)
            time.sleep({pause})
            yield each
notes = [note(f"w{{n}}", f"# Head\\n\\nmarker{{n}} and words of its own. " * 60) for n in range({count})]
Corpus.open(Path(sys.argv[1]), embedder=HashEmbedder()).sync([Slow(notes, name="writer")])
"""


def spawn(folder: Path, pause: float, count: int) -> subprocess.Popen[str]:
    code = WRITER.format(pause=pause, count=count)
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True
    )


def test_a_reader_sees_what_another_process_adds(corpus: Corpus, tmp_path: Path) -> None:
    corpus.search("anything")  # opens Chroma in this process
    assert spawn(tmp_path / "index", 0, 5).wait(60) == 0
    for mode in ("lexical", "dense", "hybrid"):
        assert top(corpus.search("marker3 and words of its own", mode=mode)).startswith("notes/w")  # type: ignore[arg-type]
    assert top(corpus.search("marker3")) == "notes/w3"


def test_readers_read_while_another_writes_and_writers_take_turns(
    corpus: Corpus, tmp_path: Path
) -> None:
    other = spawn(tmp_path / "index", 0.2, 10)
    assert other.stdout is not None
    other.stdout.readline()
    assert top(corpus.search("logit lens")) == "notes/lens"
    late = MemorySource([note("late", "The late one waits.")], "late")
    with pytest.raises(IndexBusyError):
        corpus.sync([late], wait=0.3)

    class Heard(Silent):
        said = ""

        def note(self, message: str) -> None:
            self.said += message

    heard = Heard()
    assert corpus.sync([late], heard).added == 1
    assert "waiting" in heard.said
    assert other.wait(60) == 0
    assert len(corpus.documents()) == 14


@pytest.mark.slow
def test_killed_at_any_moment_it_loses_at_most_the_document_in_flight(tmp_path: Path) -> None:
    dice = random.Random(3)
    count = 12
    for attempt in range(6):
        folder = tmp_path / f"k{attempt}"
        process = spawn(folder, 0.02, count)
        assert process.stdout is not None
        begun = 0
        for _ in range(dice.randrange(1, count + 1)):
            begun += bool(process.stdout.readline())
        time.sleep(dice.random() * (0.03 if attempt % 2 else 1.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
        begun += len(process.stdout.readlines())
        opened = Corpus.open(folder, embedder=HashEmbedder())
        held = opened.documents()
        assert len(held) >= begun - 1
        for each in held:  # each whole: its text, its passages, its words
            name = each.id.removeprefix("notes/w")
            found = opened.search(f"marker{name}", mode="lexical", k=50).results
            assert {passage.document for passage in found} == {each.id}
        assert spawn(folder, 0, count).wait(60) == 0
        stats = opened.stats()
        assert stats.documents == count
        assert stats.embedded == stats.chunks
        opened.vectors.refresh()
        assert opened.vectors.count() == windows(opened)
        assert opened.search("marker5 words", mode="dense").results


@pytest.mark.parametrize("where", ["reading", "embedding"])
def test_ctrl_c_leaves_things_whole(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    more = MemorySource([note(f"m{n}", f"more{n} words here") for n in range(4)], "more")

    class Stop(Silent):
        task = ""
        done = 0

        def start(self, label: str, total: int | None = None) -> None:
            self.task, self.done = label, 0

        def advance(self, n: int = 1) -> None:
            self.done += n
            if self.task.startswith(where) and self.done >= 2:
                raise KeyboardInterrupt

    monkeypatch.setattr("gadfly.corpus.index.indexing._PAGE", 2)
    with pytest.raises(KeyboardInterrupt):
        corpus.sync([more], Stop())
    assert len(corpus.documents()) == (5 if where == "reading" else 7)
    assert top(corpus.search("more0 words")) == "notes/m0"
    report = corpus.sync([more])  # the lock is free, and the rest follows
    stats = corpus.stats()
    assert stats.documents == 7
    assert stats.embedded == stats.chunks
    assert corpus.vectors.count() == windows(corpus)
    assert report.unchanged == (2 if where == "reading" else 0)


def test_two_objects_in_one_process(corpus: Corpus, tmp_path: Path) -> None:
    other = Corpus.open(tmp_path / "index", embedder=HashEmbedder())
    for number in range(3):
        added = MemorySource([note(f"new{number}", f"Something{number} new.")], f"new{number}")
        (corpus if number % 2 else other).sync([added])
        for each in (corpus, other, corpus):
            found = each.search(f"something{number} new", mode="dense")
            assert (top(found), found.notices) == (f"notes/new{number}", [])


def test_threads_share_one_corpus(corpus: Corpus) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: top(corpus.search("logit lens fails")), range(40)))
    assert set(found) == {"notes/lens"}


def test_default_corpus_uses_the_data_folder() -> None:
    assert str(Corpus.open(embedder=None).folder).startswith(os.environ["GADFLY_HOME"])
