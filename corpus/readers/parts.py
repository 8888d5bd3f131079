"""One part of a dump read as what it is: the reader by its path or its look, then its defects mended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from gadfly.corpus.markup import sections
from gadfly.corpus.readers import notebook, python, rawtext, tables, unfenced
from gadfly.corpus.readers.bylines import byline, of_paper
from gadfly.corpus.readers.fences import close, fence, step, unfence
from gadfly.corpus.readers.page import Page, prose
from gadfly.corpus.readers.paths import LANGUAGES, is_path, stem, suffix
from gadfly.corpus.readers.report import Mended, difference
from gadfly.errors import CorpusError

_MARKUP = {"md", "markdown", "mdx", "rst", "txt", "text"}
_PROSE = _MARKUP | {"pdf", "html", "htm", "tex", "qmd", "ipynb", "docx"}


@dataclass
class Mending:
    """What was mended so far, by kind, and the markup that went with it."""

    count: Counter[str] = field(default_factory=Counter)
    removed: dict[str, list[str]] = field(default_factory=dict)

    def apply(self, kind: str, mender: Callable[[str], Mended], text: str) -> str:
        mended = mender(text)
        if mended.times:
            self.count[kind] += mended.times
        self.remove(kind, mended.removed)
        return mended.text

    def remove(self, kind: str, text: str) -> None:
        if text.strip():
            self.removed.setdefault(kind, []).append(text)


def read(text: str, name: str, mending: Mending) -> Page:
    """The page of one part; ``name`` is its path or its title."""
    body = text.strip("\n")
    kind = suffix(name)
    inner = unfence(body)
    # A packer puts a file into a fence of its language; a Markdown file that is one Python fence means it.
    if inner and (kind not in _MARKUP or inner[0] in _MARKUP):
        mending.remove("fences", body.split("\n", 1)[0])
        body = inner[1]
    if notebook.looks_like(body):
        try:
            page = notebook.read(body, name)
        except CorpusError:
            pass
        else:
            mending.remove("notebook JSON", difference(body, page.body))
            return page
    if python.is_master(body) or kind == "py":
        page = python.read(body, name)
        mending.count["lines of code that read as headings"] += max(
            0, _headings(body) - _headings(page.body)
        )
        mending.remove("cell headers", page.removed)
        return page
    if kind in LANGUAGES and kind not in _PROSE:
        title = name.rsplit("/", 1)[-1]
        return Page(
            f"# {title}\n\n{fence(body, LANGUAGES[kind])}", {"kind": "code", "title": title}
        )
    return _prose(body, name, kind, mending)


def _prose(body: str, name: str, kind: str, mending: Mending) -> Page:
    page = prose(body)
    mending.remove("front matter", page.removed)
    text = mending.apply("HTML tables", tables.mend, page.body)
    raw = kind == "pdf" or rawtext.looks_raw(text)
    text = mending.apply("one-character lines", rawtext.join_letters, text)
    fields: dict[str, Any] = {}
    if raw:
        text = mending.apply("broken words", rawtext.join_broken_words, text)
        text = mending.apply("numbered headings", rawtext.number_headings, text)
        fields["kind"] = "paper"
        title = rawtext.title(text) if is_path(name) else name
        fields.update({"title": title} if title else {})
        fields.update(of_paper(text, title))
    elif kind != "rst":
        text = mending.apply("unfenced pieces of code", unfenced.mend, text)
    if kind == "ipynb":
        fields["kind"] = "notebook"
        text = mending.apply("empty sections", rawtext.drop_empty_sections, text)
    elif not raw:
        fields.update(_kind(text, name))
    fields = {**byline(text), **fields, **page.fields}
    return replace(page, body=close(text), fields=fields)


def _headings(text: str) -> int:
    """Lines outside fences that read as headings; only roughly, since it is only reported."""
    count, mark = 0, ""
    for line in text.split("\n"):
        count += not mark and line.startswith("#") and line.lstrip("#")[:1] == " "
        mark = step(line, mark)
    return count


def _kind(text: str, name: str) -> dict[str, str]:
    """``glossary`` and ``forum post`` where the title or the address says so."""
    titles = (
        stem(name).lower()
        + " "
        + " ".join(each.title for each in sections(text[:3_000])[:2]).lower()
    )
    if "glossary" in titles:
        return {"kind": "glossary"}
    address = str(byline(text).get("url", ""))
    if any(
        each in address
        for each in ("lesswrong.com", "alignmentforum.org", "forum.effectivealtruism.org")
    ):
        return {"kind": "post"}
    return {}
