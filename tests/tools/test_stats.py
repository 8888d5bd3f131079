"""Statistics for many cells at once: what they find, and how often they find what is not there."""

from __future__ import annotations

import numpy as np
import pytest

from gadfly.tools import stats, telling


def noise_cells(seed: int, cells: int, pairs: int, shared: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    common = rng.standard_normal(pairs)
    own = rng.standard_normal((cells, pairs))
    return np.asarray(shared * common + (1 - shared**2) ** 0.5 * own)


@pytest.mark.parametrize(("pairs", "shared"), [(8, 0.0), (8, 0.7), (16, 0.0), (16, 0.7)])
def test_max_t_finds_anything_in_noise_in_at_most_one_of_twenty(pairs: int, shared: float) -> None:
    runs = [noise_cells(seed, 60, pairs, shared) for seed in range(200)]
    false = sum(bool((stats.max_t(values, 0, 0.0) <= 0.05).any()) for values in runs)
    assert stats.wilson(false, len(runs)).low <= 0.05


@pytest.mark.parametrize("pairs", [8, 16])
def test_max_t_finds_one_large_cell_among_many(pairs: int) -> None:
    values = 0.1 * noise_cells(1, 3000, pairs)
    values[1234] += 1.0
    p = stats.max_t(values, 0, 0.0)
    assert np.flatnonzero(p <= 0.05).tolist() == [1234]


def test_max_t_of_one_cell_is_the_sign_flip_test() -> None:
    values = noise_cells(3, 1, 16) + 0.4
    assert stats.max_t(values, 5, 0.0) == pytest.approx(stats.sign_flip(values, 5, 0.0))


def test_a_large_cell_does_not_hide_a_smaller_one() -> None:
    """Step-down: what was found sets no limit for the rest."""
    values = 0.1 * noise_cells(2, 50, 16)
    values[7] += 10.0
    values[8] += 1.0
    assert set(np.flatnonzero(stats.max_t(values, 0, 0.0) <= 0.05)) == {7, 8}


def test_within_noise_nothing_is_found() -> None:
    assert stats.max_t(np.full((5, 16), 1e-9), 0, 1e-8).tolist() == [1.0] * 5


@pytest.mark.parametrize(("effect", "found"), [(2.0, [7]), (0.5, [])])
def test_in_half_precision_many_small_cells_do_not_hide_a_large_one(
    effect: float, found: list[int]
) -> None:
    """Noise of 0.4, as of logits of 25 in bfloat16: what stands far above it is found, what is as large is not."""
    values = 0.05 * noise_cells(6, 277, 12)
    values[7] += effect
    assert np.flatnonzero(stats.max_t(values, 0, 0.4) <= 0.05).tolist() == found


def test_a_wide_cell_sets_no_limit_for_the_others() -> None:
    """A component that varies between prompts a hundredfold hid every other while means alone were compared."""
    values = 0.1 * noise_cells(4, 300, 8)
    values[0] = 30 * noise_cells(5, 1, 8)[0]
    values[5] += 2.0
    assert stats.max_t(values, 0, 0.0)[5] <= 0.05
    assert stats.max_t(values, 0, 0.0)[0] > 0.05


def test_a_cell_is_chosen_for_what_it_surely_does() -> None:
    wide, steady = np.array([9.0, -1.0, 8.0, 0.0]), np.array([2.0, 2.2, 1.8, 2.0])
    assert int(np.argmax(stats.surely(np.stack([wide, steady])))) == 1
    assert stats.surely(np.array([[3.0]])).tolist() == [3.0]


def test_more_is_drawn_where_p_lies_near_the_level_and_only_there() -> None:
    values = noise_cells(7, 1, 30)
    values -= values.mean()
    p = {shift: stats.sign_flip(values + shift, 0, 0.0)[0] for shift in (0.0, 0.3, 2.0)}
    assert p[2.0] == 1 / 2000
    assert (p[0.0] * 2000).is_integer()
    assert stats.sign_flip(values + 0.3, 0, 0.0)[0] == p[0.3]  # seeded
    near = [stats.sign_flip(values + s, 0, 0.0)[0] for s in np.linspace(0.2, 0.4, 41)]
    assert any(abs(each - 0.05) < 0.005 for each in near)
    assert any(not round(each * 2000, 9).is_integer() for each in near)


def test_one_unit_has_no_interval() -> None:
    one = stats.mean_interval(np.array([2.0]), 0, 0.0)
    assert not one.known
    assert not one.above(-9)
    assert not one.below(9)
    assert f"{one:.2f}" == "(one alone: no interval)"
    assert stats.mean_interval(np.array([2.0, 2.5]), 0, 0.0).known
    assert telling.values(x=(2.0, one)) == {"x": 2.0}
    assert telling.ends([one, (0.0, 1.0, 0.0)], ".1f") == ["—", "0.0 … 1.0"]
    assert telling.controls({"x": ""}, x=(2.0, one))[0].interval is None
