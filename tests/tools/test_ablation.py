"""Ablation: every row equals its own plain forward, means leave padding out, noise is not supported, bad input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from support.models import ARCHITECTURES, local, noise_pairs  # noqa: E402

from gadfly.corpus.progress import Silent  # noqa: E402
from gadfly.errors import ToolInputError  # noqa: E402
from gadfly.tools import vectors  # noqa: E402
from gadfly.tools.ablation import ablate, controls  # noqa: E402
from gadfly.tools.ablation.analysis import Directional, analyse  # noqa: E402
from gadfly.tools.ablation.arguments import AblateArgs  # noqa: E402
from gadfly.tools.ablation.components import Part, Place, others  # noqa: E402
from gadfly.tools.ablation.engine import ablate_all, capture  # noqa: E402
from gadfly.tools.ablation.fill import Filler, How, Reference, donors  # noqa: E402
from gadfly.tools.ablation.verdict import Evidence, Family, judge  # noqa: E402
from gadfly.tools.again import rerun  # noqa: E402
from gadfly.tools.contract import Verdict  # noqa: E402
from gadfly.tools.ledger import Ledger  # noqa: E402
from gadfly.tools.model import LocalModel  # noqa: E402
from gadfly.tools.patching.pairs import PromptPair, prepare  # noqa: E402
from gadfly.tools.stats import Interval  # noqa: E402
from gadfly.tools.steering.source import isotropic  # noqa: E402

PROMPTS = ["w1 w2 w3 w4 w5 w6 w7", "w9 w8", "w20 w21 w22 w23"]
REFERENCE = ["w30 w31 w32", "w40 w41 w42 w43 w44", "w50 w51", "w60 w61 w62 w63 w64 w65 w66"]
PARTS = [Part("head", 0, 3), Part("head", 2, 1), Part("attention", 1), Part("mlp", 3)]
LAYERS = [0, 2]


def first(out: Any) -> Any:
    return out[0] if isinstance(out, tuple) else out


def seen(model: LocalModel, prompt: str, part: Part | None, layer: int = 0) -> Any:
    """What stands at a part (or in the residual stream) of one unpadded prompt, by a plain hook: [tokens, width]."""
    kept: list[Any] = []
    if part is not None and part.kind == "head":
        handle = model.output_projection(part.layer).register_forward_pre_hook(
            lambda m, a: kept.append(a[0][0].clone())
        )
    else:
        site, layer = ("residual", layer) if part is None else (part.kind, part.layer)
        handle = model.modules(site)[layer].register_forward_hook(
            lambda m, a, out: kept.append(first(out)[0].clone())
        )
    with torch.no_grad():
        model.module(torch.tensor([model.ids(prompt)]))
    handle.remove()
    if part is not None and part.kind == "head":
        size = kept[0].shape[-1] // 4
        return kept[0][:, part.head * size : (part.head + 1) * size]
    return kept[0]


def replacement(how: How, here: Any, there: list[Any], donor: int, takes: list[int]) -> Any:
    """What stands in for ``here`` [tokens, ...], from the reference prompts' activations one by one."""
    if how == "zero":
        return torch.zeros_like(here)
    if how == "resample":
        return there[donor][takes]
    out = torch.cat([t[1:] for t in there]).mean(0).expand(here.shape).clone()
    out[0] = torch.stack([t[0] for t in there]).mean(0)
    return out


def plain(model: LocalModel, prompt: str, hooks: list[tuple[Any, Any, bool]]) -> Any:
    """Last-position logits of one unpadded prompt with (module, change [tokens, width], on its input?)."""
    handles = []
    for module, change, before in hooks:
        if before:
            handles.append(
                module.register_forward_pre_hook(lambda m, a, c=change: (c(a[0][0])[None], *a[1:]))
            )
        else:
            handles.append(
                module.register_forward_hook(
                    lambda m, a, out, c=change: (
                        (c(out[0][0])[None], *out[1:])
                        if isinstance(out, tuple)
                        else c(out[0])[None]
                    )
                )
            )
    try:
        with torch.no_grad():
            return model.module(torch.tensor([model.ids(prompt)])).logits[0, -1]
    finally:
        for handle in handles:
            handle.remove()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("how", ["zero", "mean", "resample"])
