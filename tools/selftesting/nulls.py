"""Input on which a tool must not say ``supported``, of several kinds: the easy noise of random words, real prompts
whose answers were exchanged, labels that words alone explain, and effects that are there but not where the tool looks.

Seeds go through the kinds by turns. Sizes are small, as a hundred runs of every tool are wanted on real models, but no
smaller than what each tool can come to a verdict on: a null that cannot be supported measures nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gadfly.tools.model import LocalModel
from gadfly.tools.selftesting import dictionaries, noise, plants, real
from gadfly.tools.selftesting.planting import Scatter
from gadfly.tools.selftesting.plants import Trial

Maker = Callable[[LocalModel, int, Path], Trial]
_PAIRS, _PROMPTS, _TEXTS, _SIDE = 10, 16, 120, 12
_FEW = 8  # prompts where each one is run hundreds of times
_WORDS = 4  # of a text that is drawn


def _without_wrong(prompts: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{name: each[name] for name in ("prompt", "answer")} for each in prompts]


def _patch(pairs: Any, model: LocalModel, seed: int) -> Trial:
    layers = [seed % model.num_layers]
    return Trial({"pairs": pairs, "direction": "denoising", "layers": layers})


def _before(layer: int, seed: int) -> int:
    """An earlier layer, not far before: what is patched there runs through few others."""
    return layer - 1 - seed % max(1, layer // 3)


def _patch_elsewhere(model: LocalModel, seed: int, _: Path) -> Trial:
    """A head writes the answer; the heads of an earlier layer are patched, and cannot carry it."""
    words = plants.head_words(model, seed)
    layer, head = plants.spot(model, seed)
    return Trial(
        {
            "pairs": plants.pairs(model, words, _PAIRS, seed),
            "site": "head",
            "direction": "denoising",
            "layers": [_before(layer, seed)],
        },
        (plants.head_writes(model, words, layer, head, 1.0),),
    )


def _ablate(pairs: Any, model: LocalModel, seed: int) -> Trial:
    return Trial({"pairs": pairs, "component": "mlp", "layers": [seed % model.num_layers]})


def _ablate_elsewhere(model: LocalModel, seed: int, _: Path) -> Trial:
    """A head writes the answer; another one, of an earlier layer, is ablated."""
    words = plants.head_words(model, seed)
    layer, head = plants.spot(model, seed)
    other = f"{_before(layer, seed)}.{seed % model.heads}"
    pairs = plants.pairs(model, words, _PAIRS, seed)
    return Trial(
        {"pairs": pairs, "component": "head", "heads": [other]},
        (plants.head_writes(model, words, layer, head, 1.0),),
    )


def _probe(texts: list[dict[str, object]]) -> Trial:
    return Trial({"texts": texts, "shuffles": 40, "random_model": False})


def _steer(sides: tuple[list[str], list[str]], model: LocalModel, seed: int) -> Trial:
    towards, away = noise.words(model, 2, seed + 3)
    half = model.num_layers // 2
    return Trial(
        {
            "positive": sides[0],
            "negative": sides[1],
            "layer": half + seed % (model.num_layers - half),
            "prompts": noise.texts(model, _FEW, seed + 2000, _WORDS),
            "towards": [towards] * _FEW,
            "away": [away] * _FEW,
            "max_tokens": 1,
            "doses": [0.1],
            "neutral": noise.texts(model, _FEW, seed + 3000),
        }
    )


def _random_sides(model: LocalModel, seed: int) -> tuple[list[str], list[str]]:
    one, other = (noise.texts(model, _SIDE, seed + side, _WORDS) for side in (0, 1000))
    return one, other


def _patchscope(prompts: list[dict[str, str]], target: str) -> Trial:
    return Trial({"prompts": _without_wrong(prompts), "target": target})


def _random_target(model: LocalModel, seed: int) -> str:
    return " {} ".join(noise.words(model, 2, seed + 5))


def _sae(texts: list[str], model: LocalModel, seed: int, folder: Path) -> Trial:
    layer = seed % model.num_layers
    made = dictionaries.random_dictionary(folder, model.hidden_size, layer, seed)
    return Trial({"sae": str(made), "texts": texts})


def _sae_elsewhere(model: LocalModel, seed: int, folder: Path) -> Trial:
    """The states hold which word follows, along other directions than the dictionary's."""
    right = plants.sae(model, seed, 1.0, folder)
    # Of the same layer: before it nothing of this is in the states, and there would be nothing to keep.
    layer = plants.layer_of(model, seed)
    wrong = plants.sae(model, seed + 1, 1.0, folder / "other", layer)
    return Trial({**right.arguments, "sae": wrong.arguments["sae"]}, right.plants)


