"""The files of a LaTeX paper as one text: which is the main one, and what it inputs.

Leaves out TeX itself: comments and macros are the business of ``tex_shield`` and ``tex_macros``.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping

from gadfly.corpus.convert.tex_shield import without_comments
from gadfly.corpus.fetch.response import decode
from gadfly.errors import CorpusError

_INPUT = re.compile(
    r"\\(?:input|include|subfile|subfileinclude)(?![A-Za-z])\s*(?:\{([^{}]{1,200})\}|([^\s{}\\[]{1,200}))"
    r"|\\(?:sub)?import\*?\s*\{([^{}]{0,200})\}\s*\{([^{}]{1,200})\}"
)
_BEGIN = re.compile(r"\\begin\s*\{document\}")
_CLASS = re.compile(r"\\document(?:class|style)\b")
_LIKELY = ("ms.tex", "main.tex", "paper.tex", "article.tex", "arxiv.tex", "root.tex")
_LONGEST = 8_000_000
_DEEPEST = 12


def joined(files: Mapping[str, bytes]) -> tuple[str, str]:
    """The whole text of a paper without comments, and its bibliography (``.bbl``), which may be empty.

    Raises:
        CorpusError: none of the files is a LaTeX document.
    """
    texts = {posixpath.normpath(name): decode(data) for name, data in files.items()}
    main = _main(texts)
    whole = _Inputs(texts).expand(main, ())
    # Local packages hold macros that the text uses; their own text is never shown.
    styles = [
        without_comments(text) for name, text in texts.items() if name.endswith((".sty", ".cls"))
    ]
    styles = [text for text in styles if len(text) < 100_000]
    begin = _BEGIN.search(whole)
    at = begin.start() if begin else 0
    own = posixpath.splitext(main)[0] + ".bbl"
    bbl = texts.get(own) or next(
        (text for name, text in texts.items() if name.endswith(".bbl")), ""
    )
    return "\n".join(styles) + "\n" + whole[:at] + whole[at:], without_comments(bbl)


def _main(texts: Mapping[str, str]) -> str:
    named = _declared(texts)
    if named:
        return named
    tex = {
        name: text
        for name, text in texts.items()
        if name.lower().endswith((".tex", ".ltx", ".latex"))
    }
    if not tex and len(texts) == 1:
        tex = dict(texts)
    bare = {name: without_comments(text) for name, text in tex.items()}
    whole = [name for name, text in bare.items() if _CLASS.search(text) and _BEGIN.search(text)]
    whole = whole or [
        name for name, text in bare.items() if _CLASS.search(text) or _BEGIN.search(text)
    ]
    if not whole:
        raise CorpusError("the source holds no LaTeX document")

    def rank(name: str) -> tuple[bool, bool, int, int, str]:
        stem = posixpath.splitext(name)[0]
        inputs = len(_INPUT.findall(bare[name]))
        return (
            f"{stem}.bbl" not in texts,
            posixpath.basename(name).lower() not in _LIKELY,
            name.count("/"),
            -len(bare[name]) - 20_000 * inputs,
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

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._bare: dict[str, str] = {}
        self._room = _LONGEST

    def expand(self, name: str, around: tuple[str, ...]) -> str:
        """One file; ``around`` are those that input it, from the main one on."""
        if name not in self._bare:
            self._bare[name] = without_comments(self._texts[name])
        text = self._bare[name]
        self._room -= len(text)
        if len(around) >= _DEEPEST or self._room < 0:  # a bomb made of inputs
            return text if self._room >= 0 else ""
        return _INPUT.sub(lambda found: self._put(found, name, (*around, name)), text)

    def _put(self, found: re.Match[str], name: str, around: tuple[str, ...]) -> str:
        plain, bare, folder, inner = found.groups()
        wanted = posixpath.join(folder, inner) if inner else (plain or bare or "")
        if wanted.strip() in ("", "."):
            return ""
        for base in ("", posixpath.dirname(name)):
            stem = posixpath.normpath(posixpath.join(base, wanted.strip().strip('"')))
            for each in (f"{stem}.tex", stem):
                if each in self._texts and not each.endswith((".sty", ".cls", ".bbl")):
                    inside = self.expand(each, around) if each not in around else ""
                    return f"\n{inside}\n"
        return ""
