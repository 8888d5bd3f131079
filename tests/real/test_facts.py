"""Every tool on SmolLM2 says what transformers alone gives, and supports nothing where there is nothing.

The rows of ``make real``, on fewer prompts; and figures that were found on these weights by hand, with bounds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gadfly.evals.real.asking import Row, Subject
from gadfly.evals.real.rows import TOOLS, rows_of
from gadfly.tools import known, model

pytestmark = [pytest.mark.slow, pytest.mark.real]

_FEW = {"attribute": 16, "lens": 16, "probe": 0, "activations": 0, "sae": 0}
"""How many prompts a tool gets, where that is not eight; 0: all."""


def attribute(rows: list[Row]) -> None:
    names, paris, *_ = (row.values for row in rows)
    assert (names["layer"], names["head"]) == (23, 3)
    assert 0.35 <= names["share"] <= 0.70
    assert names["p"] <= 0.01
    assert paris["logit"] == pytest.approx(9.07, abs=0.01)
    assert "7042" in rows[2].said and "19081" in rows[2].said


def lens(rows: list[Row]) -> None:
    _, capitals, opposites, names, _ = (row.said for row in rows)
    assert capitals.startswith("none") and names.startswith("none")
    assert any(f"readable after layer {layer}" in opposites for layer in (26, 27, 28))


def patchscope(rows: list[Row]) -> None:
    (summer,) = (row for row in rows if "in passing" in row.fact)
    # The token itself brings the capital out, nearly whole: other answers are 8 nats below.
    assert summer.values["beyond_token_high"] < 0.5 < summer.values["advantage_low"]


def attention(rows: list[Row]) -> None:
    found = rows[0].values
    assert (found["induction_layer"], found["induction_head"]) == (18, 6)
    assert found["induction_score"] >= 0.75


def steer(rows: list[Row]) -> None:
    found = rows[0].values
    assert found["layer"] == 14
    assert 150 <= found["unit"] <= 185
    assert 0.35 <= found["doubling_dose"] <= 0.5
    assert found["effect"] > 0


def sae(rows: list[Row]) -> None:
    assert rows[0].values["fvu"] > 1


FIGURES: dict[str, Callable[[list[Row]], None]] = {
    "attribute": attribute,
    "lens": lens,
    "patchscope": patchscope,
    "attention": attention,
    "steer": steer,
    "sae": sae,
}


@pytest.mark.parametrize("tool", TOOLS)
def test_every_row_agrees(tool: str, smollm2: Subject) -> None:
    smollm2.most = _FEW.get(tool, 8)
    rows = rows_of(smollm2, tool)
    assert rows
    assert [f"{row.fact} | {row.said}" for row in rows if not row.agreed] == []
    if tool in FIGURES:
        FIGURES[tool](rows)


def test_the_yardstick_itself(smollm2: Subject) -> None:
    """What the rows are computed with gives the figures that were found on these weights by hand."""
    plain = smollm2.plain
    ids = plain.ids("The capital of France is")
    assert plain.difference(ids, " Paris", " Tokyo") == pytest.approx(9.07, abs=0.01)
    text = "When Mary and John went to the store, John gave a drink to"
    names = plain.direct(plain.ids(text), " Mary", " John")
    assert np.unravel_index(names.argmax(), names.shape) == (23, 3)
    norms = plain.residuals(plain.ids(text))[14].norm(dim=-1)
    assert float(norms[0]) > 50 * float(norms[1:].median())
    assert float(norms[1:].median()) == pytest.approx(167, rel=0.15)


def test_a_second_load_neither_hashes_nor_checks(
    smollm2: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "_SETTLED", -60)  # files that were written just now count as settled
    monkeypatch.setattr(model, "_LOADED", {})
    first = model.load(str(smollm2.folder), device="cpu").fingerprint
    model._LOADED.clear()
    calls: list[str] = []
    monkeypatch.setattr(model, "hash_of_files", lambda _: calls.append("hash"))
    monkeypatch.setattr(model.LocalModel, "check", lambda _: calls.append("check"))
    assert model.load(str(smollm2.folder), device="cpu").fingerprint == first
    assert calls == []
