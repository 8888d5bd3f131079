"""The text of a PDF's pages made readable: headers and footers, hyphens, axis labels, headings, tables.

Leaves out the order of the lines, which is the file's: two columns come in the order in which it holds them.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from gadfly import tables as data

_LIGATURES = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}
_LIGATURES[0xAD] = "-"  # the soft hyphen
_EDGE = 3  # lines at the top and the bottom of a page that may be headers and footers
_IS = data.patterns(__file__, 0)
# Real texts, tables and formulas too, have 0.85 or more letters and 0.7 or more sound words; signs at random have
# 0.6 and 0.3 at most.
_SIGNS, _SOUND = 0.7, 0.35
_ACCENTS = {
    "´": "\u0301", "`": "\u0300", "¨": "\u0308", "ˆ": "\u0302", "˜": "\u0303", "ˇ": "\u030c", "˝": "\u030b",
    "˚": "\u030a", "˘": "\u0306", "¯": "\u0304", "¸": "\u0327",
}  # fmt: skip
_APART = re.compile(r"([´¨ˆ˜ˇ˝˚˘¯¸])\s?([^\W\d_])")


class Heading(NamedTuple):
    """A title that the file's own outline has, and its depth from 1."""

    title: str
    level: int


def join(
    pages: Sequence[str],
    outline: Iterable[Heading] = (),
    tables: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """One Markdown text from the text of each page; a line that is a key of ``tables`` stands for that table."""
    lines = [_lines(page) for page in pages]
    lines = _without_edges(lines)
    flat = _without_scatter([line for page in lines for line in page])
    flat = _with_headings(flat, list(outline))
    flat = [f"\n{tables[line]}\n" if line in tables else line for line in flat]
    return composed(_dehyphenate("\n".join(flat))).strip() + "\n"


def composed(text: str) -> str:
    """Letters with the accents that stand before them in the file."""

    def one(found: re.Match[str]) -> str:
        whole = unicodedata.normalize("NFC", found[2] + _ACCENTS[found[1]])
        return whole if len(whole) == 1 else found[0]

    return _APART.sub(one, text.replace("ı", "i") if _APART.search(text) else text)


def letters(pages: Iterable[str]) -> int:
    """How many letters there are: a scan has none."""
    return sum(character.isalpha() for page in pages for character in page)


def legible(text: str) -> bool:
    """Whether letters and numbers stand for themselves: fonts that do not say what they mean give signs at random."""
    words = text.replace("|", " ").split()  # the marks of tables are ours
    signs = "".join(words)
    known = sum(bool(_IS["sound"].fullmatch(word)) for word in words)
    return sum(map(str.isalnum, signs)) >= _SIGNS * len(signs) or known >= _SOUND * len(words)


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
