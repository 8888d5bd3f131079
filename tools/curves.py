"""A line chart with intervals and reference lines: a PNG, and one HTML file that stands alone (hover shows numbers).

For layer curves and dose–response. Colours are Okabe and Ito's, told apart under the common kinds of colour
blindness; lines also differ in their markers. The HTML follows the reader's light or dark setting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from gadfly.surroundings import sealed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
_MARKERS = ("o", "s", "^", "D", "v", "P")
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 760, 400, 64, 48, 16, 190

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --fg: #222; --bg: #fff; --dim: #777; }}
@media (prefers-color-scheme: dark) {{ :root {{ --fg: #ddd; --bg: #16181c; --dim: #999; }} }}
body {{ font: 14px/1.4 system-ui, sans-serif; color: var(--fg); background: var(--bg); margin: 2em; }}
svg {{ max-width: 100%; height: auto; }} text {{ fill: var(--fg); font-size: 12px; }}
.axis {{ stroke: var(--dim); }} .dim {{ fill: var(--dim); }}
</style>
<h1 style="font-size:1.2em">{title}</h1>
{svg}
</html>
"""


@dataclass(frozen=True)
class Line:
    """Values over x, with optional intervals of the same length."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    interval: Sequence[tuple[float, float]] | None = None


@dataclass(frozen=True)
class Level:
    """A horizontal reference line: chance, a control."""

    name: str
    y: float


@dataclass(frozen=True)
class Chart:
    """What is drawn. ``marked`` is an x to point at (the chosen layer)."""

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    levels: Sequence[Level] = ()
    marked: float | None = None


def draw(folder: Path, name: str, chart: Chart) -> tuple[Path, Path]:
    """Write ``NAME.png`` and ``NAME.html`` into ``folder``."""
    png, html = folder / f"{name}.png", folder / f"{name}.html"
    _png(png, chart)
    html.write_text(_PAGE.format(title=escape(chart.title), svg=svg(chart)), encoding="utf-8")
    return png, html


def _png(path: Path, chart: Chart) -> None:
    # The object interface: pyplot would keep global state and pick a window system.
    with sealed():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 4.0), layout="constrained", dpi=150)
    FigureCanvasAgg(figure)
    axes: Axes = figure.subplots()
    for index, line in enumerate(chart.lines):
        colour = _COLOURS[index % len(_COLOURS)]
        axes.plot(
            line.x,
            line.y,
            color=colour,
            marker=_MARKERS[index % len(_MARKERS)],
            markersize=4,
            label=line.name,
        )
        if line.interval is not None:
            low, high = zip(*line.interval, strict=True)
            axes.fill_between(line.x, low, high, color=colour, alpha=0.15, linewidth=0)
    for index, level in enumerate(chart.levels):
        style = ("--", ":", "-.")[index % 3]
        colour = _COLOURS[(index + len(chart.lines)) % len(_COLOURS)]
        axes.axhline(
            level.y,
            color=colour,
            linestyle=style,
            linewidth=1.2,
            label=f"{level.name} ({level.y:.2f})",
        )
    if chart.marked is not None:
        axes.axvline(chart.marked, color="#999999", linewidth=0.8)
    axes.set_xlabel(chart.x_label)
    axes.set_ylabel(chart.y_label)
    axes.set_title(chart.title, fontsize=11)
    axes.grid(visible=True, alpha=0.25)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    figure.savefig(path)


def svg(chart: Chart) -> str:
    xs = [x for line in chart.lines for x in line.x]
    ys = [y for line in chart.lines for y in line.y] + [level.y for level in chart.levels]
    ys += [end for line in chart.lines for pair in line.interval or () for end in pair]
    left, right = min(xs), max(xs)
    low, high = min(ys), max(ys)
    margin = 0.06 * (high - low or 1.0)
    low, high = low - margin, high + margin

    def px(x: float) -> float:
        return _LEFT + (x - left) / ((right - left) or 1.0) * (_WIDTH - _LEFT - _RIGHT)

    def py(y: float) -> float:
        return _HEIGHT - _BOTTOM - (y - low) / (high - low) * (_HEIGHT - _BOTTOM - _TOP)

    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(chart.title, quote=True)}">'
    ]
    edge = _WIDTH - _RIGHT
    for step in range(5):
        y = low + (high - low) * step / 4
        parts.append(
            f'<line class="axis" x1="{_LEFT}" x2="{edge}" y1="{py(y):.1f}" y2="{py(y):.1f}" opacity=".25"/>'
            f'<text class="dim" x="{_LEFT - 8}" y="{py(y) + 4:.1f}" text-anchor="end">{y:.3g}</text>'
        )
    shown = sorted(set(xs))
    parts += [
        f'<text class="dim" x="{px(x):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{x:.3g}</text>'
        for x in shown[:: max(1, len(shown) // 12)]
    ]
    middle = (_LEFT + edge) / 2
    parts.append(
        f'<text x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(chart.x_label)}</text>'
    )
    parts.append(
        f'<text transform="translate(14 {_HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(chart.y_label)}</text>'
    )
    legend: list[tuple[str, str, str]] = []
    for index, line in enumerate(chart.lines):
        colour = _COLOURS[index % len(_COLOURS)]
        legend.append((line.name, colour, ""))
        if line.interval is not None:
            up = [
                f"{px(x):.1f},{py(pair[1]):.1f}"
                for x, pair in zip(line.x, line.interval, strict=True)
            ]
            down = [
                f"{px(x):.1f},{py(pair[0]):.1f}"
                for x, pair in zip(line.x, line.interval, strict=True)
            ]
            parts.append(
                f'<polygon points="{" ".join(up + down[::-1])}" fill="{colour}" opacity=".15"/>'
            )
        points = " ".join(f"{px(x):.1f},{py(y):.1f}" for x, y in zip(line.x, line.y, strict=True))
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        for number, (x, y) in enumerate(zip(line.x, line.y, strict=True)):
            ends = (
                f" [{line.interval[number][0]:.3f}, {line.interval[number][1]:.3f}]"
                if line.interval
                else ""
            )
            told = escape(f"{line.name}, {chart.x_label} {x:.4g}: {y:.4f}{ends}")
            parts.append(
                f'<circle cx="{px(x):.1f}" cy="{py(y):.1f}" r="4" fill="{colour}"><title>{told}</title></circle>'
            )
    for index, level in enumerate(chart.levels):
        colour = _COLOURS[(index + len(chart.lines)) % len(_COLOURS)]
        legend.append((f"{level.name} ({level.y:.2f})", colour, "4 3"))
        parts.append(
            f'<line x1="{_LEFT}" x2="{edge}" y1="{py(level.y):.1f}" y2="{py(level.y):.1f}" stroke="{colour}" '
            f'stroke-width="1.5" stroke-dasharray="4 3"><title>{escape(level.name)}: {level.y:.4f}</title></line>'
        )
    for index, (name, colour, dash) in enumerate(legend):
        y = _TOP + 14 + 18 * index
        parts.append(
            f'<line x1="{edge + 12}" x2="{edge + 32}" y1="{y - 4}" y2="{y - 4}" stroke="{colour}" stroke-width="2" '
            f'stroke-dasharray="{dash}"/><text x="{edge + 38}" y="{y}">{escape(name)}</text>'
        )
    return "".join([*parts, "</svg>"])
