"""A library's export (BibTeX, RIS or CSL-JSON, as Zotero and others write it): its entries are documents.

What an entry names is read in this order: a file of it that is here, its arXiv id, its address, its DOI. The entry's
own title, authors and year count; what cannot be had is named in ``failures``, and the rest is in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from gadfly import tables
from gadfly.corpus.documents import Document, slug, year_of
from gadfly.corpus.readers.encoding import text_of
from gadfly.corpus.sources.base import Source
from gadfly.errors import CorpusError, MissingExtraError
from gadfly.settings import expanded

SUFFIXES = (".bib", ".bibtex", ".ris", ".json")
_READER = "1"  # raise it when the same entry comes out differently
_IS = tables.patterns(__file__, 0)
_TABLE = tables.table(__file__)
_MOST = 5_000  # entries

Resolve = Callable[[str], Source]


class Entry(BaseModel):
    """One work of a library."""

    key: str = ""
    kind: str = "misc"
    title: str = ""
    authors: tuple[str, ...] = ()
    year: int | None = None
    files: tuple[str, ...] = ()
    arxiv: str = ""
    doi: str = ""
    url: str = ""
    fields: dict[str, str] = {}
    fault: str = ""
    """Why it cannot be read."""


@dataclass(frozen=True)
class LibrarySource:
    """An export's file. After ``documents()``, ``failures`` says which entries could not be had, and why."""

    path: Path
    resolve: Resolve
    root: Path = field(init=False)
    failures: dict[str, str] = field(init=False, default_factory=dict, compare=False)
    notices: list[str] = field(init=False, default_factory=list, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", expanded(self.path).resolve())

    @property
    def name(self) -> str:
        return f"library:{self.root}"

    @property
    def target(self) -> str:
        return str(self.root)

    def fingerprint(self) -> str:
        stat = self.root.stat()
        return f"library {_READER} {stat.st_size} {stat.st_mtime_ns}"

    def documents(self) -> Iterator[Document]:
        self.failures.clear()
        self.notices.clear()
        known = entries(text_of(self.root, self.root.name), self.root)
        seen: set[str] = set()
        for entry in known:
            named = entry.key or slug(entry.title)
            shown = f"{self.root.name}: {entry.key or entry.title or 'an entry without a title'}"
            try:
                inner = self._document(entry)
            except (CorpusError, MissingExtraError, OSError) as error:
                self.failures[shown] = str(error)
                continue
            identifier = f"library/{slug(self.root.stem)}/{slug(named)}"
            while identifier in seen:
                identifier += "-2"
            seen.add(identifier)
            yield inner.model_copy(update={"id": identifier, **_facts(entry, inner)})
        read = len(seen)
        if read < len(known):
            self.notices.append(f"{self.root.name}: {read} of {len(known)} entries could be read")

    def _document(self, entry: Entry) -> Document:
        if entry.fault:
            raise CorpusError(entry.fault)
        reasons: list[str] = []
        for target in self._targets(entry):
            try:
                source = self.resolve(target)
                found = next((each for each in source.documents() if each.text.strip()), None)
            except (CorpusError, MissingExtraError) as error:
                reasons.append(str(error))
                continue
            if found is not None:
                return found
            reasons.append(f"{target} holds no text")
        if not reasons:
            raise CorpusError("it names no file, address, arXiv id or DOI")
        raise CorpusError("; ".join(reasons)[:400])

    def _targets(self, entry: Entry) -> Iterator[str]:
        for name in entry.files:
            path = Path(name)
            path = path if path.is_absolute() else self.root.parent / path
            if path.suffix.lower() in _TABLE["opened"] and path.is_file():
                yield str(path)
        if entry.arxiv:
            yield f"arxiv:{entry.arxiv}"
        if entry.url.startswith(("http://", "https://")):  # never a path
            yield entry.url
        if entry.doi:
            yield f"https://doi.org/{entry.doi}"


def is_library(path: Path) -> bool:
    """Whether a file is a library's export; a ``.json`` is one if it holds a list of CSL items."""
    suffix = path.suffix.lower()
    if suffix != ".json":
        return suffix in SUFFIXES
    try:
        with path.open(encoding="utf-8") as stream:
            return bool(_IS["csl"].match(stream.read(2_000)))
    except (OSError, UnicodeError):
        return False


def entries(text: str, path: Path) -> list[Entry]:
    """The entries of an export.

    Raises:
        CorpusError: it holds none, or cannot be read as what its name says.
    """
    suffix = path.suffix.lower()
    read = _from_ris if suffix == ".ris" else _from_csl if suffix == ".json" else _from_bibtex
    found = read(text)
    if all(each.fault for each in found):
        fault = f" that can be read: {found[0].fault}" if found else ""
        raise CorpusError(f"{path.name} holds no entries{fault}")
    if len(found) > _MOST:
        raise CorpusError(f"{path.name} holds {len(found)} entries; at most {_MOST} are read")
    return found


def _facts(entry: Entry, inner: Document) -> dict[str, Any]:
    held = {"entry": entry.kind, "key": entry.key, "fields": entry.fields}
    meta = {**inner.meta, "bibliography": held}
    meta |= {name: each for name in ("arxiv", "doi") if (each := getattr(entry, name))}
    return {
        "title": entry.title or inner.title,
        "authors": entry.authors or inner.authors,
        "year": entry.year or inner.year,
        "url": entry.url or inner.url,
        "kind": "paper" if entry.kind in _TABLE["papers"] else inner.kind,
        "meta": meta,
    }


# -- BibTeX ----------------------------------------------------------------------------------------


def _from_bibtex(text: str) -> list[Entry]:
    try:
        from bibtexparser import middlewares, model
        from bibtexparser.entrypoint import parse_string
    except ImportError as error:
        raise MissingExtraError("reading BibTeX", "formats") from error
    import logging

    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
    library = parse_string(text, append_middleware=[middlewares.LatexDecodingMiddleware()])
    found = []
    for block in library.blocks:
        # A second entry of one key, or a second field of one name, is held apart, and whole.
        held = getattr(block, "ignore_error_block", None) or block
        if isinstance(held, model.Entry):
            fields = {each.key.lower(): str(each.value) for each in held.fields}
            found.append(_bibtex_entry(held.key, held.entry_type, fields))
        elif isinstance(block, model.ParsingFailedBlock):
            begun = _IS["begun"].match(block.raw or "")
            line = (block.start_line or 0) + 1
            found.append(
                Entry(
                    key=begun[1] if begun else f"line {line}",
                    fault=f"line {line} begins an entry that is no BibTeX or is cut short",
                )
            )
    return found


def _bibtex_entry(key: str, kind: str, held: dict[str, str]) -> Entry:
    def bare(name: str) -> str:
        return " ".join(re.sub(r"[{}]", "", held.get(name, "")).split())

    people = [" ".join(each.split()) for each in _IS["and"].split(bare("author"))]
    kept = {name: bare(name) for name in _TABLE["kept"] if bare(name)}
    # Zotero and JabRef: ``Full Text PDF:files/3/paper.pdf:application/pdf``, parted by semicolons.
    files = [
        found for each in re.split(r"(?<!\\);", held.get("file", "")) if (found := _file(each))
    ]
    eprint = bare("eprint")
    marked = bare("archiveprefix").lower() == "arxiv" or bare("eprinttype").lower() == "arxiv"
    url = bare("url") or (_IS["address"].findall(held.get("howpublished", "")) or [""])[0]
    return Entry(
        key=key,
        kind=kind.lower(),
        title=bare("title"),
        authors=tuple(each for each in people if each and each != "others"),
        year=year_of(bare("year") or bare("date")),
        files=tuple(files),
        arxiv=eprint
        if marked and eprint
        else _arxiv(url, bare("note"), bare("journal"), bare("doi")),
        doi=_doi(bare("doi")),
        url=url,
        fields=kept,
    )


def _file(text: str) -> str:
    text = text.strip().strip("{}").replace("\\:", ":").replace("\\;", ";").replace("\\_", "_")
    parted = re.match(r"^[^:]*:(.+):[\w.+-]*(?:/[\w.+-]+)?$", text)
    drive = re.match(r"^[A-Za-z]:[\\/]", text)  # a Windows path, and no description before it
    return text if drive or not parted else parted[1]


# -- RIS -------------------------------------------------------------------------------------------


def _from_ris(text: str) -> list[Entry]:
    found: list[Entry] = []
    held: dict[str, list[str]] = {}
    last = ""
    for row in text.splitlines():
        tagged = _IS["ris"].match(row)
        if tagged:
            last, value = tagged[1], tagged[2].strip()
            if last == "TY" and held:  # one without an end
                found.append(_ris_entry(held))
                held = {}
            if last == "ER":
                if held:
                    found.append(_ris_entry(held))
                held = {}
            else:
                held.setdefault(last, []).append(value)
        elif last in held and row.strip():
            held[last][-1] += f" {row.strip()}"
    return [*found, _ris_entry(held)] if "TY" in held else found


def _ris_entry(held: dict[str, list[str]]) -> Entry:
    def first(*tags: str) -> str:
        return next((each for tag in tags for each in held.get(tag, ()) if each), "")

    kind = _TABLE["ris"].get(first("TY"), "misc")
    urls = [each for tag in ("UR", "L2") for each in held.get(tag, ()) if each.startswith("http")]
    files = [each.removeprefix("file://") for tag in ("L1", "L4") for each in held.get(tag, ())]
    url = next(iter(urls), "")
    pages = "-".join(filter(None, (first("SP"), first("EP"))))
    journal = first("JO", "JF", "T2", "JA")
    pairs = {
        ("journal" if kind == "article" else "booktitle"): journal,
        "volume": first("VL"), "number": first("IS"), "pages": pages, "publisher": first("PB"),
    }  # fmt: skip
    return Entry(
        key=first("ID"),
        kind=kind,
        title=first("TI", "T1", "CT"),
        authors=tuple(each for tag in ("AU", "A1") for each in held.get(tag, ()) if each),
        year=year_of(first("PY", "Y1", "DA")),
        files=tuple(each for each in files if not each.startswith("http")),
        arxiv=_arxiv(url, journal, first("DO"), first("N1"), first("AN")),
        doi=_doi(first("DO")),
        url=url,
        fields={name: text for name, text in pairs.items() if text},
    )


# -- CSL-JSON --------------------------------------------------------------------------------------


def _from_csl(text: str) -> list[Entry]:
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"it is no JSON ({error})") from error
    items = items.get("items", []) if isinstance(items, dict) else items
    return [_csl_entry(each) for each in items if isinstance(each, dict)]


