"""Path patching: what a sender passes to chosen receivers directly, with everything between them held still.

Two forwards for many senders at once (Wang et al. 2022, arXiv:2211.00593; Goldowsky-Dill et al. 2023,
arXiv:2304.05969). In the first the sender gives the donor's value while every other attention and MLP output stays as
in the receiver's run, so that the change travels along the residual stream alone; what the receivers compute from it
is written down. In the second only the receivers give these values, and the rest runs freely. With the
logits as receiver the first forward is all: the direct effect.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from gadfly.corpus.progress import Progress
from gadfly.errors import ToolInputError
from gadfly.tools.arrays import Tensor
from gadfly.tools.generating import in_parts
from gadfly.tools.hooks import after, hooked
from gadfly.tools.model import Batch, LocalModel
from gadfly.tools.patching.engine import Cell, Score, capture, put
from gadfly.tools.patching.sites import HEADS, Port, Site, ports

_FORM = re.compile(r"(\d+)(?:\.(\d+))?\.(query|key|value|mlp|attention)")


@dataclass(frozen=True)
class Receiver:
    """A place that takes what the sender passes on: ``part`` of a port, or all of it."""

    layer: int
    port: Port
    part: slice


def receivers(model: LocalModel, names: Sequence[str]) -> list[Receiver]:
    """Receivers from names: ``4.mlp``, ``4.value`` (every head), ``4.1.query``; none for ``logits``.

    Raises:
        ToolInputError: a name of another form, or a layer or head that is not there.
    """
    if list(names) == ["logits"]:
        return []
    found = []
    for name in names:
        match = _FORM.fullmatch(name)
        if match is None:
            raise ToolInputError(
                f"no receiver {name!r}; give logits, LAYER.mlp, LAYER.value or LAYER.HEAD.query (key, value)"
            )
        layer, site = int(match[1]), match[3]
        model.check_layer(layer)
        port = ports(model, site)[layer]  # type: ignore[arg-type]  # the form allows these names only
        part = slice(None)
        if match[2] is not None:
            if site not in HEADS or int(match[2]) >= len(port.parts):
                raise ToolInputError(
                    f"no head {match[2]} for {site}; layer {layer} has {len(port.parts)}"
                )
            part = port.parts[int(match[2])]
        elif site in HEADS:
            found += [Receiver(layer, port, each) for each in port.parts]
            continue
        found.append(Receiver(layer, port, part))
    return found


def path_sweep(
    model: LocalModel,
    receiver: Batch,
    donor: Tensor,
    cells: Sequence[Cell],
    site: Site,
    score: Score,
    *,
    through: Sequence[Receiver],
    max_rows: int,
    progress: Progress,
    on_halved: Callable[[int], None] = lambda _: None,
) -> Tensor:
    """Like ``engine.sweep``, along paths: each cell sends alone, ``through`` receives (empty: the logits).

    Returns:
        Scores [cells, pairs].
    """
    import torch

    still = (capture(model, receiver, "attention")[0], capture(model, receiver, "mlp")[0])
    scores = torch.empty(len(cells), len(receiver))

    def part(some: list[int]) -> None:
        these = [cells[i] for i in some]
        noted: dict[int, Tensor] = {}
        tiled = receiver.map(lambda part: part.repeat(len(some), 1))
        sending = _sending(model, len(receiver), donor, these, site, still)
        with model.working():
            with hooked(sending), hooked(_noting(through, noted)):
                logits = model.forward(tiled)
            if through:
                with hooked(_receiving(through, noted)):
                    logits = model.forward(tiled)
            logits = logits.reshape(len(some), len(receiver), -1)
            scores[some] = score(logits).float().cpu()
        progress.advance(len(some))

    at_once = max(1, max_rows // len(receiver))
    in_parts(range(len(cells)), at_once, part, lambda n: on_halved(n * len(receiver)))
    return scores


def _sending(
    model: LocalModel,
    pairs: int,
    donor: Tensor,
    cells: list[Cell],
    site: Site,
    still: tuple[Tensor, Tensor],
) -> Iterator[Any]:
    """Handles of hooks that hold every attention and MLP output still, but for each group's sender."""
    there = ports(model, site)

    def rows(group: int) -> slice:
        return slice(group * pairs, (group + 1) * pairs)

    def send(port: Port, layer: int, here: list[int]) -> Callable[[Tensor], Tensor]:
        def change(value: Tensor) -> Tensor:
            out = value.clone()
            for group in here:
                out[rows(group)] = put(
                    value[rows(group)], donor[layer], cells[group].target, port.parts
                )
            return out

        return change

    def hold(frozen: Tensor, free: list[int]) -> Callable[[Tensor], Tensor]:
        def change(value: Tensor) -> Tensor:
            out = frozen.to(value.device).repeat(len(cells), 1, 1)
            for group in free:
                out[rows(group)] = value[rows(group)]
            return out

        return change

    for layer in range(model.num_layers):
        here = [group for group, cell in enumerate(cells) if cell.layer == layer]
        for kind, module, frozen in (
            ("attention", model.modules("attention")[layer], still[0][layer]),
            ("mlp", model.modules("mlp")[layer], still[1][layer]),
        ):
            sends = here if (kind == "mlp") == (site == "mlp") else []
            # Nothing upstream of a sender has changed, so its own module gives the plain value to start from.
            if sends and site == "head":
                yield there[layer].hook(send(there[layer], layer, sends))
            yield after(module, hold(frozen, sends))
            if sends and site != "head":
                yield there[layer].hook(send(there[layer], layer, sends))


def _noting(through: Sequence[Receiver], noted: dict[int, Tensor]) -> Iterator[Any]:
    """Handles of hooks that note what each receiver computes, before anything holds it still."""

    def note(index: int, part: slice, value: Tensor) -> None:
        noted[index] = value[..., part].clone()

    for index, each in enumerate(through):
        yield after(each.port.module, partial(note, index, each.part), prepend=True)


def _receiving(through: Sequence[Receiver], noted: dict[int, Tensor]) -> Iterator[Any]:
    """Handles of hooks that give each receiver what was noted of it."""

    def change(part: slice, value: Tensor, out: Tensor) -> Tensor:
        changed = out.clone()
        changed[..., part] = value
        return changed

    for index, each in enumerate(through):
        yield each.port.hook(partial(change, each.part, noted[index]))
