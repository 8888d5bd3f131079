"""The review's rules beside ruff, on the same cases: who sees the bug, and who speaks where there is none.

    python -m gadfly.evals.ruff_rules [--cases FOLDER] [--json]

Cases are the packaged ones and, where it is there, the folder of ``review_rules``. ruff runs with its default rules and
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

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from gadfly.errors import GadflyError, MissingExtraError
from gadfly.evals.place import rows, told
from gadfly.evals.review_rules import _NEAR, DEFAULT, _changed, _read
from gadfly.tools.review.engine import review_source
from gadfly.tools.review.reading import source as reading
from gadfly.tools.review.registry import rules


class Remark(NamedTuple):
    """What a tool says of a file, in the file's or the cell's lines."""

    rule: str
    first: int
    last: int
    text: str
    cell: int | None = None


class Case(NamedTuple):
    """``about`` is the case's line in ``cases.jsonl``; ``twin`` the repaired file of a bug."""

    about: dict[str, Any]
    path: Path
    twin: Path | None
    changed: set[int] | None


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
    return {
        path: [
            Remark(f.rule, f.start_line, f.end_line, f"{f.message} {f.rule}", f.cell)
            for f in review_source(reading.read(path))
        ]
        for path in paths
    }


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
        found[by_name[str(Path(each["filename"]).resolve())]].append(
            Remark(
                each["code"] or "syntax", each["location"]["row"], each["end_location"]["row"],
                f"{each['message']} {each['code']}", each["cell"] and each["cell"] - 1,
            )
        )  # fmt: skip
    return found


TOOLS: dict[str, Tool] = {
    "gadfly": gadfly,
    "ruff": partial(ruff, everything=False),
    "ruff, all rules": partial(ruff, everything=True),
}


def compare(folder: Path, *, excerpts: bool = False) -> list[Score]:
    """Every tool over a folder of cases.

    Args:
        excerpts: the cases need not define the names that they use.

    Raises:
        GadflyError: the folder holds no cases, or ruff is missing or failed.
    """
    cases = [_case(folder, about) for about in _read(folder)]
    rules()  # their import is not part of the time of the first file
    ignored = {"F821"} if excerpts else set()
    return [score(name, tool, cases, ignored) for name, tool in TOOLS.items()]


@contextmanager
def packaged() -> Iterator[Path]:
    """The packaged cases as a folder, for as long as it is needed."""
    by_id = {row["id"]: row for row in rows("review")}
    with tempfile.TemporaryDirectory() as name:
        folder, lines = Path(name), []
        for row in by_id.values():
            if not row["bug"]:
                continue
            file = f"{row['id']}/case.py"
            for part, code in (
                ("cases", row["code"]),
                ("fixed", by_id[f"{row['id']}-fixed"]["code"]),
            ):
                (folder / part / row["id"]).mkdir(parents=True)
                (folder / part / file).write_text(code, encoding="utf-8")
            lines.append(
                {
                    "id": row["id"], "file": file, "has_bug": True, "bug_lines": [row["line"], row["line"]],
                    "match_regex": row["match"],
                }
            )  # fmt: skip
        (folder / "cases.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
        yield folder


def _case(folder: Path, about: dict[str, Any]) -> Case:
    path = folder / "cases" / about["file"]
    twin = folder / "fixed" / about["id"] / path.name
    there = about["has_bug"] and twin.is_file()
    return Case(about, path, twin if there else None, _changed(folder, about))


def score(name: str, tool: Tool, cases: Sequence[Case], ignored: Set[str] = frozenset()) -> Score:
    """What a tool says of the cases, counted."""

    def heard(paths: Sequence[Path]) -> dict[Path, list[Remark]]:
        return {
            path: [each for each in said if each.rule not in ignored]
            for path, said in tool(paths).items()
        }

    began = time.perf_counter()
    said = heard([case.path for case in cases])
    seconds = time.perf_counter() - began
    twins = heard([case.twin for case in cases if case.twin])
    for case in cases:
        said[case.path] = _within(said[case.path], case.changed)
    bugs = [case for case in cases if case.about["has_bug"]]
    by_case = {
        case.about["id"]: _heard_of(case, said[case.path], twins[case.twin] if case.twin else [])
        for case in bugs
    }
    others = [*(said[case.path] for case in cases if case not in bugs), *twins.values()]
    return Score(
        tool=name,
        bugs=len(bugs),
        named=sum(bool(each["named"]) for each in by_case.values()),
        gone=sum(bool(each["gone"]) for each in by_case.values()),
        touched=sum(bool(each["touched"]) for each in by_case.values()),
        others=len(others),
        quiet=sum(not each for each in others),
        remarks=sum(len(said[case.path]) for case in cases),
        seconds=seconds,
        by_case={bug: each for bug, each in by_case.items() if any(each.values())},
    )


def _heard_of(case: Case, said: list[Remark], of_twin: list[Remark]) -> dict[str, list[str]]:
    pattern = re.compile(case.about["match_regex"], re.IGNORECASE)
    fewer = Counter(each.rule for each in said) - Counter(each.rule for each in of_twin)
    touching = {each.rule for each in said if _at(each, case, 0)}
    named = {each.rule for each in said if _at(each, case, _NEAR) and pattern.search(each.text)}
    gone = touching & fewer.keys() if case.twin else set()
    return {"named": sorted(named), "gone": sorted(gone), "touched": sorted(touching)}


def _within(remarks: list[Remark], changed: set[int] | None) -> list[Remark]:
    if changed is None:
        return remarks
    return [each for each in remarks if changed & set(range(each.first, each.last + 1))]


def _at(remark: Remark, case: Case, slack: int) -> bool:
    first, last = case.about["bug_lines"]
    cell = case.about.get("bug_cell", case.about.get("cell"))
    if cell is not None and remark.cell is not None and remark.cell != cell:
        return False
    return bool(remark.first <= last + slack and remark.last >= first - slack)


def table(found: list[Score]) -> str:
    """One line for each tool, then what was counted."""
    lines = [
        f"{'':16} {'bugs':>5} {'named':>6} {'gone':>5} {'touched':>8}  {'quiet':>9} {'remarks':>8} {'ms':>6}"
    ]
    lines += [
        f"{s.tool:16} {s.bugs:5} {s.named:6} {s.gone:5} {s.touched:8}  {f'{s.quiet} of {s.others}':>9} "
        f"{s.remarks:8} {1000 * s.seconds:6.0f}"
        for s in found
    ]
    for s in found:
        for bug, heard in s.by_case.items():
            what = "; ".join(f"{how} {' '.join(codes)}" for how, codes in heard.items() if codes)
            lines.append(f"  {s.tool}, {bug}: {what}")
    return "\n".join(lines)


def main() -> int:
    """The command line of the module docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cases", type=Path, default=DEFAULT, help="folder with cases.jsonl")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with packaged() as folder:
        found = {"packaged": compare(folder, excerpts=True)}
    if args.cases.is_dir() or args.cases != DEFAULT:
        found[args.cases.name] = compare(args.cases)
    else:
        print(f"{args.cases} is not here: packaged cases only", file=sys.stderr)
    if args.json:
        print(json.dumps({name: [asdict(s) for s in scores] for name, scores in found.items()}))
        return 0
    for name, scores in found.items():
        print(f"{name}\n{table(scores)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(told(main))
