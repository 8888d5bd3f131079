"""PDF to Markdown with pypdf, which is free software of the permissive kind and pure Python.

The lines that it finds are made readable: ligatures, headers and footers, hyphens, axis labels, headings. Leaves out
text recognition (a scan without a text layer is an error that says so) and all layout: two columns come in the order in
which the file holds them.
"""

from __future__ import annotations

import io
import logging
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gadfly import tables
from gadfly.corpus.documents import year_of
from gadfly.errors import CorpusError

_MOST_PAGES = 3_000
_SECONDS = 300.0
_STAMP = re.compile(r"arXiv:\S{1,60}\s++\[[\w.-]+\]\s+(\d{1,2}\s+\w{3}\s+(?:19|20)\d\d)")
_UNTITLED = re.compile(
    r"(?i)^(untitled|microsoft word\b.*|.*\.(docx?|tex|dvi|pdf|indd)|\W*|title)$"
)
_LIGATURES = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}
_LIGATURES[0xAD] = "-"  # the soft hyphen
_EDGE = 3  # lines at the top and the bottom of a page that may be headers and footers
_IS = tables.patterns(__file__, 0)


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


class Heading(NamedTuple):
    """A title that the file's own outline has, and its depth from 1."""

    title: str
    level: int


def join(pages: Sequence[str], outline: Iterable[Heading] = ()) -> str:
    """One Markdown text from the text of each page."""
    lines = [_lines(page) for page in pages]
    lines = _without_edges(lines)
    flat = _without_scatter([line for page in lines for line in page])
    flat = _with_headings(flat, list(outline))
    return _dehyphenate("\n".join(flat)).strip() + "\n"


def letters(pages: Iterable[str]) -> int:
    """How many letters there are: a scan has none."""
    return sum(character.isalpha() for page in pages for character in page)


def _lines(page: str) -> list[str]:
    lines = (" ".join(line.split()) for line in page.translate(_LIGATURES).splitlines())
    return [line for line in lines if line and not _IS["leaders"].search(line)]


def _without_edges(pages: list[list[str]]) -> list[list[str]]:
    """Without page numbers, and without first and last lines that many pages share but for a number."""
    near: Counter[str] = Counter()
    outermost: Counter[str] = Counter()
    for page in pages:
        near.update({_shape(line) for line in [*page[:_EDGE], *page[-_EDGE:]]})
        outermost.update({_shape(line) for line in [*page[:1], *page[-1:]]})
    often = max(3, round(0.3 * len(pages)))
    repeated = {shape for shape, count in near.items() if count >= often}
    repeated |= {shape for shape, count in outermost.items() if count >= 3}
    return [_trimmed(page, {shape for shape in repeated if letters([shape]) > 3}) for page in pages]


def _trimmed(page: list[str], repeated: set[str]) -> list[str]:
    def gone(line: str) -> bool:
        return _shape(line) in repeated or bool(_IS["page_number"].match(line))

    head = [line for line in page[:_EDGE] if not gone(line)]
    rest = page[_EDGE:]
    foot = [line for line in rest[-_EDGE:] if not gone(line)] if rest else []
    return [*head, *rest[:-_EDGE], *foot]


def _shape(line: str) -> str:
    return re.sub(r"\d+", "#", line).lower()


def _without_scatter(lines: list[str]) -> list[str]:
    """Without runs of tiny lines: axis labels, and arXiv's stamp, which stands on its side."""
    kept: list[str] = []
    run: list[str] = []
    for line in [*lines, "the end of all lines"]:
        if len(line) <= 3 and not line.endswith("."):
            run.append(line)
            continue
        if len(run) < 5:
            kept += run
        run = []
        kept.append(line)
    return kept[:-1]


def _with_headings(lines: list[str], outline: list[Heading]) -> list[str]:
    """Mark the lines that are headings: those of the outline, else numbered ones whose numbers go up."""
    marked = _by_outline(lines, outline) if outline else {}
    if len(marked) < 3:
        marked = _by_number(lines)
    out: list[str] = []
    for index, line in enumerate(lines):
        level = marked.get(index)
        if level:
            out += ["", f"{'#' * min(level + 1, 6)} {line}", ""]
        else:
            # A line that starts with # would be taken for a heading.
            out.append(f"\\{line}" if re.match(r"#{1,6}\s", line) else line)
    return out


def _by_outline(lines: list[str], outline: list[Heading]) -> dict[int, int]:
    found: dict[int, int] = {}
    places: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        places.setdefault(_key(line), []).append(index)
    after = -1
    for heading in outline:
        # The table of contents has the same words; its line ends in a page number, or comes in a run.
        near = [index for index in places.get(_key(heading.title), []) if index > after]
        if near:
            found[near[0]] = heading.level
            after = near[0]
    return found


def _key(title: str) -> str:
    """A title without its number: outlines have them, or not, whatever the page shows."""
    bare = re.sub(
        r"^(?:appendix\s+)?(?:\d{1,2}|[A-H])(?:\.\d{1,2})*\.?\s+", "", title.strip(), flags=re.I
    )
    return re.sub(r"\W+", "", bare).lower()


def _by_number(lines: list[str]) -> dict[int, int]:
    found: dict[int, int] = {}
    last: list[int] = []
    for index, line in enumerate(lines):
        if _IS["named"].match(line) and len(line) < 40:
            found[index] = 1
            continue
        numbered = _IS["numbered"].match(line)
        if not numbered or not numbered.group(2)[0].isupper() or _IS["ends"].search(line):
            continue
        if sum(character.isalpha() for character in numbered.group(2)) < 0.6 * len(
            numbered.group(2)
        ):
            continue
        number = [
            int(each) if each.isdigit() else ord(each) - 64 + 100
            for each in numbered.group(1).split(".")
        ]
        if _follows(number, last):
            found[index] = len(number)
            last = number
    return found


def _follows(number: list[int], last: list[int]) -> bool:
    """Whether a section number may come after another: 2 after 1.3, 2.1 after 2, A after 5."""
    if not last:
        return number in ([1], [0])
    if len(number) > len(last):
        return number == [*last, 1] or (number[:-1] == last and number[-1] in (0, 1))
    level = len(number) - 1
    if number[:level] != last[:level]:
        return False
    return number[level] == last[level] + 1 or (level == 0 and number[0] == 101 and last[0] < 100)


def _dehyphenate(text: str) -> str:
    """Join words broken at the end of a line; a hyphen that the word also has elsewhere stays."""
    known = Counter(word.lower() for word in _IS["word"].findall(_IS["broken"].sub(" ", text)))

    def joined(found: re.Match[str]) -> str:
        first, second = found.groups()
        hyphened = f"{first}-{second}".lower()
        if "-" in first or second[0].isupper() or known[hyphened] > known[(first + second).lower()]:
            return f"{first}-{second}"
        return first + second

    return _IS["broken"].sub(joined, text)
