"""Characters that LaTeX writes as commands: accents, letters, dashes, quotes."""

from __future__ import annotations

import re
import unicodedata

LETTERS = {
    "ss": "ß", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "aa": "å",
    "AA": "Å", "i": "i", "j": "j", "ldots": "…", "dots": "…", "textellipsis": "…", "textemdash": "—",
    "textendash": "–", "S": "§", "P": "¶", "dag": "†", "ddag": "‡", "copyright": "©", "pounds": "£",
    "textdegree": "°", "textregistered": "®", "texttrademark": "™", "textbackslash": "\\", "textasciitilde": "~",
    "textasciicircum": "^", "textunderscore": "_", "textbar": "|", "textless": "<", "textgreater": ">",
    "textquotesingle": "'", "textquotedblleft": "“", "textquotedblright": "”", "textbullet": "•", "LaTeX": "LaTeX",
    "TeX": "TeX", "BibTeX": "BibTeX", "quad": " ", "qquad": " ", "space": " ", "enspace": " ", "thinspace": " ",
    "slash": "/", "checkmark": "✓", "xmark": "✗", "cmark": "✓", "eg": "e.g.", "ie": "i.e.", "etal": "et al.",
    "newline": "\n", "par": "\n\n", "newpage": "\n\n", "clearpage": "\n\n", "pagebreak": "\n\n", "linebreak": "\n",
    "smallskip": "\n\n", "medskip": "\n\n", "bigskip": "\n\n", "noindent": "", "indent": "", "item": "",
}  # fmt: skip
# Commands that take no argument and mean a sign in running text, outside formulas.
SIGNS = {"%": "%", "&": "&", "_": "_", "#": "#", "$": "$", "{": "{", "}": "}", " ": " ", ",": " ", ";": " ",
         ":": " ", "!": "", "/": "", "-": "", "@": "", "\\": "\n", "\n": " ", ">": "", "<": "", "+": "", "*": "",
         "(": "", ")": "", "[": "", "]": "", "|": "‖"}  # fmt: skip
_ACCENTS = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
    "c": "\u0327", "v": "\u030c", "u": "\u0306", "H": "\u030b", "r": "\u030a", "k": "\u0328",
    "d": "\u0323", "b": "\u0331",
}  # fmt: skip
_ACCENT = re.compile(
    r"\\(?:([`'^\"~=.])|([cvuHrkdb])(?=[\s{\\]))\s*+(?:\{\s*+\\?([A-Za-z])\s*+\}|\\([ij])(?![A-Za-z])|([A-Za-z]))"
)


def accents(text: str) -> str:
    """``\\'e`` and ``\\c{c}`` as the letters they draw."""

    def put(found: re.Match[str]) -> str:
        mark = found.group(1) or found.group(2)
        letter = found.group(3) or found.group(4) or found.group(5)
        return unicodedata.normalize("NFC", letter + _ACCENTS[mark])

    return _ACCENT.sub(put, text)


def typography(text: str) -> str:
    """Dashes and quotation marks, and blanks that do not break."""
    text = text.replace("---", "—").replace("--", "–")
    text = text.replace("``", "“").replace("''", "”")
    return text.replace("~", " ")
