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
    verdict: str | None = None
    """What the run itself concluded after its controls."""


class Grade(StrEnum):
    """How far a claim is backed."""

    VERIFIED = "verified"
    PARTLY = "partly verified"
    STRUCK = "struck"
    DISPUTED = "disputed"
    OPINION = "opinion"


class Claim(BaseModel):
    """One sentence of the answer with the receipts attached to it."""

    text: str
    receipts: list[Receipt] = []
    loose_numbers: list[str] = []
    """Numbers of the sentence that none of its verified receipts contains."""
    contradicts: str = ""
    """How the sentence contradicts the verdict of a run that it cites; empty if it does not."""
    disputed: str = ""
    """Why a fresh context refuted the sentence; empty if it did not."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def grade(self) -> Grade:
        """Verified only if something was verified, nothing struck, no number loose and nobody objected."""
        if self.contradicts:
            return Grade.STRUCK
        if self.disputed:
            return Grade.DISPUTED
        verified = [r for r in self.receipts if r.state == "verified"]
        if not self.receipts:
            return Grade.OPINION
        if not verified:
            return Grade.STRUCK
        if len(verified) < len(self.receipts) or self.loose_numbers:
            return Grade.PARTLY
        return Grade.VERIFIED


class Opinion(BaseModel):
    """One fresh judgement of the same material under one framing."""

    framing: str
    verdict: Literal["holds", "fails", "undecided"]
    why: str = ""


class Judgement(BaseModel):
    """What opposed framings made of the work or claim that the researcher put forward.

    ``verdict`` is ``disagreement`` where the framing decided: then nothing may be concluded from any of them.
    """

    verdict: Literal["holds", "fails", "undecided", "disagreement"]
    opinions: list[Opinion] = []
    standing: Literal["holds", "fails", "undecided", "disagreement"] | None = None
    """The verdict of an earlier turn, where it differs."""
    without: Literal["holds", "fails", "undecided", "disagreement"] | None = None
    """The verdict now on the earlier evidence alone: if it differs too, the judge wavered and nothing changed."""
    new_evidence: list[str] = []
    """What a changed verdict rests on: receipts that the earlier answer did not have."""
    unbacked: bool = False
    """Every framing said ``holds``, and no receipt was verified: agreement is no evidence, so it is ``undecided``."""


class Aside(BaseModel):
    """A piece of the message that was set aside before judgement."""

    kind: Literal["authorship", "hope", "praise", "authority", "repetition", "belief"]
    text: str


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
    judgement: Judgement | None = None
    set_aside: list[Aside] = []
    """Pressure found in the message: judgement did not see it."""
    restated: bool = False
    """Whether this repeats the standing answer because the message brought nothing new."""

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
