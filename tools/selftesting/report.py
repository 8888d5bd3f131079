"""Running the cases, and what follows from them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from gadfly.corpus.progress import running
from gadfly.errors import ToolInputError
from gadfly.tools import telling
from gadfly.tools.contract import Context, Table, Verdict
from gadfly.tools.ledger import Ledger
from gadfly.tools.model import LocalModel
from gadfly.tools.runner import execute
from gadfly.tools.selftesting.arguments import SelftestArgs, SelftestResult
from gadfly.tools.selftesting.cases import CASES, TOOLS, Case, passed
from gadfly.tools.stats import Interval, wilson

_PLANTED_RUNS = 3
_ALLOWED = 0.05
_MEANING = "share of meaningless runs called supported"


def run(args: SelftestArgs, context: Context) -> SelftestResult:
    """Noise on the given model, the planted truth on the planted one. Their runs go to a ledger of their own."""
    cases = _chosen(args.tools)
    model = context.model(args)
    values = {"runs": float(args.runs)}
    noisy: dict[str, tuple[float, Interval]] = {}
    rows: list[list[telling.Cell]] = []
    bad: list[str] = []
    total = len(cases) * (args.runs + _PLANTED_RUNS)
    with running(context.progress, "Self-test", total), tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "ledger.sqlite")
        for case in cases:
            found = _count(case, None, args, ledger, context, Path(folder))
            values[f"{case.tool}_recovered"] = found / _PLANTED_RUNS
            said, interval, rate = "its input is the model", "", None
            if case.noise is not None:
                wrong = _count(case, model, args, ledger, context, Path(folder))
                rate = wilson(wrong, args.runs)
                noisy[case.tool] = wrong / args.runs, rate
                values |= {
                    f"{case.tool}_false_positives": wrong / args.runs,
                    f"{case.tool}_false_positives_low": rate.low,
                    f"{case.tool}_false_positives_high": rate.high,
                }
                said, (interval,) = f"{wrong} of {args.runs}", telling.ends([rate], ".3f")
            rows.append([case.tool, said, interval, f"{found} of {_PLANTED_RUNS}", case.truth])
            if found < _PLANTED_RUNS or (rate is not None and rate.low > _ALLOWED):
                bad.append(case.tool)
    share = sum(one for one, _ in noisy.values()) / max(1, len(noisy))
    names = {f"{tool}_noise": each for tool, each in noisy.items()}
    return SelftestResult(
        headline=(
            f"On noise in {model.name} the tools said 'supported' in {share:.1%} of {args.runs * len(noisy)} runs; "
            f"{len(cases) - len(bad)} of {len(cases)} tools passed."
        ),
        verdict=Verdict.SUPPORTED if not bad else Verdict.NOT_SUPPORTED,
        why=(
            "no tool claims noise beyond one run in twenty, and each finds what was planted"
            if not bad
            else f"not to be trusted here: {', '.join(bad)}"
        ),
        values=values,
        controls=telling.controls(dict.fromkeys(names, _MEANING), **names),
        table=Table(
            columns=["tool", "supported on noise", "interval", "planted found", "what was planted"],
            rows=rows,
            total=len(rows),
        ),
    )


def _chosen(names: list[str] | None) -> list[Case]:
    known = {case.tool: case for case in CASES}
    for name in names or []:
        if name not in known:
            raise ToolInputError(f"no self-test for {name!r}; there are: {', '.join(known)}")
    return [known[name] for name in names or known]


def _count(
    case: Case,
    model: LocalModel | None,
    args: SelftestArgs,
    ledger: Ledger,
    context: Context,
    scratch: Path,
) -> int:
    """In how many runs the planted truth is found; with a model, in how many its noise is called supported."""
    place = {"model": "planted", "device": "cpu"}
    if model is not None:
        place = {"model": args.model, "device": args.device, "dtype": args.dtype}
    count = 0
    for seed in range(args.seed, args.seed + (_PLANTED_RUNS if model is None else args.runs)):
        made = case.planted(seed, scratch)
        if model is not None and case.noise is not None:
            made = case.noise(model, seed, scratch)
        result = execute(TOOLS[case.tool], {**made, **place, "seed": seed}, ledger=ledger)
        count += passed(case, result) if model is None else result.verdict is Verdict.SUPPORTED
        context.progress.advance()
    return count
