"""GitHub: which files of a repository's archive are documentation, and whose licence they have."""

# ruff: noqa: E501  pages stand here as servers send them
from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from typing import Any

import pytest

from gadfly.corpus.convert.facts import licence_of
from gadfly.corpus.fetch.client import Client, Fetching
from gadfly.corpus.fetch.errors import FetchError
from gadfly.corpus.sources.github import GithubSource, is_repository_url, parse_target
from gadfly.errors import CorpusError

COMMIT = "4cd36aaeb5dad931d085bd5d46a12b402fe15272"
MIT = "MIT License\n\nCopyright (c) 2024 Ada\n\nPermission is hereby granted, free of charge, to any person obtaining a copy"
FILES = {
    "README.md": b"# Toy Lens\n\nReads toys.",
    "LICENSE": MIT.encode(),
    "docs/intro.md": b"---\ntitle: Introduction\n---\nText of the intro.",
    "docs/api/hooks.rst": b"Hooks\n=====\n\nA hook.",
    "docs/notes.txt": b"Plain notes.",
    "docs/empty.md": b"",
    "docs/_build/x.md": b"built",
    "docs/demo.ipynb": b"{}",
    "guide_to_things.md": b"No heading, only text.",
    "CHANGELOG.md": b"# 1.0",
    "requirements.txt": b"torch",
    "data/words.txt": b"aardvark",
    "tests/README.md": b"tests",
    ".github/ISSUE_TEMPLATE.md": b"issue",
    "node_modules/x/README.md": b"other people's",
    "src/lens.py": b"x = 1",
}


def archive(
    files: dict[str, bytes], top: str = f"toy-lens-{COMMIT}/", commit: str = COMMIT
) -> bytes:
    out = io.BytesIO()
    with tarfile.open(
        fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT, pax_headers={"comment": commit}
    ) as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(top + name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture
def source(site: Any, client: Client) -> Callable[..., GithubSource]:
    def make(target: str = "github:Ada/toy-lens", **more: Any) -> GithubSource:
        return GithubSource(
            target, Fetching(client), archive=site.url, site="https://github.com", **more
        )

    return make


def test_a_repository(source: Callable[..., GithubSource], site: Any) -> None:
    site.add("/Ada/toy-lens/tar.gz/HEAD", archive(FILES), kind="application/x-gzip")
    found = {each.id: each for each in source().documents()}
    assert set(found) == {
        "github/ada/toy-lens/readme",
        "github/ada/toy-lens/docs/intro",
        "github/ada/toy-lens/docs/api/hooks",
        "github/ada/toy-lens/docs/notes",
        "github/ada/toy-lens/guide-to-things",
    }
    readme = found["github/ada/toy-lens/readme"]
    assert (readme.title, readme.licence, readme.version) == (
        "toy-lens: Toy Lens",
        "MIT",
        COMMIT[:12],
    )
    assert readme.url == f"https://github.com/Ada/toy-lens/blob/{COMMIT}/README.md"
    assert (readme.kind, readme.meta) == (
        "library-doc",
        {"file": "README.md", "repository": "Ada/toy-lens"},
    )
    titles = {each.title for each in found.values()}
    assert {"toy-lens: Introduction", "toy-lens: Hooks", "toy-lens: guide to things"} <= titles


def test_a_broken_notebook_costs_no_other_document(
    source: Callable[..., GithubSource], site: Any
) -> None:
    cells = [{"cell_type": "markdown", "source": "# Demo\n\nof a lens"}]
    demo = json.dumps({"cells": cells, "nbformat": 4}).encode()
    books = {"docs/demo.ipynb": demo, "docs/bad.ipynb": b"broken"}
    site.add("/Ada/toy-lens/tar.gz/HEAD", archive({**FILES, **books}))
    found = {each.id: each.text for each in source().documents()}
    assert found["github/ada/toy-lens/docs/demo"] == "# Demo\n\nof a lens"
    assert "github/ada/toy-lens/docs/bad" not in found


def test_a_ref(source: Callable[..., GithubSource], site: Any) -> None:
    site.add("/Ada/toy-lens/tar.gz/v1.0", archive(FILES, "toy-lens-1.0/", "no commit"))
    (readme, *_) = [
        each
        for each in source("github:Ada/toy-lens@v1.0").documents()
        if each.id.endswith("readme")
    ]
    assert readme.url == "https://github.com/Ada/toy-lens/blob/v1.0/README.md"
    assert readme.version is None
    fixed = source(f"github:Ada/toy-lens@{COMMIT}")
    assert fixed.fingerprint() != source().fingerprint()


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"404: Not Found", 404, "there is no public repository Ada/toy-lens"),
        (archive({"x.py": b""}), 200, "holds no documentation"),
        (archive(FILES)[:300], 200, "archive is broken"),
        (b"<html>rate limited</html>", 200, "archive is broken"),
    ],
)
def test_refusals(
    body: bytes, status: int, words: str, source: Callable[..., GithubSource], site: Any
) -> None:
    site.add("/Ada/toy-lens/tar.gz/HEAD", body, status=status)
    with pytest.raises(CorpusError, match=words) as caught:
        list(source().documents())
    assert isinstance(caught.value, FetchError) == (status == 404)


@pytest.mark.parametrize(
    ("target", "parsed"),
    [
        ("github:Ada/toy-lens", ("Ada", "toy-lens", "")),
        ("github:Ada/toy.lens@feature/x", ("Ada", "toy.lens", "feature/x")),
        ("https://github.com/Ada/toy-lens", ("Ada", "toy-lens", "")),
        ("https://github.com/Ada/toy-lens.git", ("Ada", "toy-lens", "")),
        ("https://www.github.com/Ada/toy-lens/?tab=readme#top", ("Ada", "toy-lens", "")),
        ("https://github.com/Ada/toy-lens/tree/v1.0", ("Ada", "toy-lens", "v1.0")),
    ],
)
def test_targets(target: str, parsed: tuple[str, str, str]) -> None:
    assert parse_target(target) == parsed
    assert is_repository_url(target) == target.startswith("https")


@pytest.mark.parametrize(
    "target",
    [
        "github:",
        "github:Ada",
        "github:Ada/..",
        "https://github.com/Ada/x/issues/1",
        "github:a b/c",
        "x/y",
    ],
)
def test_what_is_no_repository(target: str) -> None:
    with pytest.raises(CorpusError, match=r"names no repository.*github:OWNER/REPO"):
        GithubSource(target)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (MIT, "MIT"),
        (
            "                                 Apache License\n                           Version 2.0, January 2004",
            "Apache-2.0",
        ),
        ("GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007", "GPL-3.0"),
        ("GNU LESSER GENERAL PUBLIC LICENSE\nVersion 3", "LGPL-3.0"),
        (
            "Redistributions in binary form must reproduce the above copyright ... Neither the name of",
            "BSD-3-Clause",
        ),
        (
            "Redistributions in binary form must reproduce the above copyright notice",
            "BSD-2-Clause",
        ),
        ("Creative Commons Attribution 4.0 International", "CC-BY-4.0"),
        ("see https://creativecommons.org/licenses/by-nc/4.0/", "CC-BY-NC-4.0"),
        ("All rights reserved.", None),
        ("", None),
    ],
)
def test_licences(text: str, name: str | None) -> None:
    assert licence_of(text) == name
