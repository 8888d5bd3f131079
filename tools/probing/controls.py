"""What a probe's accuracy could come from without the model: words, length, embeddings, untrained weights.

Each control is trained on the same train part, tuned on the same validation part and read on the same test part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gadfly.corpus.progress import Progress
from gadfly.errors import ToolInputError
from gadfly.tools import ties
from gadfly.tools.arrays import Array, Flags
from gadfly.tools.capture import Captured, Reduce, capture
from gadfly.tools.model import LocalModel
from gadfly.tools.probing.analysis import Measured, auroc, best_probe, measure
from gadfly.tools.probing.data import Labelled, Parts, by_shared_words, folds, split
from gadfly.tools.probing.fit import Method

_PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0)
# A second copy of a larger model rarely fits beside the first.
RANDOM_LIMIT = 2_000_000_000


def parted(data: Labelled, seed: int) -> Parts:
    """The split. Where the groups are not the user's, and words tell the label inside out, it is at fault, and a second
    one keeps texts that share words together. No activation is looked at.

    Raises:
        ToolInputError: as :func:`split`.
    """
    parts = split(data, seed)
    if data.given:
        return parts
    words = _across(data, seed)
    if not words.interval.below(0.5):
        return parts
    again = by_shared_words(data)
    note = (
        f"split by texts, a bag of words tells the label inside out (AUROC {words.auroc:.2f} across all parts): texts "
        "that pair the same words otherwise are parted. So those that share words of both labels stay together, "
        f"{len(set(again.groups.tolist()))} groups; give groups of your own to change that"
    )
    try:
        better = split(replace(again, notes=[*data.notes, note]), seed)
    except ToolInputError:  # too few groups of a label
        return parts
    # Where words are exchanged all round, no split helps, and the verdict tells of it.
    return parts if _across(again, seed).interval.below(0.5) else better


def _across(data: Labelled, seed: int) -> Measured:
    """A bag of words on every text, each time trained without the text's part of the split."""
    from sklearn.linear_model import LogisticRegression

    scores = np.empty(len(data.texts))
    for held in folds(data, seed):
        features = _words(data, ~held)
        model = LogisticRegression(max_iter=2000).fit(features[~held], data.labels[~held])
        scores[held] = model.decision_function(features[held])
    every = np.ones(len(data.texts), dtype=np.bool_)
    return measure(
        "words", scores, ties.noise("float32", scores), Parts(data, seed, ~every, ~every, every)
    )


def majority(parts: Parts) -> Measured:
    """The commoner label of the train part, always."""
    common = 1.0 if parts.data.labels[parts.train].mean() >= 0.5 else -1.0
    return measure("majority", np.full(int(parts.test.sum()), common), 0.0, parts)


def bag_of_words(parts: Parts) -> Measured:
    """TF-IDF of words and word pairs into a logistic regression: what the surface tells."""
    return _tuned("bag_of_words", _words(parts.data, parts.train), parts)


def _words(data: Labelled, train: Flags) -> Any:
    """Weighted words and word pairs of every text, as they stand in the train part; sparse [texts, words]."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]", min_df=1)
    words.fit([text for text, here in zip(data.texts, train, strict=True) if here])
    return words.transform(data.texts).tocsr()


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
