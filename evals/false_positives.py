"""How often a tool says ``supported`` on noise, and how often on effects of graded size: a curve for each tool.

    python -m gadfly.evals.false_positives [--model demo] [--seeds 40] [--tools probe,patch] [--json] [--no-write]

*Noise*: input without a meaning on the given model (random words of its own vocabulary, random labels, random answers),
one run for each seed, as the self-test makes it. *Power*: the planted model, whose mechanism is known, and the
self-test's planted input with a part of it made meaningless: at share 0.3, three examples in ten carry the effect and
seven have labels or answers drawn at random. At 0 there is nothing to find; at 1 everything carries it. ``found``
counts the runs that say ``supported`` and name the right place. Intervals are Wilson's, 95 %.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from gadfly.errors import UsageError
from gadfly.evals.place import own_home, told, write
from gadfly.evals.rates import Rate
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
    assert case.noise is not None
    began = time.perf_counter()
    said = []
    for seed in range(seeds):
        arguments = {
            **case.noise(loaded, seed, scratch),
            "model": model,
            "device": device,
            "seed": seed,
        }
        said.append(_run(case, arguments, scratch).verdict)
    seconds = (time.perf_counter() - began) / max(1, seeds)
    found = Rate(sum(each is Verdict.SUPPORTED for each in said), seeds)
    return {
        **found.as_json(),
        "inconclusive": sum(each is Verdict.INCONCLUSIVE for each in said),
        "seconds_per_run": round(seconds, 3),
    }


def power(case: Case, seeds: int, scratch: Path) -> list[dict[str, Any]]:
    """For each share of meaningful examples: how often supported, and how often in the right place."""
    curve = []
    for share in SHARES:
        said, found = 0, 0
        for seed in range(seeds):
            made = weakened(case.planted(seed, scratch), share, seed)
            if made is None:
                return []
            result = _run(
                case, {**made, "model": "planted", "device": "cpu", "seed": seed}, scratch
            )
            said += result.verdict is Verdict.SUPPORTED
            found += passed(case, result)
        curve.append({
            "share": share, "supported": Rate(said, seeds).as_json(), "found": Rate(found, seeds).as_json(),
        })  # fmt: skip
    return curve


def _run(case: Case, arguments: dict[str, Any], scratch: Path) -> Any:
    return execute(by_name(case.tool), arguments, ledger=Ledger(scratch / "ledger.sqlite"))


def chosen(names: str | None) -> list[Case]:
    """The cases of these tools.

    Raises:
        UsageError: a tool without a case is named.
    """
    known = {case.tool: case for case in CASES}
    wanted = names.split(",") if names else list(known)
    for name in wanted:
        if name not in known:
            raise UsageError(f"no case for {name!r}; there are: {', '.join(known)}")
    return [known[name] for name in wanted]


def measure(
    tools: str | None = None,
    *,
    model: str = "demo",
    device: str = "cpu",
    seeds: int = 40,
    power_seeds: int = 10,
) -> dict[str, Any]:
    """Both measurements for each tool that has a case."""
    found: dict[str, Any] = {
        "model": model,
        "seeds": seeds,
        "power_seeds": power_seeds,
        "tools": {},
    }
    with own_home(), tempfile.TemporaryDirectory() as folder:
        for case in chosen(tools):
            row: dict[str, Any] = {"truth": case.truth, "noise": None}
            if case.noise is not None and seeds:
                row["noise"] = noise(case, model, device, seeds, Path(folder))
            row["power"] = power(case, power_seeds, Path(folder)) if power_seeds else []
            found["tools"][case.tool] = row
            print(f"{case.tool}: done", file=sys.stderr)
    measured = [row["noise"] for row in found["tools"].values() if row["noise"]]
    total = Rate(sum(row["count"] for row in measured), sum(row["of"] for row in measured))
    found["all"] = total.as_json()
    return found


def table(found: dict[str, Any]) -> str:
    """The measurements as text."""
    lines = [
        f"'supported' on noise in {found['model']}, {found['seeds']} seeds; found of what is planted, by share"
    ]
    lines.append(
        f"{'tool':11} {'noise':>9}  95 % interval   "
        + "".join(f"{share:>6.0%}" for share in SHARES)
    )
    for name, row in found["tools"].items():
        rate = row["noise"]
        said = (
            f"{rate['count']:3} of {rate['of']:3}  {rate['interval'][0]:.3f} … {rate['interval'][1]:.3f}"
            if rate else f"{'none':>10}  {'':13}"
        )  # fmt: skip
        shares = "".join(f"{point['found']['share']:6.2f}" for point in row["power"])
        lines.append(f"{name:11} {said}   {shares or '     (has no graded form)'}")
    low, high = found["all"]["interval"]
    lines.append(
        f"{'all':11} {found['all']['count']:3} of {found['all']['of']:3}  {low:.3f} … {high:.3f}"
    )
    return "\n".join(lines)


def main() -> int:
    """The command line of the module docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", default="demo", help="for noise: as for gadfly patch")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seeds", type=int, default=40, help="runs on noise of each tool")
    parser.add_argument("--power-seeds", type=int, default=10, help="runs at each share")
    parser.add_argument("--tools", help="only these, separated by commas")
    parser.add_argument("--no-write", action="store_true", help="leave evals/results as it is")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = measure(
        args.tools, model=args.model, device=args.device, seeds=args.seeds, power_seeds=args.power_seeds
    )  # fmt: skip
    if not args.no_write and not args.tools:
        print(f"written to {write('false_positives', found, device=args.device)}", file=sys.stderr)
    print(json.dumps(found, indent=1) if args.json else table(found))
    worst = [row["noise"]["interval"][0] for row in found["tools"].values() if row["noise"]]
    return int(any(low > _ALLOWED for low in worst))


if __name__ == "__main__":
    sys.exit(told(main))
