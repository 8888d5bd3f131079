"""Every cell equals its own plain forward in transformers, on tiny models of the real architectures."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from support.models import ARCHITECTURES, local, module, tokenizer  # noqa: E402

from gadfly.corpus.progress import Silent  # noqa: E402
from gadfly.tools.model import LocalModel  # noqa: E402
from gadfly.tools.patching.attribution import estimate  # noqa: E402
from gadfly.tools.patching.engine import Cell, capture, sweep  # noqa: E402
from gadfly.tools.patching.pairs import PromptPair, prepare  # noqa: E402
from gadfly.tools.patching.paths import path_sweep, receivers  # noqa: E402
from gadfly.tools.patching.sites import HEADS, Site, part_label, ports  # noqa: E402

NO_GROUPS = ("GPTNeoX", "GPT2")  # every head has its own keys and values
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
        model,
        prepared.corrupt,
        donor,
        cells,
        site,
        lambda logits: logits @ mixture,
        max_rows=23,
        progress=Silent(),
    )
    length = prepared.clean.ids.shape[1]
    for index, cell in enumerate(cells):
        for row, pair in enumerate(PAIRS):
            position = index % len(prepared.targets) - (length - prepared.clean.lengths[row])
            if position >= 0:
                expected = (
                    one_cell(model, pair, ports(model, site)[cell.layer].module, position) @ mixture
                )
                assert abs(found[index, row] - expected) <= 1e-5 * max(1, abs(expected))


@pytest.mark.parametrize("architecture", ["Qwen3", "GPT2", "Gemma3", "GPTNeoX"])
def test_in_bfloat16_within_its_rounding(architecture: str) -> None:
    """A row's numbers depend on what shares its batch in bf16, by rounding: no more than 2 % of the effects' spread."""
    made = module(architecture)
    model = LocalModel.wrap(made.to(torch.bfloat16), tokenizer(), name=f"bf16-{architecture}")
    prepared = prepare(model, PAIRS)
    donor, _ = capture(model, prepared.clean, "residual")
    cells = [
        Cell(layer, target) for layer in range(model.num_layers) for target in prepared.targets
    ]
    mixture = torch.randn(96, generator=torch.Generator().manual_seed(1)) / 96**0.5
    found = sweep(
        model,
        prepared.corrupt,
        donor,
        cells,
        "residual",
        lambda logits: logits.float() @ mixture,
        max_rows=23,
        progress=Silent(),
    )
    length = prepared.clean.ids.shape[1]
    gaps = []
    for index, cell in enumerate(cells):
        for row, pair in enumerate(PAIRS):
            position = index % len(prepared.targets) - (length - prepared.clean.lengths[row])
            if position >= 0:
                part = ports(model, "residual")[cell.layer].module
                expected = one_cell(model, pair, part, position).float() @ mixture
                gaps.append(abs(found[index, row] - expected))
    assert torch.stack(gaps).mean() <= 0.02 * found.std()
    assert torch.stack(gaps).max() <= 0.1 * found.std()


def one_part(model: LocalModel, pair: PromptPair, port: Any, part: slice) -> Any:
    """One head's slice patched at all tokens: one prompt, no padding, no Gadfly."""
    kept: list[Any] = []

    def hooked(change: Any, prompt: str) -> Any:
        if port.entering:
            handle = port.module.register_forward_pre_hook(
                lambda m, args: (change(args[0]), *args[1:])
            )
        else:
            handle = port.module.register_forward_hook(lambda m, args, out: change(out))
        try:
            return plain(model, prompt)
        finally:
            handle.remove()

    def keep(value: Any) -> Any:
        kept.append(value.clone())
        return value

    def put(value: Any) -> Any:
        changed = value.clone()
        changed[..., part] = kept[0][..., part]
        return changed

    hooked(keep, pair.clean)
    return hooked(put, pair.corrupt)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("site", HEADS)
