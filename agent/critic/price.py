"""What a critique will take, before it is made: tokens by tiktoken, prices by litellm's packaged list; and what is read
first where not all of it can be."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from gadfly.agent.critic.views import View
from gadfly.agent.llm.facts import facts
from gadfly.agent.llm.prompting import prompt
from gadfly.corpus.tokens import count

_DOMAIN = re.compile(
    r"torch|nnsight|nnterp|transformer_lens|sae|hook|patch|ablat|steer|probe|logit|resid|activation|attention"
    r"|cache|tokeni[sz]|pad|softmax|norm|auc|split|shuffle|seed|\[:, ?-1\]",
    re.IGNORECASE,
)
# What a reply takes, reasoning included, and how many claims a view leads to: rough, and above the usual.
_REPLY = 1_200
_SHORT_REPLY = 700
_CLAIMS = 1.5
_AROUND = 250  # tokens of the question, the claim and the fences


class Estimate(NamedTuple):
    """Rough, told as such. Dollars are None where the price of the model is not known."""

    calls: int
    input_tokens: int
    output_tokens: int
    dollars: float | None

    def __str__(self) -> str:
        price = "its price is not known" if self.dollars is None else f"about ${self.dollars:.2f}"
        return f"about {self.calls} calls, {self.input_tokens:,} tokens in and {self.output_tokens:,} out: {price}"


def estimate(views: Sequence[View], framings: int, model: str) -> Estimate:
    """The detection of every view under every framing, then a refuter and a fix for each claim."""
    standing = count(prompt("review_detect").text) + _AROUND
    claims = _CLAIMS * len(views)
    tokens = sum(view.tokens for view in views)
    into = framings * (tokens + standing * len(views))
    into += int(2 * _CLAIMS * (tokens + 2 * _AROUND * len(views)))
    out = framings * len(views) * _REPLY + int(2 * claims * _SHORT_REPLY)
    calls = framings * len(views) + round(2 * claims)
    return Estimate(calls, into, out, facts(model).dollars(into, out))


def risk(code: str) -> float:
    """Larger is riskier: first the number of the field's words in it, then its length."""
    words = {found.lower() for found in _DOMAIN.findall(code)}
    return 10.0 * len(words) + math.log2(1 + code.count("\n"))
