"""Metrics by name: each equals its plain formula, one of the user's own works and is written into the script."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

torch = pytest.importorskip("torch")

from gadfly.errors import ToolInputError  # noqa: E402
from gadfly.tools import metrics  # noqa: E402
from gadfly.tools.ablation import ablate  # noqa: E402
from gadfly.tools.patching import PatchArgs, patch  # noqa: E402
from gadfly.tools.patching.effects import scorer  # noqa: E402
from gadfly.tools.scripting import metric_function  # noqa: E402


@pytest.fixture(autouse=True)
def _only_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(metrics, "_METRICS", dict(metrics._METRICS))
    yield


def test_each_equals_its_formula() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, clean = (torch.randn(3, 7, generator=generator) for _ in range(2))
    answer, wrong = torch.tensor([1, 2, 6]), torch.tensor([0, 5, 3])
    for row in range(3):
        shares, target = logits[row].softmax(0), clean[row].softmax(0)
        right, other = shares[answer[row]], shares[wrong[row]]
        plain = {
            "logit_difference": logits[row, answer[row]] - logits[row, wrong[row]],
            "probability": right,
            "log_probability": right.log(),
            "probability_difference": right - other,
            "kl": -(target * (target.log() - shares.log())).sum(),
        }
        for name, value in plain.items():
            found = scorer(name, answer, wrong, clean)(logits[None])[0, row]
            assert float(found) == pytest.approx(float(value), abs=1e-5), name


@metrics.metric
def answer_margin(logits, answer, wrong, clean):  # type: ignore[no-untyped-def]
    others = logits.scatter(-1, answer[..., None], float("-inf"))
    return logits.gather(-1, answer[..., None]).squeeze(-1) - others.amax(-1)


@pytest.mark.slow
def test_one_of_the_users_own_is_used_and_written_into_the_script() -> None:
    metrics.metric(answer_margin)
    own = {"behaviour": "capital-of", "n": 8, "metric": "answer_margin"}
    patched, ablated = patch(**own), ablate(**own, component="mlp", layers=[1])
    for found in (patched, ablated):
        assert "answer margin" in found.headline
        assert "def answer_margin(" in found.reproduce
    run = subprocess.run(
        [sys.executable, "-c", ablated.reproduce], capture_output=True, text=True, check=True
    )
    mine, told = run.stdout.split("effect ")[1].split("(Gadfly: ")
    assert float(mine) == pytest.approx(float(told.rstrip(")\n")), abs=2e-4)


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(
        ToolInputError, match="no metric named 'margin'; there are: logit_difference"
    ):
        patch(data="task:capital-of", metric="margin")


def test_a_built_in_cannot_be_replaced_and_a_lambda_has_no_name() -> None:
    def kl(logits, answer, wrong, clean):  # type: ignore[no-untyped-def]
        return logits.sum(-1)

    with pytest.raises(ToolInputError, match="kl is a built-in metric"):
        metrics.metric(kl)
    with pytest.raises(ToolInputError, match="with a name"):
        metrics.metric(lambda logits, answer, wrong, clean: logits.sum(-1))


def test_a_metric_of_the_wrong_shape_or_without_numbers_is_refused() -> None:
    def everything(logits, answer, wrong, clean):  # type: ignore[no-untyped-def]
        return logits

    def nothing(logits, answer, wrong, clean):  # type: ignore[no-untyped-def]
        return logits.sum(-1) * float("nan")

    metrics.metric(everything)
    metrics.metric(nothing)
    for name in ("everything", "nothing"):
        with pytest.raises(ToolInputError, match=f"metric {name} gave"):
            patch(data="task:capital-of", n=8, metric=name)


def test_a_metric_without_source_says_so_in_the_script() -> None:
    space: dict[str, object] = {}
    exec("def typed(logits, answer, wrong, clean): return logits.sum(-1)", space)
    metrics.metric(space["typed"])  # type: ignore[arg-type]
    assert "paste your metric typed here" in metric_function("typed")


def test_the_schema_names_the_built_in_ones() -> None:
    schema = PatchArgs.model_json_schema()["properties"]["metric"]
    assert schema["default"] == "logit_difference"
    assert "probability_difference, kl" in schema["description"]
