"""The figures that a text may quote, and the README's table of them, rewritten in place between its two marks.

Every comparison with another package is in the table, whichever way it came out; only comparisons of Gadfly with
itself are left to the report.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from gadfly import tables
from gadfly.errors import UsageError

README = Path(__file__).resolve().parents[2] / "README.md"
START = "<!-- figures: python -m gadfly.evals.report --readme -->"
END = "<!-- end of figures -->"
_PEERS = tables.patterns(__file__)["peers"]
_ROW = re.compile(r"^\| (.+?) \| (.+?) \|$", re.MULTILINE)


def figures(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The figures of the result files, as a text writes them. Ratios: the peer's seconds over ours."""
    out: dict[str, str] = {}
    if "guards" in found:
        out |= _guards(found["guards"]["measured"]["guards"])
    if "false_positives" in found:
        measured = found["false_positives"]["measured"]
        out["'supported' on noise"] = _of(measured["all"])
        points = [point for tool in measured["tools"].values() for point in tool["power"]]
        whole = [point["found"] for point in points if point["share"] == 1]
        if whole:
            out["planted effects found, all examples meaningful"] = _sum(whole)
    if "false_positives_real" in found:
        measured = found["false_positives_real"]["measured"]
        out[f"'supported' on noise, {Path(measured['model']).name}"] = _of(measured["all"])
    if "bench" in found:
        for row in found["bench"]["measured"]["rows"]:
            if row["ratio"] is not None:
                out[f"{row['what']} beside {row['beside']}"] = _ratio(row["ratio"])
    return out


def table(quoted: dict[str, str]) -> str:
    """The README's table, marks and all."""
    counts = {name: value for name, value in quoted.items() if " beside " not in name}
    ratios = {name: value for name, value in quoted.items() if _PEERS.search(name)}
    return "\n".join(
        [
            *(START, "", "| counted | |", "|---|---|"),
            *(f"| {name} | {value} |" for name, value in counts.items()),
            *("", "| the other's time over ours (above 1 we are quicker) | |", "|---|---|"),
            *(f"| {name} | {value} |" for name, value in ratios.items()),
            *("", END),
        ]
    )


def rewritten(text: str, quoted: dict[str, str]) -> str:
    """A text with the table between its marks made anew.

    Raises:
        UsageError: the marks are not there, each once and in order.
    """
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    if text.count(START) != 1 or text.count(END) != 1 or not rest.count(END):
        raise UsageError(f"the text needs one line {START!r} and one line {END!r} after it")
    return before + table(quoted) + after


def told(text: str) -> dict[str, str]:
    """What a text says between the marks: the first column of each row, and the second."""
    inside = text.partition(START)[2].partition(END)[0]
    return {name: value for name, value in _ROW.findall(inside) if not set(name) <= set("-| ")}


def _guards(guards: list[dict[str, Any]]) -> dict[str, str]:
    struck = [g for g in guards if g["guard"].startswith("receipt struck")]
    return {
        "invented receipts struck": _sum([g for g in struck if g["reasoner"] == "hallucinating"]),
        "guards that held": f"{sum(g['passed'] for g in guards)} of {len(guards)}",
    }


def _sum(rates: list[dict[str, Any]]) -> str:
    return _of({name: sum(each[name] for each in rates) for name in ("count", "of")})


def _ratio(value: float) -> str:
    """Two figures: no more are the same in the next run."""
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def _of(rate: dict[str, Any]) -> str:
    return f"{rate['count']} of {rate['of']}"
