"""Figures of results, drawn by matplotlib: curves with intervals, and heat maps with labelled rows and columns.

Each is a PNG, and one HTML page that stands alone, shows the numbers on hover and follows the reader's light or dark
setting: there a curve is SVG, a heat map a table. Colours are told apart under the common kinds of colour blindness
(Okabe and Ito's for lines, which differ in their markers too). The same data make the same files.
"""

from __future__ import annotations

import io
import re
import textwrap
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from gadfly.surroundings import sealed
from gadfly.tools import templating
from gadfly.tools.arrays import Array
from gadfly.tools.contract import Figure
from gadfly.visible import visible

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure as Canvas

_PAGE = Path(__file__).resolve().parent / "figure.html.j2"
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # one more, so that no two lines of 42 look alike
_INK, _PALE, _GREY = "#222222", "#ffffff", "#f7f7f7"
_DIVERGING, _RISING = ("#2166ac", _GREY, "#b2182b"), (_GREY, "#2166ac", "#08306b")
_MOST_TEXT = 480  # cells with words in them before a PNG becomes unreadable
_MOST_TICKS = 60
_TOLD = "told "
_CENTRED = {"ha": "center", "va": "center"}
_STYLE = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "gadfly",  # names of parts are drawn at random otherwise
    **{f"{part}.color": _INK for part in ("text", "xtick", "ytick")},
    **{f"axes.{part}color": _INK for part in ("edge", "label")},
}
# For what DejaVu lacks, where one is installed; else a PNG shows boxes, and the page the signs all the same.
_FONTS = (
    *(
        "Noto Sans CJK SC",
        "Noto Sans CJK JP",
        "Noto Sans CJK KR",
        "Source Han Sans",
        "WenQuanYi Zen Hei",
    ),
    *(
        "WenQuanYi Micro Hei",
        "Droid Sans Fallback",
        "PingFang SC",
        "Hiragino Sans",
        "Arial Unicode MS",
    ),
    *(
        "Microsoft YaHei",
        "Yu Gothic",
        "Malgun Gothic",
        "Noto Sans Devanagari",
        "Noto Sans Thai",
        "Noto Emoji",
    ),
)
_lock = threading.Lock()  # matplotlib keeps its settings for the whole process
_wanted: ContextVar[bool] = ContextVar("wanted", default=True)


@dataclass(frozen=True)
class Line:
    """Values over x, with optional intervals of the same length."""

    name: str
    x: Sequence[float]
    y: Sequence[float] | Array
    interval: Sequence[tuple[float, float]] | Array | None = None


@dataclass(frozen=True)
class Level:
    """A horizontal reference line: chance, a control."""

    name: str
    y: float


@dataclass(frozen=True)
class Chart:
    """Curves. ``marked`` is an x to point at (the chosen layer)."""

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    levels: Sequence[Level] = ()
    marked: float | None = None


@dataclass(frozen=True)
class Panel:
    """One grid. ``values`` and ``words`` (what stands in a cell; else the number) are [rows, columns].

    NaN is a cell that was not measured.
    """

    name: str
    values: Array
    words: Sequence[Sequence[str]] | None = None


@dataclass(frozen=True)
class HeatMap:
    """Panels on one scale. Row 0 is at the bottom if ``upwards`` (layers), else at the top (destinations)."""

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


def draw(folder: Path, name: str, chart: Chart | HeatMap) -> Figure:
    """Write ``NAME.png`` and ``NAME.html`` into ``folder``."""
    png, html = folder / f"{name}.png", folder / f"{name}.html"
    found = Figure(title=chart.title, png=str(png), html=str(html))
    if not _wanted.get():
        return found
    with _styled():
        canvas = _curves(chart) if isinstance(chart, Chart) else _heat_map(chart)
        canvas.suptitle(_plain(chart.title), fontsize=11, wrap=True)
        canvas.savefig(png)
    html.write_text(_page(chart), encoding="utf-8")
    return found


