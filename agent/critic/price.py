"""What a critique will take, before it is made: tokens by tiktoken, prices by litellm's packaged list."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from gadfly.agent.critic.views import View
from gadfly.agent.llm.prompting import prompt
from gadfly.corpus.tokens import count
from gadfly.surroundings import sealed

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
    prices = _prices(model)
    dollars = None if prices is None else into * prices[0] + out * prices[1]
    return Estimate(framings * len(views) + round(2 * claims), into, out, dollars)


@cache
def _prices(model: str) -> tuple[float, float] | None:
    """US dollars for a token in and a token out. A router's price is its provider's, near enough."""
    if "/" not in model:
        return None
    with sealed():
        import litellm

    bare = model.rsplit("/", 1)[-1]
    for name in (model, model.split("/", 1)[1], bare, bare.replace(".", "-")):
        told = litellm.model_cost.get(name)
        if told and told.get("input_cost_per_token") is not None:
            return float(told["input_cost_per_token"]), float(
                told.get("output_cost_per_token") or 0.0
            )
    return None
