"""How often a tool says ``supported`` on noise, and how often on effects of graded size: a curve for each tool.

    python -m gadfly.evals.measuring.false_positives [--model demo] [--seeds 40] [--first-seed 0] [--resume]

*Noise*: input without a meaning on the given model, of the kinds that the self-test makes (random words, real prompts
with exchanged answers, effects that are elsewhere), one run for each seed. Each finished run is kept in a file of the
data folder; ``--resume`` goes on where a stop left off, as long as model and code are the same. *Power*: the
hand-written model, whose mechanism is known, and its input with a part of it made meaningless: at share 0.3, three
examples in ten carry the effect and seven have labels or answers drawn at random. At 0 there is nothing to find; at 1
everything carries it. ``found`` counts the runs that say ``supported`` and name the right place. Intervals are
Wilson's, 95 %.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gadfly.evals.kit.place import own_home
from gadfly.evals.kit.rates import Rate, rate
from gadfly.evals.kit.script import known, script
from gadfly.evals.kit.timing import took
from gadfly.evals.measuring.kept import Kept, code_of, of_model
from gadfly.evals.report.sections import text
from gadfly.tools import planted
from gadfly.tools.contract import Verdict
from gadfly.tools.ledger import Ledger
from gadfly.tools.registry import by_name
from gadfly.tools.runner import execute
from gadfly.tools.selftesting.arguments import SelftestArgs
from gadfly.tools.selftesting.cases import CASES, TOOLS, Case, passed
from gadfly.tools.selftesting.report import Bench
from gadfly.tools.selftesting.verdict import ALLOWED

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)


def weakened(arguments: dict[str, Any], share: float, seed: int) -> dict[str, Any] | None:
    """The planted input with only ``share`` of it left meaningful, or None if its kind has no such form."""
    rng = np.random.default_rng(seed + 77_000)

    def lost() -> bool:
        return bool(rng.random() >= share)

    def redrawn(item: dict[str, Any]) -> dict[str, Any]:
        one, other = (f"a{i}" for i in rng.choice(planted.WORDS, 2, replace=False))
        return {**item, "answer": one, **({"wrong": other} if "wrong" in item else {})}

    out = dict(arguments)
    if "positive" in out:  # a pair that is lost falls to either side
        pairs = [
            (two, one) if lost() and rng.integers(2) else (one, two)
            for one, two in zip(out["positive"], out["negative"], strict=True)
        ]
        out["positive"], out["negative"] = [one for one, _ in pairs], [two for _, two in pairs]
        return out
    if "texts" in out and isinstance(out["texts"][0], dict):
        labels = sorted({item["label"] for item in out["texts"]})
        out["texts"] = [
            {**item, "label": labels[int(rng.integers(2))]} if lost() else item
            for item in out["texts"]
        ]
        return out
    for name in ("pairs", "prompts"):
        if name in out:
            out[name] = [redrawn(item) if lost() else item for item in out[name]]
            return out
    return None


def nulls(
    cases: Sequence[Case], bench: Bench, seeds: Sequence[int], kept: Kept, resume: bool
) -> dict[str, list[dict[str, Any]]]:
    """Each tool's runs on input that means nothing. Seed by seed, so that a stop leaves as many of each tool."""
    keys = {
        each.tool: (of_model(bench.model.fingerprint), each.tool, code_of(TOOLS[each.tool]))
        for each in cases
    }
    runs: dict[str, list[dict[str, Any]]] = {each.tool: [] for each in cases}
    for seed in seeds:
        for tool, key in keys.items():
            run = kept.find(*key, seed) if resume else None
            if run is None:
                (kind, verdict), taken = took(partial(bench.null, tool, seed))
                told = {"kind": kind, "verdict": str(verdict), "seconds": round(taken, 3)}
                run = kept.add(*key, seed, tool=tool, seed=seed, model=bench.model.name, **told)
                print(f"{tool}, seed {seed}: {verdict} ({kind})", file=sys.stderr)
            runs[tool].append(run)
    return runs


