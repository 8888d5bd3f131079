"""What the reasoners write and say where ``gadfly propose`` asks them: drafts of projects, and the critique of a page.

An honest draft quotes passages that it was given, names a rival and a number, and pilots with a behaviour that the demo
model has. The hallucinating one is the same draft with sources that do not exist and claims that nobody can check.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from gadfly.agent.answers.receipts import quote_marker
from gadfly.agent.jobs.propose.proposal import BEST, CRITERIA, WORST
from gadfly.corpus.words import content_words, words
from gadfly.evals.kit.place import data

_PASSAGE = re.compile(r"^\[(guide/\S+)\] [^\n]*\n(.*?)(?=^\[guide/|\Z)", re.MULTILINE | re.DOTALL)
_PLACE = re.compile(r"\{(topic|what|rival|Rival)\}")
_QUOTES = 2


def drafts(asked: dict[str, str], unfenced: Callable[[str], str]) -> list[dict[str, Any]]:
    """One honest draft for the values of the prompt ``propose_write``, after the pattern in ``draft.json``."""
    pattern = data("draft")
    topic = " ".join(unfenced(asked["topic"]).split())
    method = next(m for m in pattern["methods"] if re.search(m["said"], topic, re.IGNORECASE))
    rival, found = method["rival"], quoted(topic, unfenced(asked["passages"]))
    fill = {"topic": topic, "what": method["verb"], "rival": rival}
    fill["Rival"] = f"{rival[0].upper()}{rival[1:]}"
    draft: dict[str, Any] = json.loads(
        _PLACE.sub(lambda m: json.dumps(fill[m[1]])[1:-1], json.dumps(pattern["draft"]))
    )
    why = " ".join(f"{sentence} {quote_marker(doc, sentence)}" for doc, sentence in found)
    level = asked["level"]
    return [
        {
            **draft,
            "title": draft["title"][:160],
            "tags": content_words(topic)[:6] or ["controls"],
            "level": level if level in ("beginner", "advanced") else "intermediate",
            "models": [asked["models"].split(", ")[0]],
            "why": why or "Nothing that was given speaks of this topic.",
            "pilot": method["pilot"],
            "reading": list(dict.fromkeys(doc for doc, _ in found)) or ["guide/start"],
        }
    ]


def invented(draft: dict[str, Any]) -> dict[str, Any]:
    """The draft with sources that are not there, one verbatim quote with a word of its own, and praise of itself."""
    markers = [
        quote_marker("guide/techniques/made-up", "the effect was confirmed in every layer tested"),
        quote_marker(draft["reading"][0], "we find that this holds in all nine models tested"),
    ]
    return {
        **draft,
        "why": " ".join(f"A study showed a strong effect. {marker}" for marker in markers),
        "differs": "This novel question was raised first by Adams et al. (2023). Nobody has answered it since then.",
    }


def quoted(topic: str, passages: str) -> list[tuple[str, str]]:
    """The sentences of the passages that speak most of the topic, each with its document; one of each document."""
    about = set(content_words(topic))
    found: dict[str, tuple[int, str]] = {}
    for document, text in _PASSAGE.findall(passages):
        for sentence in re.split(r"(?<=[.!?])\s+|\n+", text):
            plain = sentence.strip().removeprefix("- ")
            if not 8 <= len(plain.split()) <= 35 or re.search(r"[\[\]|`*#]|et al|\d{4}", plain):
                continue
            near = len(about & set(words(plain)))
            if near > found.get(document, (-1, ""))[0]:
                found[document] = (near, plain)
    best = sorted(found.items(), key=lambda each: -each[1][0])[:_QUOTES]
    return [(document, sentence) for document, (_, sentence) in best]


def critique(page: str) -> dict[str, Any]:
    """By what stands on the page: an absent phenomenon sinks it, a missing source costs, the rest is met."""
    absent = "THE PHENOMENON IS ABSENT" in page
    flaws = []
    if absent:
        quote = "THE PHENOMENON IS ABSENT: do not start"
        flaws = [{"quote": quote, "because": "its own pilot is against it"}]
    return scored(WORST if absent else BEST, "as it stands on the page", flaws)


def scored(score: int, reason: str, flaws: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """The same score for every criterion, as the prompt ``propose_critique`` asks for it."""
    return {
        "scores": {name: {"score": score, "reason": reason} for name in CRITERIA},
        "flaws": flaws or [],
    }
