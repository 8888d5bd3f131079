"""Bytes to text: which encoding, whether it is text at all, and lines that no regex should meet.

Leaves out Unicode normalisation (``documents.normalise``).
"""

from __future__ import annotations

import re
from pathlib import Path

from gadfly import files, tables
from gadfly.errors import CorpusError

MOST_BYTES = 64_000_000
LONGEST_LINE = 20_000  # no prose and no code written by hand has a longer one
_WRAP = 1_000
_HEAD = 8_192
_MAGIC: dict[str, str] = tables.table(__file__)["magic"]
_LONG_BLANKS = re.compile(r"[ \t]{500,}")


def decode(data: bytes) -> str:
    """Text of unknown encoding: what it says (BOM), UTF-8, UTF-16 without a BOM where every second byte
    is zero, else Windows Latin, which always decodes."""
    if data[:4] in (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff"):
        return data.decode("utf-32", "replace")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    silent = _silent_utf16(data)
    if silent:
        return data.decode(silent, "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def bytes_of(path: Path, name: str) -> bytes:
    """The bytes of a file; ``name`` is what messages call it.

    Raises:
        CorpusError: it is too big, which is known before it is read.
    """
    if why := files.too_big(path, MOST_BYTES):
        add = "split it, or add the documents it was made of"
        raise CorpusError(f"cannot read {name}: {why}; {add}")
    return path.read_bytes()


def text_of(path: Path, name: str, *, wrap: bool = True) -> str:
    """The text of a file, with no line longer than ``LONGEST_LINE``; as it stands without ``wrap``: a line of JSON
    may be as long as it likes.

    Raises:
        CorpusError: it is too big, or not text.
    """
    data = bytes_of(path, name)
    what = binary(data)
    if what:
        raise CorpusError(f"cannot read {name}: it is {what}, not text; export it as text first")
    text = decode(data)
    return wrapped(text) if wrap else text


def binary(data: bytes) -> str:
    """What a file is if it is no text (``a PNG image``, ``binary``), else an empty string."""
    for magic, what in _MAGIC.items():
        if data.startswith(magic.encode("latin-1")):
            return what
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or data[:4] == b"\x00\x00\xfe\xff":
        return ""
    if _silent_utf16(data):
        return ""
    head = data[:_HEAD]
    # A stray NUL happens in logs; text does not hold one in every hundred bytes, nor other controls.
    odd = sum(byte < 9 or 14 <= byte < 27 or byte == 127 for byte in head)
    return "binary data" if odd * 100 > len(head) else ""


def wrapped(text: str) -> str:
    """The text with every enormous line broken, at a blank where there is one, and enormous gaps closed.

    Minified files and base64 would otherwise take expressions that look at a line at a time, and the
    tokenizer, into quadratic time. Only lines above ``LONGEST_LINE`` change.
    """
    if len(text) <= LONGEST_LINE:
        return text
    text = _LONG_BLANKS.sub(" ", text)
    lines = text.split("\n")
    if max(map(len, lines)) <= LONGEST_LINE:
        return text
    out: list[str] = []
    for line in lines:
        if len(line) <= LONGEST_LINE:
            out.append(line)
            continue
        at = 0
        while len(line) - at > _WRAP:
            blank = line.rfind(" ", at + 1, at + _WRAP)
            end = blank if blank > 0 else at + _WRAP
            out.append(line[at:end])
            at = end + (blank > 0)
        out.append(line[at:])
    return "\n".join(out)


def _silent_utf16(data: bytes) -> str:
    """The byte order of UTF-16 text that carries no BOM, told by its zero bytes; mostly Latin text only."""
    head = data[: _HEAD - _HEAD % 2]
    if len(head) < 4 or b"\0" not in head:
        return ""
    even, odd, half = head[::2].count(0), head[1::2].count(0), len(head) // 2
    if odd > 0.7 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.7 * half and odd < 0.05 * half:
        return "utf-16-be"
    return ""
