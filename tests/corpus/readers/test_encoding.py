"""Bytes of all kinds: text in any encoding is read, everything else is refused by name."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from gadfly.corpus.documents import normalise
from gadfly.corpus.index import chunks
from gadfly.corpus.readers import dump, encoding, notebook, python
from gadfly.corpus.readers.encoding import LONGEST_LINE, decode, text_of, wrapped
from gadfly.corpus.sources.files import FilesSource
from gadfly.errors import CorpusError

TEXT = "Café – naïve: 0,97\nzwei"


@pytest.mark.parametrize(
    "name", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_encodings(name: str, tmp_path: Path) -> None:
    assert decode(TEXT.encode(name)) == TEXT
    (tmp_path / "a.txt").write_bytes(TEXT.encode(name))
    assert text_of(tmp_path / "a.txt", "a.txt") == TEXT


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"a",
        b"\xef\xbb\xbf",
        b"\x1b[31mred\x1b[0m log " * 9,
        "日本語".encode("utf-16"),
    ],
)
def test_small_and_odd_text_is_text(data: bytes) -> None:
    assert encoding.binary(data) == ""
    decode(data)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"%PDF-1.7\n...", "a PDF"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"PK\x03\x04....", "a zip archive"),
        (pickle.dumps({"a": 1}), "a pickle"),
        (bytes(range(256)) * 4, "binary data"),
        (b"\0" * 5000, "binary data"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, what: str, tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(data)
    with pytest.raises(CorpusError, match=rf"cannot read notes\.md: it is {what}.*, not text"):
        list(FilesSource(path).documents())


def test_a_file_too_big_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "MOST_BYTES", 2_000_000)
    (tmp_path / "big.txt").write_bytes(b"a" * 2_000_001)
    with pytest.raises(CorpusError, match="2 MB, and at most 2 MB are read"):
        text_of(tmp_path / "big.txt", "big.txt")


def test_enormous_lines_are_broken_and_nothing_else() -> None:
    assert wrapped("word " * 3_000) == "word " * 3_000
    long = "word " * 10_000
    assert wrapped(long).split() == long.split()
    assert max(map(len, wrapped(f"short\n{long}\nshort").split("\n"))) <= LONGEST_LINE
    assert wrapped(f"a\n{'x' * 50_000}").replace("\n", "") == f"a{'x' * 50_000}"


_UNITS = [
    "x",
    " ",
    "ab ",
    "# ",
    "=",
    "`",
    "<table>",
    "[",
    "*_",
    "# x #",
    "\\",
    "1.",
    '"',
    "a-",
    "|",
    "&#",
    "a=",
]


def test_ten_megabytes_on_one_line_do_not_hang_the_readers(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("".join(unit * (600_000 // len(unit)) for unit in _UNITS) + "end")
    assert path.stat().st_size > 10_000_000
    text = text_of(path, "a.md")
    assert dump.read(text, "a.md") is None
    part = wrapped("".join(unit * (150_000 // len(unit)) for unit in _UNITS))
    found = dump.read(f"File: /one.md\n\n{part}\n\nFile: /two.md\n\nend", "b.md")
    assert found is not None
    assert not found.report.lost


def test_enormous_code_and_notebooks() -> None:
    line = wrapped("x = [" + "1," * 300_000 + "]")
    assert python.read(line, "a.py").body.startswith("# a.py")
    assert python.read("'" * 100_000 + "\n" + "(" * 100_000, "a.py").notices
    text = (
        '{"cells": [{"cell_type": "markdown", "source": "'
        + "![" * 300_000
        + "(data:image/"
        + '"}]}'
    )
    assert notebook.read(text, "a").body


def test_a_notebook_on_one_line_and_one_with_control_characters(tmp_path: Path) -> None:
    picture = {"output_type": "display_data", "data": {"image/png": "A" * 60_000}}
    cells = [
        {"cell_type": "markdown", "source": "# A title\n\nSaid once. " + "word " * 6_000},
        {"cell_type": "code", "source": "x = 1", "outputs": [picture]},
    ]
    (tmp_path / "line.ipynb").write_text(json.dumps({"cells": cells}))
    raw = json.dumps({"cells": [{"cell_type": "markdown", "source": "# Raw\n\nA tab@and more."}]})
    (tmp_path / "raw.ipynb").write_text(raw.replace("@", "\t\x1b[0m").replace("\\n", "\n"))
    source = FilesSource(tmp_path)
    line, other = source.documents()
    assert not source.failures
    assert (line.title, other.title) == ("A title", "Raw")
    assert line.text.count("word") == 6_000
    assert "[image left out]" in line.text
    assert max(map(len, line.text.split("\n"))) <= LONGEST_LINE
    assert "A tab\t" in other.text


def test_a_wrapped_file_is_cut_into_passages(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("<path d='" + "M1 2L3 4" * 40_000 + "'/>")
    (document,) = FilesSource(tmp_path).documents()
    assert normalise(document.text) == document.text
    assert max(each.tokens for each in chunks.chunks(document)) < 2_000
