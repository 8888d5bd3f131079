"""A model reads the write-up as its hardest fair reviewer. What it attacks must stand there verbatim, or is dropped."""

from __future__ import annotations

from gadfly.agent.jobs.propose.asking import Asker
from gadfly.agent.jobs.redteam.report import Overclaim
from gadfly.agent.llm.prompting import fence, prompt

_LEAST = 4  # words of a quote
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
        quote = " ".join(str(item.get("quote", "")).split())
        because = " ".join(str(item.get("because", "")).split())[:_LONGEST]
        line = _line(quote, markdown)
        if not because or line is None or len(quote.split()) < _LEAST:
            dropped += 1
            continue
        instead = " ".join(str(item.get("instead", "")).split())[:_LONGEST]
        found.setdefault(
            quote,
            Overclaim(line=line, quote=quote, because=because, instead=instead, by=asker.name),
        )
    return list(found.values()), dropped


def _line(quote: str, markdown: str) -> int | None:
    """The line on which the quote begins, white space aside; None if it is not there."""
    if not quote:
        return None
    flat, lines = [], []
    for number, line in enumerate(markdown.splitlines(), 1):
        for word in line.split():
            flat.append(word)
            lines.append(number)
    at = " ".join(flat).find(quote)
    return None if at < 0 else lines[len(" ".join(flat)[:at].split())]