def test_every_ablation_equals_a_plain_forward(architecture: str, how: How) -> None:
    model = local(architecture)
    batch, other = model.batch(PROMPTS), model.batch(REFERENCE)
    places: list[Place] = [("head", 0), ("head", 2), ("attention", 1), ("mlp", 3)]
    places += [("residual", layer) for layer in LAYERS]
    at, _ = capture(model, other, places)
    filler = Filler(model, batch, Reference(other, at), how, 0)
    row, column = donors(batch, other, 0)
    direction = isotropic(32, 1, 5)[0]
    components = [(part,) for part in PARTS] + [(PARTS[0], PARTS[2])]
    changes = [*(filler.swap(c) for c in components), filler.project(direction, LAYERS)]
    found = ablate_all(model, batch, changes, lambda logits: logits[..., 10], max_rows=7)
    width, their_width = batch.ids.shape[1], other.ids.shape[1]
    for p, prompt in enumerate(PROMPTS):
        length = len(model.ids(prompt))
        donor = int(row[p, -1])
        padding = their_width - other.lengths[donor]
        takes = [int(c) - padding for c in column[p, width - length :]]
        for c, component in enumerate(components):
            hooks = []
            for part in component:
                there = [seen(model, text, part) for text in REFERENCE]
                new = replacement(how, seen(model, prompt, part), there, donor, takes)

                def put(tensor: Any, part: Part = part, new: Any = new) -> Any:
                    tensor = tensor.clone()
                    size = tensor.shape[-1] // 4
                    here = slice(part.head * size, (part.head + 1) * size)
                    tensor[:, here if part.kind == "head" else slice(None)] = new
                    return tensor

                before = part.kind == "head"
                module = (
                    model.output_projection(part.layer)
                    if before
                    else model.modules(part.kind)[part.layer]
                )
                hooks.append((module, put, before))
            expected = plain(model, prompt, hooks)[10]
            assert abs(found[c, p] - expected) <= 1e-5 * max(1, abs(expected)), (component, prompt)
        hooks = []
        for layer in LAYERS:
            there = [seen(model, text, None, layer) @ direction for text in REFERENCE]
            new = replacement(how, torch.zeros(length), there, donor, takes)

            def turn(tensor: Any, new: Any = new) -> Any:
                return tensor + (new - tensor @ direction)[:, None] * direction

            hooks.append((model.blocks[layer], turn, False))
        expected = plain(model, prompt, hooks)[10]
        assert abs(found[-1, p] - expected) <= 1e-5 * max(1, abs(expected))


def test_donors_are_other_prompts_aligned_from_the_end() -> None:
    model = local("Qwen3")
    batch = model.batch(["w1 w2 w3", "w4 w5 w6 w7"])
    reference = model.batch(["w1 w2 w3", "w7 w8 w9", "w5 w6"])
    row, column = donors(batch, reference, 0)
    # The first has a twin (not taken) and one of its own length; widths are 5 and 4.
    assert row[0, 1:].tolist() == [1] * 4
    assert column[0, 1:].tolist() == [0, 1, 2, 3]
    short = int(row[1, 0])
    begin = 4 - reference.lengths[short]
    assert column[1].tolist()[0] == begin  # the first token takes the first
    assert column[1].tolist()[-1] == 3
    assert min(column[1].tolist()[1:]) == begin + 1


def test_controls_are_of_the_same_kind_and_size() -> None:
    model = local("Qwen3")
    assert model.heads == 4
    found, complete = others(model, (Part("head", 1, 2),), 20, 0)
    assert len(set(found)) == 15
    assert complete
    assert all(c[0].kind == "head" and c[0] != Part("head", 1, 2) for c in found)
    assert not others(model, (Part("head", 1, 2),), 10, 0)[1]
    found, complete = others(model, (Part("mlp", 1), Part("mlp", 2)), 20, 0)
    assert {len(set(c)) for c in found} == {2}
    assert len(set(found)) == 15
    assert complete
    found, complete = others(model, tuple(Part("head", 0, h) for h in range(3)), 20, 0)
    assert len(set(found)) == 20
    assert not complete


