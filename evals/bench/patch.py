"""How fast exact patching is, beside the ways it is usually written. Ratios within one run.

    python -m gadfly.evals.bench.patch [--model demo] [--behaviour capital-of] [--device auto] [--json]

Every method patches the same (layer, column) cells of the same left-padded pairs with the same model:

- ``engine``     Gadfly: the batch grows as layers go by, so one forward serves many cells
- ``by layer``   all positions of a layer in one batch, a full forward for each layer
- ``by cell``    a full forward for each cell, with a plain PyTorch hook
- ``one by one``  a full forward for each cell of each pair (on a sample of the cells, scaled up)
- ``nnterp``     a full forward for each cell, as an nnterp trace (on a sample of the cells, scaled up)

The demo is patched on its own behaviours, any other model on ``capitals``: pairs of "The capital of France is".

Rounds are interleaved, and the medians compared. ``difference`` is the largest difference of a logit difference from
``by cell``. Leaves out tools of other packages, which bring other models in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from gadfly.corpus.progress import Silent
from gadfly.evals.kit.place import processor
from gadfly.evals.kit.script import known, script
from gadfly.evals.kit.timing import interleaved
from gadfly.tools.hooks import after, hooked
from gadfly.tools.model import Batch, LocalModel, load
from gadfly.tools.patching.engine import Cell, capture, sweep
from gadfly.tools.patching.pairs import Prepared, PromptPair, prepare

if TYPE_CHECKING:
    from torch import Tensor

_TRACES = 12
_SAMPLED = ("one by one", "nnterp")
_LANDS = "France Japan Italy Spain Germany Russia China Egypt England Ireland Greece Poland Austria Norway Sweden Cuba"
_CITIES = "Paris Tokyo Rome Madrid Berlin Moscow Beijing Cairo London Dublin Athens Warsaw Vienna Oslo Stockholm Havana"
CAPITALS = tuple(zip(_LANDS.split(" "), _CITIES.split(" "), strict=True))
"""Countries and their capitals, each one token of most vocabularies."""


def pairs_of(behaviour: str, n: int) -> list[PromptPair]:
    """Pairs of prompts of a behaviour of the demo, or ``capitals`` (16 at most).

    Raises:
        UsageError: there is no such behaviour.
    """
    from gadfly.tools.demo.behaviours import BEHAVIOURS

    known([behaviour], [*BEHAVIOURS, "capitals"], "behaviour")
    if behaviour == "capitals":
        return [
            PromptPair(
                clean=f"The capital of {country} is",
                corrupt=f"The capital of {CAPITALS[i - 1][0]} is",
                answer=city,
                wrong=CAPITALS[i - 1][1],
            )
            for i, (country, city) in enumerate(CAPITALS[:n])
        ]
    return [
        PromptPair(clean=p.clean, corrupt=p.corrupt, answer=p.answer, wrong=p.wrong)
        for p in BEHAVIOURS[behaviour].pairs(n)
    ]


def engine(model: LocalModel, pairs: Prepared, donor: Tensor, max_rows: int) -> Tensor:
    """Logit differences [layers, positions, pairs] by Gadfly's own sweep."""
    cells = [Cell(layer, target) for layer in range(model.num_layers) for target in pairs.targets]
    metric, rows = partial(_difference, pairs), max_rows
    found = sweep(
        model, pairs.corrupt, donor, cells, "residual", metric, max_rows=rows, progress=Silent()
    )
    return found.reshape(model.num_layers, len(pairs.targets), len(pairs))


def by_layer(model: LocalModel, pairs: Prepared, donor: Tensor) -> Tensor:
    """The same, one forward for each layer with a copy of the pairs for each position."""
    import torch

    rows, length = pairs.corrupt.ids.shape
    parts = (pairs.corrupt.ids, pairs.corrupt.mask, pairs.corrupt.positions)
    batch = Batch(*(part.repeat(length, 1) for part in parts))
    here = torch.arange(length, device=model.device)
    found = []
    for layer, block in enumerate(model.blocks):

        def put(hidden: Tensor, layer: int = layer) -> Tensor:
            hidden = hidden.reshape(length, rows, length, -1).clone()
            hidden[here, :, here] = donor[layer].transpose(0, 1)
            return hidden.reshape(length * rows, length, -1)

        with model.working(), hooked([after(block, put)]):
            logits = model.forward(batch).reshape(length, rows, -1)
        found.append(_difference(pairs, logits).float().cpu())
    return torch.stack(found)


