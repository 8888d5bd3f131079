"""Which experiment fits a question, by rule; and its result written as claims with run receipts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from gadfly.agent.answers.receipts import NUMBER, equals, run_marker
from gadfly.corpus.words import words
from gadfly.tables import patterns, table, whole_words
from gadfly.tools.contract import Result
from gadfly.tools.demo.behaviours import BEHAVIOURS

# Methods that a question names; the first that it names is run. A method that needs labels has a behaviour of its own
# to fall back on, and patching is what is left when a question speaks of causes or places.
_METHODS = tuple(
    (each["tool"], re.compile(whole_words(each["words"]), re.IGNORECASE), each["behaviour"])
    for each in table(__file__)["method"]
)
_HEAD_KINDS = ("induction", "previous", "duplicate")
_EXAMPLES = {"steer": 16, "probe": 200, "lens": 32, "attribute": 32}
_ASKS = patterns(__file__)
_DEFAULT_BEHAVIOUR = "capital-of"
_PAIRS = 24


@dataclass(frozen=True)
class Plan:
    """A tool call that would help to answer, or the reason why there is none."""

    tool: str | None
    arguments: dict[str, Any]
    reason: str


def plan(question: str, *, model: str = "demo") -> Plan:
    """The experiment that fits ``question``, by the words it uses.

    A method that the question names is run; else words of cause or place decide that patching fits. A behaviour of the
    demo language that the question speaks of decides the prompts. A question that speaks of neither gets no experiment.
    """
    named = _ASKS["named_model"].search(question)
    if named and model == "demo":
        way_out = "add --model with its name or folder to measure there"
        return Plan(None, {}, f"it asks about {named[0]}; {way_out}")
    behaviour, hits = _behaviour(question)
    causal = _ASKS["causal"].search(question)
    method = _method(question, behaviour if hits else None, model)
    if method is not None:
        return method
    if not causal and hits < 2:
        return Plan(None, {}, "no tool here measures what it asks")
    name = behaviour if hits else _DEFAULT_BEHAVIOUR
    spoken = BEHAVIOURS[name].title if hits else repr(causal[0]) if causal else ""
    why = f"it speaks of {spoken}"
    return Plan("patch", {"behaviour": name, "n": _PAIRS, "model": model}, why)


def _method(question: str, behaviour: str | None, model: str) -> Plan | None:
    """The experiment of the method that the question names first, or None."""
    named = [
        (match.start(), tool, match[0], default)
        for tool, pattern, default in _METHODS
        if (match := pattern.search(question))
    ]
    if not named:
        return None
    _, tool, word, default = min(named)
    why = f"it speaks of {word!r}"
    if tool == "attention":
        kind = next(kind for kind in _HEAD_KINDS if kind in word.lower())
        return Plan(tool, {"kind": kind, "model": model}, why)
    # Probing and steering need two classes, which some behaviours do not have.
    fits = behaviour and (tool not in ("steer", "probe") or BEHAVIOURS[behaviour].labels)
    usable = behaviour if fits else default
    return Plan(tool, {"behaviour": usable, "n": _EXAMPLES[tool], "model": model}, why)


def _behaviour(question: str) -> tuple[str, int]:
    """The behaviour whose keywords the question uses most, and how many it uses."""
    asked = " ".join(words(question))
    counts = {
        name: sum(
            bool(re.search(rf"\b{re.escape(' '.join(words(keyword)))}(?:s|es)?\b", asked))
            for keyword in behaviour.keywords
        )
        for name, behaviour in BEHAVIOURS.items()
    }
    best = max(counts, key=lambda name: counts[name])
    return best, counts[best]


def claims(result: Result) -> list[str]:
    """The headline and the verdict as sentences, each number with the marker of its run."""
    verdict = f"The verdict is {result.verdict!s}: {result.why.rstrip('.')}."
    marker = run_marker(result.run, "verdict", result.verdict)
    return [cite(result.headline, result), f"{cite(verdict, result)} {marker}"]


def cite(sentence: str, result: Result) -> str:
    """``sentence`` followed by a run marker for each of its numbers that the run recorded.

    Where several fields fit a number, the first that is not cited yet is taken: results list their
    values in the order in which their headline speaks of them.
    """
    fields = {**result.values, **{control.name: control.value for control in result.controls}}
    cited: dict[str, str] = {}
    for number in NUMBER.findall(sentence):
        fitting = [name for name, value in fields.items() if equals(number, value)]
        field = next((name for name in fitting if name not in cited), None)
        if field is not None:
            cited[field] = number
    markers = [run_marker(result.run, field, number) for field, number in cited.items()]
    return " ".join([sentence, *markers])
