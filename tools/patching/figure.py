"""The heat maps of a patching experiment: a PNG, and one HTML file that stands alone.

One panel for each direction and the placebo, all on one scale from -1 to 1 with 0 in the middle. The colours (blue to
red over light grey) are told apart under the common kinds of colour blindness. Every cell of the HTML shows
its numbers on hover, in light and dark settings.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gadfly.surroundings import sealed

if TYPE_CHECKING:
    from gadfly.tools.stats import Array

_LOW, _MIDDLE, _HIGH = (33, 102, 172), (247, 247, 247), (178, 24, 43)

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --fg: #222; --bg: #fff; --dim: #666; }}
@media (prefers-color-scheme: dark) {{ :root {{ --fg: #ddd; --bg: #16181c; --dim: #999; }} }}
body {{ font: 14px/1.4 system-ui, sans-serif; color: var(--fg); background: var(--bg); margin: 2em; }}
section {{ display: inline-block; vertical-align: top; margin: 0 2em 2em 0; }}
table {{ border-collapse: separate; border-spacing: 1px; }}
th {{ font-weight: normal; color: var(--dim); font-size: 12px; }}
th.p {{ writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; padding: 4px 0; max-height: 12em; }}
td {{ width: 2.6em; height: 1.9em; text-align: center; font-size: 11px; font-variant-numeric: tabular-nums; }}
p {{ color: var(--dim); max-width: 60em; }}
</style>
<h1 style="font-size:1.2em">{title}</h1>
<p>Rows are layers, columns {axis}s (positions count from the end). Effect: 0 leaves the receiving run as it was; 1
moves the metric all the way to the donor's. Hover over a cell for its numbers.</p>
{panels}
</html>
"""


def draw(
    folder: Path,
    title: str,
    panels: dict[str, Array],
    layers: list[int],
    positions: list[str],
    axis: str = "position",
) -> tuple[Path, Path]:
    """Write ``patch.png`` and ``patch.html`` into ``folder``.

    Args:
        panels: name to effects, [layers, positions] each.
    """
    png, html = folder / "patch.png", folder / "patch.html"
    _png(png, title, panels, layers, positions, axis)
    sections = "".join(_section(name, grid, layers, positions) for name, grid in panels.items())
    html.write_text(_PAGE.format(title=escape(title), panels=sections, axis=axis), encoding="utf-8")
    return png, html


def _png(
    path: Path,
    title: str,
    panels: dict[str, Array],
    layers: list[int],
    positions: list[str],
    columns: str,
) -> None:
    # The object interface: pyplot would keep global state and pick a window system.
    with sealed():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.colors import LinearSegmentedColormap
        from matplotlib.figure import Figure

    colours = LinearSegmentedColormap.from_list(
        "effect", [[part / 255 for part in colour] for colour in (_LOW, _MIDDLE, _HIGH)]
    )
    width = max(3.2, 0.42 * len(positions) + 1.2)
    height = max(2.6, 0.34 * len(layers) + 1.8)
    figure = Figure(
        figsize=(width * len(panels) + 0.8, height + 0.5), layout="constrained", dpi=150
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    image: Any = None
    for axis, (name, grid) in zip(axes, panels.items(), strict=True):
        image = axis.imshow(grid, cmap=colours, vmin=-1, vmax=1, aspect="auto", origin="lower")
        axis.set_title(name, fontsize=10)
        axis.set_xticks(range(len(positions)), [p[:18] for p in positions], rotation=90, fontsize=8)
        step = max(1, len(layers) // 16)
        axis.set_yticks(
            range(0, len(layers), step), [str(layer) for layer in layers[::step]], fontsize=8
        )
        axis.set_xlabel(columns, fontsize=9)
        if grid.size <= 220:
            for row, column in ((r, c) for r in range(grid.shape[0]) for c in range(grid.shape[1])):
                value = float(grid[row, column])
                if value != value:  # not measured
                    continue
                ink = "white" if abs(value) > 0.7 else "#333333"
                axis.text(column, row, f"{value:.2f}".replace("-0.00", "0.00"), ha="center", va="center",
                          fontsize=6, color=ink)  # fmt: skip
    axes[0].set_ylabel("layer", fontsize=9)
    bar = figure.colorbar(image, ax=list(axes), shrink=0.9)
    bar.set_label("share of the metric moved (0 none, 1 all)", fontsize=9)
    figure.suptitle(title, fontsize=11)
    figure.savefig(path)


def _section(name: str, grid: Array, layers: list[int], positions: list[str]) -> str:
    head = "".join(f'<th class="p">{escape(p)}</th>' for p in positions)
    rows = []
    for row in reversed(range(len(layers))):
        cells = "".join(
            f'<td style="background:{_colour(value)};color:{_ink(value)}" '
            f'title="layer {layers[row]}, {escape(positions[column], quote=True)}: {value:.4f}">{value:.2f}</td>'
            if value == value
            else "<td></td>"  # not measured
            for column, value in enumerate(float(v) for v in grid[row])
        )
        rows.append(f"<tr><th>{layers[row]}</th>{cells}</tr>")
    body = "".join(rows)
    table = f"<table>{body}<tr><th></th>{head}</tr></table>"
    return f"<section><h2 style='font-size:1em'>{escape(name)}</h2>{table}</section>"


def _colour(value: float) -> str:
    share = min(1.0, abs(value))
    end = _HIGH if value > 0 else _LOW
    mixed = (round(m + share * (e - m)) for m, e in zip(_MIDDLE, end, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _ink(value: float) -> str:
    return "#fff" if abs(value) > 0.7 else "#222"
