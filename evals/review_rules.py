"""Scores the deterministic review over a folder of cases: the right place *and* the right concept.

``python -m gadfly.evals.review_rules [--cases FOLDER] [--json]``

A case folder holds ``cases.jsonl``, ``cases/`` and ``fixed/``. A bug counts as found when a finding is within
three lines of it (in a notebook: in its cell) and its text matches the case's pattern. A case that is a diff is
reviewed as one: only its hunks count. Every finding on a clean file or on a repaired twin is a false
alarm. Leaves out models: rules only.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import NormalDist, median
from typing import Any

from gadfly.errors import GadflyError
from gadfly.tools.review.engine import review_source
from gadfly.tools.review.findings import Finding
from gadfly.tools.review.reading import source as reading
from gadfly.tools.review.reading.diff import parse
from gadfly.tools.review.registry import rules

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
    clean: int
    clean_pass: float
    twins: int
    twin_pass: float
    paired_accuracy: float
    d_prime: float
    criterion: float
    milliseconds_mean: float
    milliseconds_median: float
    milliseconds_worst: float
    missed: list[str]
    false_alarms: list[str]


def run(folder: Path) -> tuple[Score, list[Case]]:
    """Reviews every case of a folder.

    Raises:
        GadflyError: the folder has no readable ``cases.jsonl``.
    """
    rules()  # their import is not part of the time of the first file
    return score(cases := [_case(folder, about) for about in _read(folder)]), cases


def _read(folder: Path) -> list[dict[str, Any]]:
    try:
        lines = (folder / "cases.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        raise GadflyError(
            f"{folder} is not a folder of review cases ({error}); it needs cases.jsonl, cases/ and fixed/"
        ) from error


def _case(folder: Path, about: dict[str, Any]) -> Case:
    path = folder / "cases" / about["file"]
    source = reading.read(path)
    changed = _changed(folder, about)
    began = time.perf_counter()
    findings = review_source(source, changed=changed)
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


def _changed(folder: Path, about: dict[str, Any]) -> set[int] | None:
    """The lines of a diff's hunks; None: the whole file counts."""
    if about.get("kind") != "diff" or not about.get("diff"):
        return None
    text = (folder / "cases" / about["diff"]).read_text(encoding="utf-8")
    name = Path(about["file"]).name
    return next((each.commentable for each in parse(text) if Path(each.path).name == name), None)


def _near(finding: Finding, about: dict[str, Any]) -> bool:
    first, last = about["bug_lines"]
    cell = about.get("bug_cell", about.get("cell"))
    if cell is not None and finding.cell is not None and finding.cell != cell:
        return False
    return bool(finding.start_line <= last + _NEAR and finding.end_line >= first - _NEAR)


def score(cases: list[Case]) -> Score:
    """The rates of reviewed cases."""
    bugs = [each for each in cases if each.has_bug]
    clean = [each for each in cases if not each.has_bug]
    twins = [each for each in bugs if each.has_twin]
    found = [each for each in bugs if each.found]
    alarms = sum(len(e.elsewhere) + len(e.near_but_other) for e in cases)
    recall = _share(len(found), len(bugs), 0.0)
    precision = _share(len(found), len(found) + alarms, 1.0)
    weighted = 0.25 * precision + recall
    # Hits on buggy files against alarms on files without the bug; +0.5 keeps rates off 0 and 1.
    quiet = [not e.elsewhere for e in clean] + [not e.twin_alarms for e in twins]
    hit_rate = (len(found) + 0.5) / (len(bugs) + 1)
    alarm_rate = (len(quiet) - sum(quiet) + 0.5) / (len(quiet) + 1)
    z = NormalDist().inv_cdf
    times = [each.milliseconds for each in cases] or [0.0]
    return Score(
        cases=len(cases),
        bugs=len(bugs),
        found=len(found),
        recall=recall,
        precision=precision,
        f_half=1.25 * precision * recall / weighted if weighted else 0.0,
        clean=len(clean),
        clean_pass=_share(sum(not e.elsewhere for e in clean), len(clean), 1.0),
        twins=len(twins),
        twin_pass=_share(sum(not e.twin_alarms for e in twins), len(twins), 1.0),
        paired_accuracy=_share(sum(e.found and not e.twin_alarms for e in twins), len(twins), 0.0),
        d_prime=z(hit_rate) - z(alarm_rate),
        criterion=-(z(hit_rate) + z(alarm_rate)) / 2,
        milliseconds_mean=sum(times) / len(times),
        milliseconds_median=median(times),
        milliseconds_worst=max(times),
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


def _share(part: int, whole: int, of_nothing: float) -> float:
    return part / whole if whole else of_nothing


def table(result: Score, cases: list[Case]) -> str:
    """The score for a reader: rates, then each case on a line."""
    lines = []
    for name, value in asdict(result).items():
        if isinstance(value, list):
            continue
        shown = f"{value:.3f}" if isinstance(value, float) else str(value)
        lines.append(f"{name.replace('_', ' '):22} {shown:>8}")
    lines.append("")
    lines.append(f"{'case':10} {'category':26} {'bug':7} {'twin':6} {'ms':>6}  findings")
    for each in cases:
        state = "clean" if not each.has_bug else "found" if each.found else "missed"
        twin = "" if not each.has_twin else "quiet" if not each.twin_alarms else "ALARM"
        other = " ".join([*each.near_but_other, *each.elsewhere, *each.twin_alarms])
        lines.append(
            f"{each.id:10} {each.category:26} {state:7} {twin:6} {each.milliseconds:6.1f}  {other}".rstrip()
        )
    return "\n".join(lines)


def main() -> int:
    """Prints the score of a folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=Path, default=DEFAULT, help="folder with cases.jsonl")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    given = parser.parse_args()
    try:
        result, cases = run(given.cases)
    except GadflyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if given.json:
        print(json.dumps({**asdict(result), "by_case": [asdict(each) for each in cases]}))
    else:
        print(table(result, cases))
    return 0


if __name__ == "__main__":
    sys.exit(main())
