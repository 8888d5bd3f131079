"""The opposed ways of asking. What a model reports under one and not under another is in doubt, and is shown so."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from gadfly.agent.llm.prompting import fence, prompt
from gadfly.errors import UsageError

NAMES = ("neutral", "bugged", "invalidate", "passed")
_Job = TypeVar("_Job")


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """The framings to use, in their fixed order; none named means all.

    Raises:
        UsageError: an unknown name.
    """
    for each in names:
        if each not in NAMES:
            raise UsageError(f"no framing {each!r}; known are {', '.join(NAMES)}")
    return tuple(each for each in NAMES if each in names) or NAMES


def question(framing: str, code: str) -> str:
    """What is asked, with code that is fenced already."""
    return prompt(f"review_framing_{framing}").render(code=code)


def fenced(code: str, changed: str = "") -> str:
    """Code as data; then, of a change, the lines that it adds."""
    text = fence("code", code)
    if changed:
        text += f"\n\nThe change under review added these lines:\n\n{fence('added lines', changed)}"
    return text


def shuffled(jobs: Sequence[_Job], seed: int) -> list[_Job]:
    """The same jobs in an order that only the seed decides."""
    order = list(jobs)
    random.Random(seed).shuffle(order)
    return order