@contextmanager
def unseen() -> Iterator[None]:
    """No file is written meanwhile: for results that nobody looks at, of which drawing is the larger part."""
    token = _wanted.set(False)
    try:
        yield
    finally:
        _wanted.reset(token)


def svg(chart: Chart) -> str:
    """The curves as an SVG element for an HTML page, which sets ``--fg``, the colour of the text."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with _styled():
        _curves(chart).savefig(buffer, format="svg", transparent=True, metadata=nothing)
    drawn = buffer.getvalue()
    drawn = re.sub(r' xmlns(:xlink)?="[^"]*"', "", drawn[drawn.index("<svg") :])
    drawn = drawn.replace("<svg", f'<svg role="img" aria-label="{escape(visible(chart.title))}"', 1)
    # A point's name is what is shown on hover.
    drawn = re.sub(f'<g id="{_TOLD}([^"]*)">', r"<g><title>\1</title>", drawn)
    return drawn.replace(_INK, "var(--fg)")


@contextmanager
def _styled() -> Iterator[None]:
    with sealed():
        import matplotlib
    style = {**_STYLE, "font.family": list(_families())}
    with _lock, matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from")
        yield


@cache
def _families() -> tuple[str, ...]:
    """The font of all figures, and what stands in for the signs that it lacks."""
    with sealed():
        from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return ("DejaVu Sans", *(name for name in _FONTS if name in installed))


def _canvas(**options: Any) -> Canvas:
    """A figure of its own: pyplot would keep global state and pick a window system."""
    with sealed():
        from matplotlib.figure import Figure as Canvas
    return Canvas(layout="constrained", **options)


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]


def _curves(chart: Chart) -> Canvas:
    canvas = _canvas(figsize=(7.6, 4.0), dpi=150)
    axes = canvas.subplots()
    for index, line in enumerate(chart.lines):
        colour, marker = _colour(index), _MARKERS[index % len(_MARKERS)]
        look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 4}
        axes.plot(line.x, line.y, label=_plain(line.name), **look)
        intervals = [None] * len(line.x) if line.interval is None else [*line.interval]
        for x, y, interval in zip(line.x, line.y, intervals, strict=True):
            told = f"{line.name}, {chart.x_label} {x:.4g}: {y:.4f}"
            if interval is not None and np.isfinite(interval).all():  # one unit has none
                told += f" [{interval[0]:.3f}, {interval[1]:.3f}]"
            axes.plot([x], [y], gid=_TOLD + visible(told), **look)
        if line.interval is not None:
            low, high = zip(*line.interval, strict=True)
            axes.fill_between(line.x, low, high, color=colour, alpha=0.15, linewidth=0)
            if len(line.x) == 1:  # a band needs two points
                axes.vlines(line.x, low, high, color=colour, alpha=0.5)
    for index, level in enumerate(chart.levels):
        style, colour = ("--", ":", "-.")[index % 3], _colour(index + len(chart.lines))
        label = f"{_plain(level.name)} ({level.y:.2f})"
        axes.axhline(level.y, color=colour, linestyle=style, linewidth=1.2, label=label)
    if chart.marked is not None:
        axes.axvline(chart.marked, color="#999999", linewidth=0.8)
    if all(float(x).is_integer() for line in chart.lines for x in line.x):
        axes.locator_params(axis="x", integer=True)
    axes.set(xlabel=_plain(chart.x_label), ylabel=textwrap.fill(_plain(chart.y_label), 44))
    axes.grid(visible=True, color="#888888", alpha=0.25)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return canvas


def _heat_map(chart: HeatMap) -> Canvas:
    wide = 0.62 if any(panel.words for panel in chart.panels) else 0.42 if chart.numbers else 0.3
    width = min(22.0, max(3.2, wide * len(chart.columns) + 1.4))
    height = min(22.0, max(2.4, 0.27 * len(chart.rows) + 1.8))
    across = min(len(chart.panels), 3)
    down = -(-len(chart.panels) // across)
    canvas = _canvas(figsize=(width * across + 0.9, height * down + 0.5), dpi=130)
    grid = canvas.subplots(down, across, squeeze=False).ravel()
    scale, origin = _scale(chart), "lower" if chart.upwards else "upper"
    for axes, panel in zip(grid, chart.panels, strict=False):
        axes.imshow(panel.values, scale.cmap, scale.norm, aspect="auto", origin=origin)
        axes.set_title(_plain(panel.name), fontsize=10)
        _ticks(axes.xaxis, chart.column_label, chart.columns, turned=90)
        _ticks(axes.yaxis, chart.row_label, chart.rows, turned=0)
        if panel.values.size <= _MOST_TEXT and (panel.words is not None or chart.numbers):
            for row, column, word, dark in _cells(chart, panel):
                ink = _PALE if dark else _INK
                axes.text(column, row, _plain(word[:9]), fontsize=6, color=ink, **_CENTRED)
    for axes in grid[len(chart.panels) :]:
        axes.set_visible(False)
    bar = canvas.colorbar(scale, ax=list(grid), shrink=0.9)
    bar.set_label(chart.unit, fontsize=9)
    bar.ax.tick_params(labelsize=7)
    return canvas


def _scale(chart: HeatMap) -> ScalarMappable:
    """From values to colours; grey where there is no value."""
    with sealed():
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import LinearSegmentedColormap, Normalize

    ends = _DIVERGING if chart.diverging else _RISING
    colours = LinearSegmentedColormap.from_list("scale", ends).with_extremes(bad=_GREY)
    low = -chart.largest if chart.diverging else 0.0
    return ScalarMappable(Normalize(low, chart.largest, clip=True), colours)


def _ticks(axis: Axis, name: str, labels: Sequence[str], *, turned: int) -> None:
    step = max(1, -(-len(labels) // _MOST_TICKS))
    shown = [_plain(label[:18]) for label in labels[::step]]
    axis.set_ticks(range(0, len(labels), step), shown, fontsize=7, rotation=turned)
    axis.set_label_text(name, fontsize=9)


def _cells(chart: HeatMap, panel: Panel) -> Iterator[tuple[int, int, str, bool]]:
    """Row, column, what stands there, and whether the colour behind it is dark."""
    limit = chart.largest * (0.7 if chart.diverging else 0.35)
    for row, line in enumerate(panel.values.tolist()):
        for column, value in enumerate(line):
            number = "" if value != value else f"{value:.2f}".replace("-0.00", "0.00")
            word = panel.words[row][column] if panel.words else number
            yield row, column, word, abs(value) > limit


def _page(chart: Chart | HeatMap) -> str:
    """The HTML page of a figure."""
    if isinstance(chart, Chart):
        return templating.html(_PAGE, title=chart.title, drawing=Markup(svg(chart)), panels=())
    with sealed():
        from matplotlib.colors import to_hex

    scale = _scale(chart)
    panels = []
    for panel in chart.panels:
        rows: list[list[dict[str, str]]] = [[] for _ in chart.rows]
        for row, column, word, dark in _cells(chart, panel):
            value = float(panel.values[row, column])
            told = f"{chart.row_label} {chart.rows[row]}, {chart.column_label} {chart.columns[column]}: {value:.4g}"
            told += f" ({word})" if panel.words else ""
            back, ink = to_hex(scale.to_rgba(np.array(value))), _PALE if dark else _INK
            rows[row].append({"back": back, "ink": ink, "told": told, "word": word})
        named = list(zip(chart.rows, rows, strict=True))
        panels.append((panel.name, named[::-1] if chart.upwards else named))
    caption = f"Rows: {chart.row_label}. Columns: {chart.column_label}. Colour: {chart.unit}."
    return templating.html(
        _PAGE,
        title=chart.title,
        about=chart.about,
        panels=panels,
        columns=chart.columns,
        caption=caption,
    )


def _plain(text: str) -> str:
    """Dollar signs would start a formula, and control characters break a line."""
    return "".join(c if c.isprintable() else "·" for c in text).replace("$", r"\$")
