"""LaTeX to Markdown through pandoc: the files of a paper as one text, and what pandoc would lose put as it reads it.

Files are joined here, since pandoc runs in a sandbox: what is input comes from the paper's own files or not at all.
A label stands where its number is not known: ``[eq:loss]``. Leaves out what a template computes.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from gadfly import tables
from gadfly.corpus.convert import pandoc
from gadfly.corpus.convert.pandoc import Label, Paper
from gadfly.corpus.fetch.response import decode
from gadfly.errors import CorpusError

Open = Callable[[str], bytes | None]
_KNOWN = Path(__file__).with_suffix(".tex")  # what pandoc is told before each paper
_IS = tables.patterns(__file__, 0)
_LIKELY = ("ms.tex", "main.tex", "paper.tex", "article.tex", "arxiv.tex", "root.tex")
_TEX = (".tex", ".ltx", ".latex")
_LONGEST = 8_000_000
_DEEPEST = 12
_LEAST = 30  # words of a paper in an archive; fewer say that it was withdrawn
_TWICE = 15.0  # seconds for the second reading, which the paper may do without
_TABLE = tables.table(__file__)
_PUT = [
    (re.compile(tables.filled(each["sought"], _TABLE["lists"])), each["with"])
    for each in _TABLE["put"]
]


def read(files: Mapping[str, bytes]) -> Paper:
    """The paper in these source files.

    Raises:
        CorpusError: no LaTeX document among them, or as :func:`paper`.
    """
    held = {posixpath.normpath(name): data for name, data in files.items()}
    texts = {name: decode(data) for name, data in held.items()}
    found = paper(_main(texts), held.get, list(held))
    if len(found.text.split()) < _LEAST:
        raise CorpusError(f"the LaTeX source holds fewer than {_LEAST} words of text")
    return found


def paper(main: str, open_: Open, names: Collection[str]) -> Paper:
    """The paper whose main file is ``main``; ``open_`` gives the bytes of a file of the paper by its relative name.

    ``names`` are the files in which commands and cited works are looked for.

    Raises:
        MissingExtraError: pandoc is not installed.
        CorpusError: pandoc cannot read it, or it holds no text.
    """
    whole = _Inputs(open_).expand(main, ())
    begin = _IS["begin"].search(whole)
    preamble, body = (whole[: begin.start()], whole[begin.end() :]) if begin else ("", whole)
    body = body.partition("\\end{document}")[0]
    shelf = ""
    if not _IS["work"].search(body):
        shelf = _shelf([f"{posixpath.splitext(main)[0]}.bbl", *names], open_)
    body = "".join(_put(piece) for piece in _pieces(body)) + _put(shelf)
    packages = [decode(open_(name) or b"") for name in names if name.endswith((".sty", ".cls"))]
    document = _tree(_heads(preamble, body, packages), body)
    labels = _labels(document)
    if not labels:
        listed = [
            name.strip() for found in _IS["shelf"].findall(whole) for name in found.split(",")
        ]
        own = [f"{name.removesuffix('.bib')}.bib" for name in listed]
        labels = _append_works(document, [*own, *names], open_)
    found = pandoc.write(document, labels)
    if not found.text.strip():
        raise CorpusError("the LaTeX source holds no text")
    return found


# -- files -------------------------------------------------------------------------------------------


def _main(texts: Mapping[str, str]) -> str:
    named = _declared(texts)
    if named:
        return named
    tex = {name: text for name, text in texts.items() if name.lower().endswith(_TEX)}
    if not tex and len(texts) == 1:
        tex = dict(texts)
    bare = {name: _without_comments(text) for name, text in tex.items()}
    whole = [
        name
        for name, text in bare.items()
        if _IS["class"].search(text) and _IS["begin"].search(text)
    ]
    whole = whole or [
        name
        for name, text in bare.items()
        if _IS["class"].search(text) or _IS["begin"].search(text)
    ]
    if not whole:
        raise CorpusError("the source holds no LaTeX document")

    def rank(name: str) -> tuple[bool, bool, int, int, str]:
        return (
            f"{posixpath.splitext(name)[0]}.bbl" not in texts,
            posixpath.basename(name).lower() not in _LIKELY,
            name.count("/"),
            -len(bare[name]) - 20_000 * len(_IS["input"].findall(bare[name])),
            name,
        )

    return min(whole, key=rank)


def _declared(texts: Mapping[str, str]) -> str | None:
    """The main file that arXiv's own 00README names."""
    for name, text in texts.items():
        if posixpath.basename(name).lower() == "00readme.json":
            try:
                for each in json.loads(text).get("sources", []):
                    if each.get("usage") == "toplevel" and each.get("filename") in texts:
                        return str(each["filename"])
            except (ValueError, AttributeError, TypeError):
                continue
        elif posixpath.basename(name).lower().startswith("00readme"):
            for line in text.splitlines():
                words = line.split()
                if len(words) == 2 and words[1] == "toplevelfile" and words[0] in texts:
                    return words[0]
    return None