def test_variance_is_that_of_usual_tokens() -> None:
    model = local("Qwen3")
    batch = model.batch_of([[1, 10, 2, 11, 12], [1, 13, 14]])  # <bos> first, <eos> within, padding
    there = torch.randn(2, 5, 8)
    found = controls.activations(model, Reference(batch, {("residual", 1): there}), 1)
    rows = torch.cat([there[0, [1, 3, 4]], there[1, [3, 4]]])
    assert torch.equal(found, rows - rows.mean(0))
    batch = model.batch_of([[1]])
    alone = controls.activations(model, Reference(batch, {("residual", 1): there[:1, :1]}), 1)
    assert alone.shape == (1, 8)


def test_directions_of_equal_variance_have_it() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(300, 24, generator=generator) * torch.linspace(5, 0.2, 24)
    x = x - x.mean(0)
    direction = torch.nn.functional.normalize(torch.eye(24)[2] + torch.eye(24)[9], dim=0)
    sets, notes = controls.directions(x, direction, 15, 0)
    assert notes == []
    matched = sets[controls.MATCHED]
    assert (matched.norm(dim=-1) - 1).abs().max() < 1e-5
    assert (matched @ direction).abs().max() < 1e-5
    shares = np.array([controls.share(x, each) for each in matched])
    assert np.abs(np.log(shares / controls.share(x, direction))).max() < 0.2
    top = torch.linalg.svd(x, full_matrices=False)[2][0]
    x = x + 100 * torch.randn(300, 1, generator=generator) * top
    assert "like along no other" in controls.directions(x - x.mean(0), top, 15, 0)[1][0]


