"""What a probe's accuracy could come from without the model: words, length, embeddings, untrained weights.

Each control is trained on the same train part, tuned on the same validation part and read on the same test part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gadfly.corpus.progress import Progress
from gadfly.tools import ties
from gadfly.tools.arrays import Array
from gadfly.tools.capture import Captured, Reduce, capture
from gadfly.tools.model import LocalModel
from gadfly.tools.probing.analysis import Measured, auroc, best_probe, measure
from gadfly.tools.probing.data import Parts
from gadfly.tools.probing.fit import Method

_PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0)
# A second copy of a larger model rarely fits beside the first.
RANDOM_LIMIT = 2_000_000_000


def majority(parts: Parts) -> Measured:
    """The commoner label of the train part, always."""
    common = 1.0 if parts.data.labels[parts.train].mean() >= 0.5 else -1.0
    return measure("majority", np.full(int(parts.test.sum()), common), 0.0, parts)


def bag_of_words(parts: Parts) -> Measured:
    """TF-IDF of words and word pairs into a logistic regression: what the surface tells."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]", min_df=1)
    train = [text for text, here in zip(parts.data.texts, parts.train, strict=True) if here]
    words.fit(train)
    return _tuned("bag_of_words", words.transform(parts.data.texts).tocsr(), parts)


def length(parts: Parts, captured: Captured) -> Measured:
    """Number of tokens, which is also the position that is read."""
    tokens = np.array(captured.lengths, dtype=np.float64)
    features = np.stack(
        [tokens, tokens**2, np.log(tokens), [len(t) for t in parts.data.texts]], axis=1
    )
    features = (features - features.mean(0)) / (features.std(0) + 1e-9)
    return _tuned("length", features, parts)


def embeddings(parts: Parts, captured: Captured, methods: Sequence[Method], dtype: str) -> Measured:
    """The same probes on the mean input embedding: the tokens, before any layer has run."""
    return best_probe("embeddings", captured.embedding[None], parts, methods, dtype).test


def random_weights(
    model: LocalModel,
    parts: Parts,
    reduce: Reduce,
    site: str,
    methods: Sequence[Method],
    progress: Progress,
) -> Measured | None:
    """The same probes on the same architecture with fresh weights; None where a second copy would be too large.

    An untrained transformer is a strong random feature map (Zhang & Bowman 2018, arXiv:1809.10040).
    """
    import torch
    from transformers import AutoModelForCausalLM

    if sum(p.numel() for p in model.module.parameters()) > RANDOM_LIMIT:
        return None
    with torch.random.fork_rng():
        torch.manual_seed(parts.seed)
        fresh = AutoModelForCausalLM.from_config(model.module.config)
    fresh = fresh.to(model.device, next(model.module.parameters()).dtype).eval()
    twin = LocalModel.wrap(fresh, model.tokenizer, name=f"{model.name} with random weights")
    captured = capture(
        twin,
        parts.data.texts,
        reduce,
        modules=twin.modules(site),
        progress=progress,
        label="Activations of random weights",
    )
    dtype = twin.dtype
    return best_probe("random_weights", captured.layers, parts, methods, dtype).test


def _tuned(name: str, features: Any, parts: Parts) -> Measured:
    from sklearn.linear_model import LogisticRegression

    best: tuple[float, float, Array] | None = None
    for penalty in _PENALTIES:
        model = LogisticRegression(C=penalty, max_iter=2000)
        model.fit(features[parts.train], parts.data.labels[parts.train])
        scores = model.decision_function(features)
        # Computed in double precision; what is left is how far the solver went, which is finer than this.
        noise = ties.noise("float32", scores)
        held = float(auroc(scores[parts.validation], parts.data.labels[parts.validation], noise))
        if best is None or held > best[0]:
            best = held, noise, scores[parts.test]
    assert best is not None
    return measure(name, best[2], best[1], parts)
