"""Dumps whose documents stand between tags: ``<document>`` and repomix's ``<file path="…">``."""

from __future__ import annotations

import re

from gadfly.corpus.readers.fences import open_mark
from gadfly.corpus.readers.page import Part

_DOCUMENT = re.compile(
    r"^<document(?: [^>\n]{0,300})?>\s*"
    r"<(source|path|filename|name|title)>[ \t]*([^<\n]{1,300}?)[ \t]*</\1>[ \t]*\n",
    re.MULTILINE,
)
_DOCUMENT_END = re.compile(r"^</document>[ \t]*$", re.MULTILINE)
_CONTENTS = re.compile(r"\s*<(document_contents?|contents?|text)>")
_TAG_FIELD = re.compile(
    r"\A\s*<(title|author|authors|date|url|kind)>[ \t]*([^<\n]{1,300}?)[ \t]*</\1>[ \t]*\n?"
)
_XML_FILE = re.compile(
    r"^<file (?:path|name)=\"([^\"\n]{1,300})\"[^>\n]{0,200}>[ \t]*\n", re.MULTILINE
)
_XML_FILE_END = re.compile(r"^</file>[ \t]*$", re.MULTILINE)


def documents(text: str) -> list[Part]:
    """``<document><source>path</source><document_contents>…``, as Anthropic advises and files-to-prompt -c writes."""
    return _tagged(text, _DOCUMENT, 2, _DOCUMENT_END)


def xml_files(text: str) -> list[Part]:
    """``<file path="…">…</file>``: repomix."""
    return _tagged(text, _XML_FILE, 1, _XML_FILE_END)


def _tagged(
    text: str, opening: re.Pattern[str], group: int, closing: re.Pattern[str]
) -> list[Part]:
    opened = list(opening.finditer(text))
    if not opened or open_mark(text[: opened[0].start()]):
        return []
    parts: list[Part] = []
    for index, head in enumerate(opened):
        limit = opened[index + 1].start() if index + 1 < len(opened) else len(text)
        # The last closing tag before the next opening one: the content may hold others.
        ends = [found.start() for found in closing.finditer(text, head.end(), limit)]
        if not ends:
            return []
        start, end, fields = _inside(text, head.end(), ends[-1])
        parts.append(Part(head.group(group), head.start(), start, end, fields))
    return parts


def _inside(text: str, start: int, end: int) -> tuple[int, int, tuple[tuple[str, str], ...]]:
    """What a ``<document>`` says of itself, and where its content stands."""
    fields: list[tuple[str, str]] = []
    while found := _TAG_FIELD.match(text[start : min(end, start + 700)]):
        fields.append((found.group(1), found.group(2)))
        start += found.end()
    content = _CONTENTS.match(text, start, end)
    closed = text.rfind(f"</{content.group(1)}>", content.end(), end) if content else -1
    if content and closed >= 0 and not text[closed:end].partition(">")[2].strip():
        start, end = content.end(), closed
    return start, end, tuple(fields)