def _csl_entry(item: dict[str, Any]) -> Entry:
    def text(name: str) -> str:
        value = item.get(name)
        return " ".join(str(value).split()) if isinstance(value, (str, int, float)) else ""

    kind = _TABLE["csl"].get(text("type"), "misc")
    authors = [
        ", ".join(filter(None, (str(each.get("family") or ""), str(each.get("given") or ""))))
        or str(each.get("literal") or "")
        for each in item.get("author") or ()
        if isinstance(each, dict)
    ]
    container = "journal" if kind == "article" else "booktitle"
    names = {"container-title": container, "volume": "volume", "issue": "number", "page": "pages",
             "publisher": "publisher"}  # fmt: skip
    return Entry(
        key=text("citation-key") or text("id").rpartition("/")[2],
        kind=kind,
        title=re.sub(r"</?\w[^<>]*>", "", text("title")),
        authors=tuple(each for each in authors if each),
        year=year_of(json.dumps(item.get("issued") or "")),
        arxiv=_arxiv(text("URL"), text("number"), text("note"), text("DOI")),
        doi=_doi(text("DOI")),
        url=text("URL"),
        fields={bib: text(name) for name, bib in names.items() if text(name)},
    )


def _arxiv(*texts: str) -> str:
    """The arXiv id that one of these names."""
    return next((found["id"] for text in texts if (found := _IS["arxiv"].search(text))), "")


def _doi(text: str) -> str:
    found = _IS["doi"].search(text)
    return found[0] if found else ""
