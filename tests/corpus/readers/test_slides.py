"""PowerPoint: slides as headings, lists, tables and notes; hostile archives are one line."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from gadfly.corpus.convert.slides import bounded, read
from gadfly.corpus.sources.files import FilesSource
from gadfly.errors import CorpusError

pptx = pytest.importorskip("pptx")


def presentation() -> bytes:
    shown: Any = pptx.Presentation()
    shown.core_properties.title = "Toy probes"
    shown.core_properties.author = "Ada One; Ben Two"
    slide = shown.slides.add_slide(shown.slide_layouts[1])
    slide.shapes.title.text = "What probes read"
    frame = slide.placeholders[1].text_frame
    frame.text = "The length of the prompt"
    inner = frame.add_paragraph()
    inner.text, inner.level = "and its last token", 1
    slide.notes_slide.notes_text_frame.text = "Say that this is a toy."
    second = shown.slides.add_slide(shown.slide_layouts[6])
    table = second.shapes.add_table(2, 2, 0, 0, 100, 100).table
    for at, text in enumerate(("Model", "Loss", "small | one", "2.1")):
        table.cell(at // 2, at % 2).text = text
    out = io.BytesIO()
    shown.save(out)
    return out.getvalue()


def test_slides(tmp_path: Path) -> None:
    path = tmp_path / "talk.pptx"
    path.write_bytes(presentation())
    (document,) = FilesSource(path).documents()
    assert (document.title, document.authors) == ("Toy probes", ("Ada One", "Ben Two"))
    assert document.text == (
        "# Toy probes\n\n## What probes read\n\n- The length of the prompt\n  - and its last token\n\n"
        "Notes: Say that this is a toy.\n\n## Slide 2\n\n"
        "| Model | Loss |\n| --- | --- |\n| small \\| one | 2.1 |"
    )


def archive(size: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as held:
        for number in range(4):
            held.writestr(f"word/{number}.xml", b"\0" * (size // 4))
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "damaged"),
        (b"no archive", "damaged"),
        (archive(4_000), "unpacks to"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "locked with a password"),
    ],
)
def test_hostile_archives(data: bytes, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gadfly.corpus.convert.slides._MOST", 3_000)
    with pytest.raises(CorpusError, match=words):
        bounded(data)


def test_an_archive_that_is_no_presentation() -> None:
    with pytest.raises(CorpusError, match="damaged"):
        read(archive(1_000))


def test_a_word_bomb_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gadfly.corpus.convert.slides._MOST", 3_000)
    path = tmp_path / "bomb.docx"
    path.write_bytes(archive(4_000))
    with pytest.raises(CorpusError, match=r"cannot read bomb.docx: it unpacks to") as told:
        list(FilesSource(path).documents())
    assert "\n" not in str(told.value)


def test_a_template_s_title_is_none(tmp_path: Path) -> None:
    shown: Any = pptx.Presentation()
    shown.core_properties.title = "PowerPoint Presentation"
    shown.slides.add_slide(shown.slide_layouts[6])
    path = tmp_path / "My talk.pptx"
    shown.save(str(path))
    with pytest.raises(CorpusError, match="it holds no text"):
        list(FilesSource(path).documents())
    box = shown.slides[0].shapes.add_textbox(0, 0, 100, 100)
    box.text_frame.text = "Probes are read here."
    shown.save(str(path))
    assert [each.title for each in FilesSource(path).documents()] == ["My talk"]
    shown.slides.add_slide(shown.slide_layouts[5]).shapes.title.text = "Toy probes"
    shown.save(str(path))
    assert [each.title for each in FilesSource(path).documents()] == ["Toy probes"]
