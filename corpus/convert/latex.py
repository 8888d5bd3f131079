"""LaTeX to readable Markdown: sections, lists, tables, captions, notes; formulas and code as they stand.

Not an interpreter: what a template computes (numbers, layout, conditionals) is left out, unknown commands
vanish and their arguments stay, and no malformed input stops it. Labels stand where numbers would: a caption
reads ``Figure [fig:loss]: …`` and a reference to it ``Figure [fig:loss]``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gadfly.corpus.convert import tex_cites, tex_files, tex_macros
from gadfly.corpus.convert.tex_groups import argument, balanced, option
from gadfly.corpus.convert.tex_render import Renderer
from gadfly.corpus.convert.tex_shield import Shield
from gadfly.corpus.convert.tex_symbols import accents
from gadfly.errors import CorpusError

_BEGIN = re.compile(r"\\begin\s*\{document\}")
_END = re.compile(r"\\end\s*\{document\}")
_SHELF = re.compile(r"\\begin\s*\{thebibliography\}")
_TITLE = re.compile(r"\\(?:icmltitle|title)\s*(?=[\[{])")
_AUTHOR = re.compile(r"\\(?:icmlauthor|author)\s*(?=[\[{])")
_ABSTRACT = re.compile(r"\\abstract\s*(?=\{)")
_LEAST = 30


@dataclass(frozen=True)
class Paper:
    title: str
    authors: tuple[str, ...]
    text: str


def read(files: Mapping[str, bytes]) -> Paper:
    """The paper in these source files.

    Raises:
        CorpusError: no LaTeX document among them, or one without text.
    """
    whole, bibliography = tex_files.joined(files)
    shield = Shield()
    macros, whole = tex_macros.collect(balanced(shield.code(whole)))
    preamble, body = _parted(whole)
    body = accents(shield.formulas(tex_macros.expand(body, macros)))
    preamble = accents(shield.formulas(tex_macros.expand(preamble, macros)))
    inner = _SHELF.search(body)
    shelf = accents(shield.formulas(tex_macros.expand(balanced(bibliography), macros)))
    bibliography = body[inner.end() :] if inner else shelf
    plain = Renderer(shield, macros.theorems, {})
    works = tex_cites.read(bibliography, plain.inline)
    renderer = Renderer(shield, macros.theorems, works)
    blocks = renderer.blocks(body)
    blocks = [*_summary(preamble, renderer), *blocks]
    if works:
        blocks.append("## References")
        blocks += [_shown(key, entry) for key, entry in works.items()]
    text = shield.restore("\n\n".join(block for block in blocks if block.strip())) + "\n"
    if len(text.split()) < _LEAST:
        raise CorpusError("the LaTeX source holds no text")
    front = preamble + body
    title = next(iter(_values(_TITLE, front)), "")
    names = [name for held in _values(_AUTHOR, front)[:60] for name in _names(held)]
    return Paper(
        " ".join(shield.restore(renderer.inline(title)).split()),
        tuple(
            dict.fromkeys(" ".join(shield.restore(plain.inline(name)).split()) for name in names)
        ),
        text,
    )


def _parted(whole: str) -> tuple[str, str]:
    """What stands before the document and what is in it."""
    begin = _BEGIN.search(whole)
    start, at = (begin.start(), begin.end()) if begin else (0, 0)
    end = _END.search(whole, at)
    return whole[:start], whole[at : end.start() if end else len(whole)]


def _summary(preamble: str, renderer: Renderer) -> list[str]:
    """An abstract that a class wants before the document begins."""
    found = _ABSTRACT.search(preamble)
    held = argument(preamble, found.end()) if found else None
    return ["## Abstract", *renderer.blocks(held[0])] if held else []


def _shown(key: str, entry: tex_cites.Entry) -> str:
    label = f"{entry.name} ({entry.year})" if entry.name else key
    return f"[{label}] {entry.text}"


def _values(command: re.Pattern[str], text: str) -> list[str]:
    found = []
    for each in command.finditer(text):
        skipped = option(text, each.end())
        held = argument(text, skipped[1] if skipped else each.end())
        if held is not None:
            found.append(held[0])
    return found


def _names(author: str) -> list[str]:
    """Names out of an author field, as far as they can be told from affiliations."""
    author = re.sub(
        r"\\(?:thanks|footnotemark|footnotetext|textsuperscript|inst|affil)\s*(\[[^\]]*\])?(\{[^{}]*\})?",
        "",
        author,
    )
    author = re.sub("\x01\\d+\x02|\\$|\\^", " ", author)
    parts = re.split(r"\\(?:and|And|AND|quad|qquad|hspace\*?\{[^{}]*\})(?![A-Za-z])", author)
    names: list[str] = []
    for part in parts:
        first = re.split(r"\\\\|\n\s*\n", part.strip())[0]
        names += [name.strip() for name in re.split(r",|&", first)]
    named = (" ".join(re.sub(r"\\[A-Za-z]+|[{}*~\d]", " ", name).split()) for name in names)
    return [name for name in named if re.fullmatch(r"[^@/:]{3,50}", name) and " " in name][:60]
