"""What an answer is: text, its claims, the receipt behind each claim. Types only.

The JSON of ``gadfly ask --json`` is :class:`Answer` dumped; its field names are stable.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, computed_field


class Receipt(BaseModel):
    """One marker of the text, resolved or struck out."""

    kind: Literal["quote", "run"]
    state: Literal["verified", "struck"]
    reason: str = ""
    """Why it was struck."""
    # a quote
    document: str | None = None
    title: str | None = None
    quote: str | None = None
    start: int | None = None
    end: int | None = None
    # a run
    run: str | None = None
    field: str | None = None
    value: str | None = None


class Grade(StrEnum):
    """How far a claim is backed."""

    VERIFIED = "verified"
    PARTLY = "partly verified"
    STRUCK = "struck"
    OPINION = "opinion"


class Claim(BaseModel):
    """One sentence of the answer with the receipts attached to it."""

    text: str
    receipts: list[Receipt] = []
    loose_numbers: list[str] = []
    """Numbers of the sentence that none of its verified receipts contains."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def grade(self) -> Grade:
        """Verified only if something was verified, nothing struck and no number is loose."""
        verified = [r for r in self.receipts if r.state == "verified"]
        if not self.receipts:
            return Grade.OPINION
        if not verified:
            return Grade.STRUCK
        if len(verified) < len(self.receipts) or self.loose_numbers:
            return Grade.PARTLY
        return Grade.VERIFIED


class Cost(BaseModel):
    """What the answer took. ``dollars`` is None when the provider reported no price."""

    dollars: float | None = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0


class Answer(BaseModel):
    """A question answered. ``answer`` is Markdown whose ``[1]`` point into ``receipts``."""

    question: str
    answer: str
    claims: list[Claim] = []
    abstained: bool = False
    engine: str
    notices: list[str] = []
    runs: list[str] = []
    cost: Cost = Cost()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def receipts(self) -> list[Receipt]:
        """Verified receipts, in the order of their footnote numbers."""
        return [r for claim in self.claims for r in claim.receipts if r.state == "verified"]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def struck(self) -> int:
        """How many markers did not resolve."""
        return sum(r.state == "struck" for claim in self.claims for r in claim.receipts)
