"""What several readings say, brought together by place: claims, and which ways of asking found each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gadfly.agent.critic.judge import Candidate
from gadfly.agent.llm.framings import CODE
from gadfly.tools.review.report import CRITIQUE, Remark
from gadfly.tools.review.suppress import Suppressions

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

    def ways(self, asked: Asked) -> dict[str, bool]:
        """Which of the framings that were answered say it."""
        said = {each.framing for each in self.said}
        answered = {name for each in self.said for name in asked[id(each.view)]}
        return {name: name in said for name in CODE if name in answered}


def by_place(said: Iterable[Candidate]) -> list[Claim]:
    """One claim for each place, without places where a comment of the code switches the critique off."""
    claims: list[Claim] = []
    first: dict[tuple[int, int | None, int], int] = {}  # file, cell and line → the first claim
    silent: dict[tuple[int, int | None], Suppressions] = {}
    for each in said:
        file, spot = each.view.file, each.spot
        where = id(file), spot.cell
        if where not in silent:
            silent[where] = _suppressions(each)
        if silent[where].covers(CRITIQUE, spot.start, spot.end):
            continue
        lines = [(*where, line) for line in range(spot.start, spot.end + 1)]
        number = min((first[line] for line in lines if line in first), default=len(claims))
        if number == len(claims):
            claims.append(Claim([each]))
        else:
            claims[number].said.append(each)
        for line in lines:
            first[line] = min(number, first.get(line, number))
    return claims


def beside_rules(
    found: Sequence[Remark], claims: Iterable[Claim], asked: Asked
) -> tuple[list[Remark], list[Claim]]:
    """Claims at the place of a rule's remark go into that remark; the other claims stand alone."""
    remarks, alone = list(found), []
    first: dict[tuple[str, int | None, int], int] = {}
    for index, each in enumerate(remarks):
        for line in range(each.start_line, each.end_line + 1):
            first.setdefault((each.path, each.cell, line), index)
    for claim in claims:
        best = claim.best
        path, spot = best.view.file.path, best.spot
        lines = ((path, spot.cell, line) for line in range(spot.start, spot.end + 1))
        at = min((first[line] for line in lines if line in first), default=None)
        if at is None:
            alone.append(claim)
        else:
            remarks[at] = remarks[at].model_copy(update={"framings": claim.ways(asked)})
    return remarks, alone


def _suppressions(each: Candidate) -> Suppressions:
    lines = each.view.file.source.lines(each.spot.cell)
    first = next(
        (n for n, line in enumerate(lines, 1) if line.strip() and line.lstrip()[0] != "#"), 1
    )
    return Suppressions(lines, first)
