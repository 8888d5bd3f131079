"""Heat maps with labelled rows and columns: a PNG, and one HTML file that stands alone.

Any number of panels on one scale, diverging around 0 or rising from 0. The colours (blue over light grey to red; light
grey to dark blue) are told apart under the common kinds of colour blindness. Every cell of the HTML shows its
numbers on hover and follows the reader's light or dark setting. Leaves out line charts (``curves``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gadfly.surroundings import sealed

if TYPE_CHECKING:
    from gadfly.tools.stats import Array

_RED, _GREY, _BLUE, _NAVY = (178, 24, 43), (247, 247, 247), (33, 102, 172), (8, 48, 107)
_MOST_TEXT = 480  # cells with words in them before a PNG becomes unreadable

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --fg: #222; --bg: #fff; --dim: #666; }}
@media (prefers-color-scheme: dark) {{ :root {{ --fg: #ddd; --bg: #16181c; --dim: #999; }} }}
body {{ font: 14px/1.4 system-ui, sans-serif; color: var(--fg); background: var(--bg); margin: 2em; }}
section {{ display: inline-block; vertical-align: top; margin: 0 2em 2em 0; overflow-x: auto; max-width: 100%; }}
table {{ border-collapse: separate; border-spacing: 1px; }}
th {{ font-weight: normal; color: var(--dim); font-size: 12px; white-space: pre; }}
th.p {{ writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; padding: 4px 0; max-height: 12em; }}
th.r {{ text-align: right; padding-right: .5em; }}
td {{ min-width: 2.2em; height: 1.7em; text-align: center; font-size: 11px; font-variant-numeric: tabular-nums;
  padding: 0 .25em; white-space: pre; }}
p {{ color: var(--dim); max-width: 60em; }}
</style>
<h1 style="font-size:1.2em">{title}</h1>
<p>{about}</p>
{panels}
</html>
"""


@dataclass(frozen=True)
class Panel:
    """One grid. ``values`` and ``words`` (what stands in a cell; else the number) are [rows, columns]."""

    name: str
    values: Array
    words: Sequence[Sequence[str]] | None = None


@dataclass(frozen=True)
class HeatMap:
    """What is drawn. Row 0 is at the bottom if ``upwards`` (layers), else at the top (destinations)."""

    title: str
    about: str
    panels: Sequence[Panel]
    rows: Sequence[str]
    columns: Sequence[str]
    row_label: str
    column_label: str
    unit: str
    largest: float = 1.0
    """The value at the end of the colour scale."""
    diverging: bool = False
    upwards: bool = True
    numbers: bool = False
    """Write the values into the cells of the PNG; the HTML always has them."""


def draw(folder: Path, name: str, chart: HeatMap) -> tuple[Path, Path]:
    """Write ``NAME.png`` and ``NAME.html`` into ``folder``."""
    png, html = folder / f"{name}.png", folder / f"{name}.html"
    _png(png, chart)
    panels = "".join(_section(panel, chart) for panel in chart.panels)
    page = _PAGE.format(title=escape(chart.title), about=escape(chart.about), panels=panels)
    html.write_text(page, encoding="utf-8")
    return png, html


