"""Running the trials, and what follows from them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from gadfly.corpus.progress import running
from gadfly.errors import ToolInputError
from gadfly.tools import figures, telling
from gadfly.tools.contract import Context, Result, Table, Verdict
from gadfly.tools.ledger import Ledger
from gadfly.tools.model import LocalModel
from gadfly.tools.runner import execute
from gadfly.tools.selftesting.arguments import SelftestArgs, SelftestResult
from gadfly.tools.selftesting.cases import CASES, TOOLS, Case, passed
from gadfly.tools.selftesting.nulls import null
from gadfly.tools.selftesting.planting import planting
from gadfly.tools.selftesting.plants import PLANTS, Trial
from gadfly.tools.selftesting.verdict import Tally, judge, pooled

_PLANTED_RUNS = 3
_MEANING = "share of meaningless runs called supported"


def run(args: SelftestArgs, context: Context) -> SelftestResult:
    """Nulls and plants in the given model. Their runs go to a ledger of their own."""
    cases = _chosen(args.tools)
    model = context.model(args)
    total = len(cases) * (args.runs + 2 * _PLANTED_RUNS)
    with running(context.progress, "Self-test", total), tempfile.TemporaryDirectory() as folder:
        bench = Bench(model, args, Path(folder), context)
        tallies = [bench.tally(case) for case in cases]
    verdict, why = judge(tallies)
    rate = pooled(tallies)
    wrong, nulls = sum(each.wrong for each in tallies), sum(each.nulls for each in tallies)
    values = {"runs": float(args.runs), "false_positives": wrong / nulls}
    values |= {"false_positives_low": rate.low, "false_positives_high": rate.high}
    for each in tallies:
        values |= {
            f"{each.tool}_false_positives": each.wrong / each.nulls,
            f"{each.tool}_false_positives_low": each.rate.low,
            f"{each.tool}_false_positives_high": each.rate.high,
            f"{each.tool}_recovered": each.found / each.planted,
        }
    names = {f"{each.tool}_noise": (each.wrong / each.nulls, each.rate) for each in tallies}
    whole = sum(each.found == each.planted for each in tallies)
    return SelftestResult(
        headline=(
            f"On noise in {model.name} the tools said 'supported' in {wrong} of {nulls} runs "
            f"({rate.low:.1%} to {rate.high:.1%}, pooled); {whole} of {len(tallies)} tools found what was planted "
            "in it."
        ),
        verdict=verdict,
        why=why,
        values=values,
        controls=telling.controls(dict.fromkeys(names, _MEANING), **names),
        table=Table(
            columns=[
                "tool",
                "supported on noise",
                "interval",
                "planted found",
                "claimed with nothing planted",
                "what was planted",
            ],
            rows=[_row(each, case, model) for each, case in zip(tallies, cases, strict=True)],
            total=len(tallies),
        ),
    )


def _row(each: Tally, case: Case, model: LocalModel) -> list[telling.Cell]:
    (interval,) = telling.ends([each.rate], ".3f")
    truth = case.truth if model.name == "planted" else PLANTS[case.tool][1]
    control = f"{each.claimed} of {each.controls}" if each.controls else ""
    noise, found = f"{each.wrong} of {each.nulls}", f"{each.found} of {each.planted}"
    return [each.tool, noise, interval, found, control, truth]


def _chosen(names: list[str] | None) -> list[Case]:
    known = {case.tool: case for case in CASES}
    for name in names or []:
        if name not in known:
            raise ToolInputError(f"no self-test for {name!r}; there are: {', '.join(known)}")
    return [known[name] for name in names or known]


class Bench:
    """Where the trials of one model run: their runs are not the user's."""

    def __init__(
        self, model: LocalModel, args: SelftestArgs, scratch: Path, context: Context | None = None
    ) -> None:
        self.model, self.args, self.scratch, self.context = model, args, scratch, context
        self.ledger = Ledger(scratch / "ledger.sqlite")

    def tally(self, case: Case) -> Tally:
        """All runs of one tool."""
        seeds = range(self.args.seed, self.args.seed + self.args.runs)
        nulls = [self.null(case.tool, seed)[1] is Verdict.SUPPORTED for seed in seeds]
        found = list(self.planted(case))
        claimed: list[bool] = []
        if self.model.name != "planted":  # its truth is in its weights and cannot be taken away
            claimed = [self._finds(case.tool, seed, 0.0) for seed in self._plant_seeds]
        return Tally(
            case.tool, sum(nulls), len(nulls), sum(found), len(found), sum(claimed), len(claimed)
        )

    def null(self, tool: str, seed: int) -> tuple[str, Verdict]:
        """The kind of a seed's null and what the tool said. Input that it refuses counts as inconclusive."""
        kind, trial = null(self.model, tool, seed, self.scratch)
        result = self._run(tool, trial, seed)
        return kind, Verdict.INCONCLUSIVE if result is None else result.verdict

    def planted(self, case: Case) -> Iterator[bool]:
        """Whether the truth is found, for a few seeds."""
        for seed in self._plant_seeds:
            if self.model.name == "planted":
                result = self._run(case.tool, Trial(case.planted(seed, self.scratch)), seed)
                yield result is not None and passed(case, result)
            else:
                yield self._finds(case.tool, seed, 1.0)

    @property
    def _plant_seeds(self) -> range:
        return range(self.args.seed, self.args.seed + _PLANTED_RUNS)

    def _finds(self, tool: str, seed: int, strength: float) -> bool:
        trial = PLANTS[tool][0](self.model, seed, strength, self.scratch)
        result = self._run(tool, trial, seed)
        return result is not None and trial.found(result)

    def _run(self, tool: str, trial: Trial, seed: int) -> Result | None:
        """One run with what is planted for it; None where the tool refuses the input."""
        place: dict[str, Any] = {
            name: getattr(self.args, name) for name in ("model", "device", "dtype")
        }
        around = planting(self.model, trial.plants) if trial.plants else nullcontext()
        try:
            with around, figures.unseen():
                given = {**trial.arguments, **place, "seed": seed}
                result: Result = execute(TOOLS[tool], given, ledger=self.ledger)
            return result
        except ToolInputError:
            return None
        finally:
            if self.context is not None:
                self.context.progress.advance()
