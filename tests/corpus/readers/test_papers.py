"""LaTeX, Word, EPUB and reStructuredText files as ``corpus add`` reads them; pandoc makes those that are zips."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gadfly.corpus.documents import Document
from gadfly.corpus.sources.files import FilesSource
from gadfly.errors import CorpusError, MissingExtraError

pypandoc = pytest.importorskip("pypandoc")
MARKDOWN = """---
title: Probes on Toys
author: [Ada One, Ben Two]
---

# Method

A probe reads $x^2$ of the stream.[^a] It is *linear* and `plain`.

[^a]: Older than most.

The next paragraph stands below.

| Probe | Accuracy |
|-------|----------|
| one   | 0.97     |

```python
x = 1  # a comment
```
"""
TEX = "\\documentclass{article}\\begin{document}" + "Words of a paper. " * 12
RST = "Toy\n===\n\nIt is :code:`plain` [1]_ text.\n\n.. note:: Mind.\n\n.. [1] A note.\n"


def made(path: Path, markdown: str = MARKDOWN) -> Path:
    program = pypandoc.get_pandoc_path()
    command = [program, "-f", "markdown", "-o", str(path)]
    subprocess.run(command, input=markdown.encode(), check=True, timeout=60)
    return path


def one(path: Path) -> Document:
    (found,) = FilesSource(path).documents()
    return found


@pytest.mark.parametrize("suffix", [".docx", ".epub"])
def test_word_and_epub(suffix: str, tmp_path: Path) -> None:
    found = one(made(tmp_path / f"A Paper{suffix}"))
    assert (found.id.rpartition("/")[2], found.title) == ("a-paper", "Probes on Toys")
    assert sorted(found.authors) == ["Ada One", "Ben Two"]
    for part in ("# Probes on Toys", "## Method", "A probe reads", "*linear*", "| one | 0.97 |"):
        assert part in found.text
    assert "x = 1  # a comment" in found.text
    if suffix == ".docx":  # an EPUB keeps its formulas as MathML
        assert "$x^{2}$" in found.text or "$x^2$" in found.text
    note = found.text.index("Older than most.")
    assert found.text.index("of the stream.") < note < found.text.index("The next paragraph")


def test_latex_with_its_parts(tmp_path: Path) -> None:
    folder = tmp_path / "paper"
    (folder / "parts").mkdir(parents=True)
    (folder / "main.tex").write_text(f"{TEX}\\input{{parts/one}}\\cite{{k}}\\end{{document}}")
    (folder / "parts" / "one.tex").write_text("\\section{Part} It is input.")
    (folder / "works.bib").write_text("@book{k, author={One, Ada}, title={Old}, year=2020}")
    assert "# 1 Part\n\nIt is input. (One, 2020)" in one(folder / "main.tex").text
    source = FilesSource(folder)
    assert [each.meta["file"] for each in source.documents()] == ["main.tex"]
    assert source.failures == {}


def test_no_file_outside_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret.tex").write_text("hidden words")
    folder = tmp_path / "paper"
    folder.mkdir()
    (folder / "link.tex").symlink_to(tmp_path / "secret.tex")
    for name in ("../secret", str(tmp_path / "secret.tex"), "link", "x/../../secret", "\0"):
        (folder / "main.tex").write_text(f"{TEX}\\input{{{name}}}\\end{{document}}")
        assert "hidden" not in one(folder / "main.tex").text


def test_what_is_hidden_is_none_of_the_paper_s(tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    for name in (".env", ".ssh/key.tex"):
        (tmp_path / name).write_text("A secret of the folder.")
    (tmp_path / "link.tex").symlink_to(".env")
    parts = "\\input{.env} \\input{.ssh/key} \\input{./.env} \\input{link} Words."
    (tmp_path / "paper.tex").write_text(TEX + parts + "\\end{document}")
    assert "secret" not in one(tmp_path / "paper.tex").text


def test_a_short_one_is_read(tmp_path: Path) -> None:
    (tmp_path / "short.tex").write_text("One sentence of five words.")
    assert "One sentence of five words." in one(tmp_path / "short.tex").text


@pytest.mark.parametrize("suffix", [".tex", ".docx", ".epub", ".html", ".pdf", ".md", ".rst"])
def test_a_huge_file_is_refused_before_it_is_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"huge{suffix}"
    with path.open("wb") as file:
        file.truncate(6 * 2**30)
    with pytest.raises(CorpusError, match=f"cannot read huge{suffix}: 6442 MB, and at most 64 MB"):
        one(path)


def test_restructured_text(tmp_path: Path) -> None:
    (tmp_path / "toy.rst").write_text(RST)
    found = one(tmp_path / "toy.rst")
    assert found.title == "Toy"
    assert found.text == "# Toy\n\nIt is `plain`[^1] text.\n\n[^1]: A note.\n\nNote\n\nMind."


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    made(tmp_path / "good.docx")
    (tmp_path / "bad.docx").write_bytes(b"no zip")
    (tmp_path / "bad.tex").write_text(f"{TEX} {{ \\begin{{itemize}} $")
    source = FilesSource(tmp_path)
    assert [each.meta["file"] for each in source.documents()] == ["good.docx"]
    assert {"bad.docx", "bad.tex"} == set(source.failures)
    assert "its archive cannot be opened" in source.failures["bad.docx"]
    assert "pandoc cannot read it" in source.failures["bad.tex"]
    with pytest.raises(CorpusError, match=r"cannot read bad\.docx"):
        one(tmp_path / "bad.docx")


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path / "a.docx")
    (tmp_path / "b.rst").write_text(RST)
    (tmp_path / "c.md").write_text("Words.")
    monkeypatch.setitem(sys.modules, "pypandoc", None)
    source = FilesSource(tmp_path)
    assert [each.text for each in source.documents()] == [RST.strip(), "Words."]
    (notice,) = source.notices
    for said in (notice, source.failures["a.docx"]):
        assert "pip install 'gadfly-interp[formats]'" in said
        assert "\n" not in said
    with pytest.raises(MissingExtraError):
        one(tmp_path / "a.docx")


def test_a_table_of_a_file_beside_it_is_drawn_in(tmp_path: Path) -> None:
    root = tmp_path / "docs"
    (root / "sub").mkdir(parents=True)
    (root / "rows.csv").write_text('name,value\na,1\nb,"two, three"\n')
    (tmp_path / "secret.csv").write_text("secret,9\n")
    table = ".. csv-table:: Results\n   :file: {}\n   :header-rows: 1\n\n"
    (root / "sub" / "a.rst").write_text(
        "A page\n======\n\nBefore.\n\n"
        + table.format("../rows.csv")
        + table.format("gone.csv")
        + table.format("../../secret.csv")
        + "After.\n"
    )
    source = FilesSource(root)
    (document,) = source.documents()
    assert document.title == "A page"
    assert "| b | two, three |" in document.text
    assert "gone.csv" in document.text
    assert "After." in document.text
    assert "secret,9" not in document.text
    assert "| secret | 9 |" not in document.text
    assert [each for each in source.notices if "gone.csv is left out, it is not there" in each]
