"""The parts of the report: for each result file a title and what is shown of it, as plain HTML."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from html import escape
from typing import Any

from gadfly.tools.curves import Chart, Level, Line, svg


def _guards(measured: dict[str, Any]) -> Iterator[str]:
    yield (
        "<p>Scripted reasoners of known character behind the engine. <em>Held</em> counts what the engine caught; for "
        "the honest one, what it rightly left alone. <em>Without</em> is the same count with the guard taken away.</p>"
    )
    yield _table(
        ("reasoner", "guard", "held", "95 % interval", "without"),
        [
            (
                g["reasoner"], g["guard"], f"{g['count']} of {g['of']}" + ("" if g["passed"] else " (let through)"),
                _interval(g), f"{g['without']['count']} of {g['without']['of']}" if g["without"] else "",
            )
            for g in measured["guards"]
        ],
    )  # fmt: skip


def _false_positives(measured: dict[str, Any]) -> Iterator[str]:
    every = measured["all"]
    yield (
        f"<p>On noise (model {escape(measured['model'])}) the tools said <em>supported</em> in {every['count']} of "
        f"{every['of']} runs (95 % interval {_interval(every)}).</p>"
    )
    yield _table(
        ("tool", "supported on noise", "95 % interval", "inconclusive", "what is planted"),
        [
            (
                name, f"{row['noise']['count']} of {row['noise']['of']}" if row["noise"] else "its input is the model",
                _interval(row["noise"]) if row["noise"] else "",
                str(row["noise"]["inconclusive"]) if row["noise"] else "", row["truth"],
            )
            for name, row in measured["tools"].items()
        ],
    )  # fmt: skip
    lines = [
        Line(name, [p["share"] for p in row["power"]], [p["found"]["share"] for p in row["power"]])
        for name, row in measured["tools"].items()
        if row["power"]
    ]
    if lines:
        yield svg(Chart(
            title="Power", x_label="share of examples that carry the planted effect",
            y_label=f"share of {measured['power_seeds']} runs that find it", lines=lines, levels=[Level("half", 0.5)],
        ))  # fmt: skip


def _scaling(measured: dict[str, Any]) -> Iterator[str]:
    at = ", ".join(f"{value} {name}" for name, value in measured["at"].items())
    yield f"<p>A patching sweep at {escape(at)}, one dimension varied at a time.</p>"
    yield _table(
        ("dimension", "measured exponent", "by the formula", "points"),
        [
            (
                name, f"{each['slope']:.2f}", f"{each['formula']:.2f}",
                ", ".join(f"{p[name]}: {p['seconds']:.2f} s" for p in each["points"]),
            )
            for name, each in measured["dimensions"].items()
        ],
    )  # fmt: skip


def _bench(measured: dict[str, Any]) -> Iterator[str]:
    yield "<p>Ratios within one run: the peer's cost over ours, so that above 1 Gadfly is quicker.</p>"
    yield _table(
        ("what", "beside", "ratio", "ours", "theirs", ""),
        [
            (
                row["what"], row["beside"], f"{row['ratio']:.2f}" if row["ratio"] is not None else "",
                row["ours"], row["theirs"], row["note"],
            )
            for row in measured["rows"]
        ],
    )  # fmt: skip


def _inspect(measured: dict[str, Any]) -> Iterator[str]:
    yield "<p>Each task with its baselines in the same run; see <code>inspect view</code> for every sample.</p>"
    yield _table(
        ("task", "model", "samples", "measure", "value"),
        [
            (
                run["task"],
                run["model"],
                str(run["samples"]),
                name,
                "" if value is None else f"{value:.3f}",
            )
            for run in measured["runs"]
            for name, value in run["metrics"].items()
        ],
    )


def plain(measured: dict[str, Any]) -> Iterator[str]:
    yield f"<pre>{escape(json.dumps(measured, indent=1)[:4000])}</pre>"


BODIES: dict[str, tuple[str, Callable[[dict[str, Any]], Iterator[str]]]] = {
    "guards": ("Guard rails against reasoners of known character", _guards),
    "false_positives": ("False positives and power", _false_positives),
    "scaling": ("How cost grows", _scaling),
    "bench": ("Speed beside peers", _bench),
    "inspect": ("Inspect tasks", _inspect),
}


def _table(head: tuple[str, ...], body: list[tuple[str, ...]]) -> str:
    def line(cells: tuple[str, ...], tag: str) -> str:
        bad = ' class="bad"' if any(cell.endswith("(let through)") for cell in cells) else ""
        return f"<tr{bad}>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"

    return f"<table>{line(head, 'th')}{''.join(line(each, 'td') for each in body)}</table>"


def _interval(rate: dict[str, Any]) -> str:
    low, high = rate["interval"]
    return f"{low:.3f} to {high:.3f}"
