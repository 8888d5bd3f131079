"""The page and the figures, from the JSON files of ``evals/results`` and from nothing else.

The page stands alone: no script, no address, readable in print and in the dark. A measurement that has no file is
listed as never run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gadfly.errors import UsageError
from gadfly.evals.kit.place import RESULTS
from gadfly.evals.report import quoting
from gadfly.evals.report.sections import SECTIONS, html
from gadfly.tools import templating

_PAGE = Path(__file__).resolve().parent / "report.html.j2"


def page(results: Path = RESULTS) -> str:
    """The page, as HTML."""
    return templating.html(
        _PAGE, title="What was measured", found=load(results), sections=SECTIONS, body=html
    )


def load(results: Path = RESULTS) -> dict[str, dict[str, Any]]:
    """The result files by name, those that the page knows first.

    Raises:
        UsageError: a file is not a result.
    """
    found = {}
    for path in sorted(results.glob("*.json")):
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            found[kept["name"]] = {key: kept[key] for key in ("when", "machine", "measured")}
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{path} is not a result of an evaluation ({error}); delete it or run it again"
            ) from None
    return {name: found[name] for name in dict.fromkeys([*SECTIONS, *found]) if name in found}


def figures(results: Path = RESULTS) -> dict[str, str]:
    """The numbers that a text may quote, as they are written there."""
    return quoting.figures(load(results))
