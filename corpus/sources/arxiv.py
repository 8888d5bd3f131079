"""Papers on arXiv: the HTML that arXiv makes of them, else ar5iv's, else their LaTeX source, else the PDF.

In that order, since formulas, tables and headings survive in the first ones, and in the last they do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gadfly import tables
from gadfly.corpus.convert import atom, html, latex, latexml, pdf
from gadfly.corpus.documents import Document
from gadfly.corpus.fetch.archives import gunzip, members
from gadfly.corpus.fetch.client import Fetching
from gadfly.corpus.fetch.errors import FetchError
from gadfly.corpus.fetch.response import Response
from gadfly.corpus.sources.base import About, Origin
from gadfly.errors import CorpusError, MissingExtraError

_READER = "2"  # raise it when the same paper comes out differently
_IS = tables.patterns(__file__, 0)
_SOURCE_SIZE = 200_000_000


@dataclass(frozen=True)
class Places:
    """Where arXiv is; tests put a server of their own here."""

    html: str = "https://arxiv.org/html/"
    older: str = "https://ar5iv.labs.arxiv.org/html/"
    source: str = "https://arxiv.org/e-print/"
    pdf: str = "https://arxiv.org/pdf/"
    api: str = "https://export.arxiv.org/api/query"
    page: str = "https://arxiv.org/abs/"


class _Body(NamedTuple):
    text: str
    title: str
    authors: tuple[str, ...]
    licence: str | None = None
    year: int | None = None


@dataclass(frozen=True)
class ArxivSource:
    """One paper, by id (``2301.05217``, ``2301.05217v2``, ``hep-th/9901001``) or by any of its URLs."""

    target: str
    fetching: Fetching = field(default_factory=Fetching)
    places: Places = field(default_factory=Places)
    id: str = field(init=False)
    version: str = field(init=False)

    def __post_init__(self) -> None:
        identifier, version = parse_id(self.target)
        object.__setattr__(self, "id", identifier)
        object.__setattr__(self, "version", version)

    @property
    def name(self) -> str:
        return f"arxiv:{self.id}{self.version}"

    def fingerprint(self) -> str:
        return f"arxiv {_READER} {self.fetching.period(pinned=bool(self.version))}"

    def documents(self) -> Iterator[Document]:
        entry = self._entry()
        form, held, tried = self._body()
        title = (entry.title if entry else "") or held.title or self.name
        text = held.text
        if entry and entry.abstract and "abstract" not in text[:3_000].lower():
            text = f"## Abstract\n\n{entry.abstract}\n\n{text}"
        version = (entry.version if entry else "") or self.version
        meta: dict[str, Any] = {"format": form, "arxiv": self.id, "arxiv_version": version}
        if entry and entry.category:
            meta["category"] = entry.category
        if tried:
            meta["not_read"] = tried
        place = f"{self.id}{self.version}"
        about = About(f"arxiv/{place}", self.name, "paper", title, self.places.page + place, meta)
        yield about.document(
            f"# {title}\n\n{text}",
            year=(entry.year if entry else None) or _year_of_id(self.id) or held.year,
            authors=entry.authors if entry else held.authors,
            licence=held.licence,
        )

    def _entry(self) -> atom.Entry | None:
        """The paper's facts; without them it is still worth reading.

        Raises:
            FetchError: arXiv answers, and knows no such paper.
        """
        url = f"{self.places.api}?id_list={self.id}{self.version}&max_results=1"
        try:
            entry = atom.read(
                self._get(url, keep=lambda response: b"<entry" in response.body).text()
            )
        except CorpusError:
            return None
        if entry is None:
            raise FetchError(url, f"arXiv has no paper {self.id}{self.version}", status=404)
        return entry

    def _body(self) -> tuple[str, _Body, tuple[str, ...]]:
        """The best format that can be had, the paper in it, and why not in those before it.

        Raises:
            FetchError: none can; the message has the reason for each.
        """
        reasons: list[str] = []
        forms = {"html": self._html, "ar5iv": self._older, "latex": self._latex, "pdf": self._pdf}
        for form, read in forms.items():
            try:
                return form, read(), tuple(reasons)
            except FetchError as error:
                if error.status in (429, 503):
                    raise  # asking for more of the same would only make it worse
                reasons.append(f"{form}: {error.reason}")
            except (CorpusError, MissingExtraError) as error:
                reasons.append(f"{form}: {error}")
        raise FetchError(f"{self.places.page}{self.id}{self.version}", "; ".join(reasons))

    def _html(self) -> _Body:
        return self._page(f"{self.places.html}{self.id}{self.version}")

    def _older(self) -> _Body:
        if self.version:
            raise CorpusError("it holds no versions")
        return self._page(f"{self.places.older}{self.id}")

    def _page(self, url: str) -> _Body:
        """The paper in a page that LaTeXML made."""
        response = self._get(url, accept="text/html", keep=_is_paper)
        text = response.text()
        if latexml.failed(text):
            raise CorpusError("its conversion broke off")
        if not _is_paper(response):
            raise CorpusError("there is none")
        page = html.read(text, response.url)
        return _Body(page.text, page.facts.title, page.facts.authors, page.facts.licence)

    def _latex(self) -> _Body:
        url = f"{self.places.source}{self.id}{self.version}"
        data = self._get(
            url, size=_SOURCE_SIZE, keep=lambda response: not response.looks_like_html()
        ).body
        if data[:5] == b"%PDF-":
            raise CorpusError("the source is a PDF")
        if data[:2] == b"\x1f\x8b":
            data = gunzip(data, _SOURCE_SIZE)
        if data[:4] in (b"%!PS", b"%PDF"):
            raise CorpusError("the source is PostScript or a PDF")
        files = {"paper.tex": data}
        if data[257:262] == b"ustar":
            wanted = members(data, lambda path: bool(_IS["text_files"].search(path)))
            files = {each.path: each.data for each in wanted}
        paper = latex.read(files)
        return _Body(paper.text, paper.title, paper.authors)

    def _pdf(self) -> _Body:
        url = f"{self.places.pdf}{self.id}{self.version}"
        held = pdf.read(self._get(url, accept="application/pdf").body)
        return _Body(held.text, held.title, held.authors, year=held.year)

    def _get(self, url: str, **how: Any) -> Response:
        return self.fetching.get(url, pinned=bool(self.version), **how)


def parse_id(target: str) -> tuple[str, str]:
    """The id and the version (empty for the newest) in an id or a URL.

    Raises:
        CorpusError: neither.
    """
    text = re.sub(r"(?i)^arxiv:\s*", "", target.strip())
    text = _IS["url"].sub("", text).partition("?")[0].partition("#")[0].rstrip("/")
    text = re.sub(r"(?i)\.(pdf|html?)$", "", text)
    found = _IS["id"].fullmatch(text)
    if not found:
        raise CorpusError(
            f"{target!r} is no arXiv id or URL; valid: 2301.05217, 2301.05217v2, hep-th/9901001"
        )
    return found.group("id"), found.group("version") or ""


def is_arxiv_url(url: str) -> bool:
    """Whether a URL names one paper on arXiv."""
    try:
        return bool(_IS["url"].match(url)) and bool(parse_id(url))
    except CorpusError:
        return False


def _is_paper(response: Response) -> bool:
    """A paper without HTML is answered with status 200, and a page that says so."""
    return b"ltx_document" in response.body and not latexml.failed(response.text())


def _year_of_id(identifier: str) -> int | None:
    digits = identifier.rpartition("/")[2]
    year = int(digits[:2])
    return 1900 + year if year >= 91 else 2000 + year


ORIGIN = Origin(ArxivSource, "arxiv:ID", owns=is_arxiv_url)