class _Inputs:
    """Files with everything they input. No file inputs itself; what all add together is bounded."""

    def __init__(self, open_: Open) -> None:
        self._open = open_
        self._bare: dict[str, str | None] = {}
        self._room = _LONGEST

    def expand(self, name: str, around: tuple[str, ...]) -> str:
        """One file; ``around`` are those that input it, from the main one on."""
        text = self._text(name) or ""
        self._room -= len(text)
        if len(around) >= _DEEPEST or self._room < 0:  # a bomb made of inputs
            return text if self._room >= 0 else ""
        return _IS["input"].sub(lambda found: self._input(found, name, (*around, name)), text)

    def _text(self, name: str) -> str | None:
        if name not in self._bare:
            data = self._open(name)
            self._bare[name] = None if data is None else _without_comments(decode(data))
        return self._bare[name]

    def _input(self, found: re.Match[str], name: str, around: tuple[str, ...]) -> str:
        plain, bare, folder, inner = found.groups()
        wanted = (
            (posixpath.join(folder, inner) if inner else plain or bare or "").strip().strip('"')
        )
        if wanted in ("", ".") or wanted.endswith((".sty", ".cls", ".bbl")):
            return ""
        for base in ("", posixpath.dirname(name)):
            stem = posixpath.normpath(posixpath.join(base, wanted))
            for each in (f"{stem}.tex", stem):
                if each in around:
                    return ""
                if self._text(each) is not None:
                    return f"\n{self.expand(each, around)}\n"
        return ""


def _pieces(text: str) -> Iterator[str]:
    """The text cut so that each block of code is a piece that begins with its ``\\begin``."""
    code = ""
    for piece in _IS["code"].split(text):
        if _IS["code"].fullmatch(piece):
            code = f"{code}{piece}" if code or "begin" in piece else ""
            if "\\end" in piece:
                yield code
                code = ""
        elif code:
            code += piece
        else:
            yield piece
    yield code


def _without_comments(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        piece
        if _IS["code"].match(piece)
        else _IS["remark"].sub(lambda found: found[1] or "", piece)
        for piece in _pieces(text)
    )


# -- what pandoc is given ----------------------------------------------------------------------------


def _group(text: str, at: int, opening: str, most: int = 1_000) -> tuple[str | None, int]:
    """What stands in the brackets or braces that follow, and where they end; None and ``at`` where there are none."""
    start = (_IS["blanks"].match(text, at) or re.match("", text)).end()  # type: ignore[union-attr]
    if text[start : start + 1] != opening:
        return None, at
    depth = 0
    closing = "]" if opening == "[" else "}"
    for found in _IS["brackets"].finditer(text, start, start + most):
        mark = found[0]
        if mark == closing and depth == 1:
            return text[start + 1 : found.start()], found.end()
        if mark in (opening, "{"):
            depth += 1
        elif mark in (closing, "}"):
            depth -= 1
    return None, at


def _defined(text: str) -> Iterator[tuple[int, int, str]]:
    """Where each definition of a text begins and ends, and the command that it defines."""
    end = 0
    for found in _IS["defines"].finditer(text):
        if found.start() < end:
            continue
        name = None if found["front"] else _IS["named"].match(text, found.end())
        end = name.end() if name else found.end()
        while True:
            held, after = _group(text, end, "[")
            if held is None:
                held, after = _group(text, end, "{")
            if held is None:
                break
            end = after
        yield found.start(), end, name[1] if name else ""