def by_cell(model: LocalModel, pairs: Prepared, donor: Tensor) -> Tensor:
    """The same, one forward for each cell."""
    import torch

    _, length = pairs.corrupt.ids.shape
    found = []
    for layer, block in enumerate(model.blocks):
        for position in range(length):

            def put(hidden: Tensor, layer: int = layer, at: int = position) -> Tensor:
                hidden = hidden.clone()
                hidden[:, at] = donor[layer][:, at]
                return hidden

            with model.working(), hooked([after(block, put)]):
                logits = model.forward(pairs.corrupt)
            found.append(_difference(pairs, logits[None])[0].float().cpu())
    return torch.stack(found).reshape(model.num_layers, length, -1)


def one_by_one(model: LocalModel, pairs: Prepared, donor: Tensor, cells: int) -> Tensor:
    """Some cells, spread over layers and positions, each pair in a forward of its own: [cells, pairs]."""
    import torch

    found = []
    for layer, position in _some(model, pairs, cells):
        for row in range(len(pairs)):

            def put(
                hidden: Tensor, layer: int = layer, at: int = position, row: int = row
            ) -> Tensor:
                hidden = hidden.clone()
                hidden[:, at] = donor[layer][row, at]
                return hidden

            batch = pairs.corrupt.map(itemgetter(slice(row, row + 1)))
            with model.working(), hooked([after(model.blocks[layer], put)]):
                logits = model.forward(batch)[0]
            found.append(logits[pairs.answer[row]] - logits[pairs.wrong[row]])
    return torch.stack(found).float().cpu().reshape(-1, len(pairs))


def nnterp_cells(model: LocalModel, pairs: Prepared, donor: Tensor, cells: int) -> Tensor:
    """Some cells, spread over layers and positions, as traces of nnterp: [cells, pairs]."""
    import torch

    standard = model.standardised
    batch = pairs.corrupt
    inputs = {"input_ids": batch.ids, "attention_mask": batch.mask, "position_ids": batch.positions}
    donor = donor.clone()  # a trace writes in place, which tensors of inference mode refuse
    found = []
    with torch.no_grad():
        for layer, position in _some(model, pairs, cells):
            with standard.trace(inputs):
                standard.layers_output[layer][:, position] = donor[layer][:, position]
                logits = standard.logits[:, -1].save()
            found.append(_difference(pairs, logits[None])[0].float().cpu())
    return torch.stack(found)


def _some(model: LocalModel, pairs: Prepared, cells: int) -> list[tuple[int, int]]:
    length = pairs.corrupt.ids.shape[1]
    everything = [(layer, at) for layer in range(model.num_layers) for at in range(length)]
    return everything[:: max(1, len(everything) // cells)][:cells]


def _difference(pairs: Prepared, logits: Tensor) -> Tensor:
    """Logit of answer minus logit of wrong: [cells, pairs, vocabulary] to [cells, pairs]."""
    import torch

    rows = torch.arange(len(pairs), device=logits.device)
    return logits[:, rows, pairs.answer] - logits[:, rows, pairs.wrong]


def measure(
    model: str = "demo",
    behaviour: str | None = None,
    n: int = 16,
    device: str = "auto",
    rounds: int = 5,
    max_rows: int = 512,
) -> dict[str, Any]:
    """Median seconds of each method, ratios to ``engine``, and largest differences from ``by cell``.

    Args:
        model: as for gadfly patch
        behaviour: whose prompts are patched; default: capital-of with the demo, capitals with any other model
        n: pairs
    """
    loaded = load(model, device=device)
    behaviour = behaviour or ("capital-of" if model == "demo" else "capitals")
    pairs = prepare(loaded, pairs_of(behaviour, n))
    donor, _ = capture(loaded, pairs.clean, "residual")
    length = len(pairs.targets)
    cells = loaded.num_layers * length
    traces = min(_TRACES, cells)
    methods: dict[str, Callable[[], Tensor]] = {
        "engine": partial(engine, loaded, pairs, donor, max_rows),
        "by layer": partial(by_layer, loaded, pairs, donor),
        "by cell": partial(by_cell, loaded, pairs, donor),
        "one by one": partial(one_by_one, loaded, pairs, donor, traces),
        "nnterp": partial(nnterp_cells, loaded, pairs, donor, traces),
    }
    values, seconds = interleaved(methods, rounds)
    for sampled in _SAMPLED:
        seconds[sampled] *= cells / traces
    truth = values["by cell"]
    at = [layer * length + position for layer, position in _some(loaded, pairs, traces)]
    picked = truth.reshape(cells, -1)[at]
    return {
        "model": model,
        "device": str(loaded.device),
        "machine": processor(),
        "layers": loaded.num_layers,
        "positions": length,
        "pairs": n,
        "rounds": rounds,
        "methods": {
            key: {
                "seconds": taken,
                "times_engine": taken / seconds["engine"],
                "difference": float(
                    (values[key] - (picked if key in _SAMPLED else truth)).abs().max()
                ),
            }
            for key, taken in seconds.items()
        },
    }


if __name__ == "__main__":
    script(measure)
