"""Where a steering vector comes from, and the directions it is compared with.

From contrast pairs: the mean difference of activations at one layer and position (Marks & Tegmark 2023,
arXiv:2310.06824). From a file or a probe's run: ``vectors.load``; a feature of a sparse autoencoder is such a file too.

Controls have the norm of the vector. *Random*: any direction, equally likely. *In-distribution*: directions that the
model's activations do vary along, since these move outputs far more than random ones do, whatever they mean. With
contrast pairs these are the same mean difference with the two sides of half of the pairs exchanged: exactly half, so
that what the labels mean cancels and nothing else changes. Without, random mixtures of the prompts' activations.

Controls keep the part that they share with the vector. Freed of it they would be weaker than a meaningless vector: on
SmolLM2 three in ten vectors of labels drawn by a coin then beat them all, where one in fifty should. Leaves out doses
and measurement (``analysis``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gadfly.corpus.progress import Progress
from gadfly.errors import ToolInputError
from gadfly.tools import vectors
from gadfly.tools.arrays import Array, Tensor
from gadfly.tools.capture import at, capture
from gadfly.tools.model import LocalModel
from gadfly.tools.stats import FEWEST


@dataclass
class Source:
    """``direction`` [hidden] of norm 1 after ``layer``; ``exchanged`` [controls, hidden] of norm 1, or None."""

    direction: Tensor
    layer: int
    origin: str
    exchanged: Tensor | None = None
    notes: list[str] = field(default_factory=list)


def from_contrast(
    model: LocalModel,
    contrast: Sequence[tuple[str, str]],
    layer: int | None,
    position: str,
    controls: int,
    seed: int,
    progress: Progress,
) -> Source:
    """The difference in means, and the same with half of the pairs exchanged.

    Args:
        contrast: pairs of a text with the property and one without it.

    Raises:
        ToolInputError: an unknown layer, or no difference at all.
    """
    import torch

    pairs, notes = len(contrast), []
    if layer is None:
        layer = model.num_layers // 2
        notes.append(
            f"no layer was given: the middle one, {layer}, was taken, before any result was seen"
        )
    model.check_layer(layer)
    captured = capture(
        model,
        [text for side in zip(*contrast, strict=True) for text in side],
        at(position),
        modules=[model.blocks[layer]],
        progress=progress,
    ).layers[0]
    difference = captured[:pairs] - captured[pairs:]
    if not difference.isfinite().all():
        raise ToolInputError(
            "the activations hold numbers that are not finite; use --dtype float32"
        )
    direction = difference.mean(0)
    if direction.norm() <= 1e-6 * captured.norm(dim=-1).mean():
        raise ToolInputError(
            f"positive and negative texts do not differ after layer {layer} at position {position}: no direction"
        )
    exchanged = None
    if pairs < 2 * FEWEST:
        notes.append(
            f"{pairs} contrast pairs make a noisy vector, which may miss what {2 * FEWEST} or more would find"
        )
    if pairs >= FEWEST:
        signs = torch.from_numpy(half_signs(pairs, controls, np.random.default_rng(seed))).float()
        exchanged = _unit(signs @ difference / pairs)
    else:
        notes.append(
            f"{pairs} contrast pairs are too few to exchange their labels (at least {FEWEST}): "
            "the in-distribution control is mixtures of the prompts' activations"
        )
    return Source(_unit(direction), layer, "contrast", exchanged, notes)


def from_vector(model: LocalModel, reference: str, layer: int | None) -> Source:
    """A vector file, or the direction that a run wrote.

    Raises:
        ToolInputError: not readable as a vector, of another size than the model, or no layer in it nor given.
    """
    vector = load_for(model, reference)
    if layer is None:
        if vector.layer < 0:
            raise ToolInputError(f"{reference} does not say its layer; give layer")
        layer = vector.layer
    model.check_layer(layer)
    notes = origin_notes(model, vector, reference)
    if vector.layer not in (-1, layer):
        notes.append(f"the vector was found after layer {vector.layer} and is added after {layer}")
    return Source(vector.direction, layer, reference, None, notes)


def load_for(model: LocalModel, reference: str) -> vectors.Vector:
    """The vector, refused where it cannot be of this model."""
    vector = vectors.load(reference)
    if len(vector.direction) != model.hidden_size:
        raise ToolInputError(
            f"the vector {reference} has {len(vector.direction)} numbers and the residual stream of {model.name} "
            f"{model.hidden_size}: it is of another model"
        )
    return vector


def origin_notes(model: LocalModel, vector: vectors.Vector, reference: str) -> list[str]:
    """What a reader should know of a vector that fits by size but comes from elsewhere."""
    notes = []
    if vector.model and vector.model != model.weights:
        notes.append(
            f"the vector {reference} was made with other weights (hash {vector.model}) than those of {model.name}: "
            "the result speaks of its transfer"
        )
    if vector.site != "residual":
        notes.append(
            f"the vector was found in the {vector.site} output and is used in the residual stream"
        )
    return notes


def half_signs(pairs: int, count: int, rng: np.random.Generator) -> Array:
    """``count`` different ways to exchange half of the pairs, as signs [count, pairs]; fewer where there are fewer.

    Two ways that are each other's opposite count as one: they give the same direction up to its sign.
    """
    base = np.ones(pairs)
    base[: pairs // 2] = -1
    found: dict[bytes, Array] = {}
    for _ in range(50 * count):
        signs = rng.permutation(base)
        found.setdefault((signs * signs[0]).tobytes(), signs)
        if len(found) == count:
            break
    return np.stack(list(found.values()))


def isotropic(hidden: int, count: int, seed: int) -> Tensor:
    """Random directions [count, hidden] of norm 1, every one equally likely."""
    return _unit(drawn(count, hidden, np.random.default_rng(seed)))


def drawn(rows: int, columns: int, rng: np.random.Generator) -> Tensor:
    """Standard normal numbers [rows, columns]: numpy's, because torch's last bits hang on the processor."""
    import torch

    return torch.from_numpy(rng.standard_normal((rows, columns)).astype(np.float32))


def mixtures(
    model: LocalModel,
    prompts: Sequence[str],
    source: Source,
    count: int,
    seed: int,
    progress: Progress,
) -> Tensor | None:
    """Random directions [count, hidden] with the covariance of the prompts' last-token activations; None where the
    prompts are too few or too alike to have one."""
    if len(set(prompts)) < FEWEST:
        return None
    x = capture(
        model, prompts, at("last"), modules=[model.blocks[source.layer]], progress=progress
    ).layers[0]
    return mixed(x, count, np.random.default_rng(seed + 1))


def mixed(x: Tensor, count: int, rng: np.random.Generator) -> Tensor | None:
    """Random mixtures of the rows of ``x`` [rows, hidden] around their mean; None if the rows are alike."""
    rest = x - x.mean(0)
    if rest.norm() <= 1e-4 * max(float(x.norm()), 1e-30):
        return None
    return _unit(drawn(count, len(x), rng) @ rest)


def _unit(directions: Tensor) -> Tensor:
    found: Tensor = directions / directions.norm(dim=-1, keepdim=True)
    return found
