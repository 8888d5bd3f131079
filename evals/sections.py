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


def _scaling_corpus(measured: dict[str, Any]) -> Iterator[str]:
    yield (
        "<p>The packaged guide and synthetic copies of it. Making the vectors is not part of these columns: it takes "
        "longest and grows in proportion.</p>"
    )
    yield _table(
        ("size", "passages", "to index", "search, median", "p95", "by words", "memory", "disk", ""),
        [
            (
                f"{p['factor']} x", f"{p['passages']:,.0f}", f"{p['index_seconds']:.0f} s",
                f"{p['search_median_ms']:.0f} ms", f"{p['search_p95_ms']:.0f} ms", f"{p['words_median_ms']:.0f} ms",
                f"{p['memory_mb']:.0f} MB", f"{p['disk_mb']:.0f} MB",
                "" if p["measured"] else "by the line through the sizes before it, not measured",
            )
            for p in measured["points"]
        ],
    )  # fmt: skip
    slopes = ", ".join(
        f"{name.replace('_', ' ')} {each:.2f}" for name, each in measured["slopes"].items()
    )
    yield f"<p>Exponents over all sizes: {escape(slopes)}.</p>"
    if made := measured["embedding"]:
        yield (
            f"<p>MiniLM takes {made['seconds_a_passage']:.2f} s a passage and {made['question_ms']:.0f} ms a question, "
            "at every size.</p>"
        )


def _scaling_sessions(measured: dict[str, Any]) -> Iterator[str]:
    yield (
        f"<p>{measured['turns']} turns dealt out to chats in one process; the LLM answers at once. <em>Crossed</em> "
        "counts turns in which anything was another chat's, or differed from the same turn alone.</p>"
    )
    yield _table(
        ("turn", "chats at once", "turns a second", "a turn takes, median", "p95", "crossed"),
        [
            (
                kind, str(p["chats"]), f"{p['turns_a_second']:.2f}", f"{p['median_s']:.2f} s", f"{p['p95_s']:.2f} s",
                str(p["crossed"]),
            )
            for kind, each in measured["kinds"].items()
            for p in each["points"]
        ],
    )  # fmt: skip


def _bench_corpus(measured: dict[str, Any]) -> Iterator[str]:
    yield (
        f"<p>{measured['questions']} questions over the same {measured['passages']:,} passages "
        f"({measured['tokens']:,} tokens), interleaved.</p>"
    )
    yield _table(
        ("way", "median", "p95", "recall@5", "recall@10"),
        [
            (
                name, f"{row['median_ms']:.1f} ms", f"{row['p95_ms']:.1f} ms", f"{row['recall@5']:.3f}",
                f"{row['recall@10']:.3f}",
            )
            for name, row in measured["methods"].items()
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
    "scaling_corpus": ("How search grows", _scaling_corpus),
    "scaling_sessions": ("Chats at once", _scaling_sessions),
    "bench_corpus": ("Search beside peers", _bench_corpus),
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
