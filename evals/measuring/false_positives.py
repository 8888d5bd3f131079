"""How often a tool says ``supported`` on noise, and how often on effects of graded size: a curve for each tool.

    python -m gadfly.evals.measuring.false_positives [--model demo] [--seeds 40] [--tools probe,patch] [--json]

*Noise*: input without a meaning on the given model (random words of its own vocabulary, random labels, random answers),
one run for each seed, as the self-test makes it. *Power*: the planted model, whose mechanism is known, and the
self-test's planted input with a part of it made meaningless: at share 0.3, three examples in ten carry the effect and
seven have labels or answers drawn at random. At 0 there is nothing to find; at 1 everything carries it. ``found``
counts the runs that say ``supported`` and name the right place. Intervals are Wilson's, 95 %.
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
from gadfly.evals.report.sections import text
from gadfly.tools import planted
from gadfly.tools.contract import Verdict
from gadfly.tools.ledger import Ledger
from gadfly.tools.registry import by_name
from gadfly.tools.runner import execute
from gadfly.tools.selftesting.cases import CASES, Case, passed

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)
_ALLOWED = 0.05


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


def noise(case: Case, model: str, device: str, seeds: int, scratch: Path) -> dict[str, Any]:
    """The rate of ``supported`` on input that means nothing."""
    from gadfly.tools.model import load

    loaded = load(model, device=device)
    made = case.noise
    assert made is not None

    def said(seed: int) -> Any:
        given = {"model": model, "device": device, "seed": seed}
        return _run(case, {**made(loaded, seed, scratch), **given}, scratch).verdict

    found, taken = took(lambda: [said(seed) for seed in range(seeds)])
    return {
        **rate([each is Verdict.SUPPORTED for each in found]).as_json(),
        "inconclusive": sum(each is Verdict.INCONCLUSIVE for each in found),
        "seconds_per_run": round(taken / max(1, seeds), 3),
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
    power_seeds: int = 10,
) -> dict[str, Any]:
    """Both measurements for each tool that has a case.

    Args:
        tools: only these
        model: for noise: as for gadfly patch
        seeds: runs on noise of each tool
        power_seeds: runs at each share
    """
    rows: dict[str, Any] = {}
    with own_home(), tempfile.TemporaryDirectory() as folder:
        for case in chosen(tools):
            noisy = seeds and case.noise is not None
            rows[case.tool] = {
                "truth": case.truth,
                "noise": noise(case, model, device, seeds, Path(folder)) if noisy else None,
                "power": power(case, power_seeds, Path(folder)) if power_seeds else [],
            }
            print(f"{case.tool}: done", file=sys.stderr)
    measured = [row["noise"] for row in rows.values() if row["noise"]]
    total = Rate(sum(row["count"] for row in measured), sum(row["of"] for row in measured))
    counts = {"model": model, "seeds": seeds, "power_seeds": power_seeds}
    return {**counts, "tools": rows, "all": total.as_json()}


def too_often(found: dict[str, Any]) -> bool:
    """Whether some tool's rate on noise is surely above what is allowed."""
    noisy = [row["noise"] for row in found["tools"].values() if row["noise"]]
    return any(each["interval"][0] > _ALLOWED for each in noisy)


if __name__ == "__main__":
    show = partial(text, "false_positives")
    script(measure, show, result="false_positives", parts=["tools"], failed=too_often)
