"""Words that say more than an experiment on activations can show, found by pattern and quoted as written.

Each pattern has what would excuse it in the same sentence. Few and sharp: a reviewer who cries wolf is not read.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gadfly.agent.jobs.redteam.blocks import Block
from gadfly.agent.jobs.redteam.report import Overclaim


class Pattern(NamedTuple):
    """Words, what excuses them, why they are too much, what to say instead."""

    words: re.Pattern[str]
    excuse: re.Pattern[str] | None
    because: str
    instead: str


def _pattern(words: str, excuse: str | None, because: str, instead: str) -> Pattern:
    return Pattern(
        re.compile(rf"\b(?:{words})\b", re.IGNORECASE),
        re.compile(excuse, re.IGNORECASE) if excuse else None,
        because,
        instead,
    )


_NOT = r"\b(?:not|no|never|cannot|neither|nor|without|does not|do not|whether|if|would)\b"
_OR = _NOT + "|"
PATTERNS = (
    _pattern(
        "proves?|proven|proof that|definitively|conclusively|irrefutabl[ey]",
        _NOT,
        "an experiment supports; it does not prove",
        "what was measured, and against which control",
    ),
    _pattern(
        "novel|for the first time|first to (?:show|demonstrate|find)|never before|unprecedented",
        _NOT,
        "nobody has searched everything",
        "which search found nothing",
    ),
    _pattern(
        "the model (?:truly |really |actually )?"
        "(?:understands?|knows?|believes?|wants?|intends?|reali[sz]es?|lies|is lying)",
        _OR + r"\bas if\b|operationali[sz]",
        "a probe or a patch shows a state, not a mind",
        "what can be read or changed, where, and how well",
    ),
    _pattern(
        "causes?|causally|because of (?:this|the) (?:head|neuron|direction|feature)|drives|is responsible for",
        _OR + r"\b(?:patch\w*|ablat\w*|interven\w*|steer\w*)\b",
        "cause needs an intervention, and none is named in the sentence",
        "correlates with; or name the intervention and its control",
    ),
    _pattern(
        "(?:all|every|any) (?:language )?models?|(?:language models|LLMs) (?:represent|encode|use|know|store)|"
        "in general,? (?:LLMs|models)|universal(?:ly)?",
        _OR + r"\bwe tested\b",
        "a few models were measured",
        "the names of the models that were measured",
    ),
    _pattern(
        "fully (?:explains?|captures?|describes?|recovers?)|complete(?:ly)? (?:explains?|explanation|understanding)|"
        "the (?:full|entire|whole) (?:mechanism|circuit|story)|solves?",
        _NOT,
        "completeness needs its own test",
        "the share that is explained, and what remains",
    ),
    _pattern(
        "significant(?:ly)?",
        _OR + r"\bp\s*[<=]|\bp-value|interval|\bCI\b|permutation|bootstrap|\[-?\d",
        "no test, interval or p-value stands in the sentence",
        "the number with its interval",
    ),
    _pattern(
        "clearly|obviously|undoubtedly|striking(?:ly)?|remarkabl[ey]|dramatic(?:ally)?",
        _NOT,
        "the reader decides what is clear",
        "the number with its control",
    ),
    _pattern(
        "robust(?:ly)?|generali[sz]es?",
        _OR + r"held[- ]out|unseen|other (?:models?|datasets?|templates?|seeds?)|seeds|across \d",
        "nothing says across what",
        "which held-out set, models or seeds, and how many",
    ),
    _pattern(
        r"the (?:\w+ )?(?:direction|neuron|head|feature) (?:for|of) (?:deception|truth|honesty|refusal|lying)",
        _OR + r"\ba (?:direction|neuron|head|feature)\b",
        "'the' says that there is one and that it is for that",
        "a direction that separates these data sets",
    ),
    _pattern(
        "state[- ]of[- ]the[- ]art|outperforms? (?:all|every|existing)",
        _NOT,
        "a comparison with everything was not made",
        "the rivals compared, at equal effort",
    ),
    _pattern(
        r"best of \w+ (?:seeds|runs)|best (?:seed|run|layer|head) (?:gives|gave|reach(?:es|ed)|achieve[sd])",
        "validation|held[- ]out",
        "the best of several is chosen by luck too",
        "all of them, or the one chosen on validation and read once on test",
    ),
)


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
