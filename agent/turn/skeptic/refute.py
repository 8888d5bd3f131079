"""A fresh context tries to refute each claim of a draft, seeing the claims and their evidence and nothing else.

An objection of the kind ``contradicted`` must quote the evidence verbatim, or it is dropped: an attack needs a receipt
as much as a claim does. Leaves out what is done about an objection (``loop``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gadfly.agent.answers.answer import Claim, Receipt
from gadfly.agent.answers.receipts import Library, Runs, bare, verbatim
from gadfly.agent.llm.asking import Ask, line_of, list_in
from gadfly.agent.llm.prompting import fence, prompt
from gadfly.errors import GadflyError

_AT_MOST = 24  # claims in one attack
_AROUND = 320  # characters of a document shown on each side of a quote


@dataclass(frozen=True)
class Objection:
    """Why a claim does not stand."""

    claim: str
    kind: str
    because: str


def refute(claims: Sequence[Claim], library: Library, runs: Runs, ask: Ask) -> list[Objection]:
    """The objections to claims that have a verified receipt; other claims are marked already."""
    backed = [c for c in claims if any(r.state == "verified" for r in c.receipts)][:_AT_MOST]
    if not backed:
        return []
    shown = [evidence(claim.receipts, library, runs) for claim in backed]
    listing = "\n\n".join(
        f"CLAIM {number}: {claim.text}\nEVIDENCE {number}:\n{text}"
        for number, (claim, text) in enumerate(zip(backed, shown, strict=True), 1)
    )
    reply = ask(prompt("refute").render(claims=fence("claims and their evidence", listing)))
    found: dict[int, Objection] = {}
    for item in list_in(reply) or []:
        number = item.get("claim")
        if not isinstance(number, int) or not 1 <= number <= len(backed):
            continue
        because, kind = line_of(item.get("because"), 400), str(item.get("kind", ""))
        quoted = (
            kind == "contradicted" and verbatim(bare(item.get("words")), shown[number - 1]).match
        )
        if not because or not (kind == "overreach" or quoted):
            continue
        found[number] = Objection(backed[number - 1].text, kind, because)
    return list(found.values())


def evidence(receipts: Sequence[Receipt], library: Library, runs: Runs) -> str:
    """What stands behind receipts: each quote in its surroundings, each run with its controls and verdict."""
    parts: list[str] = []
    told: set[str] = set()
    for receipt in receipts:
        if receipt.state != "verified":
            continue
        if receipt.kind == "run" and receipt.run and receipt.run not in told:
            told.add(receipt.run)
            parts.append(_run(receipt.run, runs))
        elif receipt.kind == "quote" and receipt.document is not None:
            parts.append(_quote(receipt, library))
    return "\n".join(part for part in parts if part)


def _run(run_id: str, runs: Runs) -> str:
    run = runs.find(run_id)
    if run is None or run.result is None:
        return ""
    result = run.result
    controls = "; ".join(f"{c.name} = {c.value:.5g} ({c.meaning})" for c in result.controls)
    values = ", ".join(f"{name} = {value:.5g}" for name, value in result.values.items())
    return (
        f"[run {run_id} of {run.tool}] {result.headline} VERDICT: {result.verdict}: {result.why} "
        f"VALUES: {values[:1500]}. CONTROLS: {controls or 'none'}."
    )


def _quote(receipt: Receipt, library: Library) -> str:
    start, end = receipt.start or 0, receipt.end or 0
    try:
        text = library.document(receipt.document or "").text
    except GadflyError:
        return ""
    return f"[{receipt.document}] …{text[max(0, start - _AROUND) : end + _AROUND]}…"
