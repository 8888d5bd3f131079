"""LaTeX, Word, EPUB and reStructuredText through pandoc, and PowerPoint. Leaves out the conversion (``convert``)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gadfly.corpus.convert import latex, pandoc, slides
from gadfly.corpus.convert.pandoc import Paper
from gadfly.corpus.readers import beside
from gadfly.corpus.readers.encoding import MOST_BYTES, bytes_of
from gadfly.corpus.readers.page import Page
from gadfly.errors import CorpusError, MissingExtraError

SLIDES = ".pptx"
_ARCHIVES = (".docx", ".epub")
_BESIDE = (".bbl", ".bib", ".sty", ".cls")


def read(path: Path, name: str, *, whole: bool) -> list[Page]:
    """The page of a file, or none for a LaTeX file that is only a part of another; ``whole``: read it all the same.

    Raises:
        MissingExtraError: pandoc is not installed.
        CorpusError: pandoc cannot read it.
    """
    data = bytes_of(path, name)
    suffix = path.suffix.lower()
    try:
        if suffix == SLIDES:
            shown = slides.read(data)
            return [_page(replace(shown, title=shown.title or path.stem), "slides")]
        form = pandoc.FORMATS[suffix]
        if suffix in _ARCHIVES:
            slides.bounded(data)
        if form != "latex":
            return [_page(pandoc.read(data, form), "document")]
        if not whole and b"\\begin{document}" not in data:
            return []
        names = [each.name for each in sorted(path.parent.iterdir()) if each.suffix in _BESIDE]
        return [_page(latex.paper(path.name, _below(path.parent), names), "paper")]
    except CorpusError as error:
        raise CorpusError(f"cannot read {name}: {error}") from error


def restructured(text: str, name: str, folder: Path, top: Path) -> Page:
    """The page of a reStructuredText file; the text as it stands where pandoc is missing or cannot read it.

    The tables that it has in files are drawn in from below ``top``; their names are relative to ``folder``.
    """
    whole, missed = beside.drawn_in(text, _below(top, folder))
    notices = tuple(f"{name}: {each}" for each in missed)
    try:
        page = _page(pandoc.read(whole.encode("utf-8", "replace"), "rst"), "document")
        return replace(page, notices=notices)
    except MissingExtraError as error:
        return Page(text, notices=(f"reStructuredText is read as it stands: {error}",))
    except CorpusError as error:
        return Page(text, notices=(f"{name} is read as it stands: {error}",))


def _page(paper: Paper, kind: str) -> Page:
    fields = {
        "title": paper.title,
        "authors": list(paper.authors),
        "kind": kind,
        "year": paper.year,
    }
    title = f"# {paper.title}\n\n" if paper.title else ""
    return Page(title + paper.text, {key: value for key, value in fields.items() if value})


def _below(folder: Path, start: Path | None = None) -> latex.Open:
    """Opens the files below a folder and no others, by their names relative to it, or to a ``start`` inside it: what
    is hidden is none of a paper's."""
    root, start = folder.resolve(), (start or folder).resolve()

    def opened(name: str) -> bytes | None:
        try:
            path = (start / name).resolve()
            within = path.is_relative_to(root) and path.is_file()
            shown = within and not any(x.startswith(".") for x in path.relative_to(root).parts)
            return path.read_bytes() if shown and path.stat().st_size <= MOST_BYTES else None
        except (OSError, ValueError):  # a name that no file can have
            return None

    return opened
