"""Tools of directions: probe, steer, sae."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gadfly.evals.real.asking import Rows, Subject
from gadfly.tools.arrays import Array, Tensor
from gadfly.tools.steering.neutral import ENGLISH

_TRUTH, _MIXED, _TEXTS = "truth.report.jsonl", "truth.shuffled.jsonl", "texts.jsonl"
_SENTIMENT, _SWAPPED = "sentiment.report.jsonl", "sentiment.swapped.jsonl"


def probe(s: Subject) -> Rows:
    s = replace(s, most=0)  # a probe needs a hundred texts; they are short
    # ties of the tool's choice between near layers do not matter: the layer is read from its result
    got = s.ask("probe", _TRUTH, method="logistic", shuffles=20)
    fact = "a logistic regression on the last token tells true statements from false"
    if got.error:
        yield s.refused(got, fact)
    else:
        layer = int(got.value("layer"))
        wanted, mine = _separable(s, layer), got.value("auroc")
        # another split, so other test statements: a third of 54 groups
        agreed = abs(mine - wanted) < 0.15
        fact = f"{fact} after layer {layer}: AUROC {wanted:.2f}, in five folds by subject"
        yield s.row(got, fact, f"{mine:.2f}", agreed)
    mixed = s.ask("probe", _MIXED, method="logistic", shuffles=20, random_model=False)
    yield s.null(mixed, "labels drawn at random")
    demo = s.ask("probe", "task:truth")
    fact = "prompts of the demo model are refused, and what to give instead is named"
    yield s.row(demo, fact, demo.error or demo.verdict, "give records" in demo.error)


def _separable(s: Subject, layer: int) -> float:
    """AUROC of a logistic regression on the last token, in five folds that share no subject."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    items = s.records(_TRUTH)
    x = np.stack([_last(s, each["text"], layer) for each in items])
    y = np.array([each["label"] == "true" for each in items])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
    groups = [each["group"] for each in items]
    folds = GroupKFold(5)
    told = cross_val_predict(model, x, y, groups=groups, cv=folds, method="decision_function")
    return float(roc_auc_score(y, told))


def _last(s: Subject, text: str, layer: int) -> Array:
    states = s.plain.residuals(s.plain.ids(text))[layer, -1]
    return np.asarray(states.float().cpu())


def steer(s: Subject) -> Rows:
    from safetensors.torch import load_file

    layer = len(s.plain.blocks) // 2 - 1
    prompts = [each for each in s.records(_SENTIMENT) if "prompt" in each]
    few: dict[str, Any] = {"layer": layer, "max_tokens": 4}
    got = s.ask("steer", _SENTIMENT, **few)
    usual = _usual(s, [each["prompt"] for each in prompts], layer)
    fact = f"the median residual norm after layer {layer}, without position 0, is {usual:.3g}"
    if got.error:
        yield s.refused(got, fact)
    else:
        unit = got.result.values.get("unit")
        said = "no unit among its values" if unit is None else f"unit {unit:.3g}"
        # of the prompts here, of neutral texts or of both there: the same size, not the same number
        yield s.row(got, fact, said, unit is not None and abs(unit / usual - 1) < 0.15)
        few["doses"] = [got.value("dose")]
        direction = next(iter(load_file(got.result.direction).values())).flatten()
        dose, mine = got.value("dose"), got.value("effect")
        size = dose * (unit if unit is not None else usual)
        wanted = _moved(s, layer, size * direction / direction.norm())
        fact = f"its vector at its dose moves great − terrible by {wanted:+.2f}"
        yield s.row(got, fact, f"{mine:+.2f}", s.agree(mine, wanted, 0.05))
        double = got.result.values.get("doubling_dose")
        if double is None:
            yield s.row(got, "a dose doubles neutral perplexity", "none is told", False)
        else:
            step = (unit or usual) * double * direction / direction.norm()
            before = _perplexity(s, layer, 0 * step)
            # the dose of the grid below is a tenth smaller
            below, there = (_perplexity(s, layer, part * step) / before for part in (0.9, 1))
            fact = f"at dose {double:.2g} neutral perplexity is {there:.2f} times, {below:.2f} at nine tenths of it"
            agreed = below <= 2 * (1 + s.near) and there >= 2 * (1 - s.near)
            yield s.row(got, fact, f"doubles at {double:.2g}; dose {dose:.2g} is taken", agreed)
    yield s.null(s.ask("steer", _SWAPPED, **few), "positive and negative exchanged at random")


