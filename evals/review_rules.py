"""Scores the deterministic review over a folder of cases: the right place *and* the right concept.

``python -m gadfly.evals.review_rules [--cases FOLDER] [--json]``

A case folder holds ``cases.jsonl``, ``cases/`` and ``fixed/``. A bug counts as found when a finding is within
three lines of it and its text matches the case's pattern. Every finding on a clean file or on a repaired twin is
a false alarm. Leaves out models: rules only.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import NormalDist
from typing import Any

from gadfly.agent.review import source as reading
from gadfly.agent.review.engine import review_source
from gadfly.agent.review.findings import Finding
from gadfly.agent.review.registry import rules

DEFAULT = Path(__file__).resolve().parents[1].parent / "shared" / "review_samples"
_NEAR = 3  # lines


@dataclass
class Case:
    """What the review said about one case."""

    id: str
    category: str
    has_bug: bool
    found: bool = False
    near_but_other: list[str] = field(default_factory=list)  # right place, pattern not matched
    elsewhere: list[str] = field(default_factory=list)  # findings that are not the planted bug
    twin_alarms: list[str] = field(default_factory=list)
    has_twin: bool = False
    milliseconds: float = 0.0


@dataclass
class Score:
    """Rates over a folder of cases."""

    cases: int
    bugs: int
    found: int
    recall: float
    precision: float
    f_half: float
    clean_pass: float
    twins: int
    twin_pass: float
    paired_accuracy: float
    d_prime: float
    criterion: float
    milliseconds_per_file: float
    missed: list[str]
    false_alarms: list[str]


def run(folder: Path) -> tuple[Score, list[Case]]:
    """Reviews every case of a folder."""
    rules()  # their import is not part of the time of the first file
    lines = (folder / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [_case(folder, json.loads(line)) for line in lines if line.strip()]
    return score(cases), cases


def _case(folder: Path, about: dict[str, Any]) -> Case:
    path = folder / "cases" / about["file"]
    source = reading.read(path)
    began = time.perf_counter()
    findings = review_source(source)
    case = Case(about["id"], about.get("category", ""), bool(about["has_bug"]))
    case.milliseconds = (time.perf_counter() - began) * 1000
    for each in findings:
        said = f"{each.rule}:{each.start_line}"
        if not case.has_bug or not _near(each, about):
            case.elsewhere.append(said)
        elif re.search(about["match_regex"], f"{each.message} {each.rule}", re.IGNORECASE):
            case.found = True
        else:
            case.near_but_other.append(said)
    twin = folder / "fixed" / about["id"] / path.name
    if case.has_bug and twin.is_file():
        case.has_twin = True
        case.twin_alarms = [f"{e.rule}:{e.start_line}" for e in review_source(reading.read(twin))]
    return case


def _near(finding: Finding, about: dict[str, Any]) -> bool:
    first, last = about["bug_lines"]
    cell = about.get("bug_cell", about.get("cell"))
    if cell is not None and finding.cell is not None and finding.cell != cell:
        return False
    return finding.start_line <= last + _NEAR and finding.end_line >= first - _NEAR


def score(cases: list[Case]) -> Score:
    """The rates of reviewed cases."""
    bugs = [each for each in cases if each.has_bug]
    clean = [each for each in cases if not each.has_bug]
    twins = [each for each in bugs if each.has_twin]
    found = [each for each in bugs if each.found]
    alarms = sum(len(e.elsewhere) + len(e.near_but_other) for e in cases)
    recall = len(found) / len(bugs) if bugs else 0.0
    precision = len(found) / (len(found) + alarms) if found or alarms else 1.0
    weighted = 0.25 * precision + recall
    silent = [e for e in clean if not e.elsewhere]
    quiet_twins = [e for e in twins if not e.twin_alarms]
    # Hits on buggy files against alarms on files without the bug; +0.5 keeps rates off 0 and 1.
    quiet = [not e.elsewhere for e in clean] + [not e.twin_alarms for e in twins]
    hit_rate = (len(found) + 0.5) / (len(bugs) + 1)
    alarm_rate = (len(quiet) - sum(quiet) + 0.5) / (len(quiet) + 1)
    z = NormalDist().inv_cdf
    return Score(
        cases=len(cases),
        bugs=len(bugs),
        found=len(found),
        recall=recall,
        precision=precision,
        f_half=1.25 * precision * recall / weighted if weighted else 0.0,
        clean_pass=len(silent) / len(clean) if clean else 1.0,
        twins=len(twins),
        twin_pass=len(quiet_twins) / len(twins) if twins else 1.0,
        paired_accuracy=sum(e.found and not e.twin_alarms for e in twins) / len(twins)
        if twins
        else 0.0,
        d_prime=z(hit_rate) - z(alarm_rate),
        criterion=-(z(hit_rate) + z(alarm_rate)) / 2,
        milliseconds_per_file=sum(e.milliseconds for e in cases) / len(cases) if cases else 0.0,
        missed=[
            f"{e.id} ({e.category}) {' '.join(e.near_but_other)}".strip()
            for e in bugs
            if not e.found
        ],
        false_alarms=[
            f"{e.id}: {' '.join([*e.elsewhere, *(f'twin {t}' for t in e.twin_alarms)])}"
            for e in cases
            if e.elsewhere or e.twin_alarms
        ],
    )


def main() -> None:
    """Prints the score of a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=Path, default=DEFAULT)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    result, cases = run(given.cases)
    if given.json:
        print(json.dumps({**asdict(result), "by_case": [asdict(each) for each in cases]}))
        return
    for name, value in asdict(result).items():
        if isinstance(value, list):
            print(f"{name}: {len(value)}")
            for each in value:
                print(f"  {each}")
        else:
            print(f"{name:22} {value:.3f}" if isinstance(value, float) else f"{name:22} {value}")


if __name__ == "__main__":
    main()
