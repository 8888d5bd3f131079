"""What is steered and how it is scored: prompts, target tokens or words, and the contrast pairs.

From the demo model's behaviours, from arguments or from a file. Pairs that give the vector and prompts that it is
tried on are never the same. Leaves out the vector (``source``) and the forwards (``engine``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from gadfly.errors import ToolInputError
from gadfly.tools.arrays import Tensor
from gadfly.tools.demo.pairs import Pair
from gadfly.tools.model import LocalModel
from gadfly.tools.reach import TASK
from gadfly.tools.records import read
from gadfly.tools.spelling import Answers
from gadfly.tools.steering.arguments import SteerArgs

Metric = Literal["logit_difference", "probability", "words"]


class SteerLine(BaseModel):
    """A record: a prompt with the single tokens that may follow it, or a text with the property and one without.
    Messages have become text in the chat template."""

    model_config = ConfigDict(extra="forbid")

    prompt: str | None = Field(default=None, min_length=1)
    answer: str | list[str] = Field(default=[], validation_alias=AliasChoices("answer", "towards"))
    wrong: str | list[str] = Field(default=[], validation_alias=AliasChoices("wrong", "away"))
    positive: str | None = Field(default=None, min_length=1)
    negative: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _of_one_kind(self) -> SteerLine:
        pair = (self.positive is not None, self.negative is not None)
        if pair not in ((True, True), (False, False)) or pair[0] == (self.prompt is not None):
            raise ValueError("give prompt, or both of positive and negative")
        return self


@dataclass(frozen=True)
class Asked:
    """A prompt and the tokens that steering should make more likely, or less, as text."""

    prompt: str
    towards: list[str]
    away: list[str]


@dataclass(frozen=True)
class Task:
    """Prompts and how an outcome is scored. ``towards`` and ``away`` are token ids for each prompt."""

    prompts: list[str]
    metric: Metric
    towards: list[list[int]]
    away: list[list[int]]
    words: list[str]
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The metric in words, with its unit."""
        return {
            "logit_difference": "logit difference",
            "probability": "probability",
            "words": f"share of texts with {' or '.join(self.words[:3])}",
        }[self.metric]

    def scorer(self) -> Callable[[Tensor, Tensor], Tensor]:
        """Float32 logits [rows, vocabulary] and prompt numbers [rows] to the metric [rows].

        Logit difference: mean logit of the tokens towards minus mean logit of those away. Probability: the sum over
        the tokens towards.
        """
        towards, to_weight = _padded(self.towards)
        away, away_weight = _padded(self.away)

        def mean(values: Tensor, ids: Tensor, weight: Tensor, which: Tensor) -> Tensor:
            here, share = ids.to(values.device)[which], weight.to(values.device)[which]
            return (values.gather(-1, here) * share).sum(-1)

        def score(logits: Tensor, which: Tensor) -> Tensor:
            which = which.to(logits.device)
            if self.metric == "logit_difference":
                up = mean(logits, towards, to_weight, which)
                return up - mean(logits, away, away_weight, which)
            # Over the tokens alone: a table of probabilities would be as large as the logits again.
            ids = towards.to(logits.device)[which]
            chances = (logits.gather(-1, ids) - logits.logsumexp(-1, keepdim=True)).exp()
            return (chances * (to_weight > 0).to(logits.device)[which]).sum(-1)

        return score

    def has_word(self, text: str) -> float:
        """1 if a new text holds one of the words, else 0. Whole words, case ignored; the prompt is not in the text."""
        pattern = "|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in self.words)
        return float(re.search(pattern, text, re.IGNORECASE) is not None)