def _usual(s: Subject, texts: list[str], layer: int) -> float:
    """Median norm over the tokens of texts. Position 0 carries a massive activation, BOS or none."""
    norms = [s.plain.residuals(s.plain.ids(text))[layer, 1:].float().norm(dim=-1) for text in texts]
    return float(np.median(np.concatenate([each.cpu().numpy() for each in norms])))


def _moved(s: Subject, layer: int, vector: Tensor) -> float:
    """By how much a vector, added at every token, moves the logit difference of the prompts."""
    total = []
    for each in s.records(_SENTIMENT):
        if "prompt" in each:
            ids, pair = s.plain.ids(each["prompt"]), (each["answer"], each["wrong"])
            before = s.plain.difference(ids, *pair)
            with s.plain.changed(layer, lambda hidden: hidden + vector.to(hidden)):
                total.append(s.plain.difference(ids, *pair) - before)
    return float(np.mean(total))


def _perplexity(s: Subject, layer: int, vector: Tensor) -> float:
    """Of the packaged neutral texts, each token after the first, with a vector added at every token."""
    losses = []
    for text in ENGLISH:
        ids = s.plain.ids(text)
        with s.plain.changed(layer, lambda hidden: hidden + vector.to(hidden)):
            logs = s.plain.forward(ids).logits[0].float().log_softmax(-1).cpu()
        losses += [-float(logs[at - 1, ids[at]]) for at in range(1, len(ids))]
    return float(np.exp(np.mean(losses)))


def sae(s: Subject) -> Rows:
    import torch

    layer = len(s.plain.blocks) // 2
    states = torch.cat(
        [s.plain.residuals(s.plain.ids(each["text"]))[layer].float() for each in s.records(_TEXTS)]
    ).cpu()
    rows = torch.from_numpy(
        np.random.default_rng(0).normal(size=(2 * states.shape[1], states.shape[1]))
    ).float()
    rows = torch.nn.functional.normalize(rows, dim=-1)
    folder = _written(s.scratch / "random-dictionary", rows, layer)
    got = s.ask("sae", _TEXTS, sae=str(folder))
    active = float(((states @ rows.T) > 0).float().sum(-1).mean())
    fact = f"null: random directions, {active:.0f} of {len(rows)} active; not supported"
    if got.error:
        yield s.refused(got, fact)
        return
    mine = got.value("l0")
    agreed = abs(mine / active - 1) < 0.02 and got.verdict != "supported"
    yield s.row(got, fact, f"{mine:.0f} active, {got.value('fvu'):.3g} unexplained", agreed)


def _written(folder: Path, rows: Tensor, layer: int) -> Path:
    """A ReLU autoencoder without biases that reads and writes ``rows`` [features, hidden], in SAELens' layout."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    features, hidden = rows.shape
    about = {"architecture": "standard", "d_in": hidden, "d_sae": features, "dtype": "float32"}
    about |= {"device": "cpu", "apply_b_dec_to_input": False, "normalize_activations": "none"}
    about["metadata"] = {"hook_name": f"blocks.{layer}.hook_resid_post"}
    (folder / "cfg.json").write_text(json.dumps(about), encoding="utf-8")
    weights = {"W_enc": rows.T.contiguous(), "W_dec": rows.contiguous()}
    weights |= {"b_enc": torch.zeros(features), "b_dec": torch.zeros(hidden)}
    save_file(weights, str(folder / "sae_weights.safetensors"))
    return folder
