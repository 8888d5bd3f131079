"""The tools are held to the truth: each finds what was planted, and none calls noise a finding."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from support.models import module, tokenizer  # noqa: E402

from gadfly.errors import ToolInputError  # noqa: E402
from gadfly.tools import figures, planted  # noqa: E402
from gadfly.tools.attending.patterns import visit_patterns  # noqa: E402
from gadfly.tools.contract import Verdict  # noqa: E402
from gadfly.tools.model import load  # noqa: E402
from gadfly.tools.registry import all_tools, by_name  # noqa: E402
from gadfly.tools.selftesting import directions, plants, selftest  # noqa: E402
from gadfly.tools.selftesting.arguments import SelftestArgs  # noqa: E402
from gadfly.tools.selftesting.cases import CASES, Case, passed  # noqa: E402
from gadfly.tools.selftesting.nulls import EASY, kinds  # noqa: E402
from gadfly.tools.selftesting.planting import Scatter, planting  # noqa: E402
from gadfly.tools.selftesting.plants import PLANTS  # noqa: E402
from gadfly.tools.selftesting.report import Bench  # noqa: E402
from gadfly.tools.selftesting.verdict import Tally, judge, more_runs  # noqa: E402
from gadfly.tools.steering.source import isotropic  # noqa: E402

BY_TOOL = pytest.mark.parametrize("case", CASES, ids=lambda case: case.tool)


def test_every_experiment_is_held_to_something() -> None:
    experiments = {tool.name for tool in all_tools() if tool.is_experiment}
    assert {case.tool for case in CASES} == experiments - {"selftest"}
    assert set(PLANTS) == set(EASY) == experiments - {"selftest"}


@BY_TOOL
def test_what_was_planted_is_found(case: Case, tmp_path: Path) -> None:
    result = by_name(case.tool)(**case.planted(7, tmp_path), model="planted", seed=7)
    assert passed(case, result), result.why


@pytest.mark.parametrize("tool", PLANTS)
def test_noise_of_every_kind_is_not_a_finding(tool: str, tmp_path: Path) -> None:
    model = load("demo", device="cpu")
    bench = Bench(model, SelftestArgs(model="demo", device="cpu"), tmp_path)
    known = kinds(model, tool)
    said = dict(bench.null(tool, seed) for seed in range(12, 12 + len(known)))
    assert set(said) == set(known)
    assert Verdict.SUPPORTED not in said.values(), said


@pytest.mark.parametrize("tool", PLANTS)
def test_what_is_planted_in_a_model_is_found_and_at_strength_0_it_is_not(
    tool: str, tmp_path: Path
) -> None:
    model = load("demo", device="cpu")
    for seed, strength in ((0, 1.0), (7, 1.0), (7, 0.0)):
        trial = PLANTS[tool][0](model, seed, strength, tmp_path)
        with planting(model, trial.plants), figures.unseen():
            result = by_name(tool)(**trial.arguments, model="demo", device="cpu", seed=seed)
        assert trial.found(result) == (strength == 1.0), result.headline


@pytest.mark.parametrize("architecture", ["Llama", "GPT2"])
def test_what_is_planted_in_a_tiny_random_model_is_found(architecture: str, tmp_path: Path) -> None:
    folder = str(tmp_path / "model")
    module(architecture).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    model = load(folder, device="cpu")
    for tool, (make, _) in PLANTS.items():
        trial = make(model, 7, 1.0, tmp_path)
        with planting(model, trial.plants), figures.unseen():
            result = by_name(tool)(**trial.arguments, model=folder, device="cpu", seed=7)
        assert trial.found(result), result.why


def test_a_plant_is_no_control_that_a_tool_draws_from_the_same_seed() -> None:
    model = load("demo", device="cpu")
    own = directions.random(model, 1, 7)
    assert float((isotropic(model.hidden_size, 20, 7) @ own.T).abs().max()) < 0.6


def test_a_plant_leaves_the_model_as_it_was() -> None:
    model = load("demo", device="cpu")
    words = plants.lexicon(model, 0)
    prompt = f"{words.fillers[0]} {words.marks[0]} {words.ask}"
    without = f"{words.fillers[0]} {words.fillers[1]} {words.ask}"
    batch = model.batch([prompt, without])
    with model.working():
        before = model.forward(batch)
    write = plants.head_writes(model, words, *plants.spot(model, 0), 1.0)
    with planting(model, [write]), model.working():
        during = model.forward(batch)
    with model.working():
        after = model.forward(batch)
    assert torch.equal(before, after)
    assert torch.equal(before[1], during[1])  # no mark, no plant
    answer = model.ids(f"{words.fillers[0]} {words.answers[0]}")[-1]
    assert float(during[0, answer] - before[0, answer]) > 5


def test_patterns_that_are_scattered_stay_patterns() -> None:
    model = load("demo", device="cpu")
    batch = model.batch([" ".join(plants.lexicon(model, 0).fillers[:6])])
    seen: dict[bool, list[torch.Tensor]] = {True: [], False: []}
    for scattered in seen:
        with planting(model, [Scatter(0)] if scattered else []):
            visit_patterns(model, batch, lambda _, w, into=seen[scattered]: into.append(w.clone()))
    for plain, dealt in zip(seen[False], seen[True], strict=True):
        assert torch.allclose(plain.sort(-1).values, dealt.sort(-1).values)
        assert float(dealt.triu(1).abs().max()) == 0
    assert not torch.allclose(seen[False][0], seen[True][0])


def test_all_but_two_heads_of_the_planted_model_do_nothing() -> None:
    model = load("planted", device="cpu")
    seen = {}

    def keep(layer: int):  # type: ignore[no-untyped-def]
        def hook(module, args, out):  # type: ignore[no-untyped-def]
            seen[layer] = out[0]

        return hook

    handles = [m.register_forward_hook(keep(i)) for i, m in enumerate(model.attentions)]
    with model.working():
        model.forward(model.batch(["f1 s4 t9 f2 ?"]))
    for handle in handles:
        handle.remove()
    for layer, out in seen.items():
        quiet = out[:, :-1] if layer == planted.LAYER else out
        assert float(quiet.abs().max()) < 1e-3
    assert float(seen[planted.LAYER][0, -1].abs().max()) > 0.5


def tally(
    tool: str = "lens", wrong: int = 0, nulls: int = 20, found: int = 3, claimed: int = 0
) -> Tally:
    return Tally(tool, wrong, nulls, found, 3, claimed, 3)


def test_the_verdict_follows_its_interval() -> None:
    assert judge([tally(nulls=73)])[0] is Verdict.SUPPORTED
    few, why = judge([tally(nulls=72)])
    assert few is Verdict.INCONCLUSIVE and "1 more runs of each tool" in why
    pool = [tally(str(i), nulls=10) for i in range(8)]
    verdict, why = judge(pool)
    assert verdict is Verdict.SUPPORTED
    assert (
        "0 of 80" in why and "up to 27.8%" in why
    )  # a single tool is known less well, and it shows
    assert judge([tally(str(i), nulls=9) for i in range(8)])[0] is Verdict.INCONCLUSIVE


def test_a_tool_that_is_surely_wrong_fails_all() -> None:
    good = [tally(str(i), nulls=100) for i in range(8)]
    assert judge([*good, tally(wrong=2)])[0] is Verdict.SUPPORTED  # its interval begins at 2.8 %
    verdict, why = judge([*good, tally("probe", wrong=3)])
    assert verdict is Verdict.NOT_SUPPORTED and "probe" in why
    assert judge([*good, tally(found=2)])[0] is Verdict.NOT_SUPPORTED
    assert judge([*good, tally(claimed=1)])[0] is Verdict.NOT_SUPPORTED


def test_a_rate_that_no_runs_would_mend_is_told() -> None:
    assert more_runs([tally(wrong=1, nulls=20)]) is None
    assert more_runs([tally(nulls=73)]) == 0
    assert "no number of runs" in judge([tally(wrong=1, nulls=20)])[1]


def test_the_report_counts_and_an_unknown_tool_is_an_error() -> None:
    found = selftest(runs=2, tools=["lens", "attention"])
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "35 more runs of each tool" in found.why
    assert found.values["lens_false_positives"] == 0
    assert found.values["lens_false_positives_high"] > 0.5  # two runs say little, and it shows
    assert found.values["attention_recovered"] == 1
    assert [row[0] for row in found.table.rows] == ["lens", "attention"]
    own = selftest(runs=1, tools=["ablate"], model="planted")  # its truth is in its weights
    assert own.values["ablate_recovered"] == 1 and own.table.rows[0][4] == ""
    with pytest.raises(ToolInputError, match="no self-test for 'wish'"):
        selftest(tools=["wish"])
