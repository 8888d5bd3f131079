"""The review's rules beside ruff, on the same cases: who sees the bug, and who speaks where there is none.

    python -m gadfly.evals.bench.ruff [--cases FOLDER] [--json]

Cases are the packaged ones and, where it is there, a folder (``measuring.cases``). ruff runs with its default rules and
with all of them, without any configuration. It was not made for these bugs, and all of its rules are not meant to be
quiet, so a bug is counted in three ways, and what was counted is shown:

- ``named``    within three lines of the bug, and the words match the case's pattern: what ``review_rules`` asks of us.
               One common word can be enough: "missing return type" where a ``return`` is missing
- ``gone``     on the bug's lines, from a rule that speaks less often of the repaired file: it reacts to the bug, in
               whatever words
- ``touched``  on the bug's lines, whatever it says; a line too long counts

``quiet`` are the files without the bug (repaired or clean ones) of which nothing is said. Of a diff only its hunks
count, for all. The packaged cases are excerpts, of which nobody expects that they define their names: there F821 of
ruff is left out. Our rules were written with cases of these kinds in view, so what they find here is no estimate of
what they find elsewhere.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gadfly.errors import GadflyError, MissingExtraError
from gadfly.evals.kit.script import script
from gadfly.evals.kit.timing import took
from gadfly.evals.measuring.cases import DEFAULT, Case, Remark, packaged, read, remarks
from gadfly.evals.report.sections import columns
from gadfly.tools.review.engine import review_source
from gadfly.tools.review.reading.source import read as read_source
from gadfly.tools.review.registry import rules


@dataclass
class Score:
    """Counts of one tool. ``others``: files without the bug; ``seconds``: for all cases, without their twins."""

    tool: str
    bugs: int
    named: int
    gone: int
    touched: int
    others: int
    quiet: int
    remarks: int
    seconds: float
    by_case: dict[str, dict[str, list[str]]]
    """For each bug of which it said something: the rules that named, reacted, touched."""


Tool = Callable[[Sequence[Path]], dict[Path, list[Remark]]]


def gadfly(paths: Sequence[Path]) -> dict[Path, list[Remark]]:
    """The review's deterministic rules."""
    return {path: remarks(review_source(read_source(path))) for path in paths}


def ruff(paths: Sequence[Path], *, everything: bool) -> dict[Path, list[Remark]]:
    """ruff in one process, with its default rules or all of them.

    Raises:
        MissingExtraError: ruff is not installed.
        GadflyError: it failed.
    """
    if find_spec("ruff") is None:
        raise MissingExtraError("a comparison with ruff", "dev")
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--exit-zero"]
    command += ["--quiet", "--output-format", "json", *(["--select", "ALL"] if everything else [])]
    done = subprocess.run([*command, "--", *map(str, paths)], capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise GadflyError(f"ruff failed: {said[-1]}")
    found: dict[Path, list[Remark]] = {path: [] for path in paths}
    by_name = {str(path.resolve()): path for path in paths}
    for each in json.loads(done.stdout):
        first, last = each["location"]["row"], each["end_location"]["row"]
        text, cell = f"{each['message']} {each['code']}", each["cell"] and each["cell"] - 1
        remark = Remark(each["code"] or "syntax", first, last, text, cell)
        found[by_name[str(Path(each["filename"]).resolve())]].append(remark)
    return found


TOOLS: dict[str, Tool] = {
    "gadfly": gadfly,
    "ruff": partial(ruff, everything=False),
    "ruff, all rules": partial(ruff, everything=True),
}


def measure(cases: Path = DEFAULT) -> dict[str, Any]:
    """The counts of every tool on the packaged cases and, where it is there, on a folder.

    Args:
        cases: folder with cases.jsonl
    """
    with packaged() as folder:
        found = {"packaged": compare(folder, excerpts=True)}
    if cases.is_dir() or cases != DEFAULT:
        found[cases.name] = compare(cases)
    else:
        print(f"{cases} is not here: packaged cases only", file=sys.stderr)
    return {name: [asdict(each) for each in scores] for name, scores in found.items()}


def compare(folder: Path, *, excerpts: bool = False) -> list[Score]:
    """Every tool over a folder of cases.

    Args:
        excerpts: the cases need not define the names that they use.

    Raises:
        GadflyError: the folder holds no cases, or ruff is missing or failed.
    """
    cases = read(folder)
    rules()  # their import is not part of the time of the first file
    ignored = {"F821"} if excerpts else set()
    return [score(name, tool, cases, ignored) for name, tool in TOOLS.items()]


def score(name: str, tool: Tool, cases: Sequence[Case], ignored: Set[str] = frozenset()) -> Score:
    """What a tool says of the cases, counted."""

    def heard(paths: Sequence[Path]) -> dict[Path, list[Remark]]:
        return {
            path: [each for each in said if each.rule not in ignored]
            for path, said in tool(paths).items()
        }

    said, taken = took(lambda: heard([case.path for case in cases]))
    twins = heard([case.twin for case in cases if case.twin])
    for case in cases:
        said[case.path] = case.within(said[case.path])
    by_case = {
        case.id: _heard_of(case, said[case.path], twins[case.twin] if case.twin else [])
        for case in cases
        if case.has_bug
    }
    others = [*(said[case.path] for case in cases if not case.has_bug), *twins.values()]
    return Score(
        tool=name,
        bugs=len(by_case),
        named=sum(bool(each["named"]) for each in by_case.values()),
        gone=sum(bool(each["gone"]) for each in by_case.values()),
        touched=sum(bool(each["touched"]) for each in by_case.values()),
        others=len(others),
        quiet=sum(not each for each in others),
        remarks=sum(len(said[case.path]) for case in cases),
        seconds=taken,
        by_case={bug: each for bug, each in by_case.items() if any(each.values())},
    )


def _heard_of(case: Case, said: list[Remark], of_twin: list[Remark]) -> dict[str, list[str]]:
    fewer = Counter(each.rule for each in said) - Counter(each.rule for each in of_twin)
    touching = {each.rule for each in said if case.near(each, 0)}
    named = {each.rule for each in said if case.names(each)}
    gone = touching & fewer.keys() if case.twin else set()
    return {"named": sorted(named), "gone": sorted(gone), "touched": sorted(touching)}


def table(found: dict[str, Any]) -> str:
    """For each folder one line for each tool, then what was counted."""
    return "\n".join(
        f"{name}\n{shown([Score(**each) for each in scores])}\n" for name, scores in found.items()
    )


def shown(found: list[Score]) -> str:
    """One line for each tool, then what was counted."""
    head = ["", "bugs", "named", "gone", "touched", "quiet", "remarks", "ms"]
    rows, lines = [], []
    for s in found:
        counts = s.bugs, s.named, s.gone, s.touched, f"{s.quiet} of {s.others}", s.remarks
        rows.append([s.tool, *counts, f"{1000 * s.seconds:.0f}"])
        for bug, heard in s.by_case.items():
            what = "; ".join(f"{how} {' '.join(codes)}" for how, codes in heard.items() if codes)
            lines.append(f"  {s.tool}, {bug}: {what}")
    return "\n".join([columns(head, rows), *lines])


if __name__ == "__main__":
    script(measure, table)