def _definitions(text: str, used: Collection[str], *, front: bool = True) -> str:
    """What a text defines of the commands that are used, without all else in it; ``front``: and title and authors."""
    out: list[str] = []
    for start, end, name in _defined(text):
        held = text[start:end]
        itself = name and len(re.findall(re.escape(name) + "(?![A-Za-z])", held)) > 1
        if (
            (name in used or (not name and front))
            and "@" not in held
            and held[-1] == "}"
            and not itself
        ):
            out.append(f"{held}\n")
    return "".join(out)


def _with_structure(text: str) -> str:
    """A text without its own definitions of sections, captions and the like: a template's layout of them."""
    out: list[str] = []
    at = 0
    for start, end, name in _defined(text):
        if name in _TABLE["structure"].split():
            out.append(text[at:start])
            at = end
    return "".join([*out, text[at:]])


def _put(text: str) -> str:
    """A piece of the text as pandoc reads it best; code stays."""
    if _IS["code"].match(text):
        return text
    parts = _IS["verb"].split(text)
    return "".join(
        _rewritten(prose) + "".join(parts[n + 1 : n + 2])
        for n, prose in enumerate(parts)
        if n % 3 == 0
    )


def _rewritten(piece: str) -> str:
    for sought, put in _PUT:
        piece = sought.sub(put, piece)
    parts = re.split(r"(\\(?:begin|end)\s*\{algorithm2?e?\*?\}(?:\[[^\]\n]{0,50}\])?)", piece)
    for index in range(2, len(parts), 2):
        if "\\begin" in parts[index - 1]:
            parts[index] = parts[index].replace("\\caption", "\\GadflyCaption")
    return _put_works("".join(parts))


def _put_works(text: str) -> str:
    out: list[str] = []
    at = 0
    for found in _IS["work"].finditer(text):
        label, after = _group(text, found.end(), "[")
        key, after = _group(text, after, "{")
        if key is None or found.start() < at:
            continue
        named = _IS["natbib"].match((label or "").strip())
        shown = f"{_balanced(named[1])} ({named[2]})" if named else label or key.strip()
        out += [text[at : found.start()], f"\\GadflyWork{{{shown}}}{{{key.strip()}}}"]
        at = after
    return "".join([*out, text[at:]])


def _balanced(name: str) -> str:
    """A name out of a label that stands in braces as a whole."""
    return name.replace("{", "", 1) if name.count("{") > name.count("}") else name


def _shelf(names: Collection[str], open_: Open) -> str:
    """The cited works in a ``.bbl``; the first one that holds any."""
    for name in names:
        text = _without_comments(decode(open_(name) or b"")) if name.endswith(".bbl") else ""
        works = _IS["work"].search(text)
        if works:
            held = text[works.start() :].partition("\\end{thebibliography}")[0]
            return f"\n\n\\section*{{References}}\n{held}"
    return ""


def _heads(preamble: str, body: str, packages: list[str]) -> list[str]:
    """What may stand before the text, the fullest first: templates compute, and pandoc cannot always follow them."""
    known = _KNOWN.read_text(encoding="utf-8")
    for name in _TABLE["theorems"].split():
        if f"{{{name}}}" in body and f"{{{name}}}" not in preamble + known:
            known += f"\\newtheorem{{{name}}}{{{name.capitalize()}}}\n"
    used = set(re.findall(r"\\[A-Za-z]+", preamble + body))
    preamble = re.sub(r"\\(?:And|AND)(?![A-Za-z])", r"\\and", _with_structure(preamble))
    bare = (_with_structure(_without_comments(each)) for each in packages)
    styles = "".join(_definitions(each, used, front=False) for each in bare)
    return [known + head for head in (styles + preamble, preamble, _definitions(preamble, used))]


def _tree(heads: list[str], body: str) -> dict[str, Any]:
    """pandoc's tree, with the first of the heads that it can read.

    Twice, where it passed by commands that hold text: the second time it is told of them.
    """
    for index, head in enumerate(heads):
        try:
            document, said = _read(head, body)
            break
        except CorpusError:
            if index == len(heads) - 1:
                raise
    # Some are defined, where pandoc lost its way.
    lost = set(re.findall(r"\[INFO\] Skipped '(\\[A-Za-z]+)", said))
    more = _unknown(said, head.count("\n") + 1) + _definitions(heads[0], lost, front=False)
    if not more:
        return document
    try:
        return _read(more + head, body, seconds=_TWICE)[0]
    except CorpusError:
        return document


