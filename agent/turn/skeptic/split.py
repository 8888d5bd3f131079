"""A message split into content and pressure. Only words are moved, none is made: both halves are verbatim.

Pressure is what pushes without informing: authorship, hope, praise, authority, repetition, and the bare assertion of
belief. Patterns (``split.toml``) find it sentence by sentence; a small model may mark more, and what it marks is taken
only if it stands verbatim in the message and holds no number, no code and no question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gadfly.agent.answers.answer import Aside
from gadfly.agent.llm.asking import Ask, list_in
from gadfly.agent.llm.prompting import fence, prompt
from gadfly.tables import filled, joined, patterns, table


@dataclass(frozen=True)
class Split:
    """``content`` is the message without its pressure; empty if there was nothing else."""

    content: str
    pressure: tuple[Aside, ...]


_FENCE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.S)
_SENTENCE = re.compile(r"[^\n.!?]+(?:[.!?]+(?=\s|$)|[.!?]+\S[^\n.!?]*)*[.!?]*|\n+|[.!?]+")
_TABLE = table(__file__)
_CUE = patterns(__file__)["cue"]


def _compiled(name: str, around: str) -> list[tuple[str, re.Pattern[str]]]:
    """The patterns of a table with their kinds, in its order."""
    return [
        (kind, re.compile(around % filled(joined(text), _TABLE["lists"]), re.I))
        for kind, texts in _TABLE[name].items()
        for text in texts
    ]


_WHOLES = _compiled("whole", r"\s*(?:%s)\s*[.!?,:)]*\s*")
_LEADS = _compiled("leading", r"\s*(%s)")
_SUBSTANCE = re.compile(r"[\d`?=<>]")


def split(message: str, ask: Ask | None = None) -> Split:
    """Split a message. ``ask`` is consulted only where a cue remains that no pattern settled."""
    kept: list[str] = []
    pressure: list[Aside] = []
    for piece, is_code in _pieces(message):
        if is_code:
            kept.append(piece)
            continue
        rest, found = _sentence(piece)
        kept.append(rest)
        pressure += found
    content = _tidy("".join(kept))
    prose = _FENCE.sub(" ", content)
    if ask is not None and _CUE.search(prose):
        content, marked = _ask(content, ask)
        pressure += marked
    if not re.search(r"\w{2}", content):
        content = ""
    return Split(content, tuple(pressure))


def _pieces(message: str) -> Iterator[tuple[str, bool]]:
    """Sentences and line breaks in order; code fences whole."""
    at = 0
    for fenced in [*_FENCE.finditer(message), None]:
        prose = message[at : fenced.start() if fenced else len(message)]
        yield from ((match[0], False) for match in _SENTENCE.finditer(prose))
        if fenced:
            yield fenced[0], True
            at = fenced.end()


def _sentence(sentence: str) -> tuple[str, list[Aside]]:
    """What stays of a sentence, and what was set aside."""
    found: list[Aside] = []
    rest = sentence
    while rest.strip():
        straight = rest.replace("’", "'")
        whole = next((kind for kind, pattern in _WHOLES if pattern.fullmatch(straight)), None)
        if whole is not None:
            found.append(Aside.model_validate({"kind": whole, "text": rest.strip()}))
            return "\n" if rest.endswith("\n") else " ", found
        lead = next(
            ((kind, match) for kind, p in _LEADS if (match := p.match(straight)) is not None), None
        )
        if lead is None or not re.search(r"\w{2}", rest[lead[1].end() :]):
            return rest, found
        kind, match = lead
        found.append(Aside.model_validate({"kind": kind, "text": rest[: match.end()].strip()}))
        rest = " " + rest[match.end() :]
    return rest, found


def _ask(content: str, ask: Ask) -> tuple[str, list[Aside]]:
    """More pressure, as a model marks it; what does not stand verbatim or carries substance is refused."""
    reply = ask(prompt("split_message").render(message=fence("message", content)))
    taken: list[Aside] = []
    for item in list_in(reply) or []:
        words, kind = str(item.get("text", "")).strip(), item.get("kind")
        known = kind in ("authorship", "hope", "praise", "authority", "repetition", "belief")
        inside_code = any(words in fenced[0] for fenced in _FENCE.finditer(content))
        if not known or not words or words not in content or inside_code:
            continue
        if _SUBSTANCE.search(words):
            continue
        content = content.replace(words, " ", 1)
        taken.append(Aside.model_validate({"kind": kind, "text": words}))
    return _tidy(content), taken


def _tidy(text: str) -> str:
    parts = []
    at = 0
    for fenced in [*_FENCE.finditer(text), None]:
        prose = text[at : fenced.start() if fenced else len(text)]
        parts.append(re.sub(r"(?<=\S)[ \t]{2,}(?=\S)", " ", prose))
        if fenced:
            parts.append(fenced[0])
            at = fenced.end()
    return "".join(parts).strip()
