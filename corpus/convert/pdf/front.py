"""What the first page of a PDF says of it: title, authors, year, arXiv id, DOI.

The title is what stands in the largest letters; the authors stand under it, above the abstract, in letters of one kind.
The file's own facts count where the page agrees with them: programs fill them with whatever they find.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gadfly import tables
from gadfly.corpus.convert.pdf.layout import Layout, Line, Page, Word, joined
from gadfly.corpus.convert.pdf.text import composed
from gadfly.corpus.documents import year_of

_WORDS = tables.patterns(__file__)
_IS = tables.patterns(__file__, 0)
_LONGEST_TITLE = 300
_MOST_AUTHORS = 300
_LATER = 3  # years that a file may be younger than the last year that its text names


@dataclass(frozen=True)
class Front:
    title: str = ""
    authors: tuple[str, ...] = ()
    year: int | None = None
    arxiv: str = ""
    doi: str = ""


def read(layout: Layout, text: str) -> Front:
    """``text`` is the document's, where years that it names bound its own."""
    page = layout.pages[0]
    found = _title(page)
    shown = clean(_spelled(found, text))
    stated = " ".join(layout.facts.get("Title", "").split())
    title = _agreed(stated, shown if _apart(page, found) else "", page) or shown
    authors = _authors(page, found)
    names = _stated(layout.facts.get("Author", ""))
    if names and (not authors or _shows(page, names)):
        authors = names
    stamp = _IS["stamp"].search(" ".join(line.text for line in page.lines))
    doi = _IS["doi"].search(" ".join(line.text for line in page.lines if not line.turned))
    return Front(
        title,
        authors[:_MOST_AUTHORS],
        _year(layout, page, found, text),
        stamp["id"] if stamp else "",
        doi[0].rstrip(".,;)]") if doi else "",
    )


def stamped(line: str) -> bool:
    """Whether a line is arXiv's stamp."""
    return bool(_IS["stamp"].search(line))


def clean(text: str) -> str:
    """A title without marks of footnotes at its end."""
    return composed(" ".join(text.split())).strip(" ∗*†‡§¶⋆").strip()


# -- the title -------------------------------------------------------------------------------------


def _title(page: Page) -> list[Line]:
    """The lines of the title, from the top down; none where the page has none."""
    lines = [line for line in page.lines if _may_be_title(line, page)]
    groups = _groups(lines)
    groups = [group for group in groups if _letters(group) >= 5]
    if not groups:
        return []
    size = max(group[0].size for group in groups)
    at = next(at for at, group in enumerate(groups) if group[0].size >= 0.97 * size)
    first = groups[at]
    # Where all is of one kind, nothing tells where the title ends.
    found = first if _apart(page, first) else first[:1]
    below = groups[at + 1] if found == first and at + 1 < len(groups) else []
    if found[-1].text.rstrip().endswith(":") and below:  # its second part, in other letters
        near = found[-1].base - below[0].base <= 3 * found[-1].size
        return [*found, *below[:2]] if near and not _prose(below[0]) else found
    return found


def _apart(page: Page, title: Sequence[Line]) -> bool:
    """Whether the title is set in other letters than the text."""
    letters: Counter[tuple[str, float]] = Counter()
    for line in page.lines:
        letters[line.font, line.size] += len(line.text)
    (font, body), _ = letters.most_common(1)[0]
    return any(line.size > 1.05 * body or line.font != font for line in title)


def _may_be_title(line: Line, page: Page) -> bool:
    text = line.text
    if line.turned or (page.height and line.base < 0.3 * page.height):
        return False
    if _WORDS["furniture"].search(text) or _WORDS["ends"].match(text) or "@" in text:
        return False
    return sum(character.isalpha() for character in text) >= 0.5 * len(text.replace(" ", ""))


