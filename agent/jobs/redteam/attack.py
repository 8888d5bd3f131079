"""All of the attack in order: numbers, claims, overclaims, then a model if there is one."""

from __future__ import annotations

from pydantic import Field

from gadfly.agent.answers.receipts import bare, verbatim
from gadfly.agent.jobs.job import JobContext, LlmOrName, job
from gadfly.agent.jobs.redteam import claims, overclaims
from gadfly.agent.jobs.redteam.blocks import blocks, named_runs
from gadfly.agent.jobs.redteam.report import Overclaim, Report
from gadfly.agent.jobs.redteam.trace import MOST, trace
from gadfly.agent.llm.asking import Asker, line_of
from gadfly.agent.llm.prompting import fence, prompt
from gadfly.errors import UsageError
from gadfly.tools.contract import ToolArgs
from gadfly.tools.ledger import Ledger, Run
from gadfly.tools.reach import PlainText

LONGEST = 200_000  # characters
_RUNS = 500  # of the ledger, for numbers whose run is not named
_ATTACKS = 12  # of a model
_SENTENCE = 400  # characters of a sentence that a model wrote


class RedteamArgs(ToolArgs):
    text: PlainText = Field(description="the write-up, in Markdown")
    llm: LlmOrName | None = Field(
        default=None, description="PROVIDER/MODEL for the refuter, or 'offline'"
    )


@job(name="redteam", cost="seconds without a model")
def redteam(args: RedteamArgs, context: JobContext) -> Report:
    """Trace every number of a write-up to a run of the ledger, or flag it; tag each claim as existence proof or method
    claim and hold it to its baseline; quote overclaims.

    With a model, it reads the text as its hardest fair reviewer; attacks whose quotes are not in the text are dropped.
    """
    chat = context.chat(args.llm)
    return attack(args.text, ledger=context.ledger, asker=Asker(chat) if chat else None)


def attack(markdown: str, *, ledger: Ledger | None = None, asker: Asker | None = None) -> Report:
    """Attack a write-up.

    Raises:
        UsageError: it is empty or too long.
        LLMError: the provider failed for good.
    """
    if not markdown.strip():
        raise UsageError("the write-up is empty")
    if len(markdown) > LONGEST:
        raise UsageError(
            f"the write-up has {len(markdown):,} characters; at most {LONGEST:,} are taken"
        )
    ledger = ledger or Ledger()
    names = sorted(named_runs(markdown))
    named = {name: run for name in names if (run := ledger.find(name)) is not None}
    others = [run for run in ledger.recent(_RUNS) if run.id not in named]
    found = blocks(markdown)
    report = Report(
        numbers=trace(found, named, others),
        claims=claims.tag(found, named),
        overclaims=overclaims.find(found),
        runs=list(named),
        unknown_runs=[name for name in names if name not in named],
    )
    if len(report.numbers) >= MOST:
        report.notices.append(f"only the first {MOST:,} numbers were traced")
    if asker is not None:
        more, dropped = refute(markdown, "\n".join(_told(run) for run in named.values()), asker)
        report.overclaims += more
        report.dollars = asker.dollars
        if dropped:
            report.notices.append(
                f"{dropped} attacks of {asker.name} were dropped: their quotes are not in the text"
            )
    return report


def _told(run: Run) -> str:
    if run.result is None:
        return f"[{run.id}] {run.tool}: {run.status}"
    controls = "; ".join(f"{c.name} = {c.value:.4g}" for c in run.result.controls)
    result = run.result
    return (
        f"[{run.id}] {run.tool}: {result.headline} VERDICT {result.verdict}. {result.why} "
        f"Controls: {controls}"
    )


def refute(markdown: str, evidence: str, asker: Asker) -> tuple[list[Overclaim], int]:
    """What a model attacks as the hardest fair reviewer. Its quotes must stand in the text, or the attack is dropped.

    Returns:
        The attacks, and how many were dropped.

    Raises:
        LLMError: the provider failed for good.
    """
    items = asker.list(
        prompt("redteam_refute").render(
            writeup=fence("write-up", markdown), evidence=fence("runs it names", evidence or "none")
        )
    )
    found: dict[str, Overclaim] = {}
    dropped = 0
    for item in items[:_ATTACKS]:
        quote, because = bare(item.get("quote")), line_of(item.get("because"), _SENTENCE)
        match = verbatim(quote, markdown).match
        if not because or match is None:
            dropped += 1
            continue
        found.setdefault(
            quote,
            Overclaim(
                line=markdown.count("\n", 0, match.start) + 1,
                quote=quote,
                because=because,
                instead=line_of(item.get("instead"), _SENTENCE),
                by=asker.name,
            ),
        )
    return list(found.values()), dropped
