"""LaTeX, Word, EPUB and reStructuredText to Markdown: pandoc reads them, the page converter writes them.

pandoc makes a tree of the document; a few things in it are put as text (citations, references, numbers of figures);
pandoc makes HTML of the tree, and ``html`` makes Markdown of that, as of any page. pandoc is the package
``pypandoc-binary`` of the extra ``formats``. It runs in its sandbox, where no document can read a file or ask the
network, with a bound on memory and time. Leaves out what is LaTeX's own (``latex``).
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from gadfly.corpus.convert.html import fragment
from gadfly.corpus.documents import year_of
from gadfly.errors import CorpusError, MissingExtraError

FORMATS = {".tex": "latex", ".docx": "docx", ".epub": "epub", ".rst": "rst"}
SECONDS = 40.0
_MEMORY = "-M1G"
_MOST_BYTES = 100_000_000
_LEAST = 3  # words
_NOBODY = re.compile(r"anonymous\b", re.IGNORECASE)
_NAME = re.compile(r"[^@/:\d]{3,50}")
_EQUATION = re.compile(r"\s*\\begin\{equation(\*?)\}(.*)\\end\{equation\1\}\s*", re.DOTALL)
_COMMENT = re.compile(r"(?<!\\)%[^\n]*\n?")
_HTML = ("--mathjax", "--wrap=none", "--syntax-highlighting=none", "--reference-location=block")


@dataclass(frozen=True)
class Paper:
    """A document as Markdown; its title is not in the text. ``title`` is empty where the document states none."""

    title: str
    authors: tuple[str, ...]
    text: str
    year: int | None = None


class Label(NamedTuple):
    """How a work is cited: ``One & Two``, ``2020``."""

    name: str
    year: str


def read(data: bytes, form: str) -> Paper:
    """A document of one of the ``FORMATS``' values other than LaTeX.

    Raises:
        MissingExtraError: pandoc is not installed.
        CorpusError: pandoc cannot read it, or needs too long; or it holds no text.
    """
    return write(tree(data, form)[0])


def tree(data: bytes, form: str, seconds: float | None = None) -> tuple[dict[str, Any], str]:
    """pandoc's tree of a document, made within ``seconds``, and its messages: one for each thing that it passed by.

    Raises:
        CorpusError: as :func:`read`.
    """
    out, said = run(data, "-f", form, "-t", "json", "--verbose", seconds=seconds)
    try:
        found = json.loads(out)
    except RecursionError as error:
        raise CorpusError("it is nested too deeply to be a document") from error
    return dict(found), said


def write(document: dict[str, Any], labels: Mapping[str, Label] | None = None) -> Paper:
    """The Markdown of pandoc's tree; ``labels`` are the cited works, by their keys.

    Raises:
        CorpusError: it holds no text.
    """
    meta = document["meta"]
    title = text_of(meta.get("title"))
    blocks = document["blocks"]
    if "abstract" in meta:
        abstract = meta["abstract"].get("c") or []
        if meta["abstract"]["t"] == "MetaInlines":
            abstract = [{"t": "Para", "c": abstract}]
        blocks = [heading("Abstract"), *abstract, *blocks]
    try:
        changed = _Changes(blocks, labels or {}).made(blocks)
        tree = json.dumps({**document, "meta": {}, "blocks": changed})
    except RecursionError as error:
        raise CorpusError("it is nested too deeply to be a document") from error
    numbered = ["--number-sections"] if labels is not None else []
    page, _ = run(tree.encode(), "-f", "json", "-t", "html", *_HTML, *numbered)
    html = page.decode()
    if title:  # the title is the one heading of the first rank
        html = re.sub(r"(</?h)([1-5])\b", lambda found: f"{found[1]}{int(found[2]) + 1}", html)
    text = fragment(html).replace("\xa0", " ")
    if len(text.split()) < _LEAST:
        raise CorpusError("it holds no text")
    authors = tuple(dict.fromkeys(_names(meta.get("author"))))
    return Paper(title, authors, text, year_of(text_of(meta.get("date"))))


def run(data: bytes, *arguments: str, seconds: float | None = None) -> tuple[bytes, str]:
    """What pandoc writes of its input within ``seconds`` (``SECONDS`` if not given), and its messages.

    Raises:
        MissingExtraError: pandoc is not installed.
        CorpusError: pandoc fails, or needs too much time or memory.
    """
    most = seconds or SECONDS
    command = [_program(), "+RTS", _MEMORY, "-RTS", "--sandbox", *arguments]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=most, check=False)
    except subprocess.TimeoutExpired:
        raise CorpusError(f"pandoc took over {most:.0f} seconds") from None
    except OSError as error:
        raise CorpusError(f"pandoc does not start ({error.strerror or error})") from error
    said = done.stderr.decode("utf-8", "replace")
    if done.returncode or len(done.stdout) > _MOST_BYTES:
        lines = [line for line in said.splitlines() if line.strip() and line[0] != "["]
        reason = " ".join(" ".join(lines).split())[:200] or f"it ended with {done.returncode}"
        raise CorpusError(f"pandoc cannot read it ({reason})")
    return done.stdout, said


def _program() -> str:
    try:
        import pypandoc  # type: ignore[import-untyped]

        return str(pypandoc.get_pandoc_path())
    except (ImportError, OSError) as error:
        raise MissingExtraError(
            "reading LaTeX, Word, EPUB and reStructuredText", "formats"
        ) from error


def text_of(node: Any) -> str:
    """The words of a part of the tree on one line; notes are left out."""
    pieces: list[str] = []

    def collect(node: Any) -> None:
        if isinstance(node, list):
            for each in node:
                collect(each)
        elif isinstance(node, dict) and "t" in node:
            kind: str = node["t"]
            held: Any = node.get("c")
            if kind in ("Str", "MetaString"):
                pieces.append(held)
            elif kind in ("Space", "SoftBreak", "LineBreak"):
                pieces.append(" ")
            elif kind == "Math":
                pieces.append(f"${held[1]}$")
            elif kind == "Code":
                pieces.append(held[1])
            elif kind != "Note":
                collect(held)

    collect(node)
    return " ".join("".join(pieces).split())


def heading(text: str) -> dict[str, Any]:
    """A heading without a number, as pandoc's tree has it."""
    return {"t": "Header", "c": [1, ["", ["unnumbered"], []], [{"t": "Str", "c": text}]]}