def _padded(ids: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Token ids [prompts, most], and weights of the same shape that take their mean."""
    import torch

    most = max((len(row) for row in ids), default=0) or 1
    table = torch.tensor([[*row, *[0] * (most - len(row))] for row in ids])
    weight = torch.tensor(
        [
            [1 / len(row)] * len(row) + [0.0] * (most - len(row)) if row else [0.0] * most
            for row in ids
        ]
    )
    return table, weight


def given(args: SteerArgs) -> tuple[list[tuple[str, str]] | None, list[Asked]]:
    """The contrast pairs, the positive text first (None where a vector is given), and the prompts to steer. Needs no
    model.

    Raises:
        ToolInputError: a bad record, a task without labels, no pairs and no vector or both, or no prompts.
    """
    if len(args.tasks) > 1:
        raise ToolInputError(f"give one task, not {' and '.join(TASK + t for t in args.tasks)}")
    lines = read(args, SteerLine, lambda _: [])
    contrast = [(x.positive, x.negative) for x in lines if x.positive and x.negative]
    asked = [
        Asked(
            x.prompt, _listed(x.answer) or args.towards or [], _listed(x.wrong) or args.away or []
        )
        for x in lines
        if x.prompt
    ]
    if contrast and args.vector is not None:
        raise ToolInputError("give one vector: vector, or contrast pairs in data, not both")
    if args.task is not None:
        if asked:
            raise ToolInputError("give the prompts once: a task, or records with prompt")
        drawn = _drawn(args.task, args.n_contrast + args.n, args.seed)
        contrast = contrast or [_sides(pair) for pair in drawn[: args.n_contrast]]
        asked = [
            Asked(pair.clean, [pair.answer], [pair.wrong])
            if pair.label == 1
            else Asked(pair.clean, [pair.wrong], [pair.answer])
            for pair in drawn[args.n_contrast :]
        ]
    if not contrast and args.vector is None:
        raise ToolInputError("give a vector: vector, records with positive and negative, or a task")
    if not asked:
        raise ToolInputError("give the prompts to steer: records with prompt, or a task")
    return contrast if args.vector is None else None, asked


def told(model: LocalModel, instruction: str, prompt: str) -> str:
    """The instruction before the words of a prompt: in its first message where it is a chat, else behind a BOS that
    it begins with."""
    tokenizer = model.tokenizer
    fronts = [tokenizer.bos_token or "", *_headers(tokenizer)]
    start = max(len(front) for front in ["", *fronts] if prompt.startswith(front))
    return f"{prompt[:start]}{instruction} {prompt[start:]}"


def _headers(tokenizer: Any) -> list[str]:
    """What the chat template writes before the words of a first message, of the user and of the system."""
    from jinja2 import TemplateError

    if not getattr(tokenizer, "chat_template", None):
        return []
    user, mark, found = {"role": "user", "content": "a"}, "\x07", []
    for messages in ([{**user, "content": mark}], [{"role": "system", "content": mark}, user]):
        # A template may refuse a system message, or trim what it is given.
        with suppress(TemplateError, ValueError):
            written = str(tokenizer.apply_chat_template(messages, tokenize=False))
            found.append(written[: written.index(mark)])
    return found


def build(model: LocalModel, args: SteerArgs, items: Sequence[Asked]) -> Task:
    """Target words as token ids, and the metric they allow.

    Raises:
        ToolInputError: a target of several tokens, a prompt without the targets that the metric needs, or a token that
            is in both lists.
    """
    words = args.words or []
    metric: Metric
    if args.metric != "auto":
        metric = args.metric
    elif words:
        metric = "words"
    else:
        metric = "logit_difference" if all(item.away for item in items) else "probability"
    if metric == "words" and not words:
        raise ToolInputError("metric words needs words, such as --words happy --words glad")
    answers = Answers(model)
    towards, away = [], []
    for item in items:
        up = answers.ids(item.prompt, item.towards)
        down = answers.ids(item.prompt, item.away)
        if metric != "words" and not up:
            raise ToolInputError(
                f"the prompt {item.prompt[:60]!r} has no target: give towards (a token), or words to look for"
            )
        if metric == "logit_difference" and not down:
            raise ToolInputError(
                f"the prompt {item.prompt[:60]!r} has nothing to compare with: give away, or use metric probability"
            )
        if set(up) & set(down):
            raise ToolInputError(
                f"{item.towards} and {item.away} share a token: nothing to tell apart"
            )
        towards.append(up)
        away.append(down)
    if metric != "words" and args.positions == "generated":
        raise ToolInputError(
            "with positions generated the next token is predicted before anything is added; "
            "use positions all or last, or words"
        )
    return Task([item.prompt for item in items], metric, towards, away, words, answers.notes())


def _drawn(task: str, count: int, seed: int) -> list[Pair]:
    """Pairs of a task: first those for the vector, then those to steer."""
    from gadfly.tools.demo.behaviours import behaviour

    behaviour(task).labelled()
    return behaviour(task).pairs(count, seed)


def _sides(pair: Pair) -> tuple[str, str]:
    """The prompt with label 1 first: a pair's clean prompt has its label, its corrupt prompt the other."""
    return (pair.clean, pair.corrupt) if pair.label == 1 else (pair.corrupt, pair.clean)


def _listed(tokens: str | list[str]) -> list[str]:
    return [tokens] if isinstance(tokens, str) else tokens
