"""Sources: cards, installed packages, files."""

from __future__ import annotations

import sys
from importlib import invalidate_caches
from pathlib import Path

import pytest

from gadfly.corpus.sources.files import FilesSource
from gadfly.corpus.sources.guide import GuideSource
from gadfly.corpus.sources.installed import InstalledSource, Pages, installed_sources
from gadfly.corpus.sources.pydoc import page
from gadfly.errors import CorpusError

CARD = """---
title: Activation patching
kind: technique
year: 2022
tags: [patching, causal]
summary: Copy an activation.
sources:
  - title: A paper
    checked: 2026-11-01
---

# Activation patching

Copies an activation.
"""


def test_guide(tmp_path: Path) -> None:
    folder = tmp_path / "guide" / "techniques"
    folder.mkdir(parents=True)
    (folder / "activation-patching.md").write_text(CARD)
    (folder / "README.md").write_text("not a card")
    guide = GuideSource(tmp_path / "guide")
    (card,) = guide.documents()
    assert card.id == "guide/techniques/activation-patching"
    assert (card.kind, card.year, card.title) == ("technique", 2022, "Activation patching")
    assert card.meta["sources"] == [{"title": "A paper", "checked": "2026-11-01"}]
    assert card.text.startswith("# Activation patching")
    before = guide.fingerprint()
    (folder / "activation-patching.md").write_text(CARD + "More.")
    assert guide.fingerprint() != before
    assert list(GuideSource(tmp_path / "nowhere").documents()) == []


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "site"
    (root / "toypkg" / "inner").mkdir(parents=True)
    (root / "toypkg" / "__init__.py").write_text(
        '"""A toy."""\nraise RuntimeError("must not be imported")\n'
    )
    (root / "toypkg" / "inner" / "deep.py").write_text(
        "class Model(Base):\n"
        '    """A model."""\n\n'
        "    size: int = 3\n\n"
        "    def steer(self, layers: int, *, factor: float = 1.0, **kwargs) -> None:\n"
        '        """Add a vector."""\n'
        "        secret = 41\n\n"
        "    def plain(self): ...\n\n"
        "    def _hidden(self):\n"
        '        """Hidden."""\n'
    )
    (root / "toypkg" / "inner" / "broken.py").write_text("def (:\n")
    _install(root, "1.0")
    monkeypatch.syspath_prepend(str(root))
    return root


def _install(root: Path, version: str) -> None:
    for old in root.glob("toypkg-*.dist-info/METADATA"):
        old.unlink()
        old.parent.rmdir()
    folder = root / f"toypkg-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: toypkg\nVersion: {version}\nLicense: MIT\n\n# Toy\n\nA toy package."
    )
    invalidate_caches()


def test_installed_package_is_read_not_imported(package: Path) -> None:
    source = InstalledSource("toypkg", (Pages("toypkg"), Pages("toypkg.inner.deep")))
    found = {each.id: each for each in source.documents()}
    assert set(found) == {"toypkg/readme", "toypkg/toypkg", "toypkg/inner-deep"}
    assert "toypkg" not in sys.modules
    deep = found["toypkg/inner-deep"]
    assert deep.version == "1.0"
    assert deep.licence == "MIT"
    assert "def steer(self, layers: int, *, factor: float=1.0, **kwargs) -> None" in deep.text
    assert "secret" not in deep.text
    assert "Hidden" not in deep.text
    assert "size: int = 3" in deep.text


def test_installed_goes_stale_with_the_version(package: Path) -> None:
    source = InstalledSource("toypkg", (Pages("toypkg"),))
    before = source.fingerprint()
    assert source.fingerprint() == before
    _install(package, "1.1")
    assert source.fingerprint() != before
    assert {each.version for each in source.documents()} == {"1.1"}


def test_absent_package_has_no_documents() -> None:
    source = InstalledSource("no-such-package-here", (Pages("no_such"),))
    assert list(source.documents()) == []
    assert source.version() is None


def test_a_broken_module_is_left_out(package: Path) -> None:
    source = InstalledSource("toypkg", (Pages("toypkg.inner.*"),))
    assert {each.id for each in source.documents()} == {"toypkg/readme", "toypkg/inner-deep"}


def test_short_bodies_are_shown_without_their_docstring() -> None:
    code = 'def f(x):\n    """Doc."""\n    return x + 1\n'
    shown = page("m", code, body_lines=5)
    assert "return x + 1" in shown
    assert shown.count("Doc.") == 1
    assert "return x + 1" not in page("m", code)


def test_the_packages_we_name_are_readable() -> None:
    read = 0
    for source in installed_sources():
        if source.version() is None:
            continue
        found = list(source.documents())
        read += len(found)
        assert all(each.version == source.version() for each in found)
        wanted = {each.module for each in source.pages if not each.module.endswith("*")}
        titles = {each.title.split(" ")[0] for each in found}
        assert wanted <= titles, wanted - titles  # a renamed module would silently vanish
    if not read:
        pytest.skip("none of nnterp, nnsight, transformers is installed")


def test_files(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "c.md").write_text("hidden")
    (tmp_path / "A Note.md").write_text("---\ntitle: T\nauthor: Me\nyear: '2020'\n---\nBody")
    (tmp_path / "sub" / "b.txt").write_bytes("# Caf\xe9".encode("latin-1"))
    (tmp_path / "utf16.txt").write_bytes("wide".encode("utf-16"))
    (tmp_path / "empty.md").write_text("")
    (tmp_path / "x.png").write_bytes(b"\x89PNG")
    found = {each.id: each for each in FilesSource(tmp_path).documents()}
    base = tmp_path.name.replace("_", "-")
    assert set(found) == {f"{base}/a-note", f"{base}/sub/b", f"{base}/utf16"}
    assert found[f"{base}/a-note"].authors == ("Me",)
    assert found[f"{base}/a-note"].year == 2020
    assert found[f"{base}/sub/b"].title == "Café"
    assert found[f"{base}/utf16"].text == "wide"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such file"):
        FilesSource(tmp_path / "nothing.md")
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"\.md"):
        FilesSource(tmp_path / "a.png")
