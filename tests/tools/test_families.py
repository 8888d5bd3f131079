"""Families of models that are built otherwise: what the hooks see and patch is what plain transformers computes."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from support.models import FAMILIES, local  # noqa: E402

from gadfly.corpus.progress import Silent  # noqa: E402
from gadfly.tools.attribution.parts import decompose  # noqa: E402
from gadfly.tools.capture import at  # noqa: E402
from gadfly.tools.capture import capture as states  # noqa: E402
from gadfly.tools.hooks import after, hooked  # noqa: E402
from gadfly.tools.patching.engine import Cell, capture, sweep  # noqa: E402
from gadfly.tools.patching.pairs import PromptPair, prepare  # noqa: E402
from gadfly.tools.patching.sites import Site, ports  # noqa: E402

PAIRS = [
    PromptPair(clean="w1 w2 w3 w4", corrupt="w1 w9 w3 w4", answer="w10", wrong="w11"),
    PromptPair(clean="w7 w2", corrupt="w8 w2", answer="w12", wrong="w13"),
]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("site", ["residual", "attention", "mlp"])
def test_every_cell_equals_its_own_forward(family: str, site: Site) -> None:
    model = local(family)
    prepared = prepare(model, PAIRS)
    donor, _ = capture(model, prepared.clean, site)
    cells = [
        Cell(layer, target) for layer in range(model.num_layers) for target in prepared.targets
    ]
    mixture = torch.randn(96, generator=torch.Generator().manual_seed(1)) / 96**0.5
    mixed = lambda logits: logits @ mixture  # noqa: E731
    found = sweep(
        model, prepared.corrupt, donor, cells, site, mixed, max_rows=11, progress=Silent()
    )
    for index, cell in enumerate(cells):

        def put(value: Any, cell: Cell = cell) -> Any:
            return donor[cell.layer].where(cell.target.mask[..., None], value)

        module = ports(model, site)[cell.layer].module
        with hooked([after(module, put)]), torch.no_grad():
            logits = model.module(
                input_ids=prepared.corrupt.ids,
                attention_mask=prepared.corrupt.mask,
                position_ids=prepared.corrupt.positions,
            ).logits[:, -1]
        assert torch.allclose(found[index], mixed(logits), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_captured_of_sublayers_sums_to_the_stream(family: str) -> None:
    """Whether a family adds the stream within a sublayer, or to what it gave in place."""
    model = local(family)
    texts = ["w1 w2 w3", "w4 w5"]
    stream, attention, mlp = (
        states(model, texts, at("last"), modules=model.modules(site), progress=Silent()).layers
        for site in ("residual", "attention", "mlp")
    )
    assert torch.allclose(stream[1:], stream[:-1] + attention[1:] + mlp[1:], atol=1e-4, rtol=1e-4)
    parts = decompose(model, model.batch(texts))  # refuses what does not sum
    assert any(part.head is not None for part in parts.parts)
