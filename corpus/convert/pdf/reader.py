"""The program that opens a PDF: PDFium's pages as words with their places, one JSON object on standard output.

It runs in a process of its own (``layout``), with bounds on memory and time: PDFium is C++, and what it reads comes
from strangers. It imports nothing of Gadfly's. Leaves out what the words mean.
"""

from __future__ import annotations

import ctypes
import json
import math
import sys
from contextlib import suppress
from typing import Any, NamedTuple

_MEMORY = 3_000_000_000  # bytes of address space
_MOST_OBJECTS = 20_000  # drawn things of a page that are looked at for rules
_THIN, _WIDE = 2.5, 25.0  # points: what is drawn lower and wider than this is a rule
_HYPHEN = 0x02  # what PDFium puts for a hyphen at the end of a line, with no line end after it
# Letters of TeX's encodings OT1 and T1, as they stand in files that do not say what their codes mean.
_TEX = dict(zip(range(0x0B, 0x10), ("ff", "fi", "fl", "ffi", "ffl"), strict=True)) | dict(
    zip(range(0x1B, 0x20), ("ff", "fi", "fl", "ffi", "ffl"), strict=True)
)
_TEX |= {0x10: "“", 0x11: "”", 0x15: "–", 0x16: "—"}


class _Box(NamedTuple):
    left: float
    right: float
    bottom: float
    top: float


def _bounded() -> None:
    """Within limits, where the system has them."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class _Characters:
    """The characters of one page."""

    def __init__(self, raw: Any, page: Any) -> None:
        self._raw, self._page = raw, page
        self._box = [ctypes.c_double() for _ in range(4)]
        self._xy = [ctypes.c_double() for _ in range(2)]
        self._matrix = raw.FS_MATRIX()
        self._loose = raw.FS_RECTF()

    def count(self) -> int:
        return int(self._raw.FPDFText_CountChars(self._page))

    def code(self, at: int) -> int:
        return int(self._raw.FPDFText_GetUnicode(self._page, at))

    def made(self, at: int) -> bool:
        """Whether PDFium put it in: spaces and line ends."""
        return bool(self._raw.FPDFText_IsGenerated(self._page, at) == 1)

    def hyphen(self, at: int) -> bool:
        return bool(self._raw.FPDFText_IsHyphen(self._page, at) == 1)

    def box(self, at: int) -> _Box:
        self._raw.FPDFText_GetCharBox(self._page, at, *self._box)
        return _Box(*(round(each.value, 1) for each in self._box))

    def base(self, at: int) -> float:
        self._raw.FPDFText_GetCharOrigin(self._page, at, *self._xy)
        return round(self._xy[1].value, 1)

    def size(self, at: int) -> float:
        """The size of its font as it is seen: the number in the file is scaled by the text's matrix."""
        size = float(self._raw.FPDFText_GetFontSize(self._page, at))
        if self._raw.FPDFText_GetMatrix(self._page, at, self._matrix):
            size *= math.hypot(self._matrix.c, self._matrix.d)
        if size < 3:  # a font whose glyphs are drawn in the file: their height tells
            self._raw.FPDFText_GetLooseCharBox(self._page, at, self._loose)
            size = 1.2 * abs(self._loose.top - self._loose.bottom)
        return round(size, 1)

    def turned(self, at: int) -> bool:
        return abs(float(self._raw.FPDFText_GetCharAngle(self._page, at))) > 0.1

    def font(self, at: int) -> str:
        buffer, flags = ctypes.create_string_buffer(80), ctypes.c_int()
        self._raw.FPDFText_GetFontInfo(self._page, at, buffer, 80, flags)
        return buffer.value.decode("utf-8", "replace")


