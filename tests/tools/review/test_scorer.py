"""The scorer of review cases: place and concept, twins, clean files."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from gadfly.errors import GadflyError
from gadfly.evals.measuring.review_rules import Outcome, measure, table

BUG = "n = 3\nacts = [[]] * n\n"
FIX = "n = 3\nacts = [[] for _ in range(n)]\n"


def _folder(tmp_path: Path, *cases: dict[str, object], twin: str = FIX) -> Path:
    lines = []
    for case in cases:
        name = f"{case['id']}/a.py"
        (tmp_path / "cases" / str(case["id"])).mkdir(parents=True)
        (tmp_path / "cases" / name).write_text(str(case.pop("text")))
        if case["has_bug"]:
            (tmp_path / "fixed" / str(case["id"])).mkdir(parents=True)
            (tmp_path / "fixed" / name).write_text(twin)
        lines.append(json.dumps({"file": name, **case}))
    (tmp_path / "cases.jsonl").write_text("\n".join(lines))
    return tmp_path


def scored(folder: Path) -> tuple[SimpleNamespace, list[Outcome]]:
    found = measure(folder)
    cases = [Outcome(**each) for each in found.pop("by_case")]
    return SimpleNamespace(**found), cases


def test_place_and_concept_both_count(tmp_path: Path) -> None:
    bug = {"has_bug": True, "bug_lines": [2, 2], "text": BUG}
    folder = _folder(
        tmp_path,
        {"id": "hit", "match_regex": "same list", **bug},
        {"id": "other", "match_regex": "softmax", **bug},
        {"id": "far", "match_regex": "same list", **bug, "bug_lines": [20, 20]},
        {"id": "clean", "has_bug": False, "text": FIX},
    )
    score, cases = scored(folder)
    assert [each.found for each in cases] == [True, False, False, False]
    assert (score.bugs, score.found, score.clean_pass, score.twin_pass) == (3, 1, 1.0, 1.0)
    assert score.recall == score.precision == 1 / 3
    assert score.paired_accuracy == 1 / 3


def test_a_noisy_twin_spoils_the_pair(tmp_path: Path) -> None:
    bug = {"has_bug": True, "bug_lines": [2, 2], "text": BUG, "match_regex": "list"}
    score, _ = scored(_folder(tmp_path, {"id": "a", **bug}, twin=BUG))
    assert (score.recall, score.twin_pass, score.paired_accuracy) == (1.0, 0.0, 0.0)
    assert score.d_prime < 0.1


def test_a_diff_case_counts_its_hunks_only(tmp_path: Path) -> None:
    text = BUG + "x = 1\n" * 20
    folder = _folder(
        tmp_path,
        {"id": "d", "has_bug": False, "kind": "diff", "diff": "d/change.diff", "text": text},
    )
    shown = "--- a/a.py\n+++ b/a.py\n@@ -20,2 +20,3 @@\n x = 1\n+x = 1\n x = 1\n"
    (tmp_path / "cases" / "d" / "change.diff").write_text(shown)
    score, _ = scored(folder)
    assert score.clean_pass == 1.0


def test_the_table_and_a_folder_that_is_none(tmp_path: Path) -> None:
    bug = {"has_bug": True, "bug_lines": [2, 2], "text": BUG, "match_regex": "list"}
    shown = table(measure(_folder(tmp_path, {"id": "a", "category": "shared", **bug})))
    assert "recall" in shown and "found" in shown and "quiet" in shown
    with pytest.raises(GadflyError, match=r"cases\.jsonl"):
        measure(tmp_path / "none")
