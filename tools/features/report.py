"""From an experiment on an autoencoder to what a person, a receipt and a re-run need."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from gadfly.errors import ToolInputError
from gadfly.tools import scripting, telling, ties, vectors
from gadfly.tools.capture import MASSIVE
from gadfly.tools.contract import Context, Table
from gadfly.tools.demo.behaviours import Behaviour
from gadfly.tools.features.analysis import Analysis, analyse
from gadfly.tools.features.arguments import SaeArgs, SaeResult
from gadfly.tools.features.autoencoder import build
from gadfly.tools.features.formats import read as read_autoencoder
from gadfly.tools.features.formats import weights_of
from gadfly.tools.features.places import Place, place
from gadfly.tools.features.verdict import judge
from gadfly.tools.given import Text
from gadfly.tools.model import LocalModel
from gadfly.tools.records import read
from gadfly.tools.rows import special_ids

_ROWS = 20
_MEANINGS = {
    "mean_activation": "loss that the other texts' mean activation costs there (its FVU is 1): the text is not kept",
    "zero": "loss that nothing at all costs there; easily beaten, so it does not decide",
    "rotated_dictionary": "loss with the same dictionary turned at random: its size and geometry alone",
    "rotated_fvu": "variance left unexplained by that: any directions would do",
    "spliced": "loss that the reconstruction itself costs",
    "self_splice": "putting the activations themselves back: anything but 0 is a fault of the measurement",
}
_AROUND = 5  # tokens of context before an example
_DENSE = 0.5


def run(args: SaeArgs, context: Context) -> SaeResult:
    """The whole experiment. The autoencoder is read and checked before the model is loaded."""
    texts = [each.text for each in read(args, Text, lambda task: _of_task(task, args))]
    spec, weights = read_autoencoder(args.sae, args.hook, args.hook_out)
    build(spec, weights)
    model = context.model(args)
    autoencoder = build(spec, weights, model.device)
    for feature in args.features or []:
        if not 0 <= feature < autoencoder.d_sae:
            raise ToolInputError(
                f"no feature {feature}; the autoencoder has features 0 to {autoencoder.d_sae - 1}"
            )
    source = place(model, spec.hook)
    target = source if spec.hook_out == spec.hook else place(model, spec.hook_out)
    if target.without_gain:
        raise ToolInputError(
            f"{spec.hook_out} can be read but not replaced, so nothing is written there"
        )
    rows = [model.ids(text) for text in texts]
    found = analyse(
        model,
        autoencoder,
        source,
        target,
        rows,
        seed=args.seed,
        max_tokens=args.max_tokens,
        progress=context.progress,
    )
    rows = [row for row in rows if len(row) > 1]
    e = found.evidence
    verdict, why = judge(e)
    folder = context.artifacts()
    cost = {n: float(x.mean() - found.losses["model"].mean()) for n, x in found.losses.items()}
    return SaeResult(
        headline=(
            f"The {spec.architecture} at {spec.hook_out} leaves {e.fvu:.3f} {e.fvu_interval:.3f} of the variance "
            f"unexplained with {e.l0:.1f} of {autoencoder.d_sae} features active, and keeps {e.recovered:.2f} of the "
            f"loss when spliced in ({e.texts} texts, {e.tokens} tokens)."
        ),
        verdict=verdict,
        why=why,
        values=telling.values(
            fvu=(e.fvu, e.fvu_interval),
            l0=e.l0,
            recovered=e.recovered,
            texts=e.texts,
            tokens=e.tokens,
            features=autoencoder.d_sae,
            dead_share=found.dead,
            fvu_rotated=e.fvu_rotated,
            over_mean=e.over_mean,
            self_splice=e.self_splice,
            **{f"loss_{name}": each.mean() for name, each in found.losses.items()},
        ),
        controls=telling.controls(
            _MEANINGS,
            mean_activation=(cost["mean"], e.damage),
            zero=cost["zero"],
            rotated_dictionary=cost["rotated"],
            rotated_fvu=e.fvu_rotated,
            spliced=cost["spliced"],
            self_splice=e.self_splice,
        ),
        table=_table(found, args, model, rows),
        notes=[*found.notes, *_notes(spec.model, model, spec.centred)],
        reproduce=_script(model, found, source, target, rows, args.sae),
        activations=_save(folder, found, rows),
        directions=_directions(folder, found, args, target, model),
    )


def _of_task(task: Behaviour, args: SaeArgs) -> list[Text]:
    """The answer is part of the text: it is what the model has to predict."""
    return [Text(text=f"{e.prompt} {e.answer}") for e in task.examples(args.n, args.seed)]


def _notes(trained_on: str, model: LocalModel, centred: bool) -> list[str]:
    notes = [
        "examples describe a feature on these texts; they do not test what it means",
        "special tokens and the first of each text are left out: many models park a huge activation there",
    ]
    if trained_on and Path(trained_on).name.lower() != Path(model.name).name.lower():
        notes.append(f"the autoencoder was trained on {trained_on}, this is {model.name}")
    if centred:
        notes.append(
            "it was trained on a centred residual stream, so activations are centred for it"
        )
    return notes


def _table(a: Analysis, args: SaeArgs, model: LocalModel, rows: list[list[int]]) -> Table:
    """Features with density, size, the strongest token and a random one of those that activate it."""
    chosen, total = _chosen(a, args)
    rng = np.random.default_rng(args.seed)
    names = ["share of tokens", "mean when active", "maximum", "strongest", "one at random"]
    columns: dict[str, list[telling.Cell]] = {"feature": [*chosen], **{name: [] for name in names}}
    for feature in chosen:
        at = (a.active.feature == feature).nonzero().squeeze(-1)
        cells: list[telling.Cell] = [0.0, None, None, None, None]
        if len(at):
            values = a.active.value[at]
            strongest = at[ties.first(values, ties.noise(a.evidence.dtype, values))]
            other = at[int(rng.integers(len(at)))]
            cells = [
                round(len(at) / len(a.tokens.text), 4),
                round(float(values.mean()), 3),
                round(float(values.max()), 3),
                *(_context(a, model, rows, int(a.active.token[i])) for i in (strongest, other)),
            ]
        for name, cell in zip(names, cells, strict=True):
            columns[name].append(cell)
    return telling.table(columns, total=total)


def _chosen(a: Analysis, args: SaeArgs) -> tuple[list[int], int]:
    """The asked features, or those with the largest share of the reconstruction that are not active everywhere."""
    import torch

    if args.features is not None:
        order, count = list(args.features), len(args.features)
    else:
        weight = a.autoencoder.weights["W_dec"].norm(dim=-1).cpu()
        size = torch.zeros(a.autoencoder.d_sae)
        size.index_add_(0, a.active.feature, a.active.value.square())
        density = torch.bincount(a.active.feature, minlength=a.autoencoder.d_sae) / len(
            a.tokens.text
        )
        size = size * weight.square() * (density <= _DENSE)
        count = int((size > 0).sum())
        most = min(args.page * _ROWS, count)
        order = ties.ranking(size.numpy(), ties.noise(a.evidence.dtype, size), most)
    return order[telling.page(args.page, _ROWS, count, "features")], count


def _context(a: Analysis, model: LocalModel, rows: list[list[int]], token: int) -> str:
    """The token in brackets after the few before it."""
    ids, at = rows[int(a.tokens.text[token])], int(a.tokens.position[token])
    before = model.tokenizer.decode(ids[max(0, at - _AROUND) : at])
    return f"{before} [{model.tokens([ids[at]])[0]}]".strip()


def _save(folder: Path, a: Analysis, rows: list[list[int]]) -> str:
    """Every active feature of every counted token, as a list."""
    from safetensors.torch import save_file

    path = folder / "features.safetensors"
    save_file(
        {
            "text": a.tokens.text[a.active.token].int().contiguous(),
            "position": a.tokens.position[a.active.token].int().contiguous(),
            "feature": a.active.feature.int().contiguous(),
            "activation": a.active.value.float().contiguous(),
        },
        str(path),
        {"axes": "one entry for each active feature of a token", "texts": json.dumps(rows)},
    )
    return str(path)


def _directions(
    folder: Path, a: Analysis, args: SaeArgs, target: Place, model: LocalModel
) -> list[str]:
    """Decoder directions of the asked features, where the place has a name that vector files know."""
    if args.features is None or target.layer is None or target.site is None:
        return []
    written = []
    for number, feature in enumerate(dict.fromkeys(args.features)):
        # The first is what ``steer RUN`` and ``ablate RUN`` find by the run's id.
        name = "direction.safetensors" if number == 0 else f"feature_{feature}.safetensors"
        direction = a.autoencoder.weights["W_dec"][feature].cpu()
        note = f"feature {feature} of {args.sae}"
        found = vectors.Vector(direction, target.layer, target.site, model.weights, note)
        vectors.save(folder / name, found)
        written.append(str(folder / name))
    return written


def _script(
    model: LocalModel,
    a: Analysis,
    source: Place,
    target: Place,
    rows: list[list[int]],
    reference: str,
) -> str:
    """Recomputes the FVU by plain forwards; empty where the place is no plain input or output of a module."""
    names = {id(module): name for name, module in model.module.named_modules()}
    if source.without_gain or id(source.module) not in names or id(target.module) not in names:
        return ""
    spec = a.autoencoder.spec
    return scripting.script(
        model,
        "features",
        weights=str(weights_of(reference).resolve()),
        kind=spec.activation,
        k=spec.k,
        norm=spec.normalisation,
        scale=spec.scaling if spec.normalisation == "expected_average_only_in" else None,
        minus=spec.subtract_bias,
        by_norm=spec.by_decoder_norm,
        centred=spec.centred,
        transcoder=spec.transcoder,
        read=names[id(source.module)],
        read_side=source.side,
        write=names[id(target.module)],
        write_side=target.side,
        special=sorted(special_ids(model)),
        massive=MASSIVE,
        texts=rows,
        expected=a.evidence.fvu,
    )
