"""What the reasoners write and say where ``gadfly propose`` asks them: drafts of projects, and the critique of a page.

An honest draft quotes passages that it was given, names a rival and a number, and pilots with a behaviour that the demo
model has. The hallucinating one is the same draft with sources that do not exist and claims that nobody can check.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from gadfly.agent.answers.receipts import quote_marker
from gadfly.agent.jobs.propose.proposal import BEST, CRITERIA, WORST
from gadfly.corpus.words import content_words, words

_PASSAGE = re.compile(r"^\[(guide/\S+)\] [^\n]*\n(.*?)(?=^\[guide/|\Z)", re.MULTILINE | re.DOTALL)
_QUOTES = 2


class Method(NamedTuple):
    """How a topic is approached: what is measured, what could win against it, and the pilot that shows it is there."""

    said: str
    verb: str
    rival: str
    pilot: dict[str, Any]


_METHODS = (
    Method(
        r"prob(?:e|es|ing)\b|deception|linear",
        "the accuracy of a linear probe on held-out templates",
        "a bag of words and the length of the prompt, fitted on the same split",
        {"tool": "probe", "arguments": {"behaviour": "truth"}},
    ),
    Method(
        r"steer|refus|direction|latent|vector",
        "the shift of the answer's log-odds under a difference of means",
        "a norm-matched random direction and a plain instruction in the prompt",
        {"tool": "lens", "arguments": {"behaviour": "sentiment"}},
    ),
    Method(
        r"attention|sink|induction",
        "the attention that a head pays to the same place",
        "the mean attention of random heads of the same layers",
        {"tool": "attention", "arguments": {"kind": "induction"}},
    ),
    Method(
        r"",
        "the share of the logit difference that one site restores",
        "the same share for random sites and for a placebo donor",
        {"tool": "lens", "arguments": {"behaviour": "capital-of"}},
    ),
)


def drafts(asked: dict[str, str], unfenced: Any) -> list[dict[str, Any]]:
    """One honest draft for the values of the prompt ``propose_write``."""
    topic = " ".join(unfenced(asked["topic"]).split())
    method = next(each for each in _METHODS if re.search(each.said, topic, re.IGNORECASE))
    found = quoted(topic, unfenced(asked["passages"]))
    why = " ".join(f"{sentence} {quote_marker(doc, sentence)}" for doc, sentence in found)
    what = method.verb
    return [{
        "title": f"On {topic}: does {what} beat its cheapest rival?"[:160],
        "tags": content_words(topic)[:6] or ["controls"], "level": _level(asked["level"]), "days": 1,
        "models": [asked["models"].split(", ")[0]], "tasks": ["the task"],
        "question": f"On {topic}: does {what} in {{model}} exceed what {method.rival} would give?",
        "why": why or "Nothing that was given speaks of this topic.",
        "hypothesis": f"In {{model}}, {what} exceeds {method.rival} by at least 0.1 on held-out prompts.",
        "wrong": [
            "The prompts differ in length or wording, and that alone gives the answer.",
            "The best layer was chosen on the prompts that it is tested on.",
            "A few prompts carry the mean and the others show nothing.",
        ],
        "positive": "A gain of at least 0.1 whose interval excludes 0, and which vanishes for shuffled labels.",
        "negative": "A gain below 0.03 with an interval that excludes 0.1: then the cheap rival says all there is, and "
        "whoever builds on the dearer measure can stop.",
        "simplest": "Read the model's own answers on 100 prompts and compare them with the rival, before all else.",
        "baseline": f"{method.rival[0].upper()}{method.rival[1:]}, at equal effort.",
        "data": "200 prompts of ten templates; six templates for choosing, four held out until the end.",
        "differs": "The gain over the cheap rival is the quantity, with its interval.",
        "plan": [
            "See the behaviour in the model's own answers on 50 prompts.",
            "The rival, and a positive control where the effect is known.",
            f"Measure {what} on the templates for choosing.",
            "The held-out templates, read once, beside the likeliest rival explanation.",
        ],
        "kill": [
            "the model answers fewer than 70 % of the prompts",
            "the positive control shows a gain below 0.1",
            "the rival reaches the measure within 0.03",
        ],
        "work": [{"what": "activations of every prompt", "prompts": 200, "tokens": 60, "times": 3}],
        "pilot": method.pilot, "pilot_is": "neighbour",
        "pilot_means": "That the measure finds an effect of this kind where there is one.",
        "tools": [{"tool": "lens", "arguments": {"model": "{model}", "prompts_file": "prompts.jsonl"}}],
        "reading": list(dict.fromkeys(doc for doc, _ in found)) or ["guide/start"],
    }]  # fmt: skip


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
    }  # fmt: skip


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


def _level(asked: str) -> str:
    return asked if asked in ("beginner", "advanced") else "intermediate"