def test_noise_is_hardly_ever_supported() -> None:
    supported = 0
    for seed in range(24):
        model = local("Qwen3", seed % 4)
        pairs = noise_pairs(seed, length=5)
        reference = [pair.corrupt for pair in pairs]
        subject = (
            Directional(isotropic(32, 1, seed)[0], [0, 1, 2, 3], 2)
            if seed % 2
            else (Part("head", seed % 4, seed // 4 % 4),)
        )
        args = AblateArgs(data="task:truth", component="mlp", how="mean", seed=seed)
        found = analyse(model, prepare(model, pairs), subject, reference, args, Silent())
        supported += judge(found.evidence)[0] is Verdict.SUPPORTED
        assert found.evidence.unchanged < 1e-3
    assert supported <= 2


def test_a_planted_direction_is_needed_and_a_random_one_is_not() -> None:
    """The unembedding's difference of two tokens carries their logit difference, by construction."""
    model = local("Qwen3")
    with torch.no_grad():
        weight = model.unembedding.weight
        up, down = model.ids("w10 w11")[1:]
        pairs = []
        for number in range(200):
            g = torch.Generator().manual_seed(number)
            words = [f"w{int(i)}" for i in torch.randint(80, (4,), generator=g)]
            logits = plain(model, " ".join(words), [])
            pairs.append((float(logits[up] - logits[down]), " ".join(words)))
    pairs.sort()
    made = [
        PromptPair(clean=high, corrupt=low, answer="w10", wrong="w11")
        for (_, low), (_, high) in zip(pairs[:12], pairs[-12:], strict=True)
    ]
    gain = getattr(model.final_norm, "weight", torch.ones(32))
    direction = torch.nn.functional.normalize(((weight[up] - weight[down]) * gain).detach(), dim=0)
    reference = [text for _, text in pairs[60:140]]
    args = AblateArgs(data="task:truth", component="mlp", how="mean")
    verdicts = [
        judge(
            analyse(
                model, prepare(model, made), Directional(v, [3], 3), reference, args, Silent()
            ).evidence
        )[0]
        for v in (direction, isotropic(32, 1, 9)[0])
    ]
    assert verdicts == [Verdict.SUPPORTED, Verdict.NOT_SUPPORTED]


OTHER_HEADS = Family("other heads", 20, 0, 0.1, Interval(0.2, 0.4), False)
TRUE = Evidence(
    pairs=24,
    unchanged=0.0,
    unchanged_limit=1e-3,
    gap=Interval(2.0, 3.0),
    gap_p=0.0005,
    gap_mean=2.5,
    right=Interval(0.85, 1.0),
    effect=0.4,
    interval=Interval(0.3, 0.5),
    families=[OTHER_HEADS],
)


@pytest.mark.parametrize(
    ("changed", "verdict", "because"),
    [
        ({}, Verdict.SUPPORTED, "removes more than other heads"),
        ({"unchanged": 0.1}, Verdict.INCONCLUSIVE, "by themselves"),
        ({"gap": Interval(-0.1, 3.0)}, Verdict.NOT_SUPPORTED, "do not differ"),
        ({"gap_p": 0.2}, Verdict.NOT_SUPPORTED, "do not differ"),
        ({"pairs": 5}, Verdict.INCONCLUSIVE, "at least 8"),
        ({"right": Interval(0.4, 0.8)}, Verdict.NOT_SUPPORTED, "coin"),
        ({"interval": Interval(-0.1, 0.5)}, Verdict.NOT_SUPPORTED, "reaches 0"),
        ({"interval": Interval(-0.1, 0.5), "pairs": 15}, Verdict.INCONCLUSIVE, "too few pairs"),
        ({"families": []}, Verdict.INCONCLUSIVE, "has 0 of the same kind"),
        (
            {"families": [replace(OTHER_HEADS, count=4)]},
            Verdict.INCONCLUSIVE,
            "has 4 of the same kind",
        ),
        (
            {"families": [replace(OTHER_HEADS, count=18)]},
            Verdict.INCONCLUSIVE,
            "too few controls to tell",
        ),
        ({"families": [replace(OTHER_HEADS, count=19)]}, Verdict.SUPPORTED, "p = 0.05)"),
        (
            {"families": [replace(OTHER_HEADS, reached=4)]},
            Verdict.NOT_SUPPORTED,
            "4 of 20 other heads remove as much",
        ),
        (
            {"families": [replace(OTHER_HEADS, reached=1)]},
            Verdict.INCONCLUSIVE,
            "give --controls 100",
        ),
        (
            {"families": [replace(OTHER_HEADS, reached=1, complete=True)]},
            Verdict.NOT_SUPPORTED,
            "1 of 20",
        ),
        (
            {"families": [Family("other parts", 11, 0, 0.1, Interval(0.1, 0.3), True)]},
            Verdict.SUPPORTED,
            "other parts",
        ),
        (
            {"families": [Family("other parts", 11, 0, 0.3, Interval(-0.1, 0.3), True)]},
            Verdict.NOT_SUPPORTED,
            "other parts",
        ),
        (
            {"effect": 0.09, "interval": Interval(0.05, 0.3)},
            Verdict.INCONCLUSIVE,
            "less than a tenth",
        ),
    ],
)
def test_each_rule_decides_where_it_should(
    changed: dict[str, Any], verdict: Verdict, because: str
) -> None:
    found, why = judge(Evidence(**{**TRUE.__dict__, **changed}))
    assert found is verdict
    assert because in why


@pytest.mark.parametrize("how", ["zero", "mean", "resample"])
def test_the_script_finds_the_same_number(how: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        {"component": "head", "heads": ["1.2", "3.0"]},
        {"component": "mlp", "layers": [1]},
    ):
        found = ablate(
            data="task:indirect-object", n=8, n_reference=4, how=how, metric="kl", **arguments
        )
        exec(found.reproduce, {})
        printed = capsys.readouterr().out.split()[1]
        assert float(printed) == pytest.approx(found.values["effect"], abs=1e-5)


def test_a_head_that_the_demo_model_needs() -> None:
    found = ablate(data="task:induction", component="head", heads=["1.2"], controls=23)
    assert found.verdict is Verdict.SUPPORTED, found.why
    assert found.values["effect"] > 0.25 > found.values["strongest_of_other_heads"]
    assert found.values["count_of_other_heads"] == 23
    assert {c.name for c in found.controls} == {"other_heads", "unchanged", "gap", "clean_accuracy"}
    assert found.table.rows[0][0] == "head 1.2"
    assert found.table.total == 24
    assert Path(found.figures[0].png or "").stat().st_size > 10_000
    assert rerun(found.run, ledger=Ledger()).moved == []
    least = ablate(data="task:induction", component="head", heads=["2.0"], controls=23)
    assert least.verdict is Verdict.NOT_SUPPORTED


def test_a_direction_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "v.safetensors"
    vectors.save(path, vectors.Vector(isotropic(128, 1, 0)[0], 3, "mlp", "0123456789abcdef"))
    for how, layers in (("auto", None), ("mean", [2]), ("resample", [1, 3])):
        found = ablate(
            data="task:sentiment",
            component="direction",
            vector=str(path),
            n=8,
            how=how,
            layers=layers,
        )
        assert found.verdict is Verdict.NOT_SUPPORTED
        assert {"random_directions", "directions_of_equal_variance"} <= {
            c.name for c in found.controls
        }
        notes = " ".join(found.notes)
        assert "transfer" in notes
        assert "mlp output" in notes
        exec(found.reproduce, {})
        printed = capsys.readouterr().out.split()[1]
        assert float(printed) == pytest.approx(found.values["effect"], abs=1e-5)


HEAD = {"behaviour": "induction", "component": "head", "heads": ["1.2"]}
DIRECTION = {"behaviour": "induction", "component": "direction"}
PAIR = {
    "clean": "the capital of france is",
    "corrupt": "the capital of japan is",
    "answer": "paris",
    "wrong": "tokyo",
}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({**HEAD, "heads": ["9.0"]}, "no layer 9; demo has layers 0 to 5"),
        ({**HEAD, "heads": ["1.7"]}, "no head 7 in layer 1; demo has query heads 0 to 3"),
        ({**HEAD, "heads": ["one"]}, "is not LAYER.HEAD"),
        ({**HEAD, "heads": None}, "which head"),
        ({**HEAD, "layers": [1]}, "layers is for component"),
        ({**HEAD, "behaviour": "nonsense"}, "unknown task 'nonsense'"),
        ({**HEAD, "behaviour": None}, "give data: a file"),
        ({**HEAD, "behaviour": None, "pairs": []}, "pairs is empty"),
        ({**HEAD, "behaviour": None, "pairs": [{"clean": "a"}]}, "record 1: no 'corrupt'"),
        ({**HEAD, "behaviour": None, "pairs": [{**PAIR, "answer": "new york"}]}, "one token"),
        ({**HEAD, "controls": 18}, "greater than or equal to 19"),
        ({**HEAD, "reference": ["one"]}, "at least 2"),
        ({"behaviour": "induction", "component": "mlp"}, "which layer"),
        ({"behaviour": "induction", "component": "mlp", "layers": [7]}, "no layer 7"),
        ({"behaviour": "induction", "component": "neuron"}, "component"),
        ({"behaviour": "induction"}, "component: give one of head, attention, mlp, direction"),
        (DIRECTION, "which direction"),
        ({**DIRECTION, "vector": "SMALL"}, "has 16 numbers"),
        ({**DIRECTION, "vector": "PICKLE"}, "pickles are refused"),
        ({**DIRECTION, "vector": "r0000000"}, "no vector file and no run"),
    ],
)
def test_bad_input_is_one_clear_line(
    arguments: dict[str, Any], message: str, tmp_path: Path
) -> None:
    files = {"SMALL": tmp_path / "small.safetensors", "PICKLE": tmp_path / "direction.pt"}
    vectors.save(files["SMALL"], vectors.Vector(torch.ones(16), 2, "residual", ""))
    torch.save(torch.ones(128), files["PICKLE"])
    if arguments.get("vector") in files:
        arguments = {**arguments, "vector": str(files[arguments["vector"]])}
    with pytest.raises(ToolInputError, match=message) as caught:
        ablate(**arguments)
    assert "\n" not in str(caught.value)


def test_few_pairs_are_inconclusive_and_their_reference_is_told() -> None:
    second = {**PAIR, "clean": "the capital of italy is", "answer": "rome"}
    found = ablate(component="mlp", layers=[0], pairs=[PAIR, second])
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "at least 8" in found.why
    assert "corrupt prompts" in found.notes[0]
