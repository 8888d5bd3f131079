"""Every cell equals its own plain forward in transformers, on tiny models of the real architectures."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from support.models import ARCHITECTURES, local  # noqa: E402

from gadfly.corpus.progress import Silent  # noqa: E402
from gadfly.tools.model import LocalModel  # noqa: E402
from gadfly.tools.patching.engine import Cell, Site, capture, modules, sweep  # noqa: E402
from gadfly.tools.patching.pairs import PromptPair, prepare  # noqa: E402

PAIRS = [
    PromptPair(clean="w1 w2 w3 w4 w5", corrupt="w1 w9 w3 w4 w5", answer="w10", wrong="w11"),
    PromptPair(clean="w7 w2", corrupt="w8 w2", answer="w12", wrong="w13"),
    PromptPair(
        clean="w6 w2 w3 w9 w1 w1 w4", corrupt="w6 w2 w5 w9 w1 w1 w4", answer="w14", wrong="w15"
    ),
]


def plain(model: LocalModel, prompt: str, hook: Any = None, part: Any = None) -> Any:
    """One prompt, no padding, no Gadfly: a forward hook on one module of the transformers model."""
    handle = part.register_forward_hook(hook) if part is not None else None
    try:
        with torch.no_grad():
            ids = torch.tensor([model.tokenizer(prompt)["input_ids"]])
            return model.module(input_ids=ids).logits[0, -1]
    finally:
        if handle is not None:
            handle.remove()


def one_cell(model: LocalModel, pair: PromptPair, part: Any, position: int) -> Any:
    kept: list[Any] = []
    first = lambda out: out[0] if isinstance(out, tuple) else out  # noqa: E731
    plain(model, pair.clean, lambda m, a, out: kept.append(first(out).clone()), part)

    def put(module: Any, args: Any, out: Any) -> Any:
        changed = first(out).clone()
        changed[0, position] = kept[0][0, position]
        return (changed, *out[1:]) if isinstance(out, tuple) else changed

    return plain(model, pair.corrupt, put, part)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("site", ["residual", "attention", "mlp"])
def test_every_cell_equals_a_plain_forward(architecture: str, site: Site) -> None:
    model = local(architecture)
    prepared = prepare(model, PAIRS)
    donor, _ = capture(model, prepared.clean, site)
    cells = [
        Cell(layer, target) for layer in range(model.num_layers) for target in prepared.targets
    ]
    # A fixed mixture of all logits: a difference in any of them shows.
    mixture = torch.randn(96, generator=torch.Generator().manual_seed(1)) / 96**0.5
    found = sweep(
        model, prepared.corrupt, donor, cells, site, lambda logits: logits @ mixture,
        max_rows=23, progress=Silent(),
    )  # fmt: skip
    length = prepared.clean.ids.shape[1]
    for index, cell in enumerate(cells):
        for row, pair in enumerate(PAIRS):
            position = index % len(prepared.targets) - (length - prepared.clean.lengths[row])
            if position >= 0:
                expected = (
                    one_cell(model, pair, modules(model, site)[cell.layer], position) @ mixture
                )
                assert abs(found[index, row] - expected) <= 1e-5 * max(1, abs(expected))


def test_the_bound_on_rows_changes_nothing() -> None:
    model = local("Qwen3")
    prepared = prepare(model, PAIRS)
    donor, _ = capture(model, prepared.clean, "residual")
    cells = [Cell(layer, target) for layer in (3, 0, 2) for target in prepared.targets]
    score = lambda logits: logits[..., 7]  # noqa: E731
    wide, narrow = (
        sweep(
            model,
            prepared.corrupt,
            donor,
            cells,
            "residual",
            score,
            max_rows=rows,
            progress=Silent(),
        )
        for rows in (4096, 2)
    )
    assert torch.allclose(wide, narrow, atol=1e-6)


def test_self_patch_changes_nothing() -> None:
    model = local("Qwen3")
    prepared = prepare(model, PAIRS)
    own, logits = capture(model, prepared.corrupt, "residual")
    cells = [Cell(layer, target) for layer in range(4) for target in prepared.targets]
    scores = sweep(
        model,
        prepared.corrupt,
        own,
        cells,
        "residual",
        lambda x: x[..., 5],
        max_rows=64,
        progress=Silent(),
    )
    assert (scores - logits[:, 5]).abs().max() <= 1e-6
