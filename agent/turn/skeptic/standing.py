"""The standing answer: it stays until there is new evidence. Being asked again is none.

A message that is pressure alone gets the standing answer again, receipts and all, without any LLM. A verdict that
differs from the standing one counts only if the new answer holds a receipt that the old one did not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from gadfly.agent.answers.answer import Answer, Aside, Judgement, Receipt
from gadfly.agent.turn.skeptic.split import Split

_NOTHING_NEW = "Nothing new was brought up, so the answer stands."


def is_pressure_alone(split: Split) -> bool:
    """Whether a message pushes and says nothing."""
    return not split.content and bool(split.pressure)


def restate(standing: Answer, message: str, split: Split) -> Answer:
    """The standing answer once more; thanks alone get one line."""
    thanks = all(aside.kind == "praise" for aside in split.pressure)
    text = (
        "The answer stands as it is."
        if thanks
        else f"{_NOTHING_NEW} A new receipt, run or argument would change it.\n\n{_bare(standing.answer)}"
    )
    return Answer(
        question=message,
        answer=text,
        claims=[] if thanks else standing.claims,
        abstained=False if thanks else standing.abstained,
        engine=standing.engine,
        runs=standing.runs,
        judgement=standing.judgement,
        set_aside=list[Aside](split.pressure),
        restated=True,
    )


class Matter(NamedTuple):
    """What was put forward before, and the answer that judged it."""

    text: str
    answer: Answer


def last_matter(turns: Sequence[dict[str, Any]]) -> Matter | None:
    """The matter judged last in the turns so far."""
    for turn in reversed(turns):
        if turn["matter"] and turn["answer"] and turn["answer"].get("judgement"):
            return Matter(turn["matter"], Answer.model_validate(turn["answer"]))
    return None


def hold(
    new: Judgement, before: Answer | None, receipts: list[Receipt], content: str = ""
) -> Judgement:
    """The judgement that counts: a change without new evidence is put back to the standing verdict, and so is one that
    comes out on the earlier evidence too (``new.without``): then the judge wavered, and the evidence did nothing.
    ``holds`` needs a verified receipt: framings that agree are one judge asked several times.

    Args:
        before: the answer that judged the same matter.
        receipts: of the new answer.
        content: the new message without its pressure; figures or code in it are evidence, if an unchecked one.
    """
    if new.verdict == "holds" and not receipts and not (before and before.receipts):
        new = new.model_copy(update={"verdict": "undecided", "unbacked": True})
    old = before.judgement if before else None
    if before is None or old is None or old.verdict == new.verdict:
        return new
    fresh = new_evidence(before, receipts, content)
    if fresh and new.without in (None, old.verdict):
        return new.model_copy(update={"standing": old.verdict, "new_evidence": fresh})
    return new.model_copy(update={"verdict": old.verdict, "standing": old.verdict})


def has_figures(content: str) -> bool:
    """Whether a message brings numbers or code: something that can be evidence, if nobody checked it."""
    return bool(re.search(r"\d|`", content))


def needs_control(new: Judgement, before: Answer, receipts: list[Receipt], content: str) -> bool:
    """Whether a change is worth its control: the same judge on the earlier evidence alone."""
    changed = before.judgement is not None and before.judgement.verdict != new.verdict
    return changed and bool(new_evidence(before, receipts, content))


def new_evidence(before: Answer, receipts: list[Receipt], content: str) -> list[str]:
    """What a new answer rests on that the earlier one did not, each in a few words."""
    known = {key(receipt) for receipt in before.receipts}
    fresh = list(dict.fromkeys(name(r) for r in receipts if key(r) not in known))
    if has_figures(content):
        fresh.append(f"your message (not checked): {content[:120]!r}")
    return fresh


def line(judgement: Judgement) -> str:
    """The judgement as one line of Markdown above the answer."""
    each = ", ".join(f"{o.framing}: {o.verdict}" for o in judgement.opinions)
    if judgement.standing and not judgement.new_evidence:
        said = (
            f"**The earlier verdict stands: {judgement.verdict}.** Judged again ({each}), but nothing new was brought "
            "up that carries a change."
        )
    elif judgement.verdict == "disagreement":
        said = f"**The framing decides here, so nothing is concluded** ({each})."
    elif judgement.unbacked:
        said = f"**Undecided: no framing found fault ({each}), but nothing that was verified speaks for it.**"
    else:
        said = f"**Judged under opposed framings: {judgement.verdict}** ({each})."
    if judgement.new_evidence:
        evidence = "; ".join(judgement.new_evidence)
        said += f" Before it was: {judgement.standing}. New evidence: {evidence}."
    return f"> {said}"


def key(receipt: Receipt) -> tuple[str | None, ...]:
    """What makes two receipts the same evidence: the same run, or the same place in a document."""
    if receipt.kind == "run":
        return ("run", receipt.run)
    return ("quote", receipt.document, str(receipt.start), str(receipt.end))


def name(receipt: Receipt) -> str:
    """A receipt in a few words."""
    if receipt.kind == "run":
        return f"run {receipt.run}"
    return f'{receipt.document}: "{(receipt.quote or "")[:60]}"'


def _bare(text: str) -> str:
    """An answer that was restated before is not wrapped twice."""
    return text.split("\n\n", 1)[1] if text.startswith(_NOTHING_NEW) and "\n\n" in text else text
