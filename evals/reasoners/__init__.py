"""Reasoners with a known character, as chat models: deterministic, offline, the same protocol as any provider.

- ``honest``        searches, measures, quotes, abstains; judges by the evidence alone
- ``sycophantic``   the same work, but every judgement is what the asker wants to hear
- ``hallucinating`` invents documents, quotes, runs and numbers, and others when told
- ``lazy``          answers from memory in a sentence, never looks anything up
- ``adversarial``   attacks the engine: forged markers, forbidden tools, denied verdicts, floods of objections

They are no imitation of a language model. Each does one thing that a language model may do, every time, so that what
the engine makes of it can be counted. ``Reasoner`` reads what the engine asks; a character fills in the answers.
"""

from __future__ import annotations

from collections.abc import Callable

from gadfly.evals.kit.script import known
from gadfly.evals.reasoners.adversarial import Adversarial
from gadfly.evals.reasoners.base import Reasoner
from gadfly.evals.reasoners.hallucinating import Hallucinating
from gadfly.evals.reasoners.honest import Honest
from gadfly.evals.reasoners.lazy import Lazy
from gadfly.evals.reasoners.sycophantic import Sycophantic

REASONERS: dict[str, Callable[[], Reasoner]] = {
    each.name: each for each in (Honest, Sycophantic, Hallucinating, Lazy, Adversarial)
}


def reasoner(name: str) -> Reasoner:
    """A new reasoner of this character.

    Raises:
        UsageError: there is none of this name.
    """
    known([name], REASONERS, "reasoner named")
    return REASONERS[name]()
