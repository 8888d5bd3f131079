"""Packages: which file an index offers, pip's configuration, and what a source distribution holds."""

# ruff: noqa: E501  pages stand here as servers send them
from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gadfly.corpus.convert import simple_index
from gadfly.corpus.fetch.client import Client, Fetching
from gadfly.corpus.fetch.errors import FetchError
from gadfly.corpus.sources import pypi
from gadfly.corpus.sources.pypi import PypiSource, index_url, parse_config, parse_target
from gadfly.errors import CorpusError

ABOUT = b"Metadata-Version: 2.4\nName: toy-pkg\nVersion: 1.2.0\nLicense-Expression: MIT\n\n# Toy\n\nFrom the metadata.\n"
FILES = {
    "PKG-INFO": ABOUT,
    "README.md": b"# Toy package\n\nA toy.",
    "docs/use.rst": b"Use\n===\n\nUse it.",
    "docs/conf.py": b'"""conf"""',
    "CHANGELOG.md": b"# Changes",
    "src/toy_pkg/__init__.py": b'"""A toy.\n\nIt steers."""\n',
    "src/toy_pkg/steer.py": b'def steer(layer: int) -> None:\n    """Add a vector."""\n',
    "src/toy_pkg/bare.py": b"def f(): ...\n",
    "src/toy_pkg/_private.py": b'"""hidden"""\n',
    "src/toy_pkg/broken.py": b'"""x"""\ndef (:\n',
    "tests/test_toy.py": b'"""tests"""\ndef test(): ...\n',
    "setup.py": b'"""Raises when run."""\nraise SystemExit',
}


def sdist(files: dict[str, bytes] = FILES, top: str = "toy_pkg-1.2.0/") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(top + name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def wheel() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("toy_pkg/__init__.py", '"""A toy."""\ndef f():\n    """F."""\n')
        archive.writestr("toy_pkg-1.2.0.dist-info/METADATA", ABOUT)
    return out.getvalue()


def listing(*names: str, data: bytes = b"", base: str = "../../files/") -> str:
    digest = hashlib.sha256(data).hexdigest()
    files = [
        {"filename": each, "url": base + each, "hashes": {"sha256": digest}, "yanked": False}
        for each in names
    ]
    return json.dumps({"meta": {"api-version": "1.1"}, "name": "toy-pkg", "files": files})


@pytest.fixture
def source(site: Any, client: Client) -> Callable[..., PypiSource]:
    return lambda target="pypi:toy-pkg": PypiSource(target, Fetching(client), f"{site.url}/simple")


def test_a_source_distribution(source: Callable[..., PypiSource], site: Any) -> None:
    data = sdist()
    names = (
        "toy_pkg-1.2.0.tar.gz",
        "toy_pkg-1.2.0-py3-none-any.whl",
        "toy_pkg-1.1.0.tar.gz",
        "toy_pkg-2.0rc1.tar.gz",
    )
    site.add(
        "/simple/toy-pkg/", listing(*names, data=data), kind="application/vnd.pypi.simple.v1+json"
    )
    site.add("/files/toy_pkg-1.2.0.tar.gz", data)
    found = {each.id: each for each in source("pypi:Toy_Pkg").documents()}
    assert set(found) == {
        "pypi/toy-pkg/readme",
        "pypi/toy-pkg/docs/use",
        "pypi/toy-pkg/api/toy-pkg",
        "pypi/toy-pkg/api/toy-pkg-steer",
    }
    assert found["pypi/toy-pkg/readme"].title == "Toy package (toy-pkg 1.2.0)"
    assert "def steer(layer: int) -> None" in found["pypi/toy-pkg/api/toy-pkg-steer"].text
    assert {(each.version, each.licence, each.kind) for each in found.values()} == {
        ("1.2.0", "MIT", "library-doc")
    }
    assert "application/vnd.pypi.simple.v1+json" in site.asked[0].headers["Accept"]


def test_a_changed_file_is_refused(source: Callable[..., PypiSource], site: Any) -> None:
    site.add("/simple/toy-pkg/", listing("toy_pkg-1.2.0.tar.gz", data=b"another"))
    site.add("/files/toy_pkg-1.2.0.tar.gz", sdist())
    with pytest.raises(FetchError, match="sha256 differs"):
        list(source().documents())


def test_an_index_in_html_and_a_wheel(source: Callable[..., PypiSource], site: Any) -> None:
    data = wheel()
    digest = hashlib.sha256(data).hexdigest()
    page = (
        "<!DOCTYPE html><html><body><h1>Links for toy-pkg</h1>"
        f'<a href="/files/toy_pkg-1.2.0-py3-none-any.whl#sha256={digest}" data-requires-python="&gt;=3.8">x</a><br/>'
        '<a href="/files/toy_pkg-1.3.0.tar.gz" data-yanked="broken">yanked</a>'
        '<a href="/files/other-9.tar.gz">other</a><a href="/files/toy_pkg-1.2.0.exe">exe</a></body></html>'
    )
    site.add("/simple/toy-pkg/", page)
    site.add("/files/toy_pkg-1.2.0-py3-none-any.whl", data)
    found = {each.id: each.text for each in source().documents()}
    assert set(found) == {"pypi/toy-pkg/readme", "pypi/toy-pkg/api/toy-pkg"}
    assert found["pypi/toy-pkg/readme"] == "# Toy\n\nFrom the metadata."


@pytest.mark.parametrize(
    ("names", "wanted", "chosen"),
    [
        (["p-1.0.tar.gz", "p-1.10.tar.gz", "p-1.9.tar.gz"], "", "p-1.10.tar.gz"),
        (["p-1.0.tar.gz", "p-2.0a1.tar.gz"], "", "p-1.0.tar.gz"),
        (["p-2.0a1.tar.gz"], "", "p-2.0a1.tar.gz"),
        (["p-1.0.zip", "p-1.0.tar.gz", "p-1.0-py3-none-any.whl"], "1.0", "p-1.0.tar.gz"),
        (
            ["p-1.0-cp311-cp311-linux_x86_64.whl", "p-1.0-py3-none-any.whl"],
            "1.0.0",
            "p-1.0-py3-none-any.whl",
        ),
        (["p-1.0.tar.gz"], "2.0", None),
        (["p-1.0.tar.bz2", "q-1.0.tar.gz", "p-x.tar.gz", "nonsense"], "", None),
    ],
)
def test_choosing(names: list[str], wanted: str, chosen: str | None) -> None:
    files = simple_index.read(listing(*names), "https://i.example/simple/p/", "p")
    found = simple_index.choose(files, wanted)
    assert (found.name if found else None) == chosen
    assert all(each.url.startswith("https://i.example/files/") for each in files)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("nothing", 404, "the index has no package toy-pkg"),
        (
            listing("toy_pkg-1.1.0.tar.gz", "toy_pkg-1.0.0.tar.gz"),
            200,
            r"no version 1\.2\.0; the newest are 1\.1\.0, 1\.0\.0",
        ),
        ('{"files": 3}', 200, "unknown form"),
        ('{"broken', 200, "unknown form"),
        ("Service asleep", 200, "neither with JSON nor with HTML"),
    ],
)
def test_refusals(
    body: str, status: int, words: str, source: Callable[..., PypiSource], site: Any
) -> None:
    site.add("/simple/toy-pkg/", body, status=status)
    with pytest.raises(CorpusError, match=words):
        list(source("pypi:toy-pkg==1.2.0").documents())


