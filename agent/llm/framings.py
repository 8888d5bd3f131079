"""The opposed ways to put one question. What a model says under one framing and not under another is in doubt.

The openings are in ``prompts/framings.md``, a section for each set: work that a researcher puts forward (``work``),
code under review (``code``), a project that is proposed (``project``). Each question is asked in a fresh context. What
the answers are worth together is for whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Literal, TypeVar

from gadfly.agent.llm.prompting import fence, prompt
from gadfly.background import side_by_side
from gadfly.errors import UsageError

T = TypeVar("T")
Kind = Literal["work", "code", "project"]


@cache
def openings(kind: Kind) -> dict[str, str]:
    """What each framing of a set says first, by its name, in the set's order."""
    section = prompt("framings").text.partition(f"## {kind}\n")[2].partition("\n## ")[0]
    lines = [line.removeprefix("- ").partition(": ") for line in section.splitlines() if line]
    return {name: text for name, _, text in lines}


WORK, CODE, PROJECT = (tuple(openings(kind)) for kind in ("work", "code", "project"))


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """The framings for code, in their fixed order; none named means all.

    Raises:
        UsageError: an unknown name.
    """
    for each in names:
        if each not in CODE:
            raise UsageError(f"no framing {each!r}; known are {', '.join(CODE)}")
    return tuple(each for each in CODE if each in names) or CODE


def under_each(kind: Kind, ask: Callable[[str, str], T]) -> dict[str, T]:
    """What ``ask`` gives for each framing's name and opening, all asked at once; called from several threads."""
    said = openings(kind)
    return dict(
        zip(said, side_by_side(lambda name: ask(name, said[name]), list(said)), strict=True)
    )


def code_question(framing: str, code: str, changed: str = "") -> str:
    """A question about code: the opening, the code as data, then, of a change, the lines that it adds."""
    text = f"{openings('code')[framing]}\n\n{fence('code', code)}"
    if changed:
        text += f"\n\nThe change under review added these lines:\n\n{fence('added lines', changed)}"
    return text


def work_question(opening: str, material: str, evidence: str) -> str:
    """A question about work that was put forward, with the evidence found so far."""
    return prompt("judge_work").render(
        opening=opening,
        material=fence("material", material),
        evidence=fence("evidence", evidence or "none"),
    )
