"""PDF to Markdown with PDFium, the reader of the Chromium browser.

``layout`` opens the file, ``front`` reads its first page, ``grids`` its tables, ``text`` the rest. Leaves out text
recognition: a scan without a text layer is an error that says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from gadfly.corpus.convert.pdf import front, grids, text
from gadfly.corpus.convert.pdf.layout import Layout, Page, joined, opened
from gadfly.errors import CorpusError

_MOST_PAGES = 3_000
_SECONDS = 300.0
_TABLE = "\ue000" * 3  # a line that no document has stands for a table until the lines are joined


@dataclass(frozen=True)
class PdfText:
    title: str
    authors: tuple[str, ...]
    year: int | None
    pages: int
    text: str
    unread: tuple[int, ...] = ()
    """Numbers of the pages that could not be read."""
    arxiv: str = ""
    doi: str = ""


def read(data: bytes) -> PdfText:
    """The text of a PDF.

    Raises:
        CorpusError: no PDF, a broken or locked one, or one that holds pictures of text only.
    """
    layout = opened(data, _MOST_PAGES, _SECONDS)
    unread = tuple(number for number, page in enumerate(layout.pages, 1) if page.unread)
    if len(unread) == len(layout.pages):
        raise CorpusError("this PDF is damaged: none of its pages can be read")
    body = _body(layout)
    if text.letters([body]) < 10 * len(layout.pages):
        raise CorpusError(
            "this PDF holds pictures of text only; run a text recognition first (ocrmypdf)"
        )
    if not text.legible(body):
        raise CorpusError(
            "this PDF does not say which letters its glyphs are; run a text recognition first (ocrmypdf --force-ocr)"
        )
    known = front.read(layout, body)
    return PdfText(
        known.title, known.authors, known.year, layout.count, body, unread, known.arxiv, known.doi
    )


def _body(layout: Layout) -> str:
    tables: dict[str, str] = {}
    pages = ["\n".join(_lines(page, tables)) for page in layout.pages]
    outline = [text.Heading(" ".join(title.split()), level) for title, level in layout.outline]
    return text.join(pages, [each for each in outline if each.title], tables)


def _lines(page: Page, tables: dict[str, str]) -> list[str]:
    """The lines of a page, with one in the place of each table."""
    found = grids.grids(page)
    place = {word: number for number, grid in enumerate(found) for word in grid.words}
    marks: dict[int, str] = {}
    out = []
    for line in page.lines:
        if line.turned and (len(line.words) < 3 or front.stamped(line.text)):
            continue
        if not place or line.turned:
            out.append(line.text)
            continue
        for number in {place[word] for word in line.words if word in place} - marks.keys():
            marks[number] = f"{_TABLE}{chr(0xE100 + len(tables) % 0x700)}"
            tables[marks[number]] = found[number].markdown
            out.append(marks[number])
        left = [word for word in line.words if word not in place]
        if left:
            out.append(joined(left))
    return out
