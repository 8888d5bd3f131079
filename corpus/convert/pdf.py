"""PDF to Markdown with pypdf, which is free software of the permissive kind and pure Python.

Leaves out text recognition: a scan without a text layer is an error that says so.
"""

from __future__ import annotations

import io
import logging
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gadfly.corpus.convert.pdf_text import Heading, join, letters
from gadfly.corpus.documents import year_of
from gadfly.errors import CorpusError

_MOST_PAGES = 3_000
_SECONDS = 300.0
_STAMP = re.compile(r"arXiv:\S{1,60}\s++\[[\w.-]+\]\s+(\d{1,2}\s+\w{3}\s+(?:19|20)\d\d)")
_UNTITLED = re.compile(
    r"(?i)^(untitled|microsoft word\b.*|.*\.(docx?|tex|dvi|pdf|indd)|\W*|title)$"
)


@dataclass(frozen=True)
class PdfText:
    title: str
    authors: tuple[str, ...]
    year: int | None
    pages: int
    text: str
    unread: tuple[int, ...] = ()
    """Numbers of the pages that could not be read."""


def read(data: bytes) -> PdfText:
    """The text of a PDF.

    Raises:
        CorpusError: no PDF, a broken or locked one, or one that holds pictures of text only.
    """
    reader = _open(data)
    deadline = time.monotonic() + _SECONDS
    pages: list[str] = []
    unread: list[int] = []
    count = _count(reader)
    for number in range(min(count, _MOST_PAGES)):
        if time.monotonic() > deadline:
            raise CorpusError(
                f"this PDF takes longer than {_SECONDS:.0f} seconds; it is at page {number + 1}"
            )
        try:
            pages.append(reader.pages[number].extract_text() or "")
        except Exception:  # pypdf lets anything through that a broken page provokes
            pages.append("")
            unread.append(number + 1)
    if len(unread) == len(pages):
        raise CorpusError("this PDF is damaged: none of its pages can be read")
    if letters(pages) < 10 * len(pages):
        raise CorpusError(
            "this PDF holds pictures of text only; run a text recognition first (ocrmypdf)"
        )
    title, authors, year = _facts(reader, pages[0])
    text = join(pages, _outline(reader))
    return PdfText(title, authors, year, count, text, tuple(unread))


def _open(data: bytes) -> Any:
    import pypdf
    from pypdf.errors import DependencyError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it warns of every flaw that it mends
    if b"%PDF-" not in data[:1024]:
        raise CorpusError("this is not a PDF file")
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        locked = reader.is_encrypted and not reader.decrypt("")
    except DependencyError as error:
        raise CorpusError(
            "this PDF is encrypted; save an unlocked copy, or: pip install cryptography"
        ) from error
    except Exception as error:
        raise CorpusError(
            f"this PDF is damaged ({str(error)[:80] or type(error).__name__})"
        ) from error
    if locked:
        raise CorpusError("this PDF is locked with a password; save an unlocked copy")
    return reader


def _count(reader: Any) -> int:
    try:
        count = len(reader.pages)
    except Exception as error:
        raise CorpusError("this PDF is damaged: its pages cannot be counted") from error
    if not count:
        raise CorpusError("this PDF has no pages")
    return count


def _facts(reader: Any, first: str) -> tuple[str, tuple[str, ...], int | None]:
    try:
        held = reader.metadata or {}
        title, author, made = (
            str(held.get(each) or "") for each in ("/Title", "/Author", "/CreationDate")
        )
    except Exception:
        title = author = made = ""
    title = " ".join(title.split())
    if _UNTITLED.match(title) or len(title) > 250:
        title = _first_title(first)
    names = (" ".join(name.split()) for name in re.split(r"[;,]|\band\b", author))
    stamp = _STAMP.search(first)
    year = (
        year_of(stamp.group(1))
        if stamp
        else year_of(re.sub(r"^D:(\d{4}).*", r"\1", made, flags=re.DOTALL))
    )
    return title, tuple(name for name in names if 3 <= len(name) <= 60), year


def _first_title(page: str) -> str:
    """The first line that reads like a title."""
    for line in page.splitlines()[:15]:
        line = " ".join(line.split())
        if 10 <= len(line) <= 200 and not re.search(
            r"(?i)arxiv|preprint|proceedings|published|@|http|\bdoi\b", line
        ):
            return line
    return ""


def _outline(reader: Any) -> list[Heading]:
    try:
        return list(_walk(reader.outline, 1))[:2_000]
    except Exception:  # a broken outline is no reason to lose the text
        return []


def _walk(entries: Any, level: int) -> Iterator[Heading]:
    for entry in entries:
        if isinstance(entry, list):
            if level < 6:
                yield from _walk(entry, level + 1)
        else:
            title = " ".join(str(entry.title or "").split())
            if title:
                yield Heading(title, level)
