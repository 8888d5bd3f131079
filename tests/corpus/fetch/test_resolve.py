"""From what a user types to a source."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gadfly.corpus import sources
from gadfly.corpus.sources.arxiv import ArxivSource
from gadfly.corpus.sources.drive import DriveSource
from gadfly.corpus.sources.files import FilesSource
from gadfly.corpus.sources.github import GithubSource
from gadfly.corpus.sources.html import WebSource
from gadfly.corpus.sources.installed import InstalledSource
from gadfly.corpus.sources.lesswrong import LessWrongSource
from gadfly.corpus.sources.pypi import PypiSource
from gadfly.corpus.sources.resolve import forms, origins, resolve
from gadfly.errors import CorpusError

POST = "AcKRB8wDpdaN6v6ru"
DOC = "1AbCdEfGhIjKlMnOpQrStUvWxYz012345"


@pytest.mark.parametrize(
    ("target", "kind", "name"),
    [
        ("arxiv:2301.05217", ArxivSource, "arxiv:2301.05217"),
        (" arXiv:2301.05217v2 ", ArxivSource, "arxiv:2301.05217v2"),
        ("https://arxiv.org/abs/2301.05217", ArxivSource, "arxiv:2301.05217"),
        ("arxiv.org/pdf/2301.05217v1.pdf", ArxivSource, "arxiv:2301.05217v1"),
        ("https://arxiv.org/list/cs.LG/new", WebSource, "web:https://arxiv.org/list/cs.LG/new"),
        (f"lesswrong:{POST}", LessWrongSource, f"lesswrong:{POST}"),
        (f"https://www.alignmentforum.org/posts/{POST}/x", LessWrongSource, f"lesswrong:{POST}"),
        (
            "https://www.lesswrong.com/tag/interpretability",
            WebSource,
            "web:https://www.lesswrong.com/tag/interpretability",
        ),
        (
            "github:TransformerLensOrg/TransformerLens@v2.0",
            GithubSource,
            "github:TransformerLensOrg/TransformerLens@v2.0",
        ),
        ("https://github.com/ndif-team/nnsight", GithubSource, "github:ndif-team/nnsight"),
        (
            "https://github.com/o/r/blob/main/docs/a.md",
            WebSource,
            "web:https://raw.githubusercontent.com/o/r/main/docs/a.md",
        ),
        ("https://github.com/o/r/issues/3", WebSource, "web:https://github.com/o/r/issues/3"),
        ("pypi:nnsight", PypiSource, "pypi:nnsight"),
        ("pypi:nnsight==0.7.0", PypiSource, "pypi:nnsight==0.7.0"),
        ("installed:pytest", InstalledSource, "installed:pytest"),
        ("installed:nnsight", InstalledSource, "installed:nnsight"),
        (f"https://docs.google.com/document/d/{DOC}/edit", DriveSource, f"drive:{DOC}"),
        (
            "https://distill.pub/2020/circuits/zoom-in/",
            WebSource,
            "web:https://distill.pub/2020/circuits/zoom-in/",
        ),
        (
            "distill.pub/2020/circuits/zoom-in/",
            WebSource,
            "web:https://distill.pub/2020/circuits/zoom-in/",
        ),
    ],
)
def test_targets(target: str, kind: type, name: str) -> None:
    source = resolve(target)
    assert type(source) is kind
    assert source.name == name
    assert source.fingerprint() == resolve(target).fingerprint()


@pytest.mark.parametrize("target", ["", "nothing:at-all", "what is this?", "\n", "x" * 999, "a\0b"])
def test_an_unknown_target_lists_the_valid_forms(target: str) -> None:
    with pytest.raises(CorpusError) as caught:
        resolve(target)
    assert all(form in str(caught.value) for form in forms())
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("no-such-file.md", "no such file"),
        ("./here/there", "no such file"),
        ("arxiv:hello", "no arXiv id"),
        ("lesswrong:short", "names no post"),
        ("github:alone", "names no repository"),
        ("pypi:a b", "names no package"),
        ("installed:no-such-package-here", "pypi:no-such-package-here"),
        ("ftp://example.org/x", "only http and https"),
        ("https://", "no host"),
        ("https://docs.google.com/spreadsheets/d/" + DOC, "sheet"),
    ],
)
def test_a_known_form_that_is_wrong(target: str, words: str) -> None:
    with pytest.raises(CorpusError, match=words):
        resolve(target)


def test_paths(
    tmp_path: Path, make_pdf: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.md", "b.pdf", "c.html", "arxiv:odd.md"):
        (tmp_path / name).write_text("x")
    for path in (tmp_path, *sorted(tmp_path.iterdir())):
        assert type(resolve(str(path))) is FilesSource
    monkeypatch.chdir(tmp_path)
    assert type(resolve("a.md")) is FilesSource
    with pytest.raises(CorpusError):
        resolve(str(tmp_path / "d.png"))


def test_a_folder(tmp_path: Path, make_pdf: Callable[..., bytes]) -> None:
    data = Path(__file__).parent / "data"
    (tmp_path / "papers").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "note.md").write_text("# Note\n\nText.")
    (tmp_path / "papers" / "Good One.pdf").write_bytes(
        make_pdf("A probe reads what is there, and little else.")
    )
    (tmp_path / "papers" / "bad.PDF").write_bytes(b"%PDF-1.4")
    (tmp_path / "page.html").write_bytes((data / "blog.html").read_bytes())
    (tmp_path / ".git" / "x.pdf").write_bytes(b"")
    folder = resolve(str(tmp_path))
    assert isinstance(folder, FilesSource)
    found = {each.id.partition("/")[2]: each for each in folder.documents()}
    assert set(found) == {"note", "papers/good-one", "page"}
    assert {each.source for each in found.values()} == {folder.name} == {FilesSource(tmp_path).name}
    assert set(folder.failures) == {"papers/bad.PDF"}
    before = folder.fingerprint()
    (tmp_path / "papers" / "bad.PDF").unlink()
    assert folder.fingerprint() != before


def test_a_refreshed_source_is_read_again() -> None:
    target = "https://distill.pub/2020/circuits/zoom-in/"
    assert resolve(target, refresh=True).fingerprint() != resolve(target).fingerprint()
    once = resolve(target, refresh=True)
    assert once.fingerprint() == once.fingerprint()


def test_a_new_source_is_picked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module dropped into the folder is all that a new origin takes."""
    (tmp_path / "shelf.py").write_text(
        """from gadfly.corpus.sources.base import Origin
from gadfly.corpus.sources.memory import MemorySource, note

ORIGIN = Origin(
    lambda target, fetching: MemorySource([note("a", "Text.")], name=target),
    "shelf:NAME",
    ("box",),
    lambda url: url.startswith("https://shelf.example/"),
)
"""
    )
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path)])
    origins.cache_clear()
    try:
        for target in ("shelf:one", "BOX:one", "https://shelf.example/one", "shelf.example/one"):
            (found,) = resolve(target).documents()
            assert found.id == "notes/a"
        assert "shelf:NAME" in forms()
        assert type(resolve("https://example.org/one")) is WebSource
    finally:
        origins.cache_clear()
        sys.modules.pop("gadfly.corpus.sources.shelf", None)
