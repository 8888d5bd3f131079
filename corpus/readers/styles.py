"""The styles in which programs and people concatenate files, each told by its separators.

Covers gitingest, repomix (XML, Markdown, plain), code2prompt, files-to-prompt (plain, XML, Markdown),
``tail``-like rules and hand-made ``File: path`` lines. Each function gives the parts of a text in its style, or
nothing. They are conservative: a document that is split by mistake is worse than a dump that is not.
Leaves out parts behind headings, which only an outline tells (``heads``), and the pages of a site (``sites``).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace

from gadfly import tables
from gadfly.corpus.readers.fences import open_mark, shown
from gadfly.corpus.readers.page import Part
from gadfly.corpus.readers.paths import is_file, is_path

_IS = tables.patterns(__file__, 0)
FILES, RULED_FILES = "File: lines", "File: lines between rules"
BY_HAND = (FILES, RULED_FILES)
_FRAMED = 3  # lines between two rules


def find(text: str) -> tuple[str, list[Part]] | None:
    """``(style, parts)`` of the style whose first separator stands first, if the text is in any."""
    lines = _lines(text)
    found = []
    for style, parts_of in _STYLES.items():
        parts = parts_of(text, lines)
        if len(parts) > 1 and len({each.name for each in parts}) > 1:
            found.append((parts[0].head, style, parts))
    if not found:
        return None
    # Of two styles that begin at one place, the stricter comes first in the table.
    _, style, parts = min(found, key=lambda each: each[0])
    return style, parts


def _lines(text: str) -> list[tuple[int, str]]:
    """``(offset, line)`` of each line; too long ones are empty, since no separator is long."""
    found, at = [], 0
    for line in text.split("\n"):
        found.append((at, line.rstrip() if len(line) <= 400 else ""))
        at += len(line) + 1
    return found


def _tagged(text: str, tag: str, group: int) -> list[Part]:
    """Parts between tags, whose names are a group of the opening one."""
    opened = list(_IS[tag].finditer(text))
    if not opened or open_mark(text[: opened[0].start()]):
        return []
    closed = [found.start() for found in _IS[f"{tag}_end"].finditer(text)]
    parts: list[Part] = []
    for head, end in _pairs(opened, closed):
        start, end, fields = _inside(text, head.end(), end)
        part = Part(head.group(group), head.start(), start, end, fields)
        # code2prompt indents its tags, and puts a fence inside.
        parts.append(_unwrapped(text, part) if head.group()[0].isspace() else part)
    return parts


def _pairs(opened: list[re.Match[str]], closed: list[int]) -> list[tuple[re.Match[str], int]]:
    """Each outermost opening tag with its closing one: a part may hold a whole dump of its own."""
    events: list[tuple[int, re.Match[str] | None]] = [(x.start(), x) for x in opened]
    events += [(place, None) for place in closed]
    pairs: list[tuple[re.Match[str], int]] = []
    current, depth, end = None, 0, -1
    for place, head in sorted(events, key=lambda each: each[0]):
        if head is None:
            depth = max(depth - 1, 0)
            end = (
                end if depth else place
            )  # of several below one opening the last: the others are content
        elif current is None or not depth:
            pairs += [(current, end)] if current is not None else []
            current, depth, end = head, 1, -1
        else:
            depth += 1
    if current is not None and end >= 0:
        return [*pairs, (current, end)]
    return _unbalanced(opened, closed)


def _unbalanced(opened: list[re.Match[str]], closed: list[int]) -> list[tuple[re.Match[str], int]]:
    """Where some tag in the content is never closed: the tags that are before the next one opens."""
    limits = [*(each.start() for each in opened[1:]), 1 << 60]
    ends = (
        max(closed[bisect_left(closed, each.end()) : bisect_left(closed, limit)], default=-1)
        for each, limit in zip(opened, limits, strict=True)
    )
    return [(each, end) for each, end in zip(opened, ends, strict=True) if end >= 0]


def _inside(text: str, start: int, end: int) -> tuple[int, int, tuple[tuple[str, str], ...]]:
    """What a ``<document>`` says of itself, and where its content stands."""
    fields: list[tuple[str, str]] = []
    while found := _IS["tag_field"].match(text[start : min(end, start + 700)]):
        fields.append((found.group(1), found.group(2)))
        start += found.end()
    content = _IS["contents"].match(text, start, end)
    closed = text.rfind(f"</{content.group(1)}>", content.end(), end) if content else -1
    if content and closed >= 0 and not text[closed:end].partition(">")[2].strip():
        start, end = content.end(), closed
    return start, end, tuple(fields)


def _framed(text: str, lines: list[tuple[int, str]]) -> list[Part]:
    """A path between two rules, perhaps with a title beside it: gitingest, repomix's plain style, and by hand."""
    cuts = []
    for index in range(len(lines) - 2):
        rule = lines[index][1]
        if not _IS["rule"].match(rule):
            continue
        closes = (n for n in range(index + 2, min(index + 2 + _FRAMED, len(lines))))
        last = next((n for n in closes if lines[n][1] == rule), 0)
        inside = [line for _, line in lines[index + 1 : last]]
        labelled = [found.group(1) for x in inside if (found := _IS["framed"].match(x))]
        names = labelled or ([inside[0].strip()] if len(inside) == 1 else [])
        if names and (is_path(names[0]) or _IS["file_frame"].match(inside[0])):
            cuts.append((index, last + 1, names[0]))
    return _between(text, lines, cuts)


