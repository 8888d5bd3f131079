"""PowerPoint to Markdown with python-pptx: a heading a slide, its text as lists, its tables, the speaker's notes.

Leaves out pictures, charts and formulas.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

from gadfly.corpus.convert.pandoc import Paper
from gadfly.errors import CorpusError, MissingExtraError

_MOST = 300_000_000  # bytes of the archive when unpacked
_DEEPEST = 10  # groups of shapes within groups
_TEMPLATE = re.compile(
    r"(?:PowerPoint )?presentation|slide 1|untitled", re.IGNORECASE
)  # a program's own title


def read(data: bytes) -> Paper:
    """The slides of a presentation.

    Raises:
        MissingExtraError: python-pptx is not installed.
        CorpusError: it is no presentation, is damaged or locked, unpacks to too much, or holds no text.
    """
    try:
        import pptx
    except ImportError as error:
        raise MissingExtraError("reading PowerPoint", "formats") from error
    bounded(data)
    try:
        shown = pptx.Presentation(io.BytesIO(data))
        slides = [(_title(slide), list(_blocks(slide))) for slide in shown.slides]
        facts = shown.core_properties
        stated, author = facts.title, facts.author
    except Exception as error:  # python-pptx lets anything through that a broken file provokes
        raise CorpusError(f"it is damaged ({str(error)[:80] or type(error).__name__})") from error
    titles = [title for title, _ in slides]
    if not any(titles) and not any(blocks for _, blocks in slides):
        raise CorpusError("it holds no text")
    text = "\n\n".join(
        "\n\n".join([f"## {title or f'Slide {number}'}", *blocks])
        for number, (title, blocks) in enumerate(slides, 1)
    )
    stated = "" if _TEMPLATE.fullmatch((stated or "").strip()) else (stated or "").strip()
    names = [each.strip() for each in (author or "").replace(" and ", ";").split(";")]
    authors = tuple(each for each in names if " " in each)
    return Paper(stated or next(filter(None, titles), ""), authors, text)


def bounded(data: bytes) -> None:
    """Refuse an archive that is none, is locked, or unpacks to more than a document has.

    Raises:
        CorpusError: as said.
    """
    if data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise CorpusError("it is locked with a password, or of the format before 2007; save a copy")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(each.file_size for each in archive.infolist())
            locked = any(each.flag_bits & 1 for each in archive.infolist())
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise CorpusError("it is damaged: its archive cannot be opened") from error
    if locked:
        raise CorpusError("it is locked with a password; save an unlocked copy")
    if size > _MOST:
        raise CorpusError(
            f"it unpacks to {size / 1e6:.0f} MB, and at most {_MOST // 10**6} MB are read"
        )


def _title(slide: Any) -> str:
    title = slide.shapes.title
    return " ".join(title.text_frame.text.split()) if title is not None else ""


def _blocks(slide: Any) -> Iterator[str]:
    title = slide.shapes.title
    for shape in _flat(slide.shapes, 0):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if getattr(shape, "has_table", False) and shape.has_table:
            yield _table(shape.table)
        elif shape.has_text_frame and (text := _list(shape.text_frame)):
            yield text
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = slide.notes_slide.notes_text_frame.text.strip()
        if notes:
            yield f"Notes: {notes}"


def _flat(shapes: Iterable[Any], depth: int) -> Iterator[Any]:
    for shape in shapes:
        inner = getattr(shape, "shapes", None)
        if inner is not None and depth < _DEEPEST:
            yield from _flat(inner, depth + 1)
        else:
            yield shape


def _list(frame: Any) -> str:
    lines = [(each.level, " ".join(each.text.split())) for each in frame.paragraphs]
    lines = [(level, text) for level, text in lines if text]
    if len(lines) == 1:
        return str(lines[0][1])
    return "\n".join(f"{'  ' * level}- {text}" for level, text in lines)


def _table(table: Any) -> str:
    rows = [
        [" ".join(cell.text.split()).replace("|", "\\|") for cell in row.cells]
        for row in table.rows
    ]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "|" + " --- |" * len(table.columns))
    return "\n".join(lines)
