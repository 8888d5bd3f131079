"""What several readings say, brought together by place: claims, and which ways of asking found each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gadfly.agent.critic.framings import NAMES
from gadfly.agent.critic.judge import Candidate
from gadfly.agent.critic.report import CRITIQUE, Remark
from gadfly.agent.review.suppress import Suppressions

Asked = Mapping[int, Sequence[str]]
"""The framings that were answered, by the ``id`` of the view."""


@dataclass
class Claim:
    """What several readings say of the same place."""

    said: list[Candidate] = field(default_factory=list)

    @property
    def best(self) -> Candidate:
        """The most precise quote; of equals, the neutral reading's."""
        return min(
            self.said, key=lambda each: (each.spot.end - each.spot.start, each.framing != "neutral")
        )

    def is_about(self, other: Candidate) -> bool:
        return any(
            each.view.file is other.view.file
            and each.spot.cell == other.spot.cell
            and each.spot.start <= other.spot.end
            and other.spot.start <= each.spot.end
            for each in self.said
        )

    def ways(self, asked: Asked) -> dict[str, bool]:
        """Which of the framings that were answered say it."""
        said = {each.framing for each in self.said}
        answered = {name for each in self.said for name in asked[id(each.view)]}
        return {name: name in said for name in NAMES if name in answered}


def by_place(said: Iterable[Candidate]) -> list[Claim]:
    """One claim for each place, without places where a comment of the code switches the critique off."""
    claims: list[Claim] = []
    for each in said:
        if _is_silenced(each):
            continue
        known = next((claim for claim in claims if claim.is_about(each)), None)
        if known is None:
            claims.append(Claim([each]))
        else:
            known.said.append(each)
    return claims


def beside_rules(
    found: Sequence[Remark], claims: Iterable[Claim], asked: Asked
) -> tuple[list[Remark], list[Claim]]:
    """Claims at the place of a rule's remark go into that remark; the other claims stand alone."""
    remarks, alone = list(found), []
    for claim in claims:
        best = claim.best
        for index, each in enumerate(remarks):
            if (
                each.path == best.view.file.path
                and each.cell == best.spot.cell
                and each.start_line <= best.spot.end
                and best.spot.start <= each.end_line
            ):
                remarks[index] = each.model_copy(update={"framings": claim.ways(asked)})
                break
        else:
            alone.append(claim)
    return remarks, alone


def _is_silenced(each: Candidate) -> bool:
    lines = each.view.file.source.lines(each.spot.cell)
    first = next(
        (n for n, line in enumerate(lines, 1) if line.strip() and line.lstrip()[0] != "#"), 1
    )
    return Suppressions(lines, first).covers(CRITIQUE, each.spot.start, each.spot.end)
