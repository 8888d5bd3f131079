"""A document as a reference: a line to read, a BibTeX entry, a CSL-JSON item.

What a library gave with the document (``sources.library``) is given back as it was; of everything else the entry is
made of what is known. Leaves out citation styles.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any, NamedTuple

from pydantic import BaseModel

from gadfly import tables
from gadfly.corpus.documents import Document

_IS = tables.patterns(__file__, 0)
_TABLE = tables.table(__file__)
_ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip
_MOST_NAMED = 3  # authors on a line, until "et al."
OTHERS = "others"


class Person(NamedTuple):
    """``given`` is empty for an organisation."""

    family: str
    given: str = ""


class Reference(BaseModel):
    """A document as it is cited. ``entry`` is BibTeX's type, ``fields`` what it has beside the other fields here."""

    document: str
    key: str
    entry: str
    title: str
    authors: tuple[str, ...] = ()
    year: int | None = None
    url: str = ""
    arxiv: str = ""
    doi: str = ""
    fields: dict[str, str] = {}


def references(documents: Iterable[Document]) -> list[Reference]:
    """The references of documents, each under a key of its own."""
    found: list[Reference] = []
    used: set[str] = set()
    for document in documents:
        reference = _reference(document)
        key, number = reference.key, 0
        while key in used:
            number += 1
            key = f"{reference.key}{_suffix(number)}"
        used.add(key)
        found.append(reference.model_copy(update={"key": key}))
    return found


def line(reference: Reference) -> str:
    """``Vaswani, A., Shazeer, N., Parmar, N., et al. (2017). Attention Is All You Need. arXiv:1706.03762``."""
    named = [_initials(person) for person in people(reference.authors)]
    if len(named) > _MOST_NAMED or named[-1:] == [OTHERS]:
        named = [*[each for each in named if each != OTHERS][:_MOST_NAMED], "et al."]
    who = ", ".join(named)
    when = f"({reference.year or 'n.d.'})"
    title = reference.title.rstrip(".")
    place = next(
        (reference.fields[name] for name in ("journal", "booktitle", "publisher", "version")
         if reference.fields.get(name)), "",
    )  # fmt: skip
    address = f"https://doi.org/{reference.doi}" if reference.doi else reference.url
    if reference.arxiv and not reference.doi:
        address = f"arXiv:{reference.arxiv}"
    head = f"{who} {when}. {title}." if who else f"{title} {when}."
    return " ".join(filter(None, [head, f"{place}." if place else "", address]))


def bibtex(reference: Reference) -> str:
    """A BibTeX entry, its text escaped."""
    fields: dict[str, str] = {"title": f"{{{_escaped(reference.title)}}}"}
    if reference.authors:
        fields["author"] = " and ".join(map(_author, people(reference.authors)))
    if reference.year:
        fields["year"] = str(reference.year)
    if reference.arxiv:
        fields |= {"eprint": reference.arxiv, "archivePrefix": "arXiv"}
    if reference.doi:
        fields["doi"] = _verbatim(reference.doi)
    if reference.url:
        fields["url"] = _verbatim(reference.url)
    fields |= {name: _escaped(text) for name, text in reference.fields.items()}
    lines = "".join(f"  {name} = {{{text}}},\n" for name, text in fields.items())
    return f"@{reference.entry}{{{reference.key},\n{lines}}}"


def csl(reference: Reference) -> dict[str, Any]:
    """A CSL-JSON item, as Zotero and pandoc read it."""
    item: dict[str, Any] = {
        "id": reference.key,
        "type": _TABLE["csl"].get(reference.entry, "document"),
        "title": reference.title,
    }
    authors = [person for person in people(reference.authors) if person.family != OTHERS]
    if authors:
        item["author"] = [
            {"family": person.family, "given": person.given}
            if person.given
            else {"literal": person.family}
            for person in authors
        ]
    if reference.year:
        item["issued"] = {"date-parts": [[reference.year]]}
    if reference.arxiv:
        item["number"] = f"arXiv:{reference.arxiv}"
    if reference.doi:
        item["DOI"] = reference.doi
    if reference.url:
        item["URL"] = reference.url
    for name, known in _TABLE["fields"].items():
        if name in reference.fields:
            item[known] = reference.fields[name]
    return item