def lines(characters: _Characters, fine: bool) -> list[dict[str, Any]]:
    """The lines of a page in the order of the file: ``words`` as ``[text, left, right, size, base, glued]``.

    ``fine`` looks at each letter: a part of a word that is raised or of another size is a word of its own, ``glued``.
    """
    found: list[dict[str, Any]] = []
    words: list[list[Any]] = []
    text, first, last = "", 0, 0
    before = (0.0, 0.0)

    def end_word(glued: bool = False) -> None:
        nonlocal text
        if text:
            a, b = characters.box(first), characters.box(last)
            size, base = characters.size(first), characters.base(first)
            words.append([text, a.left, b.right, size, base, glued])
        text = ""

    def end_line() -> None:
        nonlocal words
        end_word(joining)
        if words:
            line: dict[str, Any] = {"words": words}
            if characters.turned(start):
                line["turned"] = True
            elif fine:
                line["font"] = characters.font(lettered)
            found.append(line)
        words = []

    start = lettered = 0  # the first character of the line, and its first letter
    joining = False
    for at in range(characters.count()):
        code = characters.code(at)
        broken = code == _HYPHEN and characters.hyphen(at)
        if broken or (code in (10, 13) and characters.made(at)):
            if broken and text:
                text += "-"
            end_line()
            joining = False
            continue
        letters = _TEX.get(code, "") if code < 32 else _letter(code)
        if not letters.strip():
            end_word(joining)
            joining = False
            continue
        if fine and text:
            here = (characters.size(at), characters.base(at))
            if abs(here[0] - before[0]) > 0.12 * before[0] or abs(here[1] - before[1]) > 1.0:
                end_word(joining)
                joining = True
        if not text:
            first = at
            before = (characters.size(at), characters.base(at)) if fine else before
            if not words:
                start = lettered = at
        if letters.isalpha() and not chr(characters.code(lettered)).isalpha():
            lettered = at
        text += letters
        last = at
    end_line()
    return found


def _letter(code: int) -> str:
    return "" if 0xD800 <= code < 0xE000 or code > 0x10FFFF or code >= 0xFFF0 else chr(code)


def rules(raw: Any, page: Any) -> list[list[float]]:
    """The horizontal lines that are drawn, as ``[left, right, height]``."""
    found = []
    sides = [ctypes.c_float() for _ in range(4)]
    for at in range(min(raw.FPDFPage_CountObjects(page), _MOST_OBJECTS)):
        drawn = raw.FPDFPage_GetObject(page, at)
        if raw.FPDFPageObj_GetType(drawn) != raw.FPDF_PAGEOBJ_PATH:
            continue
        if raw.FPDFPageObj_GetBounds(drawn, *sides):
            left, bottom, right, top = (each.value for each in sides)
            if top - bottom <= _THIN and right - left >= _WIDE:
                found.append([round(left, 1), round(right, 1), round((top + bottom) / 2, 1)])
    return found


def read(data: bytes, most: int) -> dict[str, Any]:
    """Everything of a PDF that is looked at, or ``error``: why it cannot be opened."""
    import pypdfium2
    from pypdfium2 import raw

    try:
        document = pypdfium2.PdfDocument(data)
        count = len(document)
    except pypdfium2.PdfiumError:
        locked = raw.FPDF_GetLastError() == raw.FPDF_ERR_PASSWORD
        return {"error": "locked" if locked else "damaged"}
    pages: list[dict[str, Any]] = []
    for number in range(min(count, most)):
        try:
            page = document[number]
            words = lines(_Characters(raw, page.get_textpage()), fine=number == 0)
            pages.append({"lines": words, "rules": rules(raw, page), "size": page.get_size()})
            page.close()
        except pypdfium2.PdfiumError:
            pages.append({"lines": [], "rules": [], "size": [0, 0], "unread": True})
    facts = {}
    outline = []
    with suppress(pypdfium2.PdfiumError, ValueError):
        facts = document.get_metadata_dict()
    with suppress(pypdfium2.PdfiumError, ValueError, RecursionError):
        for mark in document.get_toc(max_depth=6):
            outline.append([mark.get_title(), mark.level + 1])
            if len(outline) == 2_000:
                break
    return {"count": count, "pages": pages, "facts": facts, "outline": outline}


if __name__ == "__main__":
    _bounded()
    found = read(sys.stdin.buffer.read(), int(sys.argv[1]))
    sys.stdout.write(json.dumps(found))
