"""Every figure between the README's marks is the one in the result files, and none is missing."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from gadfly.errors import UsageError
from gadfly.evals.kit.place import RESULTS
from gadfly.evals.report import page as report
from gadfly.evals.report import quoting

README = quoting.README.read_text(encoding="utf-8")
AGAIN = "figures and README differ; run: python -m gadfly.evals.report --readme"


def test_the_readme_quotes_the_results() -> None:
    found = report.figures()
    told = quoting.told(README)
    assert told, AGAIN
    for name, value in told.items():
        if name != "counted" and "above 1 we are quicker" not in name:
            assert found.get(name) == value, AGAIN
    assert quoting.rewritten(README, found) == README, AGAIN


def test_figures_stand_nowhere_else_in_the_prose() -> None:
    outside = README.partition(quoting.START)[0] + README.partition(quoting.END)[2]
    for value in report.figures().values():
        if " of " in value:
            assert not re.search(rf"(?<!\d){re.escape(value)}(?!\d)", outside), value


def test_a_result_that_changes_makes_the_readme_wrong(tmp_path: Path) -> None:
    for path in RESULTS.glob("*.json"):
        shutil.copy(path, tmp_path)
    kept = json.loads((tmp_path / "guards.json").read_text(encoding="utf-8"))
    kept["measured"]["guards"][0]["passed"] = not kept["measured"]["guards"][0]["passed"]
    (tmp_path / "guards.json").write_text(json.dumps(kept), encoding="utf-8")
    changed = report.figures(tmp_path)
    told = quoting.told(README)
    assert changed["guards that held"] != told["guards that held"]
    assert quoting.told(quoting.rewritten(README, changed)) == {
        **told,
        "guards that held": changed["guards that held"],
    }


def test_a_comparison_that_we_lose_is_quoted_too() -> None:
    row = {"what": "search", "beside": "fts5", "ratio": 0.123}
    own = {"what": "sweep", "beside": "by layer", "ratio": 2.0}
    found = quoting.figures({"bench": {"measured": {"rows": [row, own]}}})
    assert found == {"search beside fts5": "0.12", "sweep beside by layer": "2.0"}
    assert "| search beside fts5 | 0.12 |" in quoting.table(found)
    assert "by layer" not in quoting.table(found)


@pytest.mark.parametrize("text", ["", quoting.START, f"{quoting.END} {quoting.START}"])
def test_a_text_without_marks_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="needs one line"):
        quoting.rewritten(text, {})