def _attention(model: LocalModel, seed: int, _: Path) -> Trial:
    """Every head looks at random."""
    return Trial({"kind": "all", "sequences": 16, "length": 12}, (Scatter(seed),))


EASY: dict[str, dict[str, Maker]] = {
    "patch": {"random words": lambda m, s, _: _patch(noise.pairs(m, _PAIRS, s, _WORDS), m, s)},
    "probe": {
        "random words": lambda m, s, _: _probe(noise.dealt(noise.texts(m, _TEXTS, s, _WORDS), s))
    },
    "steer": {"random words": lambda m, s, _: _steer(_random_sides(m, s), m, s)},
    "ablate": {"random words": lambda m, s, _: _ablate(noise.pairs(m, _PAIRS, s, _WORDS), m, s)},
    "lens": {
        "random words": lambda m, s, _: Trial(
            {"prompts": _without_wrong(noise.answered(m, _PROMPTS, s, _WORDS))}
        )
    },
    "patchscope": {
        "random words": lambda m, s, _: _patchscope(
            noise.answered(m, _FEW, s, _WORDS), _random_target(m, s)
        )
    },
    "attribute": {
        "random words": lambda m, s, _: Trial({"prompts": noise.answered(m, _PROMPTS, s, _WORDS)})
    },
    "attention": {"scattered patterns": _attention},
    "sae": {"random words": lambda m, s, folder: _sae(noise.texts(m, 24, s), m, s, folder)},
}
PLANTED: dict[str, dict[str, Maker]] = {
    "patch": {"an effect elsewhere": _patch_elsewhere},
    "ablate": {"an effect elsewhere": _ablate_elsewhere},
    "sae": {"other directions": _sae_elsewhere},
}
"""A truth is in the model and the tool is pointed past it, at an earlier layer or along other directions."""
REAL: dict[str, dict[str, Maker]] = {
    "patch": {"exchanged answers": lambda m, s, _: _patch(real.pairs(m, _PAIRS, s), m, s)},
    "probe": {
        "shuffled labels": lambda m, s, _: _probe(noise.dealt(real.sentences(_TEXTS, s), s)),
        "a word is the label": lambda m, s, _: _probe(real.labelled_by_a_word(_TEXTS, s)),
    },
    "steer": {
        "an unrelated contrast": lambda m, s, _: _steer(real.unrelated_contrast(_SIDE, s), m, s)
    },
    "ablate": {"exchanged answers": lambda m, s, _: _ablate(real.pairs(m, _PAIRS, s), m, s)},
    "lens": {
        "exchanged answers": lambda m, s, _: Trial(
            {"prompts": _without_wrong(real.answered(m, _PROMPTS, s))}
        )
    },
    "patchscope": {
        "exchanged answers": lambda m, s, _: _patchscope(
            real.answered(m, _FEW, s), "The capital of {} is"
        )
    },
    "attribute": {
        "exchanged answers": lambda m, s, _: Trial({"prompts": real.answered(m, _PROMPTS, s)})
    },
    "sae": {"real sentences": lambda m, s, folder: _sae(real.sentences(24, s), m, s, folder)},
}
"""For a model whose tokenizer knows English."""


def kinds(model: LocalModel, tool: str) -> dict[str, Maker]:
    """What this model can be given, in a fixed order."""
    found = dict(EASY[tool])
    # The hand-written model can hold no second truth, and its words are no English.
    if model.name != "planted" and plants.layer_of(model, 0) > 0:
        found |= PLANTED.get(tool, {})
    if real.speaks(model):
        found |= REAL.get(tool, {})
    return found


def null(model: LocalModel, tool: str, seed: int, folder: Path) -> tuple[str, Trial]:
    """The kind and the trial of a seed."""
    known = list(kinds(model, tool).items())
    name, make = known[seed % len(known)]
    return name, make(model, seed, folder)