def people(authors: Iterable[str]) -> list[Person]:
    """Names as they come (``Ada One``, ``One, Ada``, ``One, A., Two, B., et al.``) in two parts."""
    found: list[Person] = []
    for author in authors:
        text = " ".join(author.split())
        more = re.search(r",?\s*\bet al\.?$", text)
        text = text[: more.start()] if more else text
        listed = _IS["inverted"].findall(text)
        if len(listed) > 1:
            found += [Person(family.strip(), given.strip()) for family, given in listed]
        elif text:
            found.append(_person(text))
        if more:
            found.append(Person(OTHERS))
    return found


def _person(text: str) -> Person:
    family, comma, given = text.partition(",")
    if comma and given.strip():
        return Person(family.strip(), given.strip())
    words = text.split()
    if len(words) < 2 or _IS["organisation"].search(text):
        return Person(text)
    at = len(words) - 1
    while at > 1 and words[at - 1].islower():  # van, de la
        at -= 1
    return Person(" ".join(words[at:]), " ".join(words[:at]))


def _reference(document: Document) -> Reference:
    meta = document.meta
    held = meta.get("bibliography")
    held = held if isinstance(held, dict) else {}
    arxiv = str(meta.get("arxiv") or "") + str(meta.get("arxiv_version") or "")
    fields = {str(name): str(text) for name, text in dict(held.get("fields") or {}).items()}
    entry = str(held.get("entry") or _TABLE["entries"].get(document.kind, "misc"))
    if not held:
        if entry == "manual" and document.version:
            fields["version"] = document.version
        if document.kind == "guide":
            fields["howpublished"] = "Gadfly field guide"
        if entry == "misc" and document.kind in ("post", "page", "article") and document.url:
            fields["howpublished"] = "Web page"
        if arxiv and meta.get("category"):
            fields["primaryClass"] = str(meta["category"])
    key = str(held.get("key") or "") or _key(document)
    return Reference(
        document=document.id,
        key=_IS["not_in_key"].sub("", key) or "document",
        entry=entry if _IS["entry"].fullmatch(entry) else "misc",
        title=" ".join(document.title.split()),
        authors=document.authors,
        year=document.year,
        url=document.url or "",
        arxiv=arxiv,
        doi=str(meta.get("doi") or ""),
        fields={name: text for name, text in fields.items() if _IS["entry"].fullmatch(name)},
    )


def _key(document: Document) -> str:
    named = people(document.authors)
    family = _plain(named[0].family) if named else ""
    words = [_plain(word) for word in document.title.split()]
    first = next((word for word in words if len(word) > 3), "".join(words)[:20])
    return f"{family}{document.year or ''}{first}" or "document"


def _plain(text: str) -> str:
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", ascii_text.lower())


def _suffix(number: int) -> str:
    return chr(96 + number) if number <= 26 else f"-{number}"


def _initials(person: Person) -> str:
    if not person.given:
        return person.family
    letters = [part[0] for part in re.split(r"[\s-]+", person.given) if part]
    return f"{person.family}, {' '.join(f'{letter}.' for letter in letters)}"


def _author(person: Person) -> str:
    if person.family == OTHERS and not person.given:
        return OTHERS
    if not person.given:
        return f"{{{_escaped(person.family)}}}"
    given, family = _escaped(person.given), _escaped(person.family)
    apart = re.search(r"\band\b|,", f"{given} {family}")
    return f"{{{family}}}, {{{given}}}" if apart else f"{family}, {given}"


def _escaped(text: str) -> str:
    text = "".join(each for each in " ".join(text.split()) if each.isprintable())
    return "".join(_ESCAPES.get(each, each) for each in text)


def _verbatim(address: str) -> str:
    """An address for a field that BibTeX styles print as it stands."""
    held = {"{": "%7B", "}": "%7D", "\\": "%5C", " ": "%20", "^": "%5E", '"': "%22"}
    return "".join(held.get(each, each) for each in address if each.isprintable())
