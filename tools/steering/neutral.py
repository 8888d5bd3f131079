"""What steering does to text that has nothing to do with it: divergence, perplexity, repetition.

Neutral texts are the user's, sentences of the demo language for the demo model, or the plain English below. They are
read as if the model had written them: the vector is added at every token.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from gadfly.corpus.progress import Progress, running
from gadfly.errors import ToolInputError
from gadfly.tools import ties
from gadfly.tools.arrays import Tensor
from gadfly.tools.generating import in_parts
from gadfly.tools.hooks import before, hooked
from gadfly.tools.model import Batch, LocalModel
from gadfly.tools.steering.engine import adding

# Logits that are held at once: 120 MB in float32, and the comparison of two such arrays holds half a dozen.
_LOGITS = 3e7

ENGLISH = (
    "The train leaves the station at half past nine and arrives in the next town an hour later.",
    "Water boils at a lower temperature on a mountain because the air pressure is lower there.",
    "She put the letter in an envelope, wrote the address on it and took it to the post office.",
    "The library is open from Monday to Friday, and on Saturday until noon.",
    "To make the dough, mix flour, salt and yeast, then add warm water and knead it well.",
    "The river flows through three counties before it reaches the sea.",
    "Most of the houses in the street were built of brick about a hundred years ago.",
    "A triangle has three sides, and its angles add up to one hundred and eighty degrees.",
    "The committee will meet again next month to discuss the plan for the new bridge.",
    "He opened the window, looked at the sky and decided to take an umbrella.",
    "Copper conducts electricity better than iron, which is why wires are made of it.",
    "In autumn the leaves turn yellow and red before they fall.",
    "The second chapter describes how the data were collected and what was left out.",
    "Turn left at the traffic lights, go straight on for a mile, and the museum is on your right.",
    "Bees live in colonies, and each colony has one queen.",
    "The table in the kitchen is long enough for eight people.",
)


@dataclass(frozen=True)
class SideEffects:
    """For each vector: ``kl`` in nats a token, KL(unsteered ‖ steered), and ``perplexity`` of the texts."""

    kl: list[float]
    perplexity: list[float]
    unsteered: float
    """Perplexity without any vector."""
    noise: float = 0.0
    """What rounding alone may change a perplexity by."""


def packaged(*, demo: bool) -> list[str]:
    """The neutral texts where none are given: for a model of the demo language sentences of it, else plain English."""
    return filler(16) if demo else list(ENGLISH)


def checked(model: LocalModel, given: Sequence[str]) -> list[str]:
    """The texts as given.

    Raises:
        ToolInputError: a text of one token, which predicts nothing.
    """
    for text in given:
        if len(model.ids(text)) < 2:
            raise ToolInputError(f"a neutral text has one token only: {text!r}")
    return list(given)


def filler(count: int) -> list[str]:
    """Filler sentences of the demo model's training language: those with no word that a behaviour decides."""
    from gadfly.tools.demo.language import ARBITRARY, UNK, Stream

    filler = (
        " ".join(word for word, _ in sentence)
        for sentence in Stream(0).sentences()
        if all(weight == ARBITRARY for _, weight in sentence)
        and all(word != UNK for word, _ in sentence)
    )
    return list(islice(filler, count))


def side_effects(
    model: LocalModel, texts: Sequence[str], steps: Tensor, layer: int, progress: Progress
) -> SideEffects:
    """Compare the model's predictions at every token with and without each of ``steps`` [vectors, hidden]."""
    import torch

    kl = torch.zeros(len(steps), dtype=torch.float64)
    loss = torch.zeros(len(steps), dtype=torch.float64)
    plain_loss, tokens, noise = 0.0, 0, 0.0
    longest = max(len(model.ids(text)) for text in texts)
    vocabulary = model.module.get_output_embeddings().weight.shape[0]
    at_once = max(1, int(_LOGITS / (longest * vocabulary)))
    width = max(1, int(_LOGITS / (at_once * vocabulary)))  # of a text that is too long as a whole

    def part(some: list[int]) -> None:
        nonlocal plain_loss, tokens, noise
        batch = model.batch([texts[i] for i in some])
        sums = torch.zeros(len(steps), 2, dtype=torch.float64)
        plain_sum, counted, largest = 0.0, 0, 0.0
        # The last token predicts nothing that is there, and padding predicts nothing at all.
        for start in range(0, batch.ids.shape[1] - 1, width):
            those = slice(start, min(start + width, batch.ids.shape[1] - 1))
            after = slice(those.start + 1, those.stop + 1)
            scored = (batch.mask[:, those] & batch.mask[:, after]).bool()
            follow = batch.ids[:, after, None]
            zero = steps.new_zeros(len(batch), steps.shape[1])
            plain = _log_probabilities(model, batch, zero, layer, those)
            largest = max(largest, ties.noise(model.dtype, plain))
            for step, both in zip(steps, sums, strict=True):
                vectors = step.expand(len(batch), -1)
                logs = _log_probabilities(model, batch, vectors, layer, those)
                both[1] -= float(logs.gather(-1, follow)[..., 0][scored].sum())
                both[0] += float((plain - logs).mul_(plain.exp()).sum(-1)[scored].sum())
            plain_sum -= float(plain.gather(-1, follow)[..., 0][scored].sum())
            counted += int(scored.sum())
        # Summed only now: a part that runs out of memory is done again.
        plain_loss, tokens, noise = plain_loss + plain_sum, tokens + counted, max(noise, largest)
        kl.add_(sums[:, 0])
        loss.add_(sums[:, 1])
        progress.advance(len(some))

    with running(progress, "Side effects on neutral text", len(texts)):
        in_parts(range(len(texts)), at_once, part, lambda _: None)
    unsteered = math.exp(plain_loss / tokens)
    return SideEffects(
        (kl / tokens).tolist(), (loss / tokens).exp().tolist(), unsteered, noise * unsteered
    )


def _log_probabilities(
    model: LocalModel, batch: Batch, vectors: Tensor, layer: int, columns: slice
) -> Tensor:
    """Of the next token at these columns, [rows, columns, vocabulary], float32. No others reach the unembedding."""
    only = before(model.unembedding, lambda hidden: hidden[:, columns])
    with hooked([only]), adding(model, layer, vectors, "all", batch.ids.shape[1]):
        return model.logits(batch).float().log_softmax(-1)


def distinct(ids: Sequence[int], n: int = 2) -> float:
    """The share of different n-grams among all of a text (Li et al. 2016, arXiv:1510.03055); 1 where there are none."""
    grams = [tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 1.0