def test_nothing_to_read(source: Callable[..., PypiSource], site: Any) -> None:
    data = sdist({"setup.py": b"", "toy.c": b""})
    site.add("/simple/toy-pkg/", listing("toy_pkg-1.2.0.tar.gz", data=data))
    site.add("/files/toy_pkg-1.2.0.tar.gz", data)
    with pytest.raises(CorpusError, match=r"toy-pkg 1\.2\.0 holds neither"):
        list(source().documents())


def test_the_index_of_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    assert index_url() == "https://mirror.example/simple"
    monkeypatch.delenv("PIP_INDEX_URL")
    monkeypatch.setattr(pypi, "_configured", lambda: "https://configured.example/simple")
    assert index_url() == "https://configured.example/simple"
    monkeypatch.setattr(pypi, "_configured", lambda: "")
    assert index_url().startswith("https://")
    assert index_url().endswith("/simple")
    pypi._default.cache_clear()
    monkeypatch.setattr(pypi, "_pip", lambda *_: "")
    with pytest.raises(CorpusError, match="set PIP_INDEX_URL"):
        index_url()
    pypi._default.cache_clear()


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        (
            "global.index-url='https://a.example/simple'\nglobal.cert='x'\n",
            "https://a.example/simple",
        ),
        ("global.index-url='https://a'\ninstall.index-url='https://b'\n", "https://b"),
        ("global.extra-index-url='file:///x'\n", ""),
        ("", ""),
    ],
)
def test_the_configuration_of_pip(listed: str, found: str) -> None:
    assert parse_config(listed) == found


def test_asking_pip_never_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    pypi._configured.cache_clear()
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    assert pypi._configured() == ""
    pypi._configured.cache_clear()


def test_a_login_goes_to_its_own_host_only(site: Any, make_client: Callable[..., Client]) -> None:
    data = sdist()
    host = site.url.removeprefix("http://")
    site.add("/simple/toy-pkg/", listing("toy_pkg-1.2.0.tar.gz", data=data))
    site.add("/files/toy_pkg-1.2.0.tar.gz", data)
    client = make_client(allow_private=False, allow_hosts=["127.0.0.1"])
    source = PypiSource("pypi:toy-pkg", Fetching(client), f"http://me:secret@{host}/simple/")
    assert len(list(source.documents())) == 4
    assert all(each.headers["Authorization"].startswith("Basic ") for each in site.asked)
    assert (
        pypi._with_login("https://files.example/x", "https://me:pw@index.example/simple")
        == "https://files.example/x"
    )


def test_a_private_index_that_pip_uses_may_be_asked(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = sdist()
    site.add("/simple/toy-pkg/", listing("toy_pkg-1.2.0.tar.gz", data=data))
    site.add("/files/toy_pkg-1.2.0.tar.gz", data)
    monkeypatch.setenv("PIP_INDEX_URL", f"{site.url}/simple")
    assert len(list(PypiSource("pypi:toy-pkg").documents())) == 4


@pytest.mark.parametrize(
    ("target", "parsed"),
    [
        ("pypi:nnsight", ("nnsight", "")),
        ("pypi:Sae_Lens==6.0.1", ("sae-lens", "6.0.1")),
        ("a.b", ("a-b", "")),
    ],
)
def test_targets(target: str, parsed: tuple[str, str]) -> None:
    assert parse_target(target) == parsed


@pytest.mark.parametrize(
    "target",
    ["", "pypi:", "pypi:a b", "pypi:x==", "pypi:x==not a version", "pypi:x>=1", "pypi:../x"],
)
def test_what_is_no_package(target: str) -> None:
    with pytest.raises(CorpusError, match=r"names no package.*pypi:NAME"):
        PypiSource(target)


def test_no_index_is_named_in_the_code() -> None:
    text = Path(pypi.__file__).read_text(encoding="utf-8")
    assert str(urlsplit(pypi._default()).hostname) not in text
    assert not re.search(r"https?://", text)
