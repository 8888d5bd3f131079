"""The source of files: which reader for which file, what ids come of it, and what happens to bad files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.corpus.readers.field.build import build
from tests.corpus.readers.packers import by_hand, repomix_json, repomix_parsable_xml, repomix_xml

from gadfly.corpus.documents import Document
from gadfly.corpus.sources.files import FilesSource
from gadfly.errors import CorpusError

NOTEBOOK = json.dumps(
    {
        "cells": [
            {"cell_type": "markdown", "source": "# A demo"},
            {"cell_type": "code", "source": "x = 1"},
        ]
    }
)


def _folder(tmp_path: Path) -> Path:
    root = tmp_path / "Notes"
    (root / "sub").mkdir(parents=True)
    (root / "demo.md").write_text("# The notes\n\nWords.")
    (root / "demo.ipynb").write_text(NOTEBOOK)
    (root / "sub" / "demo.py").write_text('"""A module."""\n\n\ndef f():\n    return 1\n')
    for skipped in ("node_modules", "__pycache__", ".ipynb_checkpoints", "env"):
        (root / skipped).mkdir()
        (root / skipped / "a.py").write_text("hidden = 1")
    (root / "env" / "pyvenv.cfg").write_text("")
    return root


def _by_id(source: FilesSource) -> dict[str, Document]:
    return {each.id: each for each in source.documents()}


def test_a_folder_of_everything(tmp_path: Path) -> None:
    found = _by_id(FilesSource(_folder(tmp_path)))
    assert set(found) == {"notes/demo", "notes/demo-ipynb", "notes/sub/demo-py"}
    demo = found["notes/demo-ipynb"]
    assert (demo.title, demo.kind) == ("A demo", "notebook")
    assert "x = 1" in demo.text
    assert demo.meta["file"] == "demo.ipynb"
    code = found["notes/sub/demo-py"]
    assert (code.title, code.kind) == ("demo.py", "code")


def test_a_byline_is_read_where_no_front_matter_says_it(tmp_path: Path) -> None:
    root = tmp_path / "Notes"
    root.mkdir()
    (root / "a.md").write_text("# Toy Lenses\n\nBy Ann Author and Ben Other, 3 May 2022\n\nWords.")
    (root / "b.md").write_text(
        "---\nauthor: Cleo Third\nyear: 2020\n---\n# Toys\n\nBy Ann Author, 3 May 2022\n\nWords."
    )
    found = _by_id(FilesSource(root))
    assert (found["notes/a"].authors, found["notes/a"].year) == (("Ann Author", "Ben Other"), 2022)
    assert (found["notes/b"].authors, found["notes/b"].year) == (("Cleo Third",), 2020)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# The `toy` **lens**\n\nWords.", "The toy lens"),
        ("# [Toys](https://a.test/b)\n\nWords.", "Toys"),
        ("# Abstract\n\nWords.\n\n# Of Toys\n\nMore.", "Of Toys"),
        ("# Abstract\n\nWords.", "a"),
    ],
)
def test_the_title_is_without_marks(tmp_path: Path, text: str, title: str) -> None:
    (tmp_path / "a.md").write_text(text)
    (found,) = FilesSource(tmp_path / "a.md").documents()
    assert found.title == title


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    root = _folder(tmp_path)
    (root / "broken.ipynb").write_text("{")
    (root / "picture.md").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (root / "bad.py").write_text("def (:")
    source = FilesSource(root)
    assert len(_by_id(source)) == 4
    assert set(source.failures) == {"broken.ipynb", "picture.md"}
    assert "JSON" in source.failures["broken.ipynb"]
    assert [each.split(" does")[0] for each in source.notices] == ["bad.py"]
    list(source.documents())
    assert len(source.notices) == 1  # of the last reading, not of all
    for name in source.failures:
        with pytest.raises(CorpusError, match=name):
            list(FilesSource(root / name).documents())


def test_a_dump_becomes_its_documents(tmp_path: Path) -> None:
    whole = build(5)
    path = tmp_path / "notes" / "default_600k.md"
    path.parent.mkdir()
    path.write_text(whole.text)
    source = FilesSource(path)
    found = _by_id(source)
    pages = [each for each in found.values() if not each.id.endswith("/preamble")]
    assert len(pages) == len(whole.expected) == 75
    for wanted, document in zip(whole.expected, pages, strict=True):
        assert document.id.startswith("notes/default-600k/")
        assert document.title in wanted.titles
        assert document.kind == (wanted.kind or document.kind)
        assert (document.authors, document.year) == (wanted.authors, wanted.year)
        assert document.url == (wanted.url or None)
        assert document.source == source.name
    masters = {each.name for each in whole.expected if each.kind == "tutorial"}
    assert masters <= {each.meta["part"] for each in pages}
    (report,) = source.reports
    assert report.documents == len(found)
    assert source.notices == [report.line()]


def test_a_packers_xml_is_read_when_asked_for(tmp_path: Path) -> None:
    root = tmp_path / "notes"
    root.mkdir()
    (root / "pack.xml").write_text(repomix_xml([("a.md", "One text."), ("b.md", "Another.")]))
    (root / "other.xml").write_text("<feed><entry>no dump</entry></feed>")
    assert set(_by_id(FilesSource(root / "pack.xml"))) == {"notes/pack-xml/a", "notes/pack-xml/b"}
    with pytest.raises(CorpusError, match=r"other\.xml"):
        list(FilesSource(root / "other.xml").documents())
    assert list(FilesSource(root).documents()) == []


def test_the_fingerprint_sees_new_kinds(tmp_path: Path) -> None:
    root = _folder(tmp_path)
    before = FilesSource(root).fingerprint()
    assert FilesSource(root).fingerprint() == before
    (root / "more.py").write_text("x = 1")
    assert FilesSource(root).fingerprint() != before


def test_offsets_of_a_dump_are_those_of_its_documents(tmp_path: Path) -> None:
    (tmp_path / "two.md").write_text(
        by_hand([("a.md", "# A\n\nFirst."), ("b.md", "---\ntitle: Bee\nyear: 2021\n---\nSecond.")])
    )
    first, second = FilesSource(tmp_path / "two.md").documents()
    assert first.text == "# A\n\nFirst."
    assert (second.title, second.year, second.text) == ("Bee", 2021, "Second.")


@pytest.mark.parametrize(
    ("name", "pack"), [("pack.xml", repomix_parsable_xml), ("pack.json", repomix_json)]
)
def test_packs_with_escaped_texts(tmp_path: Path, name: str, pack: Callable[..., str]) -> None:
    code = "x = 1 < 2 and \"a\" != 'b'\n" + "y = '" + "z" * 30_000 + "'\n"
    files = [("a.md", "# One\n\nTags such as <b> & </file> stay."), ("src/b.py", code)]
    (tmp_path / name).write_text(pack(files))
    found = _by_id(FilesSource(tmp_path / name))
    assert [each.split("/", 2)[-1] for each in found] == ["a", "src/b-py"]
    first, second = found.values()
    assert "Tags such as <b> & </file> stay." in first.text
    assert "x = 1 < 2 and \"a\" != 'b'" in second.text


def test_json_that_is_no_pack(tmp_path: Path) -> None:
    for text in ('{"files": [1]}', '{"files": {"a.md": 1}}', "[" * 100_000, "{"):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(CorpusError, match=r"cannot read a\.json: no packer's output"):
            list(FilesSource(tmp_path / "a.json").documents())