def _read(head: str, body: str, seconds: float | None = None) -> tuple[dict[str, Any], str]:
    whole = f"{head}\n\\begin{{document}}\n{body}\n\\end{{document}}\n"
    return pandoc.tree(whole.encode("utf-8", "replace"), "latex", seconds)


def _unknown(said: str, first: int) -> str:
    """Definitions of the commands below line ``first`` that pandoc does not know, though their arguments are text."""
    counts: dict[str, list[int]] = {}
    for name, rest, line in _IS["passed"].findall(said):
        held, at = _group(rest, 0, "[")
        optional = held is not None
        arguments: list[str] = []
        while (held := _group(rest, at, "{", len(rest))[0]) is not None:
            arguments.append(held)
            at = _group(rest, at, "{", len(rest))[1]
        if name in _TABLE["silent"].split() or int(line) <= first or not arguments:
            continue
        words = re.sub(r"\\[A-Za-z]+", " ", arguments[-1]).strip()
        alone = len(arguments) == 1 and re.fullmatch(r"[A-Za-z-]{3,}", words)
        if alone or (" " in words and "=" not in words and re.search("[A-Za-z]{3}", words)):
            counts.setdefault(name, []).append(len(arguments) + 100 * optional)
    made = []
    for name, each in counts.items():
        count, optional = min(number % 100 for number in each), max(each) >= 100
        most = f"[{count + optional}]" + ("[]" if optional else "")
        made.append(f"\\newcommand{{\\{name}}}{most}{{#{count + optional}}}\n")
    return "".join(made)


# -- cited works -------------------------------------------------------------------------------------


def _labels(document: dict[str, Any]) -> dict[str, Label]:
    """How the works of the paper's own list are cited; those without a label are cited by their key."""
    found = {}
    for key, shown in pandoc.marked(document["blocks"], "cite."):
        named = re.fullmatch(r"(.*) \(([^()]*)\)", shown)
        found[key] = (
            Label(named[1], named[2]) if named else Label("" if shown == key else shown, "")
        )
    return found


def _append_works(
    document: dict[str, Any], names: Collection[str], open_: Open
) -> dict[str, Label]:
    """The works of BibTeX files that the paper cites, put at its end."""
    files = (open_(name) or b"" for name in dict.fromkeys(names) if name.endswith(".bib"))
    data = b"\n".join(file for file in files if len(file) < _LONGEST)
    cited = pandoc.cited(document["blocks"])
    if not cited or not data.strip():
        return {}
    try:
        entries = json.loads(pandoc.run(data, "-f", "bibtex", "-t", "csljson")[0])
    except (CorpusError, ValueError):
        return {}
    labels = {}
    shown = []
    for entry in entries:
        if entry.get("id") in cited:
            label, text = _entry(entry)
            labels[entry["id"]] = label
            shown.append(f"[{label.name} ({label.year})] {text}")
    if shown:
        document["blocks"] += [pandoc.heading("References"), *map(pandoc.paragraph, shown)]
    return labels


def _entry(entry: dict[str, Any]) -> tuple[Label, str]:
    people = entry.get("author") or entry.get("editor") or []
    last = [str(each.get("family") or each.get("literal") or "") for each in people]
    name = last[0] if last else str(entry["id"])
    if len(last) > 1:
        name = f"{name} & {last[1]}" if len(last) == 2 else f"{name} et al."
    dates = entry.get("issued", {}).get("date-parts") or [[""]]
    year = str(dates[0][0])
    every = [" ".join(filter(None, (each.get("given"), last[n]))) for n, each in enumerate(people)]
    where = str(entry.get("container-title") or entry.get("publisher") or "")
    parts = [
        ", ".join(every),
        str(entry.get("title") or ""),
        ", ".join(filter(None, (where, year))),
    ]
    plain = (re.sub(r"<[^<>]*>", "", each) for each in parts if each)
    return Label(name, year), " ".join(f"{each}." for each in plain)