def _ruled_files(text: str, lines: list[tuple[int, str]]) -> list[Part]:
    """``---``, ``File: path``, ``---``: made by hand, and so clear that it needs no rule as long as a packer's."""
    cuts = []
    for index in range(len(lines) - 2):
        rule, below = lines[index][1], lines[index + 2][1]
        if not (_IS["short_rule"].match(rule) and rule[0] == below[:1]):
            continue
        labelled = _IS["labelled"].match(lines[index + 1][1])
        if labelled and _IS["short_rule"].match(below) and is_path(labelled.group(1)):
            cuts.append((index, index + 3, labelled.group(1)))
    return _between(text, lines, cuts)


def _ruled(text: str, lines: list[tuple[int, str]]) -> list[Part]:
    """``==== path ====``, ``==> path <==`` and the like."""
    cuts = []
    for index, (_, line) in enumerate(lines):
        found = _IS["inline"].match(line)
        name = found.group(2) if found else ""
        if not found and (arrows := _IS["arrows"].match(line)):
            name = arrows.group(1)
        if name and is_file(name):
            cuts.append((index, index + 1, name))
    return _between(text, lines, cuts)


def _dashed(text: str, lines: list[tuple[int, str]]) -> list[Part]:
    """files-to-prompt: a path, ``---``, the content, a blank line, ``---``."""
    cuts = []
    closed = True  # only at the start or below a closing rule can a path be a separator
    for index, (_, line) in enumerate(lines):
        if (
            closed
            and line
            and index + 1 < len(lines)
            and lines[index + 1][1] == "---"
            and is_file(line)
        ):
            cuts.append((index, index + 2, line))
            closed = False
        elif line == "---" and (not cuts or index >= cuts[-1][1]):
            closed = True
        elif line:
            closed = False
    if not cuts or cuts[0][0] != _first_line(lines):
        return []
    parts = []
    for part in _between(text, lines, cuts):
        body = text[part.start : part.end].rstrip()
        if not (body == "---" or body.endswith("\n---")):
            return []
        parts.append(Part(part.name, part.head, part.start, part.start + len(body) - 3))
    return parts


def _headed_fences(text: str, lines: list[tuple[int, str]]) -> list[Part]:
    """``## File: path`` and a fence (repomix), or a bare path and a fence (files-to-prompt -m)."""
    for labelled in (True, False):
        parts = _fenced(text, lines, labelled)
        if parts:
            return parts
    return []


def _quoted(text: str, lines: list[tuple[int, str]]) -> list[Part]:
    """code2prompt: a path in quotes with a colon, a blank line, then the content, mostly in a fence."""
    top = _IS["project"].search(text[:2_000])
    if top is None:
        return []
    cuts = []
    for index in range(len(lines) - 2):
        found = _IS["quoted"].match(lines[index][1])
        if found and not lines[index + 1][1] and (index == 0 or not lines[index - 1][1]):
            cuts.append((index, index + 2, found.group(1)))
    # A path quoted in the text of a file has no fence below it, where the others have one.
    fenced = [each for each in cuts if lines[each[1]][1].startswith("```")]
    cuts = fenced if len(fenced) * 2 > len(cuts) else cuts
    return [_unwrapped(text, each) for each in _between(text, lines, cuts, all_of_them=True)]


def _unwrapped(text: str, part: Part) -> Part:
    """The part without the fence around the whole of it, whatever fences its content has."""
    body = text[part.start : part.end]
    opened = _IS["wrapping"].match(body)
    last = body.rstrip()
    closed = last.rfind("\n")
    if opened is None or closed < opened.end() - 1 or last[closed:].strip() != "```":
        return part
    return replace(part, start=part.start + opened.end(), end=part.start + closed)


