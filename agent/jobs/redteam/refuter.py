"""A model reads the write-up as its hardest fair reviewer. What it attacks must stand there verbatim, or is dropped."""

from __future__ import annotations

from gadfly.agent.answers.verbatim import bare, verbatim
from gadfly.agent.jobs.redteam.report import Overclaim
from gadfly.agent.llm.asking import Asker, line_of
from gadfly.agent.llm.prompting import fence, prompt

_MOST = 12
_LONGEST = 400  # characters of a sentence that a model wrote


def refute(markdown: str, evidence: str, asker: Asker) -> tuple[list[Overclaim], int]:
    """The attacks whose quotes stand in the text, and how many did not. Raises LLMError."""
    items = asker.list(
        prompt("redteam_refute").render(
            writeup=fence("write-up", markdown), evidence=fence("runs it names", evidence or "none")
        )
    )
    found: dict[str, Overclaim] = {}
    dropped = 0
    for item in items[:_MOST]:
        quote, because = bare(item.get("quote")), line_of(item.get("because"), _LONGEST)
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
                instead=line_of(item.get("instead"), _LONGEST),
                by=asker.name,
            ),
        )
    return list(found.values()), dropped
