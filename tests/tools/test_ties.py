"""Noise is bounded by what is measured, and nothing that is discrete hangs on it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gadfly.tools import stats, ties

torch = pytest.importorskip("torch")

from support import models  # noqa: E402

from gadfly.tools.model import LocalModel, load  # noqa: E402

ROWS = ["w1 w9 w4 w7 w30", "w2 w5 w5", "w8 w70 w3 w3 w21 w6", "w11 w12 w13 w14"]
GRAIN = (
    2.0**-10
)  # of the grid that drawn numbers lie on: two of them are equal or at least this far apart
NOISE = GRAIN / 8


@pytest.mark.parametrize("architecture", models.ARCHITECTURES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_batches_differ_by_less_than_half_the_noise_which_is_far_below_differences_that_mean_something(
    architecture: str, dtype: str
) -> None:
    model = LocalModel.wrap(
        models.module(architecture).to(getattr(torch, dtype)), models.tokenizer(), name=architecture
    )
    with model.working():
        alone = torch.cat([model.forward(model.batch([row])) for row in ROWS]).float()
        many = model.forward(model.batch(ROWS * 9)).float()[-len(ROWS) :]
    noise = ties.noise(dtype, alone)
    assert float((alone - many).abs().max()) <= noise / 2
    assert noise <= {"float32": 1e-4, "float16": 0.05, "bfloat16": 0.1}[dtype] * float(alone.std())


def test_double_precision_differs_from_single_by_less_than_half_the_noise() -> None:
    """Rounding itself, whatever order a processor takes: the same weights with sixteen digits instead of seven."""
    model, exact = load("demo", device="cpu"), models.module("Qwen3").double()
    single = models.module("Qwen3")
    single.load_state_dict(exact.state_dict())
    ids = torch.randint(4, 90, (8, 12), generator=torch.Generator().manual_seed(0))
    # Not in inference mode: the weights that are turned back there could never have a gradient again.
    with torch.no_grad():
        pairs = [(single(ids).logits, exact(ids).logits)]
        words = model.batch(["the capital of france is", "in france"]).ids
        coarse = model.module(words).logits
        model.module.double()
        try:
            pairs.append((coarse, model.module(words).logits))
        finally:
            model.module.float()
    for coarse, fine in pairs:
        assert float((coarse - fine).abs().max()) <= ties.noise("float32", coarse) / 2


def test_both_sides_of_the_noise() -> None:
    inside, outside = 0.9 * NOISE, 1.1 * NOISE
    assert ties.reaches(1 - inside, 1, NOISE)
    assert not ties.reaches(1 - outside, 1, NOISE)
    assert not ties.exceeds(1 + inside, 1, NOISE)
    assert ties.exceeds(1 + outside, 1, NOISE)
    assert ties.first([0.0, 1 - inside, 1.0], NOISE) == 1
    assert ties.first([0.0, 1 - outside, 1.0], NOISE) == 2
    assert ties.ranks([1.0, 1 + inside, 3.0], NOISE).tolist() == [1.5, 1.5, 3]
    assert ties.ranks([1.0, 1 + outside, 3.0], NOISE).tolist() == [1, 2, 3]
    assert not stats.Interval(inside, 1.0, NOISE).above(0)
    assert stats.Interval(outside, 1.0, NOISE).above(0)
    assert not stats.Interval(-1.0, -inside, NOISE).below(0)
    assert stats.Interval(-1.0, -outside, NOISE).below(0)
    logits = torch.tensor([[1.0, 5.0, 5.0 + 2.0**-20, 2.0], [1.0, 5.0, 5.01, 2.0]])
    assert ties.likeliest(logits)[:, 0].tolist() == [1, 2]


def test_a_chain_of_neighbours_is_no_tie_of_its_ends() -> None:
    chain = np.arange(6) * 0.9 * NOISE
    assert ties.first(chain, NOISE) == 4
    assert ties.ranking(chain, NOISE) == [4, 5, 2, 3, 0, 1]
    assert ties.ranks(chain, NOISE)[0] < ties.ranks(chain, NOISE)[-1]


def test_a_ranking_is_a_plain_sort_without_noise() -> None:
    values = np.random.default_rng(0).normal(size=50)
    assert ties.ranking(values, 0.0) == np.argsort(-values).tolist()
    assert ties.ranking(values, 0.0, 5) == np.argsort(-values)[:5].tolist()
    assert ties.ranking([1.0, 2.0, 2.0, 1.0], 0.0) == [1, 2, 0, 3]


def test_ranks_and_correlation_equal_scipy_without_noise() -> None:
    from scipy.stats import rankdata, spearmanr

    rng = np.random.default_rng(1)
    a, b = rng.integers(5, size=(2, 40)).astype(float)
    assert ties.ranks(a).tolist() == rankdata(a).tolist()
    assert ties.correlation(a, b, 0.0, 0.0) == pytest.approx(spearmanr(a, b).statistic)
    assert np.isnan(ties.correlation(a, np.ones(40), 0.0, 0.0))


def test_where_nothing_but_noise_is_measured_p_is_one() -> None:
    tiny = NOISE * np.random.default_rng(0).uniform(0.1, 0.9, size=(3, 8))
    assert stats.sign_flip(tiny, 0, NOISE).tolist() == [1.0] * 3
    assert stats.sign_flip(tiny, 0, 0.0).tolist() == [1 / 256] * 3
    assert stats.sign_flip(np.full((1, 8), 1.0), 0, NOISE).tolist() == [1 / 256]
    many = stats.sign_flip(NOISE * np.full((1, 30), 0.9), 0, NOISE)
    assert many.tolist() == [1.0]


whole = st.integers(-40, 40).map(lambda i: i * GRAIN * 30)


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 10)), elements=whole),
    st.integers(0, 2**31),
)
def test_p_ranks_and_choices_do_not_change_below_the_noise(values: np.ndarray, seed: int) -> None:
    """Means of these values are equal or further apart than noise: what tells them apart is no accident."""
    shaken = values + np.random.default_rng(seed).uniform(-NOISE / 4, NOISE / 4, values.shape)
    assert (stats.sign_flip(values, 0, NOISE) == stats.sign_flip(shaken, 0, NOISE)).all()
    assert (ties.ranks(values, NOISE) == ties.ranks(shaken, NOISE)).all()
    for row, other in zip(values, shaken, strict=True):
        assert ties.first(row, NOISE) == ties.first(other, NOISE)
        assert ties.ranking(row, NOISE) == ties.ranking(other, NOISE)
