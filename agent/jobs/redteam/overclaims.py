"""Words that say more than an experiment on activations can show, found by pattern and quoted as written.

Each pattern has what would excuse it in the same sentence. Few and sharp: a reviewer who cries wolf is not read.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gadfly.agent.jobs.redteam.blocks import Block
from gadfly.agent.jobs.redteam.report import Overclaim
from gadfly.tables import filled, table, whole_words


class Pattern(NamedTuple):
    """Words, what excuses them, why they are too much, what to say instead."""

    words: re.Pattern[str]
    excuse: re.Pattern[str] | None
    because: str
    instead: str


def _patterns() -> tuple[Pattern, ...]:
    data = table(__file__)

    def compiled(source: str) -> re.Pattern[str]:
        return re.compile(filled(source, data["lists"]), re.IGNORECASE)

    return tuple(
        Pattern(
            words=compiled(whole_words(each["words"])),
            excuse=compiled(each["excuse"]) if each.get("excuse") else None,
            because=each["because"],
            instead=each["instead"],
        )
        for each in data["overclaim"]
    )


PATTERNS = _patterns()


def find(found: list[Block]) -> list[Overclaim]:
    """The overclaims of the blocks, each pattern once a sentence."""
    out = []
    for block in found:
        for at, sentence in block.sentences():
            for pattern in PATTERNS:
                match = pattern.words.search(sentence)
                if match is None or (pattern.excuse and pattern.excuse.search(sentence)):
                    continue
                begin, end = _around(sentence, match)
                out.append(
                    Overclaim(
                        line=block.line(at + match.start()),
                        quote=block.quote(at + begin, end - begin),
                        because=pattern.because,
                        instead=pattern.instead,
                    )
                )
    return out


def _around(sentence: str, match: re.Match[str], words: int = 6) -> tuple[int, int]:
    """Where the match with some words on each side begins and ends."""
    # Backwards, the words before are the words behind.
    before = re.match(rf"\S*(?:\s+\S+){{0,{words}}}", sentence[: match.start()][::-1])
    after = re.match(rf"\S*(?:\s+\S+){{0,{words}}}", sentence[match.end() :])
    begin, end = match.span()
    return begin - (len(before[0]) if before else 0), end + (len(after[0]) if after else 0)
