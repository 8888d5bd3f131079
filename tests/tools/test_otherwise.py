"""Another batch size, thread count or processor gives the same verdict, the same p and q, and the same choices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from support.otherwise import (  # noqa: E402
    ANOTHER_PROCESSOR,
    OLD_LIBRARIES,
    Experiment,
    here,
    other_rounding,
    small_batches,
    there,
)

from gadfly.tools.generating import decode  # noqa: E402
from gadfly.tools.model import load  # noqa: E402
from gadfly.tools.selftesting.cases import CASES  # noqa: E402
from gadfly.tools.selftesting.nulls import null  # noqa: E402

_ONE = {"prompt": "in france", "answer": "paris", "target": "the capital of {} is"}
QUICK: list[Experiment] = [
    ("patchscope", _ONE),
    ("patch", {"behaviour": "capital-of", "n": 9, "direction": "denoising"}),
    ("patch", {"behaviour": "induction", "n": 8, "site": "head", "direction": "denoising"}),
    ("ablate", {"behaviour": "capital-of", "n": 9, "component": "mlp", "layers": [1]}),
    ("lens", {"behaviour": "capital-of", "n": 12}),
    ("attribute", {"behaviour": "capital-of", "n": 12}),
]
DEMO: list[Experiment] = [
    *QUICK,
    ("patch", {"behaviour": "indirect-object", "n": 12}),
    *(
        ("patch", {"behaviour": "capital-of", "n": 8, "site": site, "direction": "noising"})
        for site in ("attention", "mlp", "query", "key", "value")
    ),
    ("patch", {"behaviour": "capital-of", "n": 8, "site": "head", "through": ["logits"]}),
    ("patch", {"behaviour": "capital-of", "n": 8, "method": "attribution"}),
    ("patch", {"behaviour": "capital-of", "n": 8, "method": "integrated", "metric": "kl"}),
    ("probe", {"behaviour": "truth", "n": 100, "shuffles": 20}),
    (
        "probe",
        {
            "behaviour": "sentiment",
            "n": 100,
            "shuffles": 20,
            "position": "mean",
            "random_model": False,
        },
    ),
    ("steer", {"behaviour": "sentiment", "n": 10}),
    (
        "steer",
        {"behaviour": "sentiment", "n": 8, "words": ["good", "happy", "bad"], "max_tokens": 6},
    ),
    ("ablate", {"behaviour": "indirect-object", "n": 9, "component": "head", "heads": ["3.1"]}),
    ("attention", {}),
]


def planted(folder: Path) -> list[Experiment]:
    """Exact zeros and exact equals everywhere: all ties, decided by noise if anything is."""
    return [(case.tool, case.planted(0, folder) | {"model": "planted"}) for case in CASES]


def noise(folder: Path) -> list[Experiment]:
    """Where nothing is there, p-values lie anywhere and little decides."""
    model = load("demo", device="cpu")
    return [(case.tool, null(model, case.tool, 0, folder)[1].arguments) for case in CASES]


def same(experiments: list[Experiment], other: list[dict[str, Any]], whole: list[Any]) -> None:
    for experiment, one, two in zip(experiments, whole, other, strict=True):
        assert one == two, experiment[0]


def test_another_processor_with_two_threads_and_small_batches_decides_the_same() -> None:
    whole = here(QUICK)
    same(QUICK, there(QUICK, ANOTHER_PROCESSOR, small=True), whole)
    with small_batches():
        same(QUICK, here(QUICK, small=True), whole)
    with other_rounding(1):
        same(QUICK, here(QUICK), whole)


def test_a_state_that_changes_nothing_ties_however_the_logits_are_rounded() -> None:
    """After the last layer a state put elsewhere changes nothing: p was 0.75 or 0.6, as the last bits fell."""
    one: list[Experiment] = [("patchscope", _ONE)]
    (whole,) = here(one)
    assert whole["values"]["p"] == 1.0
    for seed in range(4):
        with other_rounding(seed):
            assert here(one) == [whole]


@pytest.mark.slow
def test_every_tool_decides_the_same_otherwise(tmp_path: Path) -> None:
    ours, others = DEMO, [*planted(tmp_path), *noise(tmp_path)]
    whole = here([*ours, *others])
    same([*ours, *others], there([*ours, *others], ANOTHER_PROCESSOR, small=True), whole)
    same(others, there(others, OLD_LIBRARIES), whole[len(ours) :])


def test_of_equally_likely_tokens_the_first_is_taken() -> None:
    """The planted model knows no next word here: many logits are exactly equal, in every lane of the processor."""
    model = load("planted", device="cpu")
    rows = ["f1 f2 f3", "f4 s1 f2 f9", "t1 t2"]
    together = decode(model, model.batch(rows), 4)
    alone = [decode(model, model.batch([row]), 4)[0] for row in rows]
    assert together == alone