def paragraph(text: str) -> dict[str, Any]:
    """A paragraph, as pandoc's tree has it."""
    return {"t": "Para", "c": [{"t": "Str", "c": text}]}


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every node of a part of the tree, in order."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if "t" in node:
                yield node
            waiting += reversed(list(node.values()))
        elif isinstance(node, list):
            waiting += reversed(node)


def marked(tree: Any, prefix: str) -> Iterator[tuple[str, str]]:
    """``(rest of the name, words)`` of the spans whose name begins with ``prefix``."""
    for node in nodes(tree):
        if node["t"] == "Span" and node["c"][0][0].startswith(prefix):
            yield node["c"][0][0].removeprefix(prefix), text_of(node["c"][1])


def cited(tree: Any) -> set[str]:
    """The keys of the works that are cited."""
    cites = (node["c"][0] for node in nodes(tree) if node["t"] == "Cite")
    return {each["citationId"] for found in cites for each in found}


def _names(author: Any) -> list[str]:
    """Names of authors, as far as they can be told from affiliations: what stands before the first line break."""
    listed = author["c"] if author and author["t"] == "MetaList" else [author] if author else []
    found = []
    for each in listed:
        inlines = each.get("c") if isinstance(each.get("c"), list) else [each]
        line: list[Any] = []
        for inline in inlines:
            if inline["t"] == "LineBreak":
                break
            if inline["t"] not in ("Math", "Superscript"):
                line.append(inline)
        found += [name.strip(" *†‡§¶,") for name in re.split(r",|;| and | & ", text_of(line))]
    return [name for name in found if _NAME.fullmatch(name) and not _NOBODY.match(name)]


