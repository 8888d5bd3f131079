"""The tools are held to the truth: each finds what was planted, and none calls noise a finding."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from gadfly.errors import ToolInputError  # noqa: E402
from gadfly.tools import planted  # noqa: E402
from gadfly.tools.contract import Verdict  # noqa: E402
from gadfly.tools.model import load  # noqa: E402
from gadfly.tools.registry import all_tools, by_name  # noqa: E402
from gadfly.tools.selftesting import selftest  # noqa: E402
from gadfly.tools.selftesting.cases import CASES, Case, passed  # noqa: E402

BY_TOOL = pytest.mark.parametrize("case", CASES, ids=lambda case: case.tool)


def test_every_experiment_is_held_to_something() -> None:
    experiments = {tool.name for tool in all_tools() if tool.is_experiment}
    assert {case.tool for case in CASES} == experiments - {"selftest"}


@BY_TOOL
def test_what_was_planted_is_found(case: Case, tmp_path: Path) -> None:
    result = by_name(case.tool)(**case.planted(7, tmp_path), model="planted", seed=7)
    assert passed(case, result), result.why


@BY_TOOL
def test_noise_is_not_a_finding(case: Case, tmp_path: Path) -> None:
    if case.noise is None:
        pytest.skip("its input is the model itself")
    model = load("demo", device="cpu")
    for seed in (11, 12):
        result = by_name(case.tool)(**case.noise(model, seed, tmp_path), seed=seed)
        assert result.verdict is not Verdict.SUPPORTED, result.headline


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


def test_the_report_counts_and_an_unknown_tool_is_an_error() -> None:
    found = selftest(runs=2, tools=["lens", "attention"])
    assert found.verdict is Verdict.SUPPORTED
    assert found.values["lens_false_positives"] == 0
    assert found.values["lens_false_positives_high"] > 0.5  # two runs say little, and it shows
    assert found.values["attention_recovered"] == 1
    assert [row[0] for row in found.table.rows] == ["lens", "attention"]
    with pytest.raises(ToolInputError, match="no self-test for 'wish'"):
        selftest(tools=["wish"])
