"""Receipts: what resolves is verified, everything else is struck and counted."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.shelf import Shelf, patch_run

from gadfly.agent.answers.answer import Grade
from gadfly.agent.answers.receipts import Verified, _plain, equals, quote_marker, run_marker, verify
from gadfly.tools.ledger import Ledger, Run

TEXT = (
    "Activation patching replaces 1 activation of the corrupt run. It does not show necessity when\n"
    "the patch is denoising, and 24 pairs are too few for 12 layers. “Curly quotes” – and dashes stay."
)
SHELF = Shelf(guide__patching=TEXT)


@pytest.fixture
def ledger() -> Ledger:
    book = Ledger()
    book.append(cast(Run, patch_run(peak_effect=0.8734, peak_layer=3.0, gap=-1.5)))
    return book


def check(text: str, ledger: Ledger | None = None, given: str = "") -> Verified:
    return verify(text, SHELF, ledger or Ledger(), given=given)


def states(checked: Verified) -> list[str]:
    return [receipt.state for claim in checked.claims for receipt in claim.receipts]


@pytest.mark.parametrize(
    "words",
    [
        "It does not show necessity when the patch is denoising",
        "does not show necessity when\nthe patch is denoising, and 24 pairs",
        '"Curly quotes" - and dashes stay.',
    ],
)
def test_a_verbatim_quote_is_verified(words: str) -> None:
    checked = check(f"Denoising shows sufficiency. {quote_marker('guide/patching', words)}")
    assert states(checked) == ["verified"]
    assert checked.text == "Denoising shows sufficiency. [1]"
    receipt = checked.claims[0].receipts[0]
    assert receipt.start is not None
    assert (
        "show necessity" in TEXT[receipt.start : receipt.end]
        or "dashes" in TEXT[receipt.start : receipt.end]
    )


@pytest.mark.parametrize(
    "words",
    [
        "It does show necessity when the patch is denoising",  # negation dropped
        "and 25 pairs are too few for 12 layers",  # digit changed
        "and 24 pairs are too few for 12 heads",  # word swapped
        "Activation patching replaces 11 activation of the corrupt run",
        "patching",  # too short to mean anything
        "",
    ],
)
def test_a_changed_quote_is_struck(words: str) -> None:
    checked = check(f"A claim stands here. {quote_marker('guide/patching', words)}")
    assert states(checked) == ["struck"]
    assert "[1]" not in checked.text
    assert checked.claims[0].grade is Grade.STRUCK


def test_an_invented_document_is_struck() -> None:
    checked = check("Claimed. [[quote guide/invented | Activation patching replaces 1 activation]]")
    assert checked.claims[0].receipts[0].reason == "no document 'guide/invented' in the corpus"


@pytest.mark.parametrize("value", ["0.87", "0.873", "0.8734"])
def test_a_run_value_at_its_precision_is_verified(ledger: Ledger, value: str) -> None:
    checked = check(
        f"The effect is {value}. {run_marker('r0a1b2c3d', 'peak_effect', value)}", ledger
    )
    assert states(checked) == ["verified"]
    assert checked.claims[0].grade is Grade.VERIFIED


@pytest.mark.parametrize(
    ("run", "field", "value"),
    [
        ("r0a1b2c3d", "peak_effect", "0.88"),
        ("r0a1b2c3d", "peak_effect", "0.8735"),
        ("r0a1b2c3d", "peak_effect", "1"),
        ("r0a1b2c3d", "gap", "1.5"),
        ("r0a1b2c3d", "unknown", "0.87"),
        ("rffffffff", "peak_effect", "0.87"),
        ("r0a", "peak_effect", "0.87"),
        ("r0a1b2c3d", "verdict", "not supported"),
        ("r0a1b2c3d", "peak_effect", "nan"),
        ("r0a1b2c3d", "peak_effect", "a lot"),
    ],
)
def test_a_wrong_run_receipt_is_struck(ledger: Ledger, run: str, field: str, value: str) -> None:
    assert states(check(f"Claimed. {run_marker(run, field, value)}", ledger)) == ["struck"]


def test_controls_and_verdicts_can_be_cited(ledger: Ledger) -> None:
    text = (
        f"The placebo does 0.012. {run_marker('r0a1b2c3d', 'placebo', '0.012')} "
        f"It is supported. {run_marker('r0a1b2c3d', 'verdict', 'supported')}"
    )
    assert states(check(text, ledger)) == ["verified", "verified"]


def test_a_number_without_receipt_is_reported(ledger: Ledger) -> None:
    marker = run_marker("r0a1b2c3d", "peak_effect", "0.87")
    claim = check(f"The effect is 0.93 at layer 3. {marker}", ledger).claims[0]
    assert claim.loose_numbers == ["0.93", "3"]
    assert claim.grade is Grade.PARTLY
    assert check(f"The effect is 0.87 on GPT-2. {marker}", ledger).claims[0].loose_numbers == []
    assert (
        check(f"At layer 7 it is 0.87. {marker}", ledger, given="layer 7?").claims[0].loose_numbers
        == []
    )


def test_a_sentence_without_receipt_is_an_opinion_and_headings_claim_nothing() -> None:
    checked = check(
        "# Heading\n\nHere is why:\n\n- I think so. Perhaps not.\n\n```\ncode = 1.\n```"
    )
    assert [(claim.text, claim.grade) for claim in checked.claims] == [
        ("I think so.", Grade.OPINION),
        ("Perhaps not.", Grade.OPINION),
    ]


def test_a_receipt_belongs_to_its_own_sentence_only() -> None:
    marker = quote_marker("guide/patching", "Activation patching replaces 1 activation")
    checked = check(f"First claim here. {marker} Second claim e.g. this one. Third. {marker}")
    assert [claim.grade for claim in checked.claims] == [
        Grade.VERIFIED,
        Grade.OPINION,
        Grade.VERIFIED,
    ]
    assert checked.text == "First claim here. [1] Second claim e.g. this one. Third. [2]"


@pytest.mark.parametrize(
    "broken",
    [
        "[[quote guide/patching Activation patching replaces]]",
        "[[run r0a1b2c3d peak_effect]]",
        "[[quote x",
    ],
)
def test_a_malformed_marker_is_struck_not_shown(broken: str) -> None:
    checked = check(f"A claim. {broken}")
    assert states(checked) == ["struck"]
    assert "[[" not in checked.text


def test_abstaining_is_not_a_claim() -> None:
    checked = check("[[abstain | nothing on this]]")
    assert (checked.abstained, checked.claims, checked.text) == ("nothing on this", [], "")


@given(st.text())
def test_no_text_breaks_the_verifier_or_verifies_by_accident(text: str) -> None:
    assert all(state == "struck" for state in states(verify(text, Shelf(), _NoRuns())))


@given(st.text(alphabet="[]| quoterun=guide/patching\ue000\ue0010123456789.\n", max_size=60))
def test_marker_like_noise_never_verifies(text: str) -> None:
    assert "verified" not in states(verify(text, Shelf(), _NoRuns()))


@given(
    st.floats(
        allow_nan=False, allow_infinity=False, min_value=-1e6, max_value=1e6, allow_subnormal=False
    )
)
def test_rounding_to_three_digits_is_equal_and_a_moved_digit_is_not(value: float) -> None:
    written = f"{value:.3g}"
    assert equals(written, value)
    if abs(value) > 0.1:
        assert not equals(f"{value * 1.06:.3g}", value)


class _NoRuns:
    def find(self, run_id: str) -> None:
        return None


@pytest.mark.parametrize(
    "number", ["1e1000000", "-1e999999999", "1e-1000000", "9" * 5_000, "1e400"]
)
def test_a_number_beyond_all_arithmetic_is_no_receipt_and_no_error(number: str) -> None:
    assert not equals(number, 1.0)
    assert len(_plain(number)) <= len(number) + 1
