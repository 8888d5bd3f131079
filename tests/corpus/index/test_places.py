"""Vectors on a Chroma server: a real one on loopback, one that is away, one that refuses; the token stays secret."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.request import urlopen

import pytest

from gadfly.corpus.index import Corpus
from gadfly.corpus.index.embed import HashEmbedder
from gadfly.corpus.index.places import Server
from gadfly.corpus.index.repair import rebuild
from gadfly.corpus.index.vectors import Vectors
from gadfly.corpus.sources.memory import MemorySource, note
from gadfly.errors import CorpusError, UsageError

TOKEN = "ck-a-token-that-nobody-sees"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = shutil.which("chroma", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("chromadb's own server is not installed here")
    folder, port = tmp_path_factory.mktemp("chroma"), free_port()
    process = subprocess.Popen(
        [program, "run", "--path", str(folder), "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                urlopen(f"{address}/api/v2/heartbeat", timeout=1).close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.1)
        yield address
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def served(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GADFLY_CHROMA", server)
    return server


def source() -> MemorySource:
    notes = [note(name, f"# {name}\n\nA note about {name} alone.") for name in ("lens", "probes")]
    return MemorySource(notes)


def nearest(corpus: Corpus, query: str) -> str:
    found = corpus.search(query, mode="dense")
    assert found.notices == []
    return found.results[0].document


def collection(folder: Path) -> str:
    return str(json.loads((folder / "chroma" / "server.json").read_text())["collection"])


@pytest.mark.slow
def test_an_index_lives_on_a_server(served: str, tmp_path: Path) -> None:
    corpus = Corpus.open(tmp_path / "one", embedder=HashEmbedder())
    shelf = source()
    assert corpus.sync([shelf]).embedded == 2
    assert nearest(corpus, "probes") == "notes/probes"
    assert not (tmp_path / "one" / "chroma" / "chroma.sqlite3").exists()
    shelf.held[1] = note("probes", "# probes\n\nRewritten: selectivity.")
    corpus.sync([shelf])
    assert corpus.vectors.count() == 2
    assert nearest(corpus, "selectivity") == "notes/probes"
    first = collection(tmp_path / "one")
    assert corpus.rebuild().embedded == 2
    assert nearest(corpus, "lens") == "notes/lens"
    with pytest.raises(CorpusError, match=r"cannot be used .*gadfly corpus rebuild"):
        _noted_as(tmp_path / "lost", served, first).count()  # the old collection is gone


def _noted_as(folder: Path, address: str, name: str) -> Vectors:
    folder.mkdir()
    held = {"address": f"{address}/default_tenant/default_database", "collection": name}
    (folder / "server.json").write_text(json.dumps(held))
    return Vectors(folder)


@pytest.mark.slow
def test_two_indexes_on_one_server_never_mix(served: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        corpus = Corpus.open(tmp_path / name, embedder=HashEmbedder())
        corpus.sync([MemorySource([note(name, f"# {name}\n\nOnly {name} has this.")])])
        assert corpus.vectors.count() == 1
        assert nearest(corpus, "only") == f"notes/{name}"


@pytest.mark.slow
def test_another_process_sees_what_was_added(served: str, tmp_path: Path) -> None:
    writer, reader = (Corpus.open(tmp_path / "x", embedder=HashEmbedder()) for _ in range(2))
    shelf = source()
    writer.sync([shelf])
    assert nearest(reader, "lens") == "notes/lens"
    shelf.held.append(note("steering", "# steering\n\nA vector for steering."))
    writer.sync([shelf])
    assert nearest(reader, "steering") == "notes/steering"
    writer.rebuild()
    assert nearest(reader, "steering") == "notes/steering"


@pytest.mark.slow
def test_changing_the_place_embeds_anew_and_trusts_no_stale_vectors(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = source()
    for address in (None, server, None):
        if address:
            monkeypatch.setenv("GADFLY_CHROMA", address)
        else:
            monkeypatch.delenv("GADFLY_CHROMA", raising=False)
        corpus = Corpus.open(tmp_path / "x", embedder=HashEmbedder())
        assert corpus.sync([shelf]).embedded == 2
        assert corpus.sync([shelf]).embedded == 0
        assert nearest(corpus, "probes") == "notes/probes"


def test_a_server_that_is_away_leaves_search_by_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Corpus.open(tmp_path / "x", embedder=HashEmbedder()).sync([source()])
    monkeypatch.setenv("GADFLY_CHROMA", f"http://127.0.0.1:{free_port()}")
    corpus = Corpus.open(tmp_path / "x", embedder=HashEmbedder())
    report = corpus.sync([source()])
    assert any("unset GADFLY_CHROMA" in each for each in report.notices)
    found = corpus.search("lens")
    assert found.results[0].document == "notes/lens"
    assert ["unset GADFLY_CHROMA" in each for each in found.notices] == [True]
    with pytest.raises(CorpusError, match="cannot be used"):
        rebuild(path=tmp_path / "x")
    assert not list((tmp_path / "x").glob("damaged-*"))
    monkeypatch.delenv("GADFLY_CHROMA")
    again = Corpus.open(tmp_path / "x", embedder=HashEmbedder())
    assert again.sync([source()]).embedded == 0  # what was here is here still
    assert nearest(again, "lens") == "notes/lens"


def test_the_token_is_sent_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[str | None, str | None]] = []

    class Refuses(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append((self.headers["x-chroma-token"], self.headers["Authorization"]))
            self.send_response(401, f"not {TOKEN}")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Quiet."""

    refusing = HTTPServer(("127.0.0.1", 0), Refuses)
    threading.Thread(target=refusing.serve_forever, daemon=True).start()
    monkeypatch.setenv("GADFLY_CHROMA", f"http://127.0.0.1:{refusing.server_port}")
    monkeypatch.setenv("GADFLY_CHROMA_TOKEN", TOKEN)
    try:
        with pytest.raises(CorpusError, match="401") as caught:
            Vectors(tmp_path / "chroma").reset()
    finally:
        refusing.shutdown()
        refusing.server_close()
    assert heard == [(TOKEN, f"Bearer {TOKEN}")]
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("chroma:8000", "give http"),
        ("http://host/tenant", "give http"),
        ("http://host:x", "Port|port"),
        ("http://[::1", "IPv6"),
        ("http://me:hunter2@host", "GADFLY_CHROMA_TOKEN"),
        ("me:hunter2@host", "GADFLY_CHROMA_TOKEN"),
        ("http://chroma.example.org", "must begin with https"),
    ],
)
def test_an_address_that_cannot_be_is_refused(address: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        Server(tmp_path, address, TOKEN)
    assert "hunter2" not in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_tenant_and_database_stand_in_the_address(tmp_path: Path) -> None:
    hosted = Server(tmp_path, "https://api.trychroma.com/team/papers", TOKEN)
    assert hosted.address == "https://api.trychroma.com:443/team/papers"


@pytest.mark.slow
def test_many_windows_of_a_long_name_go_in_portions(served: str, tmp_path: Path) -> None:
    """Chroma's hosted engine takes 300 rows a call, and ids of 128 bytes."""
    embedder = HashEmbedder()
    vectors = Vectors(tmp_path / "chroma")
    texts = [f"word{number}" for number in range(700)]
    vectors.upsert([("d/" + "x" * 200, "d")], [700], embedder.embed(texts))
    assert vectors.count() == 700
    assert [chunk for chunk, _ in vectors.nearest(embedder.embed(["word3"])[0], 400)] == [
        "d/" + "x" * 200
    ]
    vectors.delete(["d/" + "x" * 200])
    assert vectors.count() == 0
