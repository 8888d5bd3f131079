"""One experiment on an autoencoder: reconstruction, sparsity, what the model loses, controls, and features on texts.

Special tokens, the first of each text, BOS or word, and massive activations are neither counted nor replaced: one that
is hundreds of times larger than others would decide every number (``capture.usual``). The unit of resampling is the
text. Losses are mean next-token cross-entropies in nats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np

from gadfly.corpus.progress import Progress, running
from gadfly.errors import ToolInputError
from gadfly.tools import stats, ties
from gadfly.tools.arrays import Array, Tensor
from gadfly.tools.capture import usual, without_massive
from gadfly.tools.features.autoencoder import Autoencoder
from gadfly.tools.features.places import Place, changing
from gadfly.tools.features.verdict import Evidence
from gadfly.tools.model import Batch, LocalModel
from gadfly.tools.rows import portions, special_ids

Rebuild = Callable[["Tensor", "Tensor", "Tensor"], "Tensor"]
"""Activations read [tokens, d_in], activations there [tokens, d_out], text of each [tokens] → what replaces them."""
_CHUNK = 4096


@dataclass(frozen=True)
class Tokens:
    """Every counted token of the texts: ``read`` [tokens, d_in], ``there`` [tokens, d_out], both float32 on the CPU;
    ``text`` and ``position`` say where it stands."""

    read: Tensor
    there: Tensor
    text: Tensor
    position: Tensor


@dataclass(frozen=True)
class Sparse:
    """Active features as a list: token (row of :class:`Tokens`), feature, activation."""

    token: Tensor
    feature: Tensor
    value: Tensor


@dataclass(frozen=True)
class Analysis:
    """Everything measured. Losses are by text."""

    tokens: Tokens
    active: Sparse
    dead: float
    """Share of features that no token of these texts activates."""
    losses: dict[str, Array]
    evidence: Evidence
    autoencoder: Autoencoder
    notes: list[str]


def analyse(
    model: LocalModel,
    autoencoder: Autoencoder,
    source: Place,
    target: Place,
    rows: Sequence[list[int]],
    *,
    seed: int,
    max_tokens: int,
    progress: Progress,
) -> Analysis:
    """Measure the autoencoder on texts given as token ids.

    Raises:
        ToolInputError: its width does not fit the place, or no text has two tokens.
    """
    import torch

    rows = [row for row in rows if len(row) > 1]
    if not rows:
        raise ToolInputError("no text has two tokens, so there is no next token to predict")
    with running(progress, "Autoencoder", 6 * len(rows)):
        tokens = collect(model, source, target, rows, max_tokens, progress)
        autoencoder, notes = _fitted(autoencoder, source, target, tokens)
        rng = np.random.default_rng(seed)
        turned = autoencoder.rotated(tokens.read.mean(0).to(model.device), rng)
        active, squares = _encode(autoencoder, tokens, model)
        squares_turned = torch.cat(
            [_squares(turned(x), there) for _, x, there in _chunks(tokens, model)]
        )
        rebuilds: dict[str, Rebuild | None] = {
            "model": None,
            "self": lambda read, there, text: there,
            "spliced": lambda read, there, text: autoencoder.reconstruct(read),
            "rotated": lambda read, there, text: turned(read),
            "mean": _mean_of_others(tokens, len(rows), model),
            "zero": lambda read, there, text: torch.zeros_like(there),
        }
        losses = {
            name: spliced_losses(model, source, target, rows, rebuild, max_tokens, progress)
            for name, rebuild in rebuilds.items()
            if name != "self"
        }
        own = spliced_losses(model, source, target, rows[:2], rebuilds["self"], max_tokens, None)
    there = tokens.there
    variance = (there - there.mean(0)).square().sum(-1).double()
    kept = np.bincount(tokens.text.numpy(), minlength=len(rows)) > 0
    bottom, top, top_turned = (
        np.bincount(tokens.text.numpy(), each.numpy(), len(rows)).astype(np.float64)[kept]
        for each in (variance, squares, squares_turned)
    )
    nats = ties.noise(model.dtype, *losses.values())
    share = ties.of_size(model.dtype, 1.0)  # of a variance, whatever its unit
    over_mean, damage = losses["mean"] - losses["spliced"], losses["mean"] - losses["model"]
    evidence = Evidence(
        texts=len(rows),
        tokens=len(tokens.text),
        width=autoencoder.d_in,
        l0=len(active.token) / len(tokens.text),
        fvu=float(top.sum() / bottom.sum()),
        fvu_interval=stats.ratio_interval(top, bottom, seed, share * float(bottom.mean())),
        fvu_rotated=float(top_turned.sum() / bottom.sum()),
        over_rotated=stats.mean_interval((top_turned - top) / bottom.mean(), seed, share),
        damage=stats.mean_interval(damage, seed, nats),
        over_mean=stats.mean_interval(over_mean, seed, nats),
        recovered=float(over_mean.mean()) / float(damage.mean()) if damage.mean() > 0 else 0.0,
        self_splice=float(np.abs(own - losses["model"][: len(own)]).max()),
        dtype=model.dtype,
    )
    dead = 1 - len(set(active.feature.tolist())) / autoencoder.d_sae
    return Analysis(tokens, active, dead, losses, evidence, autoencoder, notes)


def _fitted(
    autoencoder: Autoencoder, source: Place, target: Place, tokens: Tokens
) -> tuple[Autoencoder, list[str]]:
    """Check the widths; estimate the input scale where training used one that was not kept."""
    for place, width, found in (
        (source, autoencoder.d_in, tokens.read.shape[1]),
        (target, autoencoder.d_out, tokens.there.shape[1]),
    ):
        if width != found:
            raise ToolInputError(
                f"the autoencoder works on {width} numbers, but {place.name} of this model has {found}"
            )
    spec = autoencoder.spec
    if spec.normalisation != "expected_average_only_in" or spec.scaling is not None:
        return autoencoder, []
    factor = autoencoder.d_in**0.5 / float(tokens.read.norm(dim=-1).mean())
    return autoencoder.with_scaling(factor), [
        f"the input scale of training was not recorded; {factor:.4g} was estimated on these texts, so that activations "
        "have a mean norm of √d"
    ]


def collect(
    model: LocalModel,
    source: Place,
    target: Place,
    rows: Sequence[list[int]],
    max_tokens: int,
    progress: Progress | None = None,
) -> Tokens:
    """Activations at both places, of every counted token, in the order of the texts."""
    import torch

    kept: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    for some in portions([len(row) for row in rows], max_tokens):
        batch = model.batch_of([rows[i] for i in some])
        counted = counted_mask(model, batch)
        seen: dict[str, Tensor] = {}

        def keep(
            name: str, counted: Tensor = counted, seen: dict[str, Tensor] = seen
        ) -> Callable[[Tensor], None]:
            def look(hidden: Tensor) -> None:
                if name == "read":
                    seen["fine"] = without_massive(hidden, counted)[counted].cpu()
                seen[name] = hidden[counted].float().cpu()

            return look

        with (
            model.working(),
            changing(model, source, keep("read")),
            changing(model, target, keep("there")),
        ):
            model.forward(batch)
        text = torch.tensor(some)[:, None].expand(counted.shape)[counted.cpu()]
        every = (seen["read"], seen["there"], text, batch.positions.cpu()[counted.cpu()])
        read, there, text, position = (each[seen["fine"]] for each in every)
        kept.append((read, there, text, position))
        if progress:
            progress.advance(len(some))
    read, there, text, position = (torch.cat(parts) for parts in zip(*kept, strict=True))
    order = torch.argsort(text * (position.max() + 1) + position)
    return Tokens(read[order], there[order], text[order], position[order])


def counted_mask(model: LocalModel, batch: Batch) -> Tensor:
    """The tokens whose loss counts, [rows, tokens]: neither padding, nor special, nor the first of a text."""
    return usual(batch, special_ids(model))


def spliced_losses(
    model: LocalModel,
    source: Place,
    target: Place,
    rows: Sequence[list[int]],
    rebuild: Rebuild | None,
    max_tokens: int,
    progress: Progress | None,
) -> Array:
    """Mean next-token loss of each text with ``rebuild`` for what passes at ``target``; None changes nothing."""
    import torch

    found = np.zeros(len(rows))
    for some in portions([len(row) for row in rows], max_tokens):
        batch = model.batch_of([rows[i] for i in some])
        counted = counted_mask(model, batch)
        text = torch.tensor(some, device=batch.ids.device)[:, None].expand(counted.shape)
        seen: dict[str, Tensor] = {}

        def look(hidden: Tensor, seen: dict[str, Tensor] = seen, counted: Tensor = counted) -> None:
            seen["fine"] = without_massive(hidden, counted)
            seen["read"] = hidden[seen["fine"]].float()

        def put(
            hidden: Tensor,
            seen: dict[str, Tensor] = seen,
            counted: Tensor = counted,
            text: Tensor = text,
        ) -> Tensor | None:
            if rebuild is None:
                return None
            if source is target:
                look(hidden, seen, counted)
            fine = seen["fine"].to(hidden.device)
            new = hidden.clone()
            new[fine] = rebuild(seen["read"], hidden[fine], text[fine]).to(hidden.dtype)
            return new

        looking = nullcontext() if source is target else changing(model, source, look)
        with model.working(), looking, changing(model, target, put):
            found[some] = _loss(model.logits(batch), batch, counted)
        if progress:
            progress.advance(len(some))
    return found


def _loss(logits: Tensor, batch: Batch, counted: Tensor) -> Array:
    import torch

    logs = logits[:, :-1].float().log_softmax(-1)
    each = -logs.gather(-1, batch.ids[:, 1:, None]).squeeze(-1)
    # A counted token is predicted by whatever stands before it; padding predicts nothing.
    mask = counted[:, 1:] & batch.mask[:, :-1].bool()
    total = torch.where(mask, each, torch.zeros_like(each)).sum(-1) / mask.sum(-1).clamp(min=1)
    return total.double().cpu().numpy()


def _encode(autoencoder: Autoencoder, tokens: Tokens, model: LocalModel) -> tuple[Sparse, Tensor]:
    """Active features, and the squared error of every token."""
    import torch

    found: list[tuple[Tensor, Tensor, Tensor]] = []
    errors: list[Tensor] = []
    for start, x, there in _chunks(tokens, model):
        features = autoencoder.encode(x)
        # What is 0 but for rounding is not active. The autoencoder computes in float32 whatever the model does.
        least = ties.of_size("float32", features.amax(-1, keepdim=True))
        token, feature = ties.exceeds(features, 0.0, least).nonzero().unbind(-1)
        found.append((token.cpu() + start, feature.cpu(), features[token, feature].cpu()))
        errors.append(_squares(autoencoder.decode(features, x), there))
    return Sparse(*(torch.cat(each) for each in zip(*found, strict=True))), torch.cat(errors)


def _chunks(tokens: Tokens, model: LocalModel) -> Iterator[tuple[int, Tensor, Tensor]]:
    """A few thousand tokens at a time: the number of the first, ``read`` and ``there`` on the model's device."""
    import torch

    for start in range(0, len(tokens.text), _CHUNK):
        cut = slice(start, start + _CHUNK)
        with torch.inference_mode():
            yield start, tokens.read[cut].to(model.device), tokens.there[cut].to(model.device)


def _squares(found: Tensor, there: Tensor) -> Tensor:
    """The squared error of every token, on the CPU."""
    return (found - there).square().sum(-1).double().cpu()


def _mean_of_others(tokens: Tokens, texts: int, model: LocalModel) -> Rebuild:
    """The mean activation over the tokens of all other texts: a text never helps to fill its own gap."""
    import torch

    sums = torch.zeros(texts, tokens.there.shape[1]).index_add_(0, tokens.text, tokens.there)
    counts = torch.bincount(tokens.text, minlength=texts)
    others = (counts.sum() - counts).clamp(min=1)[:, None]
    means = ((sums.sum(0) - sums) / others).to(model.device)
    return lambda read, there, text: means[text]