def noise(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The rate of ``supported`` of one tool's runs, over all kinds of noise and by kind."""
    by_kind: dict[str, list[bool]] = {}
    for run in runs:
        by_kind.setdefault(run["kind"], []).append(run["verdict"] == Verdict.SUPPORTED)
    return {
        **rate([each for some in by_kind.values() for each in some]).as_json(),
        "inconclusive": sum(run["verdict"] == Verdict.INCONCLUSIVE for run in runs),
        "kinds": {kind: rate(some).as_json() for kind, some in by_kind.items()},
        "seconds_per_run": round(sum(run["seconds"] for run in runs) / len(runs), 3),
    }


def power(case: Case, seeds: int, scratch: Path) -> list[dict[str, Any]]:
    """For each share of meaningful examples: how often supported, and how often in the right place."""
    curve = []
    for share in SHARES:
        results = []
        for seed in range(seeds):
            made = weakened(case.planted(seed, scratch), share, seed)
            if made is None:
                return []
            given = {"model": "planted", "device": "cpu", "seed": seed}
            results.append(_run(case, {**made, **given}, scratch))
        said = rate([each.verdict is Verdict.SUPPORTED for each in results])
        found = rate([passed(case, each) for each in results])
        curve.append({"share": share, "supported": said.as_json(), "found": found.as_json()})
    return curve


def _run(case: Case, arguments: dict[str, Any], scratch: Path) -> Any:
    return execute(by_name(case.tool), arguments, ledger=Ledger(scratch / "ledger.sqlite"))


def chosen(names: Sequence[str]) -> list[Case]:
    """The cases of these tools; all of them where none is named.

    Raises:
        UsageError: a tool without a case is named.
    """
    cases = {case.tool: case for case in CASES}
    return [cases[name] for name in known(names, cases, "case for")]


def measure(
    tools: tuple[str, ...] = (),
    model: str = "demo",
    device: str = "cpu",
    seeds: int = 40,
    first_seed: int = 0,
    power_seeds: int = 10,
    resume: bool = False,
) -> dict[str, Any]:
    """Both measurements for each tool that has a case.

    Args:
        tools: only these
        model: for noise: as for gadfly patch
        seeds: runs on noise of each tool
        first_seed: that of the first of them; others than those that a tool was built on
        power_seeds: runs at each share
        resume: take what an earlier run on this model with this code has finished
    """
    from gadfly.tools.model import load

    rows: dict[str, Any] = {}
    cases = chosen(tools)
    with own_home() as home, tempfile.TemporaryDirectory() as folder:
        kept = Kept(home / "false_positives.jsonl")
        args = SelftestArgs(model=model, device=device)
        bench = Bench(load(model, device=device), args, Path(folder))
        runs = nulls(cases, bench, range(first_seed, first_seed + seeds), kept, resume)
        for case in cases:
            rows[case.tool] = {
                "truth": case.truth,
                "noise": noise(runs[case.tool]) if seeds else None,
                "power": power(case, power_seeds, Path(folder)) if power_seeds else [],
            }
            print(f"{case.tool}: done", file=sys.stderr)
    measured = [row["noise"] for row in rows.values() if row["noise"]]
    total = Rate(sum(row["count"] for row in measured), sum(row["of"] for row in measured))
    return {
        "model": bench.model.name,
        "seeds": seeds,
        "first_seed": first_seed,
        "power_seeds": power_seeds,
        "tools": rows,
        "all": total.as_json(),
    }


def too_often(found: dict[str, Any]) -> bool:
    """Whether some tool's rate on noise is surely above what is allowed."""
    noisy = [row["noise"] for row in found["tools"].values() if row["noise"]]
    return any(each["interval"][0] > ALLOWED for each in noisy)


def result(given: dict[str, Any]) -> str:
    """The result file: real weights have their own, beside the demo model's."""
    return "false_positives" if given["model"] == "demo" else "false_positives_real"


if __name__ == "__main__":
    show = partial(text, "false_positives")
    script(measure, show, result=result, parts=["tools"], failed=too_often)
