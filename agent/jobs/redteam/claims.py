"""Each claim tagged as existence proof or method claim, and held to the baseline that its kind needs.

"There is a head that does X" needs what chance, other heads or a placebo would have shown. "Our method detects X" needs
the strongest cheap alternative. A named run's own controls count for the first kind only. By words alone: it can miss
a claim.
"""

from __future__ import annotations

import re

from gadfly.agent.answers.answer import Claim, Receipt
from gadfly.agent.jobs.redteam.blocks import Block
from gadfly.agent.jobs.redteam.report import Tagged
from gadfly.agent.turn.skeptic.outrank import contradiction
from gadfly.tables import patterns
from gadfly.tools.contract import Verdict
from gadfly.tools.ledger import Run

_SAYS = patterns(__file__)
_NO_RIVAL = (
    "no cheap rival beside it: prompting, a bag of words, a difference of means at equal effort"
)
_NO_CHANCE = "nothing says what chance, a placebo or another component would have shown"


def tag(found: list[Block], named: dict[str, Run]) -> list[Tagged]:
    """The claims of the blocks, in order."""
    claims = []
    for block in found:
        if block.lines[0].text.lstrip().startswith(("#", "|")):
            continue
        runs = [named[run] for run in sorted(block.runs) if run in named]
        rival, chance = _SAYS["rival"].search(block.text), _SAYS["chance"].search(block.text)
        for at, sentence in block.sentences():
            kind = _SAYS["method"].search(sentence) or _SAYS["existence"].search(sentence)
            if kind is not None:
                is_method = kind.re is _SAYS["method"]
                words = rival if is_method else chance
                held = _held(sentence, block.line(at), runs, is_method, words)
                quote = block.quote(at, len(sentence))
                claims.append(held.model_copy(update={"text": quote}))
    return claims


def _held(
    sentence: str, line: int, runs: list[Run], is_method: bool, words: re.Match[str] | None
) -> Tagged:
    passed = [
        run
        for run in runs
        if run.result and run.result.controls and run.result.verdict == Verdict.SUPPORTED
    ]
    receipts = [
        Receipt(kind="run", state="verified", run=run.id, verdict=str(run.result.verdict))
        for run in runs
        if run.result
    ]
    baseline = f"{words[0]!r} in its paragraph" if words else ""
    if not baseline and passed and not is_method:
        baseline = f"the controls of run {passed[0].id}"
    missing = "" if baseline else _NO_RIVAL if is_method else _NO_CHANCE
    return Tagged(
        text=sentence,
        line=line,
        kind="method" if is_method else "existence",
        baseline=baseline,
        missing=missing,
        contradicts=contradiction(Claim(text=sentence, receipts=receipts)),
    )
