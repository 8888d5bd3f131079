"""Every tool on SmolLM2 says what transformers alone gives, and supports nothing where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest

from gadfly.evals.real.asking import Subject
from gadfly.evals.real.rows import TOOLS, rows_of

pytestmark = [pytest.mark.slow, pytest.mark.real]


@pytest.mark.parametrize("tool", TOOLS)
def test_every_row_agrees(tool: str, smollm2: Subject) -> None:
    rows = rows_of(smollm2, tool)
    assert rows
    assert [f"{row.fact} | {row.said}" for row in rows if not row.agreed] == []


def test_the_yardstick_itself(smollm2: Subject) -> None:
    """What the rows are computed with gives the figures that were found on these weights by hand."""
    plain = smollm2.plain
    ids = plain.ids("The capital of France is")
    assert plain.difference(ids, " Paris", " Tokyo") == pytest.approx(9.07, abs=0.02)
    text = "When Mary and John went to the store, John gave a drink to"
    names = plain.direct(plain.ids(text), " Mary", " John")
    assert np.unravel_index(names.argmax(), names.shape) == (23, 3)
    norms = plain.residuals(plain.ids(text))[14].norm(dim=-1)
    assert float(norms[0]) > 50 * float(norms[1:].median())
    assert float(norms[1:].median()) == pytest.approx(167, rel=0.15)
