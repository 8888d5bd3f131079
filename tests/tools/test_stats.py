"""Statistics for many cells at once: what they find, and how often they find what is not there."""

from __future__ import annotations

import numpy as np
import pytest

from gadfly.tools import stats


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
