"""Events as words: what a call is, how it ended, what was spent. Text only; where it goes is ``screen``'s.

Arguments and summaries hold text of models and documents; it is made visible before it is cut to its width.
"""

from __future__ import annotations

import json
from textwrap import indent

from gadfly.agent.answers.answer import Cost
from gadfly.agent.answers.markers import markers, replaced, without_unfinished
from gadfly.agent.turn.events import PendingCall, ToolFinished, ToolProgress, ToolStarted
from gadfly.visible import name, visible

_LONGEST_ARGUMENTS = 120
_LONGEST_SUMMARY = 320


def one_line(text: str, width: int) -> str:
    """``text`` on one line, cut to ``width`` characters."""
    text = " ".join(visible(text).split())
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def call(started: ToolStarted | PendingCall) -> str:
    """``patch behaviour=capital-of, n=32``."""
    return f"{name(started.name)} {arguments(started.arguments)}".rstrip()


def arguments(raw: str, width: int = _LONGEST_ARGUMENTS) -> str:
    """The JSON of a call as ``name=value``; as it stands where it is no object."""
    given = _given(raw)
    if given is None:
        return one_line(raw, width)
    return one_line(", ".join(f"{key}={value}" for key, value in given.items()), width)


def whole_arguments(raw: str) -> str:
    """Every argument in full, one to a line: what is approved must be seen."""
    given = _given(raw)
    if given is None:
        return visible(raw)
    shown = {name(key): visible(value) for key, value in given.items()}
    return "\n".join(
        f"{key} =\n{indent(value, '    ')}" if "\n" in value else f"{key} = {value}"
        for key, value in shown.items()
    )


def progress(event: ToolProgress) -> str:
    """``forward passes 12/40``; the label alone where nothing is counted."""
    label = one_line(event.label, 60)
    if event.total:
        return f"{label} {event.done}/{event.total}"
    return f"{label} {event.done}" if event.done else label


def finished(event: ToolFinished) -> str:
    """``patch: restores 1.00 … supported: … · 3.1 s · run r1f2e3d4c``."""
    parts = [one_line(event.summary, _LONGEST_SUMMARY), f"{event.seconds:.1f} s"]
    if event.run:
        parts.append(f"run {name(event.run)}")
    return f"{name(event.name)}: " + " · ".join(part for part in parts if part)


def spent(cost: Cost, limit: float | None = None) -> str:
    """``$0.0123 of $1.00, 5,120 tokens``; empty while nothing was."""
    tokens = cost.input_tokens + cost.output_tokens
    if not tokens:
        return ""
    price = "price unknown" if cost.dollars is None else f"${cost.dollars:.4f}"
    bound = f" of ${limit:.2f}" if limit and cost.dollars is not None else ""
    return f"{price}{bound}, {tokens:,} tokens"


def draft(text: str) -> str:
    """A draft for reading while it streams: its markers, unchecked as they are, shrink to ``[?]``."""
    return visible(without_unfinished(replaced(text, markers(text), lambda _: "[?]")))


def _given(raw: str) -> dict[str, str] | None:
    """The arguments in a call's JSON, texts as they are; None where it is no object."""
    try:
        given = json.loads(raw or "{}")
    except ValueError:
        return None
    if not isinstance(given, dict):
        return None
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in given.items()
    }
