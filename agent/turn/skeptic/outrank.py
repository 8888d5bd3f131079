"""Receipts outrank prose: a sentence that says other than the run it cites concluded is struck, in the text too.

Only what can be told from words is decided here: a verdict that is named wrongly, and an assertion of success on a run
whose verdict is not ``supported``. Whether prose overreaches in subtler ways is for ``refute``.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from gadfly.agent.answers.answer import Claim
from gadfly.agent.answers.receipts import Runs, Verified
from gadfly.errors import GadflyError
from gadfly.tables import patterns
from gadfly.tools.contract import Verdict

_SAYS = patterns(__file__)
_FOOTNOTE = re.compile(r"\[([1-9]\d*+)\]")
_OF = {"yes": Verdict.SUPPORTED, "no": Verdict.NOT_SUPPORTED, "open": Verdict.INCONCLUSIVE}


def hold_to_verdicts(checked: Verified, runs: Runs) -> Verified:
    """The same answer with each run receipt's verdict filled in and contradicting sentences struck."""
    for claim in checked.claims:
        for receipt in claim.receipts:
            if receipt.state == "verified" and receipt.kind == "run":
                receipt.verdict = _verdict(receipt.run or "", runs)
        claim.contradicts = contradiction(claim)
    return marked(checked, lambda claim: claim.contradicts and f"struck: {claim.contradicts}")


def marked(checked: Verified, words: Callable[[Claim], str]) -> Verified:
    """The same answer with words in brackets behind the last footnote of each claim that ``words`` has some for."""
    said: dict[str, str] = {}
    number = 0
    for claim in checked.claims:
        footnotes = sum(receipt.state == "verified" for receipt in claim.receipts)
        number += footnotes
        if footnotes and (remark := words(claim)):
            said[str(number)] = f" [{remark}]"
    # Each behind the first place where its number stands.
    text = _FOOTNOTE.sub(lambda found: found[0] + said.pop(found[1], ""), checked.text)
    return Verified(text, checked.claims, checked.abstained)


def contradiction(claim: Claim) -> str:
    """How a sentence contradicts the one run it cites, or nothing. Several runs in one sentence are left alone."""
    cited = {r.run: r.verdict for r in claim.receipts if r.state == "verified" and r.verdict}
    if len(cited) != 1:
        return ""
    run, verdict = next(iter(cited.items()))
    named = _SAYS["names"].search(claim.text)
    if named is not None:
        said = next(_OF[kind] for kind, words in named.groupdict().items() if words)
        return "" if said == verdict else f"the verdict of run {run} is {verdict}"
    if verdict == Verdict.SUPPORTED:
        return ""
    asserted = _SAYS["asserts"].search(claim.text) and not _SAYS["hedges"].search(claim.text)
    return f"the verdict of run {run} is {verdict}" if asserted else ""


def _verdict(run_id: str, runs: Runs) -> str | None:
    try:
        run = runs.find(run_id)
    except GadflyError:
        return None
    return str(run.result.verdict) if run is not None and run.result is not None else None