def _fenced(text: str, lines: list[tuple[int, str]], labelled: bool) -> list[Part]:
    parts: list[Part] = []
    packed = labelled and _IS["packed"].search(text) is not None
    index = 0
    while index < len(lines):
        line = lines[index][1]
        found = _IS["labelled"].match(line) if labelled else None
        name = found.group(1) if found else ("" if labelled else line)
        after = lines[index + 1][1] if index + 1 < len(lines) else ""
        mark = re.match(r"(`{3,}|~{3,})[^`]*$", after)
        if not name or not mark or not (packed or is_file(name)):
            # Anything beside paths and fences makes it a tutorial, in which both are common; only
            # repomix writes a preamble, which ends in its own heading.
            if line and (parts or not packed):
                return parts if packed and line.startswith("# ") else []
            index += 1
            continue
        end = index + 2
        while end < len(lines) and not (
            lines[end][1].startswith(mark[1]) and not lines[end][1].strip(mark[1][0])
        ):
            end += 1
        if end == len(lines):
            return []
        parts.append(
            Part(name, lines[index][0], lines[index + 1][0], lines[end][0] + len(lines[end][1]))
        )
        index = end + 1
    return parts


def _labelled(text: str, lines: list[tuple[int, str]]) -> list[Part]:
    """Lines ``File: /path`` alone: made by hand, so everything about it must fit."""
    cuts = []
    for index, (_, line) in enumerate(lines):
        if (
            line[:1] in "Ff#*"
            and (found := _IS["labelled"].match(line))
            and is_path(found.group(1))
        ):
            cuts.append((index, index + 1, found.group(1)))
    parts = _between(text, lines, cuts)
    if not parts or len({each.name for each in parts}) * 2 < len(parts):
        return []
    apart = sum(
        begin == 0 or not lines[begin - 1][1] or bool(_IS["rule"].match(lines[begin - 1][1]))
        for begin, _, _ in cuts
    )
    if apart * 10 < len(cuts) * 9:
        return []
    # Below a heading of its own it says what a section of a report is about.
    if sum(_above(lines, begin).startswith("#") for begin, _, _ in cuts) * 2 >= len(cuts):
        return []
    begins = cuts[0][0] == _first_line(lines)
    long = sum(each.end - each.start for each in parts) >= 500 * len(parts)
    near_the_top = parts[0].head <= max(len(text) // 10, 2_000)
    if not begins and not (len(parts) > 2 and long and near_the_top):
        return []
    tutorial = sum(_is_step(text[each.start : each.end]) for each in parts)
    return [] if tutorial * 2 >= len(parts) else parts


def _is_step(body: str) -> bool:
    """A fence right below the file's name and prose after it: a tutorial that shows its files."""
    body = body.strip()
    opened = re.match(r"(`{3,}|~{3,})[^\n`]*\n", body)
    if not opened:
        return False
    closed = re.search(rf"^{re.escape(opened.group(1))}[ \t]*$", body[opened.end() :], re.MULTILINE)
    return closed is not None and bool(body[opened.end() + closed.end() :].strip())


def _between(
    text: str,
    lines: list[tuple[int, str]],
    cuts: list[tuple[int, int, str]],
    *,
    all_of_them: bool = False,
) -> list[Part]:
    """Parts from one separator to the next, without those that are only shown in a fence, unless all count."""
    begins = () if all_of_them else {begin for begin, _, _ in cuts}
    inside = shown([line for _, line in lines], begins)
    cuts = [each for each in cuts if each[0] not in inside]
    parts = []
    for number, (begin, content, name) in enumerate(cuts):
        start = lines[content][0] if content < len(lines) else len(text)
        end = lines[cuts[number + 1][0]][0] if number + 1 < len(cuts) else len(text)
        parts.append(Part(name, lines[begin][0], start, end))
    return parts


def _above(lines: list[tuple[int, str]], index: int) -> str:
    """The nearest line above that is not blank."""
    return next((line for _, line in reversed(lines[max(index - 4, 0) : index]) if line), "")


def _first_line(lines: list[tuple[int, str]]) -> int:
    return next((index for index, (_, line) in enumerate(lines) if line), 0)


_STYLES: dict[str, Callable[[str, list[tuple[int, str]]], list[Part]]] = {
    "<document> tags": lambda text, _: _tagged(text, "document", 2),
    "<file> tags": lambda text, _: _tagged(text, "xml_file", 1),
    "framed paths": _framed,
    RULED_FILES: _ruled_files,
    "paths over rules": _dashed,
    "paths over fences": _headed_fences,
    "paths in quotes": _quoted,
    "paths in rules": _ruled,
    FILES: _labelled,
}
