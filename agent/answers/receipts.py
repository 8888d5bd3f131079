"""Receipts: the markers in an answer's text, each verified mechanically, never by another model.

Two markers exist, written right after the sentence they back:

    [[quote DOCUMENT-ID | words that stand verbatim in that document]]
    [[run RUN-ID | field = value]]        [[run RUN-ID | verdict = supported]]

A quote is verified if the document exists and holds the words (whitespace- and Unicode-normalised,
nothing looser). A run is verified if the ledger holds it and the value equals the recorded one at the
precision written. Everything else is struck: removed from the text, counted, with the reason.
A third marker, ``[[abstain | reason]]``, says that there is no answer.

Whether a verified quote *supports* its sentence is left to the reader, with one exception that can be
checked: a number in the sentence that stands in none of its receipts is reported as loose.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from gadfly.agent.answers.answer import Claim, Receipt
from gadfly.agent.answers.markers import Marker, broken, markers, replaced
from gadfly.agent.answers.sentences import Segment, segments
from gadfly.corpus import quotes
from gadfly.errors import CorpusError, LedgerError
from gadfly.tools.ledger import Run

NUMBER = re.compile(r"(?<![\w.\-–/])[+\-−]?\d[\d,]*(?:\.\d+)?(?:[eE][+\-]?\d+)?%?(?![\w\-]|\.\d)")
_MARKS = "\"'“”„«»‘’ \n\t"
_LONGEST_EXPONENT = 400  # of a number that is compared as text; a float has 308


class Library(Protocol):
    """Where quotes are checked; :class:`gadfly.corpus.Corpus` fits."""

    def document(self, document_id: str) -> Readable: ...


class Readable(Protocol):
    @property
    def title(self) -> str: ...
    @property
    def text(self) -> str: ...


class Runs(Protocol):
    """Where runs are checked; :class:`gadfly.tools.ledger.Ledger` fits."""

    def find(self, run_id: str) -> Run | None: ...


@dataclass(frozen=True)
class Verified:
    """A text whose markers are resolved: ``text`` has footnote numbers in their place."""

    text: str
    claims: list[Claim]
    abstained: str | None
    """The reason of an abstain marker, if there was one."""


def quote_marker(document_id: str, words: str) -> str:
    """The marker for a quote, as the offline engine writes it."""
    return f"[[quote {document_id} | {words}]]"


def run_marker(run_id: str, field: str, value: str) -> str:
    """The marker for a number of a run, as the offline engine writes it."""
    return f"[[run {run_id} | {field} = {value}]]"


def verify(text: str, library: Library, runs: Runs, *, given: str = "", first: int = 1) -> Verified:
    """Resolve every marker of ``text``.

    Args:
        given: text whose numbers need no receipt (the question: repeating it is no claim).
        first: the number of the first footnote.
    """
    receipts: list[Receipt] = []
    abstained: list[str] = []

    def resolve(marker: Marker) -> str:
        body = marker.body.strip()
        if marker.kind == "abstain":
            abstained.append(body)
            return ""
        receipts.append(
            _check_quote(marker.target, body, library)
            if marker.kind == "quote"
            else _check_run(marker.target, body, runs)
        )
        return _slot(len(receipts) - 1)

    def strike(marker: Marker) -> str:
        kind = "run" if marker.kind == "run" else "quote"
        words = whole[marker.start : marker.end][:80]
        told = {"kind": kind, "state": "struck", "reason": f"malformed marker {words!r}"}
        receipts.append(Receipt.model_validate(told))
        return _slot(len(receipts) - 1)

    plain = re.sub("[\ue000\ue001]", "", text)  # the slots' own characters cannot come from outside
    whole = replaced(plain, markers(plain), resolve)
    marked = replaced(whole, broken(whole), strike)
    allowed = _numbers(given)
    claims = [
        _claim(segment, receipts, allowed) for segment in segments(marked) if segment.is_claim
    ]
    return Verified(
        text=_footnoted(marked, receipts, first),
        claims=claims,
        abstained=abstained[0] if abstained else None,
    )


def _slot(index: int) -> str:
    return f"\ue000{index}\ue001"


SLOT = re.compile("\ue000(\\d+)\ue001")


def _claim(segment: Segment, receipts: list[Receipt], allowed: set[str]) -> Claim:
    own = [receipts[int(index)] for index in SLOT.findall(segment.text)]
    words = " ".join(SLOT.sub(" ", segment.text).split())
    backed = set(allowed)
    for receipt in own:
        if receipt.state == "verified":
            backed |= _numbers(f"{receipt.quote or ''} {receipt.value or ''}")
    # Without any receipt the sentence is an opinion as a whole: nothing to hold its numbers to.
    loose = (
        [n for n in dict.fromkeys(NUMBER.findall(words)) if _plain(n) not in backed] if own else []
    )
    return Claim(text=re.sub(r"\s+([.,;:!?])", r"\1", words), receipts=own, loose_numbers=loose)


def _footnoted(text: str, receipts: list[Receipt], first: int) -> str:
    """The text with ``[n]`` in place of the slots of the verified receipts, which are counted in their order."""
    verified = [index for index, receipt in enumerate(receipts) if receipt.state == "verified"]
    numbers = {index: number for number, index in enumerate(verified, first)}

    def label(slot: re.Match[str]) -> str:
        number = numbers.get(int(slot[1]))
        return "[receipt struck]" if number is None else f"[{number}]"

    return re.sub(r"(?<![ \t])[ \t]++\n", "\n", SLOT.sub(label, text)).strip()


def _check_quote(document_id: str, words: str, library: Library) -> Receipt:
    words = bare(words)
    receipt = Receipt(kind="quote", state="struck", document=document_id, quote=words)
    try:
        document = library.document(document_id)
    except CorpusError:
        receipt.reason = f"no document {document_id!r} in the corpus"
        return receipt
    receipt.title = document.title
    match, reason = verbatim(words, document.text)
    if match is None:
        receipt.reason = f"these words do not stand in the document ({reason})"
        return receipt
    receipt.state, receipt.start, receipt.end = "verified", match.start, match.end
    return receipt


def _check_run(run_id: str, body: str, runs: Runs) -> Receipt:
    field, _, value = (part.strip() for part in body.partition("="))
    receipt = Receipt(kind="run", state="struck", run=run_id, field=field, value=value)
    try:
        run = runs.find(run_id)
    except LedgerError as error:
        receipt.reason = str(error)
        return receipt
    if run is None or run.result is None:
        receipt.reason = f"no finished run {run_id!r} in the ledger"
        return receipt
    if field == "verdict":
        actual: object = str(run.result.verdict)
        same = value.casefold() == actual
    else:
        actual = run.value(field)
        same = isinstance(actual, float) and equals(value, actual)
    if same:
        receipt.state = "verified"
    elif actual is None:
        receipt.reason = f"run {run_id} has no value {field!r}"
    else:
        shown = f"{actual:.6g}" if isinstance(actual, float) else actual
        receipt.reason = f"the ledger says {field} = {shown}"
    return receipt


def equals(written: str, actual: float) -> bool:
    """Whether a number as written is ``actual`` rounded to the digits shown, and not too coarsely:
    within half a unit of the last digit, and within 5 % of the value (or 0.005, near zero). ``34%`` is 0.34."""
    try:
        number = Decimal(written.replace("−", "-").replace(",", "").removeprefix("+").rstrip("%"))
        exact = Decimal(repr(float(actual)))
        if written.endswith("%"):
            number = number.scaleb(-2)
        if not (number.is_finite() and exact.is_finite()):
            return False
        exponent = number.as_tuple().exponent
        assert isinstance(exponent, int)
        half_unit = Decimal((0, (5,), exponent - 1))
        coarse = max(abs(exact) * Decimal("0.05"), Decimal("0.005"))
        return abs(number - exact) <= min(half_unit * Decimal("1.000001"), coarse)
    except ArithmeticError:  # no number, or one whose exponent no arithmetic takes
        return False


def _plain(number: str) -> str:
    """A number's canonical spelling: 1,024 and 1024, −3 and -3, 0.50 and 0.5 are the same."""
    text = number.replace("−", "-").replace(",", "").lstrip("+").rstrip("%")
    try:
        value = Decimal(text).normalize()
    except ArithmeticError:
        return text
    # Written out it would be as long as its exponent says.
    return f"{value:f}" if abs(value.adjusted()) < _LONGEST_EXPONENT else text


def _numbers(text: str) -> set[str]:
    return {_plain(number) for number in NUMBER.findall(text)}


def bare(words: object) -> str:
    """Quoted words on one line, without the marks around them."""
    return " ".join(str(words or "").split()).strip(_MARKS)


def verbatim(words: str, text: str) -> quotes.Check:
    """Where the words stand in the text; or nothing, and why.

    White space and the shapes of Unicode characters may differ, nothing else. Not for code, in which blanks mean
    nothing (``critic.views``).
    """
    return quotes.check(words.strip(_MARKS), text)
