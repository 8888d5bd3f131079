"""A pack whose texts are escaped (repomix's JSON and its parsable XML) as the plain form that ``styles`` reads.

Leaves out taking it apart.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable

_FILE = re.compile(r'<file path="([^"<>\n]{1,300})">([^<]*)</file>')
_OPENED = re.compile(r'<file path="')


def plain(text: str) -> str | None:
    """The pack with each text as it was; None if it is no such pack."""
    start = text.lstrip("\ufeff \n\r\t")[:1]
    if start == "{":
        return _of_json(text)
    return _of_xml(text) if start == "<" else None


def _of_json(text: str) -> str | None:
    try:
        held = json.loads(text)
    except (ValueError, RecursionError):
        return None
    files = held.get("files") if isinstance(held, dict) else None
    if not isinstance(files, dict) or not files:
        return None
    if not all(isinstance(each, str) for each in files.values()):
        return None
    return _written(files.items())


def _of_xml(text: str) -> str | None:
    found = _FILE.findall(text)
    # In the plain form a text keeps its own tags, and stands on lines of its own.
    if not found or len(found) < len(_OPENED.findall(text)):
        return None
    if all(body[:1] == "\n" and body[-1:] == "\n" for _, body in found):
        return None
    return _written((html.unescape(path), html.unescape(body)) for path, body in found)


def _written(files: Iterable[tuple[str, str]]) -> str:
    shown = (
        f'<file path="{" ".join(path.replace(chr(34), "").split())}">\n{body}\n</file>\n'
        for path, body in files
    )
    return "<files>\n" + "\n".join(shown) + "</files>\n"
