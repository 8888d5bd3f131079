"""Jupyter notebooks, nbformat 3 and 4: Markdown as it is, code in fences, outputs kept short.

Reads the JSON itself: nbformat would be a dependency for the sake of validation, and a notebook that
does not validate is often still readable. Leaves out images, attachments, widgets and HTML outputs: their place is
marked, so that text that speaks of them makes sense.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from gadfly import tables
from gadfly.corpus.markup import split_front_matter
from gadfly.corpus.readers.encoding import wrapped
from gadfly.corpus.readers.fences import Cell, fence, join
from gadfly.corpus.readers.page import Page
from gadfly.errors import CorpusError

LINES = 20
CHARACTERS = 1_200
LINE = 300
_IS = tables.patterns(__file__, 0)


def read(text: str, name: str) -> Page:
    """The page of one notebook.

    Raises:
        CorpusError: it is not JSON, or not a notebook.
    """
    try:
        # Some tools leave the control characters of a program's output unescaped.
        notebook = json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        where = (
            f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "nested too deep"
        )
        raise CorpusError(
            f"cannot read {name}: not a notebook, its JSON breaks off at {where} ({_reason(error)});"
            " open it in Jupyter and save it again"
        ) from error
    raw = _raw_cells(notebook)
    if raw is None:
        raise CorpusError(
            f"cannot read {name}: JSON, but not a notebook (no cells); only nbformat 3 and 4 are read"
        )
    about = notebook.get("metadata")
    about = about if isinstance(about, dict) else {}
    cells = list(_cells(raw, _language(about)))
    fields: dict[str, Any] = {"kind": "notebook"}
    if isinstance(about.get("title"), str) and about["title"].strip():
        fields["title"] = about["title"]
    authors = [each.get("name") for each in about.get("authors") or () if isinstance(each, dict)]
    if any(authors):
        fields["authors"] = [str(each) for each in authors if each]
    if cells and cells[0].text.lstrip().startswith(
        "---"
    ):  # Quarto and nbdev keep a front matter there
        front, rest = split_front_matter(cells[0].text.lstrip())
        if front:
            fields.update(front)
            cells[0] = Cell("markdown", rest)
    return Page(wrapped(join(cells)), fields)


def looks_like(text: str) -> bool:
    """Whether a text is a notebook's JSON, whatever its file is called."""
    head = text[:200].lstrip()
    return head.startswith("{") and ('"nbformat"' in text[-500:] or '"cell_type"' in text[:2000])


def _raw_cells(notebook: Any) -> list[Any] | None:
    if not isinstance(notebook, dict):
        return None
    if isinstance(notebook.get("cells"), list):
        return list(notebook["cells"])
    sheets = notebook.get("worksheets")
    if not isinstance(sheets, list):
        return None
    found: list[Any] = []
    for sheet in sheets:
        if isinstance(sheet, dict) and isinstance(sheet.get("cells"), list):
            found += sheet["cells"]
    return found


def _language(about: dict[str, Any]) -> str:
    for key, inner in (("language_info", "name"), ("kernelspec", "language")):
        place = about.get(key)
        if isinstance(place, dict) and isinstance(place.get(inner), str):
            return re.sub(r"[^\w+#-]", "", place[inner].lower()) or "python"
    return "python"


def _cells(raw: list[Any], language: str) -> Iterator[Cell]:
    for each in raw:
        each = each if isinstance(each, dict) else {}
        kind = each.get("cell_type")
        source = joined(each.get("source", each.get("input")))
        if kind == "code":
            yield Cell("code", source, rendered(each.get("outputs")), language)
        elif kind == "heading":  # nbformat 3
            level = each.get("level") if isinstance(each.get("level"), int) else 1
            yield Cell("markdown", f"{'#' * min(max(level or 1, 1), 6)} {' '.join(source.split())}")
        else:
            yield Cell("markdown", _without_images(source))


def _without_images(source: str) -> str:
    if "data:image" not in source and "attachment:" not in source:
        return source
    source = _IS["inline_image"].sub(
        lambda found: f"[image: {found[1]}]" if found[1] else "[image]", source
    )
    return _IS["inline_tag"].sub("[image]", source)


def _reason(error: Exception) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__


def rendered(outputs: Any) -> str:
    """The outputs of one cell as Markdown, bounded in lines and characters all together."""
    texts: list[str] = []
    dropped: list[str] = []
    for output in outputs if isinstance(outputs, list) else ():
        if isinstance(output, dict):
            for kind, text in _pieces(output):
                (texts if kind == "text" else dropped).append(text)
    parts = [fence(shortened("\n".join(texts)), "output")]
    parts += [f"[{what} left out]" for what in dict.fromkeys(dropped)]
    return "\n\n".join(filter(None, parts))


def joined(value: Any) -> str:
    """A text that nbformat may hold as a list of lines."""
    if isinstance(value, list):
        return "".join(each for each in value if isinstance(each, str))
    return value if isinstance(value, str) else ""


def shortened(text: str) -> str:
    """The first lines of an output, with a last line that says how much more there was."""
    text = _IS["ansi"].sub("", text)
    # A progress bar writes over itself: only what is left on the screen counts.
    lines = [line.rstrip("\r").rsplit("\r", 1)[-1].rstrip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    kept: list[str] = []
    room = CHARACTERS
    for line in lines[:LINES]:
        if room <= 0:
            break
        short = line if len(line) <= LINE else line[:LINE] + " …"
        kept.append(short)
        room -= len(short) + 1
    if len(kept) < len(lines):
        kept.append(f"… ({len(lines) - len(kept)} more lines)")
    return "\n".join(kept)


def _pieces(output: dict[str, Any]) -> Iterator[tuple[str, str]]:
    kind = output.get("output_type")
    if kind == "stream":
        yield "text", joined(output.get("text")).rstrip("\n")
        return
    if kind in ("error", "pyerr"):  # the traceback repeats the code and is full of colours
        yield "text", f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"
        return
    data = output.get("data")
    if not isinstance(data, dict):  # nbformat 3 has the formats side by side with the rest
        data = output
    for name in data:
        if name.startswith("image/") or name in ("png", "jpeg", "svg"):
            yield "note", "image"
            return
    text = joined(data.get("text/plain", data.get("text")))
    if "application/vnd.plotly.v1+json" in data or text.startswith("Figure("):
        yield "note", "interactive figure"
    elif any("widget" in name for name in data):
        yield "note", "widget"
    elif joined(data.get("text/markdown")).strip():
        yield "text", joined(data["text/markdown"])
    elif re.fullmatch(r"<[\w.]+ (object|at 0x)[^\n]*>", text.strip()) or not text.strip():
        if "text/html" in data or "html" in data:
            yield "note", "HTML output"
    else:
        yield "text", text
