"""Which tokens statistics over positions are of."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from support.models import local  # noqa: E402

from gadfly.tools.capture import MASSIVE, mean, usual, without_massive  # noqa: E402


def lengths(*norms: list[float]) -> torch.Tensor:
    """Activations [rows, tokens, 2] of these norms."""
    return torch.tensor(norms)[..., None] * torch.tensor([0.6, 0.8])


def test_a_massive_activation_is_left_out_wherever_it_is() -> None:
    those = torch.tensor([[False, True, True, True], [False, False, True, True]])
    at_limit, beyond = MASSIVE, MASSIVE * 1.01
    hidden = lengths([500.0, beyond, 1.0, 1.0], [500.0, 400.0, at_limit, 1.0])
    found = without_massive(hidden, those)
    # The first token and padding are not counted into the median either.
    assert found.tolist() == [[False, False, True, True], [False, False, True, True]]


def test_a_row_hangs_on_no_other_row() -> None:
    those = torch.ones(2, 3, dtype=torch.bool)
    hidden = lengths([1.0, 1.0, 50.0], [60.0, 60.0, 60.0])
    together = without_massive(hidden, those)
    alone = torch.cat([without_massive(hidden[i : i + 1], those[i : i + 1]) for i in range(2)])
    assert together.tolist() == alone.tolist() == [[True, True, False], [True, True, True]]


def test_numbers_that_are_not_finite_are_not_hidden() -> None:
    those = torch.ones(1, 2, dtype=torch.bool)
    assert without_massive(lengths([float("inf"), float("inf")]), those).all()
    assert without_massive(lengths([float("nan"), 1.0]), those).all()


def test_the_mean_leaves_it_out_and_a_lone_token_is_its_own_mean() -> None:
    model = local("Qwen3")
    batch = model.batch_of([[10, 11, 12, 13, 14], [10]])
    hidden = torch.randn(2, 5, 8)
    hidden[0, 1] *= 1e4
    found = mean(hidden, batch, usual(batch, set()))
    assert torch.allclose(found[0], hidden[0, 2:].mean(0))
    assert torch.allclose(found[1], hidden[1, 4])