def _png(path: Path, chart: HeatMap) -> None:
    # The object interface: pyplot would keep global state and pick a window system.
    with sealed():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.colors import LinearSegmentedColormap
        from matplotlib.figure import Figure

    ends = (_BLUE, _GREY, _RED) if chart.diverging else (_GREY, _BLUE, _NAVY)
    colours = LinearSegmentedColormap.from_list("scale", [[c / 255 for c in end] for end in ends])
    worded = any(panel.words for panel in chart.panels)
    wide = 0.62 if worded else 0.42 if chart.numbers else 0.3
    width = min(22.0, max(3.2, wide * len(chart.columns) + 1.4))
    height = min(22.0, max(2.4, 0.27 * len(chart.rows) + 1.8))
    across = min(len(chart.panels), 3)
    down = -(-len(chart.panels) // across)
    figure = Figure(
        figsize=(width * across + 0.9, height * down + 0.5), layout="constrained", dpi=130
    )
    FigureCanvasAgg(figure)
    grid = figure.subplots(down, across, squeeze=False).ravel()
    image: Any = None
    low = -chart.largest if chart.diverging else 0.0
    for axis, panel in zip(grid, chart.panels, strict=False):
        image = axis.imshow(
            panel.values, cmap=colours, vmin=low, vmax=chart.largest, aspect="auto",
            origin="lower" if chart.upwards else "upper",
        )  # fmt: skip
        axis.set_title(_plain(panel.name), fontsize=10)
        _ticks(axis.set_xticks, chart.columns, 60, rotation=90)
        _ticks(axis.set_yticks, chart.rows, 60)
        axis.set_xlabel(chart.column_label, fontsize=9)
        axis.set_ylabel(chart.row_label, fontsize=9)
        if panel.values.size <= _MOST_TEXT and (panel.words is not None or chart.numbers):
            lines = panel.words or [[_number(v) for v in line] for line in panel.values.tolist()]
            for row, line in enumerate(lines):
                for column, word in enumerate(line):
                    share = abs(float(panel.values[row, column])) / chart.largest
                    axis.text(column, row, _plain(word)[:9], ha="center", va="center", fontsize=6,
                              color="white" if share > _dark(chart.diverging) else "#222222")  # fmt: skip
    for axis in grid[len(chart.panels) :]:
        axis.set_visible(False)
    bar = figure.colorbar(image, ax=list(grid), shrink=0.9)
    bar.set_label(chart.unit, fontsize=9)
    figure.suptitle(_plain(chart.title), fontsize=11)
    figure.savefig(path)


def _ticks(put: Any, labels: Sequence[str], most: int, **options: Any) -> None:
    step = max(1, -(-len(labels) // most))
    shown = [_plain(label)[:18] for label in labels[::step]]
    put(range(0, len(labels), step), shown, fontsize=7, **options)


def _plain(text: str) -> str:
    """Dollar signs would start a formula, and control characters break a line."""
    return "".join(c if c.isprintable() else "·" for c in text).replace("$", r"\$")


def _section(panel: Panel, chart: HeatMap) -> str:
    order = range(len(chart.rows))
    body = []
    for row in reversed(order) if chart.upwards else order:
        cells = []
        for column, label in enumerate(chart.columns):
            value = float(panel.values[row, column])
            word = panel.words[row][column] if panel.words else _number(value)
            told = f"{chart.row_label} {chart.rows[row]}, {chart.column_label} {label}: {value:.4g}"
            told += f" ({word})" if panel.words else ""
            back, ink = _colour(value / chart.largest, chart.diverging)
            cells.append(
                f'<td style="background:{back};color:{ink}" title="{escape(told, quote=True)}">{escape(word)}</td>'
            )
        body.append(f'<tr><th class="r">{escape(chart.rows[row])}</th>{"".join(cells)}</tr>')
    head = "".join(f'<th class="p">{escape(label)}</th>' for label in chart.columns)
    table = f"<table>{''.join(body)}<tr><th></th>{head}</tr></table>"
    caption = f"{chart.row_label} (rows) × {chart.column_label} (columns); {chart.unit}"
    return f"<section><h2 style='font-size:1em'>{escape(panel.name)}</h2><p>{escape(caption)}</p>{table}</section>"


def _colour(share: float, diverging: bool) -> tuple[str, str]:
    """Background and ink of a cell for a share of the scale, from -1 to 1."""
    size = min(1.0, abs(share)) if share == share else 0.0
    if diverging:
        start, end, part = _GREY, _RED if share > 0 else _BLUE, size
    else:
        start, end, part = (_GREY, _BLUE, 2 * size) if size < 0.5 else (_BLUE, _NAVY, 2 * size - 1)
    mixed = (round(a + part * (b - a)) for a, b in zip(start, end, strict=True))
    ink = "#fff" if size > _dark(diverging) else "#222"
    return "#" + "".join(f"{c:02x}" for c in mixed), ink


def _dark(diverging: bool) -> float:
    """The share of the scale from which white ink reads better than black."""
    return 0.7 if diverging else 0.35


def _number(value: float) -> str:
    """Two decimals, no negative zero, nothing where there is no value."""
    return "" if value != value else f"{value:.2f}".replace("-0.00", "0.00")