def _groups(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines of one size that follow each other closely."""
    groups: list[list[Line]] = []
    for line in lines:
        last = groups[-1][-1] if groups else None
        if (
            last is not None
            and any(abs(word.size - line.size) <= 0.04 * line.size for word in last.level())
            and -0.5 <= last.base - line.base <= 1.9 * line.size
            and last.font == line.font
            and len(groups[-1]) < 6
        ):
            groups[-1].append(line)
        else:
            groups.append([line])
    return groups


def _letters(lines: Iterable[Line]) -> int:
    return sum(character.isalpha() for line in lines for character in line.text)


def _spelled(lines: Sequence[Line], text: str) -> str:
    """The title as one line; a word broken at the end of a line is made whole if the text has it whole."""
    out = ""
    for line in lines:
        here = joined([word for word in line.level() if not _mark(word)])
        if out.endswith("-") and here:
            first, rest = out[:-1].rpartition(" ")[2], here.split()[0]
            whole = re.search(rf"\b{re.escape(first + rest)}\b", text, re.IGNORECASE)
            out = (out[:-1] if whole else out) + here
        else:
            out = f"{out} {here}" if out else here
    return out


def _mark(word: Word) -> bool:
    return all(character in "∗*†‡§¶⋆♯" for character in word.text)


def _agreed(stated: str, shown: str, page: Page) -> str:
    """The file's title where the page shows it, else the page's."""
    shown = shown if len(shown) <= _LONGEST_TITLE else ""
    if not stated or len(stated) > _LONGEST_TITLE or _WORDS["untitled"].fullmatch(stated):
        return shown
    top = _key(" ".join(line.text for line in page.lines[:40]))
    if _key(stated) not in top or _key(shown).startswith(_key(stated)):
        return shown or stated
    return stated if len(_key(stated)) >= 10 else shown


def _key(text: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text)).lower()


# -- the authors -----------------------------------------------------------------------------------


def _stated(author: str) -> tuple[str, ...]:
    """The names in the file's facts; none where something there is no name."""
    pieces = (" ".join(each.split()) for each in re.split(r"[;,]|\band\b", author))
    names = tuple(each for each in pieces if each)
    return names if all(map(_is_name, names)) else ()


def _shows(page: Page, names: Sequence[str]) -> bool:
    """Whether the page has the last word of each name."""
    here = _key(" ".join(line.text for line in page.lines))
    return all(_key(name.split()[-1]) in here for name in names)


def _authors(page: Page, title: list[Line]) -> tuple[str, ...]:
    """The names that stand under the title."""
    band = _band(page, title)
    if any(_WORDS["anonymous"].search(line.text) for line in band):
        return ()
    read = [(line, _pieces(line)) for line in band]
    often = Counter(piece for _, pieces in read for piece in pieces)
    names: list[str] = []
    style: tuple[str, float] | None = None
    for line, pieces in _mended(read):
        people = [piece for piece in pieces if _is_name(piece) and often[piece] <= 1]
        if not people or len(people) < 0.6 * len(pieces):
            continue
        here = (line.font, line.size)
        if style is not None and (here[0] != style[0] or abs(here[1] - style[1]) > 0.05 * style[1]):
            continue
        style = here
        names += people
    if not names and band:
        first = " ".join(band[0].text.split())
        told = re.search(r"[@\d/]", first) or _WORDS["notes"].search(first)
        if len(first) > 2 and len(first.split()) <= 4 and not told:
            names = [clean(first)]  # an organisation
    return tuple(dict.fromkeys(map(_cased, names)))


def _mended(read: list[tuple[Line, list[str]]]) -> list[tuple[Line, list[str]]]:
    """With the names whole that a line's end has broken."""
    out: list[tuple[Line, list[str]]] = []
    for line, pieces in read:
        before = out[-1][1] if out else []
        broken = before and pieces and " " not in before[-1] and " " not in pieces[0]
        if broken and out[-1][0].font == line.font:
            whole = f"{before[-1]} {pieces[0]}"
            out[-1] = (out[-1][0], [*before[:-1], whole])
            pieces = pieces[1:]
        out.append((line, pieces))
    return out


def _band(page: Page, title: list[Line]) -> list[Line]:
    """The lines between the title and the abstract, or whatever else ends the head of the page."""
    if not title:
        return []
    under = min(line.base for line in title) - 1
    heights = [
        line.base
        for line in page.lines
        if line.base < under
        and not line.turned
        and (_WORDS["ends"].match(line.text) or _prose(line))
    ]
    floor = max(heights, default=0.35 * page.height)
    return [line for line in page.lines if floor < line.base < under and not line.turned]


def _prose(line: Line) -> bool:
    words = [word for word in line.text.split() if word[0].isalpha()]
    small = sum(
        word[0].islower() and word not in ("and", "de", "van", "der", "von") for word in words
    )
    return len(words) >= 7 and small > 0.45 * len(words)


def _pieces(line: Line) -> list[str]:
    """A line of names, parted by commas, by marks, by what is raised, and by wide spaces."""
    text = ""
    last: Word | None = None
    if re.search(r"@|https?:|www\.", line.text):
        return []
    for word in line.words:
        if line.raised(word):
            text += " ; "
            continue
        wide = last is not None and word.left - last.right > 1.1 * line.size
        text += (" ; " if wide else "" if word.glued else " ") + word.text
        last = word
    text = composed(re.sub(r"(?<=[^\W\d_])\s?\d(?:\s?,\s?\d)*\b", " ; ", text))
    text = re.sub(r"^\s*by\s", "", text, flags=re.IGNORECASE)
    pieces = (" ".join(piece.split()) for piece in _IS["parts"].split(text))
    pieces = (piece.strip(" :()´`¨ˆ˜ˇ") for piece in pieces)
    return [piece for piece in pieces if piece]


def _is_name(piece: str) -> bool:
    words = piece.split()
    if not 2 <= len(words) <= 6 or len(piece) > 45 or any(map(str.isdigit, piece)):
        return False
    if _WORDS["other"].search(piece) or not _IS["name"].fullmatch(piece):
        return False
    last = words[-1].rstrip(".")
    if len(last) < 2 or last[0].islower():
        return False
    loud = [word for word in words if len(word) > 1 and word.isupper() and "." not in word]
    return not (loud and len(loud) < sum(len(word.strip(".")) > 1 for word in words))


def _cased(name: str) -> str:
    """A name in capitals as names are written."""
    if not name.isupper():
        return name
    return re.sub(r"[^\W\d_]+", lambda found: found[0].capitalize(), name)


# -- the year --------------------------------------------------------------------------------------


def _year(layout: Layout, page: Page, title: list[Line], text: str) -> int | None:
    """The year on the first page; else the file's, if it is not long after all that the text names."""
    whole = " ".join(line.text for line in page.lines)
    stamp = _IS["stamp"].search(whole)
    if stamp and stamp["year"]:
        return int(stamp["year"])
    made = year_of(
        re.sub(r"^D:(\d{4}).*", r"\1", layout.facts.get("CreationDate", ""), flags=re.DOTALL)
    )
    latest = made or 2100

    def held(lines: Iterable[Line]) -> list[int]:
        found = [int(each[0]) for line in lines for each in _IS["year"].finditer(line.text)]
        return [year for year in found if year <= latest + 1]

    edges = [line for line in page.lines if _at_the_edge(line, page)]
    for lines in (_band(page, title), edges):
        if years := held(lines):
            return max(years)
    if dated := _WORDS["dated"].search(whole):
        return int(dated["year"])
    named = [int(each[0]) for each in _IS["year"].finditer(text)]
    named = [year for year in named if year <= latest]
    if made is None or (named and made - max(named) > _LATER):
        return None
    return made


def _at_the_edge(line: Line, page: Page) -> bool:
    """Whether it is a header, or a footer that is no sentence of the text."""
    return line.base > 0.9 * page.height or (line.base < 0.12 * page.height and not _prose(line))