def test_every_head_equals_a_plain_forward(architecture: str, site: Site) -> None:
    model = local(architecture)
    there = ports(model, site)
    names = [part_label(model, site, part) for part in range(len(there[0].parts))]
    assert len(names) == (4 if site in ("head", "query") or architecture in NO_GROUPS else 2)
    prepared = prepare(model, PAIRS, by="part", parts=names)
    donor, _ = capture(model, prepared.clean, site)
    cells = [
        Cell(layer, target) for layer in range(model.num_layers) for target in prepared.targets
    ]
    mixture = torch.randn(96, generator=torch.Generator().manual_seed(1)) / 96**0.5
    found = sweep(
        model,
        prepared.corrupt,
        donor,
        cells,
        site,
        lambda logits: logits @ mixture,
        max_rows=23,
        progress=Silent(),
    )
    for index, cell in enumerate(cells):
        port = there[cell.layer]
        for row, pair in enumerate(PAIRS):
            expected = one_part(model, pair, port, port.parts[cell.target.part or 0]) @ mixture
            assert abs(found[index, row] - expected) <= 1e-5 * max(1, abs(expected))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_parts_are_the_heads(architecture: str) -> None:
    """Setting a head's slice to zero before the projection takes exactly its share from the attention's output, and the
    slices of queries, keys and values are what the attention itself splits: none overlaps, none is left over."""
    model = local(architecture)
    seen: dict[int, list[slice]] = {}
    for site in ("query", "key", "value"):
        port = ports(model, site)[0]
        seen.setdefault(id(port.module), []).extend(port.parts)
    for module_id, parts in seen.items():
        module = next(m for m in model.attentions[0].modules() if id(m) == module_id)
        width = plain_width(module)
        covered = sorted(i for part in parts for i in range(width)[part])
        assert covered == list(range(width))


def plain_width(module: Any) -> int:
    return int(getattr(module, "out_features", None) or module.weight.shape[1])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("site", ["attention", "mlp", "head"])
@pytest.mark.parametrize("names", [["logits"], ["3.mlp"], ["2.query", "3.1.value"]])
def test_paths_equal_two_plain_forwards(architecture: str, site: Site, names: list[str]) -> None:
    model = local(architecture)
    there = ports(model, site)
    by = "part" if site == "head" else "position"
    prepared = prepare(model, PAIRS[:1], by=by, parts=[str(i) for i in range(len(there[0].parts))])
    donor, _ = capture(model, prepared.clean, site)
    cells = [Cell(layer, target) for layer in (0, 1, 3) for target in prepared.targets[-2:]]
    mixture = torch.randn(96, generator=torch.Generator().manual_seed(1)) / 96**0.5
    found = path_sweep(
        model,
        prepared.corrupt,
        donor,
        cells,
        site,
        lambda logits, rows=slice(None): logits @ mixture,
        through=receivers(model, names),
        max_rows=4,
        progress=Silent(),
    )
    for index, cell in enumerate(cells):
        expected = one_path(model, PAIRS[0], site, cell, names) @ mixture
        assert abs(found[index, 0] - expected) <= 1e-5 * max(1, abs(expected))


