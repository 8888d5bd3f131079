"""A tool's result as MCP content: structured, the same as text, its figures, all under a client's cap.

Clients cut a result at about 25,000 tokens, and some count the structured part and the text. Each gets 10,000,
two pictures fit beside them; what is longer is kept here and read on with ``more``.
"""

from __future__ import annotations

import base64
import json
import math
import secrets
from collections import OrderedDict
from pathlib import Path
from typing import Any

from mcp_types import CallToolResult, ContentBlock, ImageContent, TextContent
from pydantic import BaseModel

from gadfly.corpus.tokens import count
from gadfly.errors import UsageError
from gadfly.tools.contract import Figure, Result
from gadfly.tools.ledger import Ledger, Run

TOKENS = 10_000
_PICTURES = 2
_LARGEST_PICTURE = 700_000  # bytes
_KEPT = 64  # long results that can still be read on
_SAMPLE = 60_000  # characters that are counted exactly; longer texts are judged by their beginning


class Pages:
    """Results too long for one answer, as pages of text. The oldest are forgotten first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, list[str]] = OrderedDict()

    def keep(self, text: str) -> tuple[str, list[str]]:
        """A name for the text, and its pages."""
        name = "p" + secrets.token_hex(3)
        self._kept[name] = _cut(text)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return name, self._kept[name]

    def page(self, name: str, number: int) -> tuple[str, int]:
        """A page, counted from 1, and how many there are. Raises UsageError if it is not there."""
        pages = self._kept.get(name)
        if pages is None:
            raise UsageError(f"no long result {name!r} is kept any more; call its tool again")
        if not 1 <= number <= len(pages):
            raise UsageError(f"{name} has pages 1 to {len(pages)}, not {number}")
        return pages[number - 1], len(pages)


def rendered(result: BaseModel, pages: Pages) -> CallToolResult:
    """A result as content that any client can take whole."""
    data = _finite(result.model_dump(mode="json"))
    if isinstance(result, Result):
        data["reproduce"] = ""  # a page of code; show_run gives it to whoever wants it
    text = json.dumps(_short(data), ensure_ascii=False, separators=(",", ":"))
    content: list[ContentBlock] = [TextContent(text=text)]
    if tokens(text) > TOKENS:
        name, cut = pages.keep(text)
        told = (
            f"This was page 1 of {len(cut)}; the structured result is shortened too. The rest: "
            f'more(result="{name}", page=2). A narrower call gives a shorter result.'
        )
        content = [TextContent(text=cut[0]), TextContent(text=told)]
    return CallToolResult(
        content=[*content, *_pictures(result)], structured_content=fitted(data, TOKENS)
    )


def tokens(text: str) -> int:
    """How many tokens a client will count, at least. Exact for texts up to some pages."""
    size = len(text.encode("utf-8", "replace"))
    if size <= TOKENS:  # a token is a byte or more
        return size
    if len(text) <= _SAMPLE:
        return count(text)
    return round(count(text[:_SAMPLE]) * len(text) / _SAMPLE)


def fitted(data: Any, budget: int) -> Any:
    """``data`` within ``budget`` tokens of JSON: its longest lists and strings lose their ends."""
    for _ in range(60):
        text = json.dumps(data, ensure_ascii=False)
        used = tokens(text)
        if used <= budget:
            return data
        place = _longest(data)
        if place is None:
            return data
        holder, key, size = place
        whole = holder[key]
        excess = len(text) * (1 - budget / used)
        keep = max(0.0, 1 - excess / max(size, 1)) * 0.97
        holder[key] = whole[: min(len(whole) - 1, max(int(len(whole) * keep), 0))]
    return data


def _longest(data: Any) -> tuple[Any, Any, int] | None:
    """The list of several items, or the long string, that takes most room: its holder, key and size."""
    best: tuple[Any, Any, int] | None = None
    open_ = [data]
    while open_:
        holder = open_.pop()
        items = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for key, value in items:
            size = 0
            if isinstance(value, str):
                size = len(value) if len(value) > 200 else 0
            elif isinstance(value, dict | list):
                open_.append(value)
                if isinstance(value, list) and len(value) > 1:
                    size = len(json.dumps(value, ensure_ascii=False))
            if size and (best is None or size > best[2]):
                best = (holder, key, size)
    return best


def _cut(text: str) -> list[str]:
    """Pages of at most ``TOKENS`` tokens."""
    step = max(1, int(len(text) * TOKENS * 0.9 / max(tokens(text), 1)))
    pages: list[str] = []
    at = 0
    while at < len(text):
        size = step
        while size > 1 and tokens(text[at : at + size]) > TOKENS:
            size //= 2
        pages.append(text[at : at + size])
        at += size
    return pages


def _pictures(result: BaseModel) -> list[ImageContent]:
    if isinstance(result, Run):
        run, figures = result.id, result.result.figures if result.result else []
    elif isinstance(result, Result):
        run, figures = result.run, result.figures
    else:
        return []
    found = [picture(run, each) for each in figures]
    return [
        ImageContent(data=base64.b64encode(data).decode(), mime_type="image/png")
        for data in found
        if data is not None and len(data) <= _LARGEST_PICTURE
    ][:_PICTURES]


def picture(run: str, figure: Figure) -> bytes | None:
    """The picture of a figure of a recorded run, if it is there and lies in the run's own folder."""
    if not figure.png:
        return None
    folder = Ledger().artifacts(run).resolve()
    path = (folder / Path(figure.png)).resolve()
    if not path.is_relative_to(folder) or not path.is_file():
        return None
    return path.read_bytes()


def _finite(value: Any) -> Any:
    """JSON has no NaN: null instead."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value


def _short(value: Any) -> Any:
    """For reading: five digits, no field without a value. An empty list stays: that nothing was found is a result."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items() if item not in (None, "", {})}
    if isinstance(value, list):
        return [_short(item) for item in value]
    return value
