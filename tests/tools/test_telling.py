"""The kit of reports: numbers, controls, tables, pages."""

from __future__ import annotations

import numpy as np
import pytest

from gadfly.errors import ToolInputError
from gadfly.tools import telling
from gadfly.tools.stats import Interval

ENDS = Interval(0.1234567, 0.5)


def test_values_are_rounded_and_keep_their_order() -> None:
    told = telling.values(effect=(np.float64(1) / 3, ENDS), beyond=ENDS, q=None, pairs=12)
    assert list(told.items()) == [
        ("effect", 0.333333),
        ("effect_low", 0.123457),
        ("effect_high", 0.5),
        ("beyond_low", 0.123457),
        ("beyond_high", 0.5),
        ("pairs", 12.0),
    ]
    assert all(type(each) is float for each in told.values())


def test_controls_carry_their_meaning() -> None:
    meanings = {"a": "any would do", "b": "a fault", "c": "not measured"}
    a, b = telling.controls(meanings, a=(0.5, np.array([0.1, 0.9])), b=0, c=None)
    assert (a.name, a.value, a.interval, a.meaning) == ("a", 0.5, (0.1, 0.9), "any would do")
    assert (b.value, b.interval) == (0.0, None)


@pytest.mark.parametrize(
    ("held", "total", "told"),
    [(4, 8, "4 held out of 8 prompts"), (1, 2, "1 held out of 2 prompts"), (1, 1, "1 prompt")],
)
def test_what_was_held_out_is_told(held: int, total: int, told: str) -> None:
    assert telling.held_out(held, total, "prompt") == told


def test_a_table_says_how_much_it_leaves_out() -> None:
    columns = {"layer": range(5), "effect": telling.column(np.arange(5) / 3, 2)}
    found = telling.table(columns, telling.thinned(5, 4, (3, 4)))
    assert found.rows == [[0, 0.0], [3, 1.0], [4, 1.33]]
    assert (found.columns, found.total) == (["layer", "effect"], 5)
    assert telling.thinned(4, 4, (3,)) == [0, 1, 2, 3]
    assert telling.ends([ENDS, np.array([1.0, 2.0])], ".2f") == ["0.12 … 0.50", "1.00 … 2.00"]
    assert f"{ENDS:+.2f}" == "[+0.12, +0.50]"


def test_a_page_that_is_not_there_is_named() -> None:
    assert telling.page(2, 30, 40, "heads") == slice(30, 60)
    assert telling.page(1, 30, 0, "heads") == slice(0, 30)
    with pytest.raises(ToolInputError, match="no page 3; the 40 heads fill 2"):
        telling.page(3, 30, 40, "heads")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.12345, "0.123"),
        (999.4, "999"),
        (999.6, "1000"),
        (23500.4, "23500"),
        (-2e4, "-20000"),
        (5e-5, "5e-05"),
    ],
)
def test_ranks_have_no_exponent(number: float, text: str) -> None:
    assert telling.shown(number) == text
