"""Scores the deterministic review over a folder of cases (see ``cases``). No model takes part.

    python -m gadfly.evals.measuring.review_rules [--cases FOLDER] [--json]

A bug counts as found when a finding is within three lines of it (in a notebook: in its cell) and its text matches the
case's pattern. Every finding on a clean file or on a repaired twin is a false alarm.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import Any

from gadfly.evals.kit.rates import Rate, rate, sensitivity
from gadfly.evals.kit.script import plain, script
from gadfly.evals.kit.timing import took
from gadfly.evals.measuring.cases import DEFAULT, Case, Remark, read, remarks
from gadfly.evals.report.sections import columns
from gadfly.tools.review.engine import review_source
from gadfly.tools.review.reading.source import read as read_source
from gadfly.tools.review.registry import rules


@dataclass
class Outcome:
    """What was said about one case."""

    id: str
    category: str
    has_bug: bool
    found: bool = False
    near_but_other: list[str] = field(default_factory=list)  # right place, pattern not matched
    elsewhere: list[str] = field(default_factory=list)  # findings that are not the planted bug
    twin_alarms: list[str] = field(default_factory=list)
    has_twin: bool = False
    milliseconds: float = 0.0


def measure(cases: Path = DEFAULT) -> dict[str, Any]:
    """Reviews every case of a folder.

    Args:
        cases: folder with cases.jsonl

    Raises:
        GadflyError: the folder has no readable ``cases.jsonl``.
    """
    rules()  # their import is not part of the time of the first file
    outcomes = [_reviewed(case) for case in read(cases)]
    return {**score(outcomes), "by_case": [asdict(each) for each in outcomes]}


def _reviewed(case: Case) -> Outcome:
    file = case.file()
    found, taken = took(lambda: review_source(file.source))
    findings = [each for each in found if file.is_near(each.cell, each.start_line, each.end_line)]
    of_twin = remarks(review_source(read_source(case.twin))) if case.twin else []
    outcome = judged(case, remarks(findings), of_twin)
    outcome.milliseconds = 1000 * taken
    return outcome


def judged(case: Case, said: list[Remark], of_twin: list[Remark]) -> Outcome:
    """Each remark as the bug, as another one in its place, or as a false alarm."""
    done = Outcome(case.id, case.about.get("category", ""), case.has_bug)
    for each in said:
        if case.names(each):
            done.found = True
        else:
            (done.near_but_other if case.near(each) else done.elsewhere).append(str(each))
    done.has_twin, done.twin_alarms = case.twin is not None, [str(each) for each in of_twin]
    return done


def score(cases: list[Outcome]) -> dict[str, Any]:
    """The rates of reviewed cases: ``recall`` and ``precision`` over the bugs, ``f_half`` of both, the shares of clean
    files (``clean_pass``) and repaired twins (``twin_pass``) of which nothing is said, ``paired_accuracy`` where the
    bug is found and its twin left alone, and ``d_prime``: hits against alarms on files without a bug."""
    bugs = [each for each in cases if each.has_bug]
    clean = [not each.elsewhere for each in cases if not each.has_bug]
    twins = [each for each in bugs if each.has_twin]
    quiet = [not each.twin_alarms for each in twins]
    found = rate([each.found for each in bugs])
    alarms = sum(len(e.elsewhere) + len(e.near_but_other) for e in cases)
    recall = found.share or 0.0
    precision = _share(Rate(found.count, found.count + alarms), 1.0)
    weighted = 0.25 * precision + recall
    d_prime, criterion = sensitivity(found, rate([not each for each in clean + quiet]))
    times = [each.milliseconds for each in cases] or [0.0]
    missed = [f"{e.id} ({e.category}) {' '.join(e.near_but_other)}" for e in bugs if not e.found]
    alarmed = {e.id: [*e.elsewhere, *(f"twin {t}" for t in e.twin_alarms)] for e in cases}
    return {
        "cases": len(cases),
        "bugs": len(bugs),
        "found": found.count,
        "recall": recall,
        "precision": precision,
        "f_half": 1.25 * precision * recall / weighted if weighted else 0.0,
        "clean": len(clean),
        "clean_pass": _share(rate(clean), 1.0),
        "twins": len(twins),
        "twin_pass": _share(rate(quiet), 1.0),
        "paired_accuracy": _share(rate([e.found and not e.twin_alarms for e in twins]), 0.0),
        "d_prime": d_prime,
        "criterion": criterion,
        "milliseconds_mean": mean(times),
        "milliseconds_median": median(times),
        "milliseconds_worst": max(times),
        "missed": [each.strip() for each in missed],
        "false_alarms": [f"{name}: {' '.join(said)}" for name, said in alarmed.items() if said],
    }


def _share(found: Rate, of_nothing: float) -> float:
    return of_nothing if found.share is None else found.share


def table(found: dict[str, Any]) -> str:
    """The score for a reader: rates, then each case on a line."""
    numbers = {name: value for name, value in found.items() if not isinstance(value, list)}
    rows = []
    for each in [Outcome(**about) for about in found["by_case"]]:
        state = "clean" if not each.has_bug else "found" if each.found else "missed"
        twin = "" if not each.has_twin else "quiet" if not each.twin_alarms else "ALARM"
        other = " ".join([*each.near_but_other, *each.elsewhere, *each.twin_alarms])
        rows.append([each.id, each.category, state, twin, f"{each.milliseconds:.1f}", other])
    head = ["case", "category", "bug", "twin", "ms", "findings"]
    return f"{plain(numbers)}\n\n{columns(head, rows)}"


if __name__ == "__main__":
    script(measure, table)