class _Changes:
    """What is put as text in pandoc's tree, for a reader who follows no link."""

    def __init__(self, blocks: list[Any], labels: Mapping[str, Label]) -> None:
        self._labels = labels
        # The numbers of figures and tables, as the references to them have them.
        links = (node["c"] for node in nodes(blocks) if node["t"] == "Link")
        self._numbers = {
            facts["reference"]: text_of(link[1])
            for link in links
            if "reference" in (facts := dict(link[0][2]))
        }
        self._kinds: dict[str, Callable[[Any], Any]] = {
            "Link": self._link,
            "Math": self._math,
            "CodeBlock": self._code,
            "Figure": self._figure,
            "Div": self._div,
            "Table": self._table,
            "Cite": self._cite,
        }

    def made(self, node: Any) -> Any:
        """The changed tree."""
        if isinstance(node, list):
            return [self.made(each) for each in node]
        if not isinstance(node, dict) or "t" not in node:
            return node
        held = self.made(node.get("c"))
        node = {**node, "c": held} if "c" in node else node
        change = self._kinds.get(node["t"])
        return change(held) if change else node

    def _link(self, held: Any) -> Any:
        inner = "reference" in dict(held[0][2])
        return {"t": "Span", "c": [["", [], []], held[1]]} if inner else {"t": "Link", "c": held}

    def _math(self, held: Any) -> Any:
        equation = _EQUATION.fullmatch(held[1])
        formula = equation[2] if equation else held[1]
        return {"t": "Math", "c": [held[0], _COMMENT.sub("", formula).strip()]}

    def _code(self, held: Any) -> Any:
        (name, classes, facts), code = held
        marked = [f"language-{each.lower()}" for each in classes]
        return {"t": "CodeBlock", "c": [[name, marked, facts], code]}

    def _figure(self, held: Any) -> Any:
        self._caption(held[1], f"Figure {self._numbers.get(held[0][0], '')}".strip())
        return {"t": "Figure", "c": held}

    def _div(self, held: Any) -> Any:
        inner = held[1][0] if held[1] else {}
        number = self._numbers.get(held[0][0])
        if inner.get("t") == "Table" and number:
            self._caption(inner["c"][1], f"Table {number}", over="Table: ")
        return {"t": "Div", "c": held}

    def _table(self, held: Any) -> Any:
        self._caption(held[1], "Table")
        return {"t": "Table", "c": held}

    def _caption(self, caption: Any, lead: str, over: str = "") -> None:
        first = caption[1][0] if caption[1] else {}
        if first.get("t") in ("Plain", "Para"):
            inlines = first["c"][1:] if over and first["c"][0].get("c") == over else first["c"]
            first["c"] = [{"t": "Str", "c": f"{lead}: "}, *inlines]

    def _cite(self, held: Any) -> Any:
        cited = held[0]
        known = [self._labels.get(each["citationId"]) for each in cited]
        first = text_of(cited[0]["citationPrefix"])
        before, after = f"{first} " if first else "", text_of(cited[-1]["citationSuffix"])
        tail = f", {after.lstrip(', ')}" if after else ""
        if not any(known):
            keys = ", ".join(each["citationId"] for each in cited)
            return {"t": "Str", "c": f"[{before}{keys}{tail}]"}
        mode = cited[0]["citationMode"]["t"]
        pairs = [
            label or Label(each["citationId"], "") for label, each in zip(known, cited, strict=True)
        ]
        if mode == "AuthorInText":
            shown = [f"{name} ({year}{tail})" if year else name for name, year in pairs]
            return {"t": "Str", "c": "; ".join(shown)}
        if mode == "SuppressAuthor":
            return {"t": "Str", "c": f"({', '.join(year or name for name, year in pairs)}{tail})"}
        shown = [", ".join(filter(None, each)) for each in pairs]
        return {"t": "Str", "c": f"({before}{'; '.join(shown)}{tail})"}
