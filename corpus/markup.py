"""The structure of Markdown and reStructuredText: front matter, headings, fences, blocks.

Works on character offsets and never rewrites the text. Leaves out inline markup, rendering and
everything that only a full parser could tell (nested lists, tables cell by cell).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

_ATX = re.compile(r"^ {0,3}(#{1,6})[ \t]+(\S.*?)[ \t#]*$")
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})")
_UNDERLINE = re.compile(r"^([=\-~^\"'#*+.:_])\1{2,}$")
_DIRECTIVE = re.compile(r"^\.\. (code|code-block|sourcecode|literalinclude|math)::")
_FRONT_END = re.compile(r"^(---|\.\.\.)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A run of lines that belong together. ``kind`` is ``heading``, ``fence`` or ``text``."""

    kind: str
    start: int
    end: int
    level: int = 0
    title: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """From one heading to the next; ``path`` holds the titles from the outermost heading inwards. ``body`` is where the
    heading itself ends."""

    title: str
    level: int
    start: int
    end: int
    path: tuple[str, ...]
    body: int


class _Line(NamedTuple):
    start: int
    end: int
    text: str


def split_front_matter(text: str) -> tuple[dict[str, Any], str]:
    """Take the YAML front matter off a Markdown text: ``(fields, the rest)``.

    A front matter that is not a YAML mapping is no front matter: the text comes back whole, since
    losing text is worse than showing a few odd lines.
    """
    text = text.removeprefix("\ufeff")
    if not text.startswith("---\n") and not text.startswith("---\r\n"):
        return {}, text
    end = _FRONT_END.search(text, 4)
    if end is None:
        return {}, text
    try:
        fields = yaml_of(text[text.index("\n") + 1 : end.start()])
    except ValueError:
        return {}, text
    if not isinstance(fields, dict):
        return {}, text
    return {str(key): value for key, value in fields.items()}, text[end.end() :].lstrip("\r\n")


def yaml_of(text: str) -> Any:
    """What a YAML text says. Aliases are not read: ten lines of them can stand for a billion words.

    Raises:
        ValueError: it is not YAML, holds aliases or is nested too deep.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("aliases are not read")
            return super().compose_node(parent, index)

    try:
        return yaml.load(text, Loader)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error) or "nested too deep") from error


def blocks(text: str) -> list[Block]:
    """Split a text into headings, code fences and paragraphs, in order, with their offsets."""
    lines = _lines(text)
    levels: dict[str, int] = {}
    found: list[Block] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.text.strip():
            at += 1
            continue
        block, at = _next_block(lines, at, levels)
        found.append(block)
    return found


def sections(text: str) -> list[Section]:
    """The section tree of a text, flat and in order; text before the first heading has an empty path."""
    heads = [block for block in blocks(text) if block.kind == "heading"]
    found: list[Section] = []
    if (heads[0].start if heads else len(text)) > 0 and text[
        : heads[0].start if heads else None
    ].strip():
        found.append(Section("", 0, 0, heads[0].start if heads else len(text), (), 0))
    for index, (head, path) in enumerate(zip(heads, heading_paths(heads), strict=True)):
        end = heads[index + 1].start if index + 1 < len(heads) else len(text)
        found.append(Section(head.title, head.level, head.start, end, path, head.end))
    return found


def heading_paths(heads: list[Block]) -> Iterator[tuple[str, ...]]:
    """For each heading the titles that lead to it, itself included."""
    open_heads: list[Block] = []
    for head in heads:
        while open_heads and open_heads[-1].level >= head.level:
            open_heads.pop()
        open_heads.append(head)
        yield tuple(each.title for each in open_heads)


def _lines(text: str) -> list[_Line]:
    found, start = [], 0
    for line in text.split("\n"):
        found.append(_Line(start, start + len(line), line))
        start += len(line) + 1
    return found


def _next_block(lines: list[_Line], at: int, levels: dict[str, int]) -> tuple[Block, int]:
    line = lines[at]
    if _FENCE.match(line.text):
        last = _fence_end(lines, at)
        return Block("fence", line.start, lines[last].end), last + 1
    if _DIRECTIVE.match(line.text):
        last = _indented_end(lines, at)
        return Block("fence", line.start, lines[last].end), last + 1
    heading = _heading(lines, at, levels)
    if heading is not None:
        return heading
    last = at
    while last + 1 < len(lines) and lines[last + 1].text.strip():
        following = lines[last + 1].text
        if _FENCE.match(following) or _ATX.match(following) or _DIRECTIVE.match(following):
            break
        last += 1
    return Block("text", line.start, lines[last].end), last + 1


def _fence_end(lines: list[_Line], at: int) -> int:
    """The last line of the fence that opens at ``at``; an unclosed one runs to the end of the text."""
    opened = _FENCE.match(lines[at].text)
    assert opened is not None
    mark = opened.group(1)
    for index in range(at + 1, len(lines)):
        stripped = lines[index].text.strip()
        if stripped.startswith(mark) and not stripped.strip(mark[0]):
            return index
    return len(lines) - 1


def _indented_end(lines: list[_Line], at: int) -> int:
    last = at
    for index in range(at + 1, len(lines)):
        if lines[index].text.strip():
            if not lines[index].text.startswith((" ", "\t")):
                break
            last = index
    return last


def _heading(lines: list[_Line], at: int, levels: dict[str, int]) -> tuple[Block, int] | None:
    line = lines[at]
    atx = _ATX.match(line.text)
    if atx:
        return Block("heading", line.start, line.end, len(atx.group(1)), atx.group(2)), at + 1
    over = _UNDERLINE.match(line.text.strip())
    title_at = at + 1 if over else at
    if title_at + 1 >= len(lines) or (at > 0 and lines[at - 1].text.strip()):
        return None
    title, under = lines[title_at].text.strip(), _UNDERLINE.match(lines[title_at + 1].text.strip())
    if not title or under is None or "|" in title or len(title) > 120 or _UNDERLINE.match(title):
        return None
    if len(under.group(0)) < len(title) and under.group(1) not in "=-":
        return None
    if over and over.group(1) != under.group(1):
        return None
    mark = under.group(1) + ("^" if over else "")  # reStructuredText ranks marks by first use
    level = levels.setdefault(mark, len(levels) + 1)
    return Block("heading", line.start, lines[title_at + 1].end, level, title), title_at + 2
