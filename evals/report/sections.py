"""What is shown of a result: in the report as HTML, by its script as text. ``sections.j2`` says it once for both."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from gadfly import tables
from gadfly.tools.figures import Chart, Level, Line, svg


class Section(NamedTuple):
    """The part of the page for a result file, and the command that makes the file again."""

    title: str
    command: str


SECTIONS = {name: Section(**each) for name, each in tables.table(__file__).items()}
Rows = Sequence[Sequence[object]]


@cache
def template(name: str) -> Template:
    """A template of this folder."""
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.do"],
    )
    return found.get_template(name)


def html(name: str, measured: dict[str, Any]) -> Markup:
    """A result for the page; one that the page does not know as it stands in its file."""
    if name not in SECTIONS:
        return Markup("<pre>{}</pre>").format(json.dumps(measured, indent=1)[:4000])
    return _rendered(name, measured, _html_table, _chart)


def text(name: str, measured: dict[str, Any]) -> str:
    """A result for a terminal."""
    found = _rendered(name, measured, columns, _shares)
    lines = unescape(re.sub(r"</?\w+>", "", found)).splitlines()
    return "\n".join(line for line in lines if line.strip())


def columns(head: Sequence[str], rows: Rows) -> str:
    """Rows under their heads, each column as wide as its widest cell."""
    cells = [list(map(str, line)) for line in (head, *rows)]
    wide = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:{width}}" for cell, width in zip(line, wide, strict=True)).rstrip()
        for line in cells
    )


def _rendered(
    name: str,
    measured: dict[str, Any],
    table: Callable[[Sequence[str], Rows], str],
    power: Callable[[dict[str, Any]], str],
) -> Markup:
    macros = template("sections.j2").make_module({"table": table, "power": power})
    found: Markup = getattr(macros, name)(measured)
    return found


def _html_table(head: Sequence[str], rows: Rows) -> Markup:
    def line(cells: Sequence[object], tag: str) -> Markup:
        bad = ' class="bad"' if any(str(cell).endswith("(let through)") for cell in cells) else ""
        inside = "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells)
        return Markup(f"<tr{bad}>{inside}</tr>")

    body = "".join(line(each, "td") for each in rows)
    return Markup(f"<table>{line(head, 'th')}{body}</table>")


def _chart(measured: dict[str, Any]) -> Markup:
    """The share of runs that find what is planted, over the share of examples that carry it."""
    lines = [
        Line(name, [p["share"] for p in row["power"]], [p["found"]["share"] for p in row["power"]])
        for name, row in measured["tools"].items()
        if row["power"]
    ]
    if not lines:
        return Markup("")
    chart = Chart(
        title="Power",
        x_label="share of examples that carry the planted effect",
        y_label=f"share of {measured['power_seeds']} runs that find it",
        lines=lines,
        levels=[Level("half", 0.5)],
    )
    return Markup(svg(chart))


def _shares(measured: dict[str, Any]) -> str:
    """The same as a table."""
    powers = {name: row["power"] for name, row in measured["tools"].items() if row["power"]}
    if not powers:
        return ""
    head = ["found, by share", *(f"{p['share']:.0%}" for p in next(iter(powers.values())))]
    found = {name: [f"{p['found']['share']:.2f}" for p in each] for name, each in powers.items()}
    return columns(head, [[name, *each] for name, each in found.items()])
