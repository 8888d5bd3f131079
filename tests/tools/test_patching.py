"""The patch tool as a whole: verdicts on noise and on truth, controls, ledger, re-run, bad input."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from support.models import local, noise_pairs  # noqa: E402

from gadfly.corpus.progress import Silent  # noqa: E402
from gadfly.errors import GadflyError, ModelError, ToolInputError  # noqa: E402
from gadfly.tools import model as model_module  # noqa: E402
from gadfly.tools.again import rerun  # noqa: E402
from gadfly.tools.contract import Verdict  # noqa: E402
from gadfly.tools.ledger import Ledger  # noqa: E402
from gadfly.tools.patching import patch  # noqa: E402
from gadfly.tools.patching.analysis import Analysis, analyse, mediating  # noqa: E402
from gadfly.tools.patching.arguments import PatchArgs  # noqa: E402
from gadfly.tools.patching.engine import Cell  # noqa: E402
from gadfly.tools.patching.pairs import PromptPair, Target, placebo, prepare  # noqa: E402
from gadfly.tools.patching.verdict import Evidence, judge  # noqa: E402
from gadfly.tools.runner import execute  # noqa: E402
from gadfly.tools.stats import Interval  # noqa: E402

TRUE = Evidence(
    pairs=24,
    held=12,
    self_patch=0.0,
    self_patch_limit=1e-3,
    trivial=False,
    gap=Interval(2.0, 3.0),
    gap_p=0.0005,
    gap_mean=2.5,
    right=Interval(0.85, 1.0),
    effect=0.8,
    interval=Interval(0.7, 0.9),
    placebo=0.05,
    placebo_interval=Interval(0.0, 0.1),
    excess=0.7,
    beyond_placebo=Interval(0.6, 0.8),
    p=0.001,
    cells=60,
)


@pytest.mark.parametrize(
    ("changed", "verdict", "because"),
    [
        ({}, Verdict.SUPPORTED, "carries most of the behaviour"),
        ({"effect": 0.3}, Verdict.SUPPORTED, "carries a good part"),
        ({"effect": 0.2, "excess": 0.15}, Verdict.SUPPORTED, "takes part"),
        ({"self_patch": 0.1}, Verdict.INCONCLUSIVE, "into itself"),
        ({"gap": Interval(-0.1, 3.0)}, Verdict.NOT_SUPPORTED, "do not differ"),
        ({"gap": Interval(-3.0, -2.0)}, Verdict.NOT_SUPPORTED, "changed places"),
        ({"trivial": True}, Verdict.NOT_SUPPORTED, "by construction"),
        ({"gap_p": 0.2}, Verdict.NOT_SUPPORTED, "do not differ"),
        ({"gap_p": 0.2, "pairs": 15}, Verdict.INCONCLUSIVE, "too few pairs to tell"),
        ({"pairs": 5}, Verdict.INCONCLUSIVE, "at least 8"),
        ({"right": Interval(0.4, 0.8)}, Verdict.NOT_SUPPORTED, "coin"),
        ({"right": Interval(0.4, 0.8), "pairs": 8}, Verdict.INCONCLUSIVE, "16 or more"),
        ({"right": Interval(0.1, 0.5), "pairs": 8}, Verdict.NOT_SUPPORTED, "coin"),
        ({"beyond_placebo": None}, Verdict.INCONCLUSIVE, "no placebo"),
        ({"interval": Interval(-0.1, 0.9)}, Verdict.NOT_SUPPORTED, "reaches 0"),
        ({"beyond_placebo": Interval(-0.1, 0.9)}, Verdict.NOT_SUPPORTED, "placebo"),
        (
            {"beyond_placebo": Interval(-0.1, 0.9), "pairs": 15},
            Verdict.INCONCLUSIVE,
            "too few pairs",
        ),
        (
            {"beyond_placebo": Interval(-0.1, 0.2), "excess": 0.05, "pairs": 15},
            Verdict.NOT_SUPPORTED,
            "placebo",
        ),
        ({"p": 0.2}, Verdict.INCONCLUSIVE, "give 48 pairs"),
        ({"p": 0.2, "pairs": 8}, Verdict.INCONCLUSIVE, "give 16 pairs"),
        ({"effect": 0.1}, Verdict.SUPPORTED, "takes part"),
        ({"effect": 0.09}, Verdict.INCONCLUSIVE, "less than a tenth"),
        ({"excess": 0.1}, Verdict.SUPPORTED, "carries most"),
        ({"excess": 0.09}, Verdict.INCONCLUSIVE, "less than a tenth"),
    ],
)
def test_each_rule_decides_where_it_should(
    changed: dict[str, Any], verdict: Verdict, because: str
) -> None:
    found, why = judge(Evidence(**{**TRUE.__dict__, **changed}))
    assert found is verdict
    assert because in why


def analysed(model: model_module.LocalModel, pairs: list[PromptPair], **changed: Any) -> Analysis:
    args = PatchArgs(**{"data": "task:truth", "direction": "denoising", **changed})
    return analyse(model, prepare(model, pairs), args, [0, 1, 2, 3], Silent())


def heads(count: int, pairs: int) -> list[Cell]:
    """Head 0 of so many layers."""
    mask = torch.ones(pairs, 4, dtype=torch.bool)
    tokens = torch.arange(4).expand(pairs, 4)
    target = Target("head 0", mask, torch.arange(pairs), tokens, False, 0)
    return [Cell(layer, target) for layer in range(count)]


@pytest.mark.parametrize(("second", "chosen"), [(0.16, 0), (0.3, 1)])
def test_of_equal_excesses_the_cell_that_carries_most_is_reported(
    second: float, chosen: int
) -> None:
    spread = np.tile([-0.04, 0.04], 4)
    excess = np.stack([0.15 + spread, second - spread, np.zeros(8)])
    effect = np.stack([np.full(8, 0.43), np.full(8, 0.3), np.full(8, 0.45)])
    cells = heads(3, pairs=8)
    found = mediating(effect, excess, np.ones(8), 1e-6, cells, np.zeros(3, dtype=np.bool_))
    assert found == chosen


def test_where_no_excess_is_sure_the_largest_is_reported_and_not_the_steadiest() -> None:
    """With four pairs to choose on, a head that does nothing was surely nearer to 0 than one that does a sixth."""
    excess = np.array([[0.28, 0.05, 0.2, 0.07], [0.0, -1e-4, 1e-4, 0.0]])
    cells = heads(2, pairs=4)
    assert mediating(excess, excess, np.ones(4), 1e-6, cells, np.zeros(2, dtype=np.bool_)) == 0


def test_an_excess_over_a_placebo_that_harms_is_nothing_that_the_cell_carries() -> None:
    effect = np.stack([np.full(8, 0.35), np.full(8, -0.01)])
    excess = effect + np.array([[-0.22], [0.2]])
    cells = heads(2, pairs=8)
    assert mediating(effect, excess, np.ones(8), 1e-6, cells, np.zeros(2, dtype=np.bool_)) == 0


def test_a_placebo_takes_other_pairs_as_long_as_there_are_any() -> None:
    pairs = [
        PromptPair(clean=f"w1 w{i}", corrupt=f"w2 w{i}", answer=f"w{i}", wrong="w9")
        for i in range(3, 7)
    ]
    draws, has = placebo(prepare(local(), pairs), 0, 4)
    assert has.all()
    for row in range(4):
        donors = [int(draw[0].source_row[row]) for draw in draws]
        assert len(set(donors[:3])) == 3 and row not in donors
        assert donors[3] == donors[0]  # three others, so the fourth is the first again


def test_noise_is_hardly_ever_supported() -> None:
    supported = 0
    for seed in range(40):
        found = analysed(local("Qwen3", seed % 4), noise_pairs(seed), seed=seed)
        verdict, _ = judge(found.evidence)
        supported += verdict is Verdict.SUPPORTED
    assert supported <= 2


def test_identical_prompts_are_not_supported() -> None:
    model = local("Qwen3")
    pairs = [p.model_copy(update={"corrupt": p.clean}) for p in noise_pairs(0)]
    analysis = analysed(model, pairs, direction="both")
    assert judge(analysis.evidence)[0] is Verdict.NOT_SUPPORTED
    assert analysis.runs.gap.max() == 0


@pytest.mark.parametrize("metric", ["logit_difference", "probability", "kl"])
def test_the_last_layer_at_the_end_restores_everything(metric: str) -> None:
    analysis = analysed(local("Llama"), noise_pairs(3), direction="both", metric=metric)
    assert analysis.denoising is not None
    assert analysis.noising is not None
    assert analysis.denoising.mean[-1] == pytest.approx(1, abs=1e-4)
    assert analysis.noising.mean[-1] == pytest.approx(1, abs=1e-4)
    assert bool(analysis.by_construction[-1])
    # A position before the first difference carries nothing.
    assert analysis.denoising.mean[0] == pytest.approx(0, abs=1e-4)


def test_spans_of_unequal_prompts() -> None:
    model = local("GPT2")
    pairs = [
        PromptPair(
            clean="w1 w2 w3", corrupt="w9 w2 w3", answer="w4", wrong="w5", spans={"S": (1, 2)}
        ),
        PromptPair(
            clean="w7 w1 w2 w3", corrupt="w7 w8 w2 w3", answer="w6", wrong="w5", spans={"S": (2, 3)}
        ),
    ]
    prepared = prepare(model, pairs, by="span")
    assert [target.label for target in prepared.targets] == ["S"]
    assert prepared.targets[0].mask.nonzero().tolist() == [[0, 2], [1, 2]]
    assert prepared.targets[0].differs


@pytest.mark.parametrize(
    ("pair", "says"),
    [
        ({"clean": "w1 w2", "corrupt": "w1 w2 w3"}, "clean has 3 tokens and corrupt 4"),
        ({"answer": "w1 w2"}, "an answer must be one token"),
        ({"answer": "unheard"}, "an answer must be one token"),
        ({"wrong": "w8"}, "are the same token"),
        ({"clean": " "}, "a prompt is empty"),
        ({"clean": "w1 " * 70, "corrupt": "w2 " * 70}, "takes at most 64"),
    ],
)
def test_prompts_that_cannot_be_patched(pair: dict[str, str], says: str) -> None:
    whole = {"clean": "w1 w2", "corrupt": "w3 w2", "answer": "w8", "wrong": "w9", **pair}
    with pytest.raises(ToolInputError, match=says):
        prepare(local("Qwen3"), [PromptPair.model_validate(whole)])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "give data: a file"),
        ({"behaviour": "capital-of", "clean": "x"}, "give the data once, got behaviour and clean"),
        (
            {"clean": "x", "corrupt": "y"},
            "record 1: no 'answer'; a record has clean, corrupt, answer, wrong",
        ),
        ({"behaviour": "telepathy"}, "choose one of indirect-object"),
        ({"behaviour": "capital-of", "n": 0}, "n: "),
        ({"behaviour": "capital-of", "site": "soul"}, "site: "),
        ({"behaviour": "capital-of", "layers": ["last"]}, "give numbers, or a range such as 2-4"),
        ({"behaviour": "capital-of", "layers": ["3-2"]}, "there is no layer in it"),
        ({"behaviour": "capital-of", "colour": 1}, "unknown argument 'colour'"),
        ({"pairs_file": "/no/such.jsonl"}, "cannot read /no/such.jsonl"),
        ({"pairs": [{"clean": "x"}]}, "record 1: no 'corrupt'"),
    ],
)
def test_bad_arguments_are_one_clear_line(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ToolInputError) as caught:
        patch(**arguments)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_layers_may_be_a_range() -> None:
    task = {"data": "task:capital-of", "n": 1}
    assert PatchArgs.model_validate(task | {"layers": ["2-3", "5", 0]}).layers == [2, 3, 5, 0]


def test_a_pairs_file_names_its_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"clean": "a", "corrupt": "b", "answer": "c", "wrong": "d"}\n{"clean": \n')
    with pytest.raises(ToolInputError, match="line 2: not JSON"):
        patch(pairs_file=str(path))


# -- models ----------------------------------------------------------------------------------------


def test_models_that_cannot_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "config.json").write_text("{}")
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    for name, says in {
        str(tmp_path / "absent"): "no model folder",
        str(tmp_path / "empty"): "there is no config.json",
        str(tmp_path / "pickled"): "pickles .* are refused",
        "no-such/model": "HF_HUB_OFFLINE",
    }.items():
        with pytest.raises(ModelError, match=says):
            model_module.load(name)
    with pytest.raises(ModelError, match="no device"):
        model_module.load("demo", device="cuda:99")


def test_weights_that_are_not_numbers_are_refused() -> None:
    from support.models import module, tokenizer

    broken = module("Qwen3", 7)
    with torch.no_grad():
        broken.model.layers[1].mlp.up_proj.weight[0, 0] = float("nan")
    with pytest.raises(ModelError, match=r"not finite.*layers.1.mlp"):
        model_module.LocalModel.wrap(broken, tokenizer())


def test_concurrent_callers_queue() -> None:
    from concurrent.futures import ThreadPoolExecutor

    model = local("Qwen3")
    work = lambda seed: analysed(model, noise_pairs(seed)).main.mean.tolist()  # noqa: E731
    alone = [work(seed) for seed in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(6))) == alone


# -- the demo model --------------------------------------------------------------------------------


def test_the_only_token_that_differs_carries_everything_by_construction() -> None:
    """The last token is what differs in a succession: that the stream there restores all of it is no finding."""
    result = patch(behaviour="succession", n=24)
    assert result.verdict is Verdict.NOT_SUPPORTED
    assert "by construction" in result.why


@pytest.mark.parametrize(
    ("behaviour", "site"),
    [("capital-of", "residual"), ("induction", "residual"), ("succession", "mlp")],
)
def test_known_behaviours_of_the_demo_model_are_supported(behaviour: str, site: str) -> None:
    result = patch(behaviour=behaviour, site=site, n=24)
    assert result.verdict is Verdict.SUPPORTED, (result.headline, result.why)
    assert result.values["self_patch"] < 1e-3
    # An unrelated donor takes away the wrong answer, which is half of the logit difference, and brings no right one.
    assert result.values["placebo_effect"] < 0.7 * result.values["mediator_effect"]
    for figure in result.figures:
        assert figure.png is not None
        assert Path(figure.png).read_bytes().startswith(b"\x89PNG")
        assert figure.html is not None
        assert "://" not in Path(figure.html).read_text(encoding="utf-8")
    assert json.dumps(result.model_dump(mode="json"))  # NaN or numpy would fail a strict client


def test_a_run_is_kept_and_comes_out_the_same_again() -> None:
    result = patch(data="task:capital-of", n=12, direction="denoising")
    kept = Ledger().get(result.run)
    assert kept.result is not None
    assert kept.result.values == result.values
    assert kept.environment["model"]["weights"]
    again = rerun(result.run)
    assert again.moved == []
    assert again.compared == len(result.values)
    assert Ledger().get(again.run).rerun_of == result.run


def test_a_failure_is_in_the_ledger_too() -> None:
    with pytest.raises(GadflyError):
        patch(
            clean="the capital of france is", corrupt="the capital is", answer="paris", wrong="rome"
        )
    failed = Ledger().recent(1)[0]
    assert failed.status == "failed"
    assert failed.error is not None
    assert "tokens" in failed.error


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"site": "mlp", "direction": "noising", "metric": "kl"}])
def test_the_reproduction_script_finds_the_same_number(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    result = patch(data="task:indirect-object", n=8, **options)
    path = tmp_path / "again.py"
    path.write_text(result.reproduce)
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True)
    found, told = (
        float(part.split()[0].rstrip(")"))
        for part in (done.stdout.split("effect ")[1], done.stdout.split("Gadfly: ")[1])
    )
    assert found == pytest.approx(told, abs=1e-4)


@pytest.mark.parametrize("method", ["attribution", "integrated"])
def test_estimates_are_checked_exactly(method: str) -> None:
    found = patch(data="task:capital-of", n=16, by="position", method=method, check=9)
    assert found.values["cells_checked"] == 9
    assert found.values["estimate_agreement"] > 0.5
    exact = patch(data="task:capital-of", n=16, by="position")
    measured = {(row[0], row[1]): row[2] for row in exact.table.rows}
    shared = [row for row in found.table.rows if (row[0], row[1]) in measured]
    assert shared
    for row in shared:
        assert row[2] == pytest.approx(measured[row[0], row[1]], abs=1e-4)
    grid = json.loads((Path(found.figures[0].png or "").parent / "grid.json").read_text())
    assert sum(value is not None for row in grid["denoising"] for value in row) == 9
    assert all(value is not None for row in grid["estimate"] for value in row)


def test_heads_are_patched_and_named() -> None:
    found = patch(data="task:induction", n=16, site="head")
    assert found.table.total == 24
    assert "head" in found.headline
    done = subprocess.run([sys.executable, "-c", found.reproduce], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    mine, theirs = re.findall(r"-?\d+\.\d{6}", done.stdout)
    assert float(mine) == pytest.approx(float(theirs), abs=2e-4)


def test_one_pair_has_no_interval_and_that_is_said_first() -> None:
    said: list[str] = []

    class Told(Silent):
        def note(self, message: str) -> None:
            said.append(message)

    pair = {"clean": "the capital of france is", "corrupt": "the capital of japan is"}
    args = PatchArgs(data=[{**pair, "answer": "paris", "wrong": "tokyo"}])
    found = execute(patch, args, progress=Told())
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "records given: 1; 8 or more are needed" in said[0]
    assert "(one alone: no interval)" in found.headline
    assert "(1 pair)" in found.headline
    assert "mediator_effect_low" not in found.values
    assert {row[found.table.columns.index("interval")] for row in found.table.rows} == {"—"}
