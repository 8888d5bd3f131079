"""One experiment on an autoencoder: reconstruction, sparsity, what the model loses, controls, and features on texts.

Tokens that the tokenizer adds (BOS, padding) are neither counted nor replaced: their activations are extreme and
would decide every number. The unit of resampling is the text. Losses are mean next-token cross-entropies in nats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gadfly.corpus.progress import Progress, running
from gadfly.errors import ToolInputError
from gadfly.tools import stats, ties
from gadfly.tools.features.autoencoder import Autoencoder
from gadfly.tools.features.places import Place, changing
from gadfly.tools.features.verdict import Evidence
from gadfly.tools.model import Batch, LocalModel
from gadfly.tools.rows import portions, special_ids

if TYPE_CHECKING:
    from torch import Tensor

    from gadfly.tools.stats import Array

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
    l0: float
    dead: float
    """Share of features that no token of these texts activates."""
    fvu: float
    fvu_interval: stats.Interval
    fvu_rotated: float
    losses: dict[str, Array]
    evidence: Evidence
    autoencoder: Autoencoder
    notes: list[str]

    @property
    def recovered(self) -> float:
        """Share of the loss between mean activation and the model itself that the reconstruction keeps."""
        return self.evidence.recovered


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
        squares_turned = _errors(turned, tokens, model)
        sums, counts = _by_text(tokens, len(rows))
        rebuilds: dict[str, Rebuild | None] = {
            "model": None,
            "self": lambda read, there, text: there,
            "spliced": lambda read, there, text: autoencoder.reconstruct(read),
            "rotated": lambda read, there, text: turned(read),
            "mean": _mean_of_others(sums, counts, model),
            "zero": lambda read, there, text: torch.zeros_like(there),
        }
        losses = {
            name: spliced_losses(model, source, target, rows, rebuild, max_tokens, progress)
            for name, rebuild in rebuilds.items()
            if name != "self"
        }
        own = spliced_losses(model, source, target, rows[:2], rebuilds["self"], max_tokens, None)
    variance = (tokens.there - tokens.there.mean(0)).square().sum(-1).double()
    kept = np.bincount(tokens.text.numpy(), minlength=len(rows)) > 0
    bottom = _per_text(variance, tokens, len(rows))[kept]
    top = _per_text(squares, tokens, len(rows))[kept]
    top_turned = _per_text(squares_turned, tokens, len(rows))[kept]
    fvu = float(top.sum() / bottom.sum())
    count = len(tokens.text)
    dtype = model.dtype
    nats = ties.noise(dtype, *losses.values())
    share = ties.of_size(dtype, 1.0)  # of a variance, whatever its unit
    evidence = Evidence(
        texts=len(rows),
        tokens=count,
        width=autoencoder.d_in,
        l0=len(active.token) / count,
        fvu=fvu,
        fvu_interval=stats.ratio_interval(top, bottom, seed, share * float(bottom.mean())),
        fvu_rotated=float(top_turned.sum() / bottom.sum()),
        over_rotated=stats.mean_interval((top_turned - top) / bottom.mean(), seed, share),
        damage=stats.mean_interval(losses["mean"] - losses["model"], seed, nats),
        over_mean=stats.mean_interval(losses["mean"] - losses["spliced"], seed, nats),
        recovered=_recovered(losses),
        self_splice=float(np.abs(own - losses["model"][: len(own)]).max()),
        dtype=dtype,
    )
    return Analysis(
        tokens,
        active,
        evidence.l0,
        1 - len(set(active.feature.tolist())) / autoencoder.d_sae,
        fvu,
        evidence.fvu_interval,
        evidence.fvu_rotated,
        losses,
        evidence,
        autoencoder,
        notes,
    )


def _recovered(losses: dict[str, Array]) -> float:
    between = float((losses["mean"] - losses["model"]).mean())
    return float((losses["mean"] - losses["spliced"]).mean()) / between if between > 0 else 0.0


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
                seen[name] = hidden[counted].float().cpu()

            return look

        with (
            model.working(),
            changing(model, source, keep("read")),
            changing(model, target, keep("there")),
        ):
            model.forward(batch)
        text = torch.tensor(some)[:, None].expand(counted.shape)[counted.cpu()]
        kept.append((seen["read"], seen["there"], text, batch.positions.cpu()[counted.cpu()]))
        if progress:
            progress.advance(len(some))
    read, there, text, position = (torch.cat(parts) for parts in zip(*kept, strict=True))
    order = torch.argsort(text * (position.max() + 1) + position)
    return Tokens(read[order], there[order], text[order], position[order])


def counted_mask(model: LocalModel, batch: Batch) -> Tensor:
    """Tokens of the text itself, [rows, tokens]: no padding, no special tokens."""
    import torch

    special = torch.tensor(sorted(special_ids(model)), device=batch.ids.device)
    return batch.mask.bool() & ~torch.isin(batch.ids, special)


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
        text = torch.tensor(some, device=batch.ids.device)[:, None].expand(counted.shape)[counted]
        seen: dict[str, Tensor] = {}

        def look(hidden: Tensor, seen: dict[str, Tensor] = seen, counted: Tensor = counted) -> None:
            seen["read"] = hidden[counted].float()

        def put(
            hidden: Tensor,
            seen: dict[str, Tensor] = seen,
            counted: Tensor = counted,
            text: Tensor = text,
        ) -> Tensor | None:
            if rebuild is None:
                return None
            there = hidden[counted]
            read = seen.get("read", there)
            new = hidden.clone()
            new[counted] = rebuild(read, there, text).to(hidden.dtype)
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
    """Active features, and the squared error of every token; a few thousand tokens at a time."""
    import torch

    token, feature, value, errors = [], [], [], []
    with torch.inference_mode():
        for start in range(0, len(tokens.text), _CHUNK):
            x = tokens.read[start : start + _CHUNK].to(model.device)
            features = autoencoder.encode(x)
            # What is 0 but for rounding is not active. The autoencoder computes in float32 whatever the model does.
            least = ties.of_size("float32", features.amax(-1, keepdim=True))
            where = ties.exceeds(features, 0.0, least).nonzero()
            token.append(where[:, 0].cpu() + start)
            feature.append(where[:, 1].cpu())
            value.append(features[where[:, 0], where[:, 1]].cpu())
            there = tokens.there[start : start + _CHUNK].to(model.device)
            error = (autoencoder.decode(features, x) - there).square().sum(-1)
            errors.append(error.double().cpu())
    return Sparse(torch.cat(token), torch.cat(feature), torch.cat(value)), torch.cat(errors)


def _errors(reconstruct: Callable[[Tensor], Tensor], tokens: Tokens, model: LocalModel) -> Tensor:
    """The squared error of every token."""
    import torch

    errors = []
    with torch.inference_mode():
        for start in range(0, len(tokens.text), _CHUNK):
            x = tokens.read[start : start + _CHUNK].to(model.device)
            there = tokens.there[start : start + _CHUNK].to(model.device)
            errors.append((reconstruct(x) - there).square().sum(-1).double().cpu())
    return torch.cat(errors)


def _by_text(tokens: Tokens, texts: int) -> tuple[Tensor, Tensor]:
    import torch

    sums = torch.zeros(texts, tokens.there.shape[1]).index_add_(0, tokens.text, tokens.there)
    return sums, torch.bincount(tokens.text, minlength=texts)


def _mean_of_others(sums: Tensor, counts: Tensor, model: LocalModel) -> Rebuild:
    """The mean activation over the tokens of all other texts: a text never helps to fill its own gap."""
    others = (counts.sum() - counts).clamp(min=1)[:, None]
    means = ((sums.sum(0) - sums) / others).to(model.device)
    return lambda read, there, text: means[text]


def _per_text(values: Tensor, tokens: Tokens, texts: int) -> Array:
    sums = np.bincount(tokens.text.numpy(), weights=values.numpy(), minlength=texts)
    return sums.astype(np.float64)
