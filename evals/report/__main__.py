"""One static page from the latest results: tables, figures, what was run on what, and what has never been run.

    python -m gadfly.evals.report [--results FOLDER] [--out evals/results/report.html] [--json] [--readme]

``--json`` prints the figures that a text may quote; ``--readme`` writes them into the README's table.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from gadfly import files
from gadfly.evals.kit.place import RESULTS
from gadfly.evals.kit.script import script
from gadfly.evals.report import quoting
from gadfly.evals.report.page import figures, page


def measure(
    results: Path = RESULTS, out: Path | None = None, readme: bool = False
) -> dict[str, Any]:
    """Write the page; the figures that a text may quote.

    Args:
        out: default: report.html beside the results
        readme: rewrite the README's table as well
    """
    quoted = figures(results)
    out = out or results / "report.html"
    files.write(out, page(results))
    print(f"written to {out}", file=sys.stderr)
    if readme:
        before = quoting.README.read_text(encoding="utf-8")
        files.write(quoting.README, quoting.rewritten(before, quoted))
    return quoted


if __name__ == "__main__":
    script(measure)
