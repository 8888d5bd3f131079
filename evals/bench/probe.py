"""How fast probing is: activations beside the bare forward, fits beside scikit-learn. Ratios within one run.

    python -m gadfly.evals.bench.probe [--layers 12] [--hidden 512] [--texts 400] [--device auto] [--json]

The model is a Qwen3 of the given size with random weights, the texts are random tokens of unequal length. ``capture``
keeps every layer's vector of the last token and is compared with a plain forward over the same batches.
``fit`` is logistic regression for every layer and six strengths at once, compared with scikit-learn's, layer by layer
and strength by strength, on the same random activations with a planted label; held-out accuracies stand beside the
seconds. ``shuffles`` is the control that a probe needs: the same layers fitted again on shuffled labels, many times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gadfly.corpus.progress import Silent
from gadfly.evals.kit.models import of_size
from gadfly.evals.kit.place import processor
from gadfly.evals.kit.script import script
from gadfly.evals.kit.timing import interleaved, seconds, took
from gadfly.tools.capture import at, capture
from gadfly.tools.model import LocalModel
from gadfly.tools.probing.fit import STRENGTHS, fit, space
from gadfly.tools.rows import portions

if TYPE_CHECKING:
    from torch import Tensor

_TOKENS = 4096


def texts_for(count: int) -> list[str]:
    """Random words of the demo's language, 8 to 60 of them."""
    from gadfly.tools.demo.words import NAMES

    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(NAMES, int(rng.integers(8, 60)))) for _ in range(count)]


def bare(model: LocalModel, texts: list[str]) -> None:
    """The forward alone, over the same batches."""
    lengths = [len(model.ids(text)) for text in texts]
    for some in portions(lengths, _TOKENS):
        batch = model.batch([texts[i] for i in some])
        with model.working():
            model.module(
                input_ids=batch.ids,
                attention_mask=batch.mask,
                position_ids=batch.positions,
                use_cache=False,
                logits_to_keep=1,
            )


def activations(layers: int, texts: int, width: int) -> tuple[Tensor, Tensor]:
    """Random activations [layers, texts, width] of which 64 directions carry most, and labels with some noise."""
    import torch

    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    x = normal(layers, texts, 64) @ normal(layers, 64, width) + 0.5 * normal(layers, texts, width)
    score = x[layers // 2] @ normal(width)
    return x, (score + 0.5 * score.std() * normal(texts) > score.median()).long()


def scikit_learn(x: Tensor, labels: Any, strengths: tuple[float, ...], train: Any) -> float:
    """Every layer and strength in turn; the best accuracy on the rest."""
    from sklearn.linear_model import LogisticRegression

    best = 0.0
    rows = int(train.sum())
    for layer in x.double().numpy():
        centred = layer - layer[train].mean(0)
        scaled = centred / np.sqrt((centred[train] ** 2).sum(1).mean())
        for strength in strengths:
            model = LogisticRegression(C=1 / (rows * strength), max_iter=1000)
            model.fit(scaled[train], labels[train])
            best = max(best, model.score(scaled[~train], labels[~train]))
    return best


def ours(x: Tensor, labels: Any, strengths: tuple[float, ...], train: Any) -> float:
    """All at once, ``labels`` [texts] or [labellings, texts]; the best accuracy on the rest for the first of them."""
    import torch

    y = torch.from_numpy(np.atleast_2d(labels))
    probes = fit("logistic", space(x[:, train]), y[:, train], strengths)
    right = (probes.scores(x[:, ~train].double())[0] > 0) == (y[0, ~train] == 1)
    return float(right.double().mean(-1).max())


def measure(
    layers: int = 12,
    hidden: int = 512,
    texts: int = 400,
    device: str = "auto",
    rounds: int = 3,
    fit_layers: int = 12,
    fit_texts: int = 400,
    width: int = 2048,
    labellings: int = 100,
) -> dict[str, Any]:
    """Capture and fits.

    Args:
        width: hidden size of the random activations
    """
    found = measure_capture(layers, hidden, texts, device, rounds)
    return found | measure_fits(fit_layers, fit_texts, width, labellings)


def measure_fits(layers: int, texts: int, width: int, labellings: int) -> dict[str, Any]:
    """Seconds of one fit of everything and of the shuffles, both ways."""
    x, y = activations(layers, texts, width)
    labels, train = y.numpy(), np.arange(texts) % 4 != 0
    rng = np.random.default_rng(0)
    shuffled = np.stack([rng.permutation(labels) for _ in range(labellings)])
    ours(x[:1], labels, STRENGTHS[:1], train)  # loads what is loaded once
    accuracy, fit_s = took(lambda: ours(x, labels, STRENGTHS, train))
    their_accuracy, theirs_s = took(lambda: scikit_learn(x, labels, STRENGTHS, train))
    shuffles_s = seconds(lambda: ours(x, shuffled, (0.01,), train))
    few = shuffled[: max(1, labellings // 10)]  # a tenth of them, scaled up
    theirs_shuffles_s = (labellings / len(few)) * seconds(
        lambda: [scikit_learn(x, row, (0.01,), train) for row in few]
    )
    return {
        "fit": {"layers": layers, "texts": texts, "width": width, "labellings": labellings},
        "fit_s": fit_s,
        "scikit_learn_s": theirs_s,
        "fit_speedup": theirs_s / fit_s,
        "fit_accuracy": accuracy,
        "scikit_learn_accuracy": their_accuracy,
        "shuffles_s": shuffles_s,
        "scikit_learn_shuffles_s": theirs_shuffles_s,
        "shuffles_speedup": theirs_shuffles_s / shuffles_s,
    }


def measure_capture(
    layers: int, hidden: int, count: int, device: str, rounds: int
) -> dict[str, Any]:
    """Seconds of capture and of the bare forward."""
    model, texts = of_size(layers, hidden, device), texts_for(count)
    _, taken = interleaved(
        {"bare": lambda: bare(model, texts), "capture": lambda: _captured(model, texts)}, rounds
    )
    return {
        "device": str(model.device),
        "machine": processor(),
        "layers": layers,
        "hidden": hidden,
        "texts": count,
        "bare_forward_s": taken["bare"],
        "capture_s": taken["capture"],
        "capture_throughput": taken["bare"] / taken["capture"],
    }


def _captured(model: LocalModel, texts: list[str]) -> None:
    capture(model, texts, at("last"), modules=model.blocks, progress=Silent(), max_tokens=_TOKENS)


if __name__ == "__main__":
    script(measure)