def one_path(model: LocalModel, pair: PromptPair, site: Site, cell: Cell, names: list[str]) -> Any:
    """One sender, one prompt, written the long way round."""
    still: dict[Any, Any] = {}
    given: dict[Any, Any] = {}
    sender = ports(model, site)[cell.layer]

    def run(
        prompt: str, changes: dict[Any, Any], inputs: dict[Any, Any], seen: dict[Any, Any]
    ) -> Any:
        sublayers = [m for layer in range(4) for m in (model.attentions[layer], model.mlps[layer])]
        inner = [p.module for s in HEADS[1:] for p in ports(model, s)]
        outer = [p.module for p in ports(model, "head")]
        handles = [
            part.register_forward_hook(
                lambda m, a, out, part=part: seen.__setitem__(part, first(out))
            )
            for part in [*sublayers, *inner]
        ]
        handles += [
            part.register_forward_pre_hook(lambda m, a, part=part: seen.__setitem__(part, a[0]))
            for part in outer
        ]
        handles += [
            part.register_forward_pre_hook(lambda m, a, change=change: (change(a[0]), *a[1:]))
            for part, change in inputs.items()
        ]
        handles += [
            part.register_forward_hook(lambda m, a, out, change=change: again(out, change))
            for part, change in changes.items()
        ]
        try:
            return plain(model, prompt)
        finally:
            for handle in handles:
                handle.remove()

    def first(out: Any) -> Any:
        return (out[0] if isinstance(out, tuple) else out).clone()

    def again(out: Any, change: Any) -> Any:
        return (change(out[0]), *out[1:]) if isinstance(out, tuple) else change(out)

    run(pair.corrupt, {}, {}, still)
    run(pair.clean, {}, {}, given)
    part = sender.parts[cell.target.part or 0]
    mask = cell.target.mask[0]

    def send(value: Any) -> Any:
        out = value.clone()
        out[0, mask, part] = given[sender.module][0, mask, part]
        return out

    frozen = {
        module: (lambda _, value=still[module]: value)
        for layer in range(4)
        for module in (model.attentions[layer], model.mlps[layer])
    }
    inputs = {}
    if site == "head":
        inputs = {sender.module: send}
        del frozen[model.attentions[cell.layer]]
    else:
        frozen[sender.module] = lambda _: send(still[sender.module])
    noted: dict[Any, Any] = {}
    direct = run(pair.corrupt, frozen, inputs, noted)
    if names == ["logits"]:
        return direct
    changes: dict[Any, Any] = {}
    for each in receivers(model, names):
        before = changes.get(each.port.module, lambda value: value)

        def receive(value: Any, each: Any = each, before: Any = before) -> Any:
            out = before(value).clone()
            out[..., each.part] = noted[each.port.module][..., each.part]
            return out

        changes[each.port.module] = receive
    return run(pair.corrupt, changes, {}, {})


# In double precision, which the experts of a mixture do not take.
@pytest.mark.parametrize("architecture", [a for a in ARCHITECTURES if a != "Qwen3Moe"])
@pytest.mark.parametrize("site", ["residual", "attention", "mlp", "head", "value"])
def test_the_estimate_is_the_slope_of_the_exact_effect(architecture: str, site: Site) -> None:
    """For a donor that hardly differs from the receiver, estimate and exact patching must agree."""
    model = LocalModel.wrap(module(architecture).double(), tokenizer())
    names = [str(part) for part in range(len(ports(model, site)[0].parts))]
    by = "part" if site in HEADS else "position"
    prepared = prepare(model, PAIRS, by=by, parts=names)
    clean, _ = capture(model, prepared.clean, site)
    corrupt, logits = capture(model, prepared.corrupt, site)
    small = 1e-4
    donor = corrupt + small * (clean - corrupt)
    cells = [Cell(layer, t) for layer in range(model.num_layers) for t in prepared.targets]
    mixture = torch.randn(96, generator=torch.Generator().manual_seed(1)).double()

    def score(given: Any, rows: slice = slice(None), /) -> Any:
        return given @ mixture

    guess = estimate(
        model,
        prepared.corrupt,
        prepared.clean,
        donor,
        cells,
        site,
        score,
        steps=1,
        max_rows=2,
        progress=Silent(),
    )
    base = logits @ mixture
    found = sweep(
        model,
        prepared.corrupt,
        donor,
        cells,
        site,
        lambda x, r=slice(None): x @ mixture - base,
        max_rows=64,
        progress=Silent(),
    )
    scale = float(found.abs().max())
    assert scale > 0
    assert float((guess - found).abs().max()) < 2e-2 * scale


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
