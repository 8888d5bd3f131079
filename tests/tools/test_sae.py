"""Autoencoders in SAELens' format: arithmetic, layouts, places, splicing, verdicts, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from support.autoencoders import (  # noqa: E402
    FEATURES,
    WIDTH,
    expected,
    legacy,
    modern,
    principal,
    weights,
    write,
)
from support.models import ARCHITECTURES, local  # noqa: E402
from support.varied import varied  # noqa: E402

from gadfly.corpus.progress import Silent  # noqa: E402
from gadfly.errors import ToolInputError  # noqa: E402
from gadfly.tools import vectors  # noqa: E402
from gadfly.tools.contract import Verdict  # noqa: E402
from gadfly.tools.features import sae  # noqa: E402
from gadfly.tools.features.analysis import analyse, collect, spliced_losses  # noqa: E402
from gadfly.tools.features.autoencoder import build  # noqa: E402
from gadfly.tools.features.formats import ARCHITECTURES as KINDS  # noqa: E402
from gadfly.tools.features.formats import read, spec_of  # noqa: E402
from gadfly.tools.features.places import place  # noqa: E402
from gadfly.tools.features.verdict import Evidence, judge  # noqa: E402
from gadfly.tools.model import load  # noqa: E402
from gadfly.tools.stats import Interval  # noqa: E402

ROWS = [[1, 5, 9, 14, 30, 7, 61], [1, 8, 8], [1, 40, 41, 42, 43]]
X = torch.randn(9, WIDTH, generator=torch.Generator().manual_seed(9)) * 2 + 0.5


# -- arithmetic ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "matryoshka_batchtopk"])
def test_each_architecture_computes_what_it_must(kind: str, tmp_path: Path) -> None:
    more: dict[str, Any] = {"k": 4} if kind == "topk" else {}
    if "transcoder" in kind:
        more["metadata"] = {"hook_name_out": "blocks.1.hook_mlp_out"}
    w = weights(kind)
    spec, found = read(str(write(tmp_path / kind, modern(kind, **more), w)), None, None)
    made = build(spec, found)
    features, out = expected(kind, w, X)
    assert torch.allclose(made.encode(X), features.float(), atol=1e-5)
    assert torch.allclose(made.reconstruct(X), out.float(), atol=1e-5)
    assert 0 < (features > 0).float().mean() < 1


def test_input_normalisation_is_undone(tmp_path: Path) -> None:
    w = weights("standard")

    def through(x: Any) -> Any:
        return expected("standard", w, x)[1]

    def made(normalisation: str, scaling: float | None = None, **more: Any) -> Any:
        config = modern("standard", normalize_activations=normalisation, **more)
        return build(spec_of(config, w, scaling), w).reconstruct(X)

    mean, spread = X.mean(-1, keepdim=True), X.std(-1, keepdim=True)
    plain = through((X - mean) / (spread + 1e-5)) * spread + mean
    assert torch.allclose(made("layer_norm"), plain, atol=1e-4)
    factor = WIDTH**0.5 / X.norm(dim=-1, keepdim=True)
    assert torch.allclose(made("constant_norm_rescale"), through(X * factor) / factor, atol=1e-4)
    assert torch.allclose(made("expected_average_only_in", 0.3), through(X * 0.3) / 0.3, atol=1e-4)
    centred = made(
        "none", metadata={"model_from_pretrained_kwargs": {"center_writing_weights": True}}
    )
    assert torch.allclose(centred, through(X - mean) + mean, atol=1e-4)


def test_bias_is_left_alone_where_the_configuration_says_so() -> None:
    w = weights("standard")
    made = build(spec_of(modern("standard", apply_b_dec_to_input=False), w), w)
    assert torch.allclose(
        made.reconstruct(X), expected("standard", w, X, minus=False)[1], atol=1e-5
    )


def test_rescaling_by_the_decoders_norm_equals_a_normalised_decoder() -> None:
    w = weights("topk")
    norm = w["W_dec"].norm(dim=-1)
    folded = {
        **w,
        "W_enc": w["W_enc"] * norm,
        "b_enc": w["b_enc"] * norm,
        "W_dec": w["W_dec"] / norm[:, None],
    }
    made = build(spec_of(modern("topk", k=4, rescale_acts_by_decoder_norm=True), w), w)
    features, out = expected("topk", folded, X)
    assert torch.allclose(made.encode(X), features, atol=1e-5)
    assert torch.allclose(made.reconstruct(X), out, atol=1e-5)


def test_a_rotated_dictionary_sees_a_rotated_input() -> None:
    w = weights("standard")
    made = build(spec_of(modern("standard"), w), w)
    centre = X.mean(0)
    turned = made.rotated(centre, np.random.default_rng(0))
    q, r = np.linalg.qr(np.random.default_rng(0).standard_normal((WIDTH, WIDTH)))
    turn = torch.from_numpy(q * np.sign(np.diag(r))).float()
    seen = (X - centre) @ turn + centre
    plain = (expected("standard", w, seen)[1] - centre) @ turn.T + centre
    assert torch.allclose(turned(X), plain, atol=1e-4)
    assert not torch.allclose(turned(X), made.reconstruct(X), atol=0.1)


# -- layouts ---------------------------------------------------------------------------------------


def test_old_layouts_read_like_new_ones(tmp_path: Path) -> None:
    w = weights("standard")
    old, _ = read(str(write(tmp_path / "old", legacy(), w)), None, None)
    new, _ = read(str(write(tmp_path / "new", modern("standard"), w)), None, None)
    assert old == new
    topk = legacy(activation_fn_str="topk", activation_fn_kwargs={"k": 4})
    found = spec_of(topk, weights("topk"))
    assert (found.architecture, found.k) == ("topk", 4)
    scaled = spec_of(legacy(normalize_activations=True), w)
    assert scaled.normalisation == "expected_average_only_in"


def test_thresholds_of_training_checkpoints() -> None:
    w = weights("jumprelu")
    logs = {**w, "log_threshold": w["threshold"].log()}
    del logs["threshold"]
    spec = spec_of(modern("jumprelu"), w)
    assert torch.allclose(build(spec, logs).encode(X), build(spec, w).encode(X), atol=1e-5)


def test_a_lone_file_tells_its_architecture(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    for kind in ("standard", "jumprelu", "gated", "batchtopk"):
        w = weights(kind)
        path = tmp_path / f"{kind}.safetensors"
        save_file(w, str(path))
        spec, found = read(str(path), "blocks.0.hook_resid_post", None)
        assert spec.architecture == kind
        assert torch.allclose(
            build(spec, found).encode(X), expected(kind, w, X)[0].float(), atol=1e-5
        )
    headed = tmp_path / "headed.safetensors"
    save_file(weights("topk"), str(headed), {"cfg": json.dumps(modern("topk", k=4))})
    spec, _ = read(str(headed), None, None)
    assert (spec.architecture, spec.hook) == ("topk", "blocks.1.hook_resid_post")


def test_the_recorded_input_scale_is_used(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "scaled",
        modern("standard", normalize_activations="expected_average_only_in"),
        weights("standard"),
    )
    (folder / "activation_scaler.json").write_text('{"scaling_factor": 0.35}')
    assert read(str(folder), None, None)[0].scaling == 0.35


def test_the_hub_is_asked_for_three_files_only(tmp_path: Path, monkeypatch: Any) -> None:
    from huggingface_hub.errors import EntryNotFoundError

    folder = write(tmp_path / "layer_1", modern("standard"), weights("standard"))
    asked = []

    def fetch(repo: str, name: str) -> str:
        asked.append((repo, name))
        path = folder / Path(name).name
        if not path.exists():
            raise EntryNotFoundError("404")
        return str(path)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fetch)
    assert read("owner/repo/layer_1", None, None)[0].architecture == "standard"
    assert {repo for repo, _ in asked} == {"owner/repo"}
    assert [name for _, name in asked] == [
        "layer_1/cfg.json",
        "layer_1/sae_weights.safetensors",
        "layer_1/activation_scaler.json",
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"architecture": "temporal"}, "architecture 'temporal' are not known"),
        ({"architecture": "topk"}, "needs k"),
        ({"normalize_activations": "mystery"}, "normalize_activations 'mystery'"),
        ({"activation_fn": "tanh-relu"}, "activation_fn 'tanh-relu'"),
        ({"metadata": {}}, "does not say where it reads"),
        ({"architecture": "transcoder"}, "where the transcoder writes"),
        ({"metadata": {"hook_name": "x", "hook_head_index": 3}}, "single head"),
        ({"architecture": "gated"}, "needs b_gate, b_mag, r_mag"),
        ({"architecture": "jumprelu"}, "needs threshold"),
    ],
)
def test_configurations_that_are_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ToolInputError, match=says) as caught:
        build(spec_of({**modern("standard"), **change}, weights("standard")), weights("standard"))
    assert "\n" not in str(caught.value)


def test_files_that_are_refused(tmp_path: Path) -> None:
    torch.save(weights("standard"), tmp_path / "sae.pt")
    (tmp_path / "garbage.safetensors").write_bytes(b"not a safetensors file at all")
    for reference, says in {
        str(tmp_path / "sae.pt"): "pickles and archives are refused",
        str(tmp_path / "params.npz"): "pickles and archives are refused",
        str(tmp_path / "nothing"): "no autoencoder at",
        "no-such-thing": "no autoencoder at",
        str(tmp_path / "garbage.safetensors"): "cannot read weights",
        "owner/repo/folder": "HF_HUB_OFFLINE=1",
    }.items():
        with pytest.raises(ToolInputError, match=says):
            read(reference, None, None)
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "ae.pt").write_bytes(b"x")
    with pytest.raises(ToolInputError, match=r"only ae.pt, and pickles"):
        read(str(tmp_path / "pickled"), None, None)


@pytest.mark.parametrize(
    ("name", "tensor", "says"),
    [
        ("b_dec", torch.zeros(5), "b_dec has shape"),
        ("W_dec", torch.zeros(FEATURES, 7), "b_dec has shape|only a transcoder"),
        ("b_enc", torch.full((FEATURES,), float("nan")), "not finite"),
    ],
)
def test_weights_that_are_refused(name: str, tensor: Any, says: str) -> None:
    w = {**weights("standard"), name: tensor}
    with pytest.raises(ToolInputError, match=says):
        build(spec_of(modern("standard"), w), w)


# -- places ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_hooks_read_what_their_names_say(architecture: str) -> None:
    model = varied(architecture)
    names = {
        name: place(model, f"blocks.1.{name}")
        for name in (
            "hook_resid_pre",
            "hook_resid_post",
            "hook_attn_out",
            "hook_mlp_out",
            "attn.hook_z",
            "mlp.hook_in",
            "ln2.hook_normalized",
        )
        if not (name == "ln2.hook_normalized" and architecture == "Olmo2")
    }
    found = {
        name: collect(model, where, where, [ROWS[0]], 4096).read for name, where in names.items()
    }
    before, after = found["hook_resid_pre"], found["hook_resid_post"]
    # What attention and MLP write, with the norms that some architectures put behind them, is what the layer adds.
    written = found["hook_attn_out"] + found["hook_mlp_out"]
    assert torch.allclose(before + written, after, atol=1e-4)
    previous = place(model, "blocks.0.hook_resid_post")
    assert torch.equal(collect(model, previous, previous, [ROWS[0]], 4096).read, before)
    assert before.shape == (6, 32)  # the BOS is not counted
    if "ln2.hook_normalized" in found:
        size = found["ln2.hook_normalized"].square().mean(-1)
        assert torch.allclose(size, torch.ones(6), atol=1e-2)


def test_padding_and_order_change_nothing() -> None:
    model = varied("GPT2")
    where = place(model, "blocks.2.hook_resid_post")
    together = collect(model, where, where, ROWS, 4096)
    alone = [collect(model, where, where, [row], 4096) for row in ROWS]
    assert torch.allclose(together.read, torch.cat([a.read for a in alone]), atol=1e-5)
    assert together.text.tolist() == [0] * 6 + [1] * 2 + [2] * 4
    assert together.position.tolist() == [1, 2, 3, 4, 5, 6, 1, 2, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("hook", "says"),
    [
        ("blocks.9.hook_resid_post", "has layers 0 to 3"),
        ("blocks.1.hook_resid_mid", "of a block these are"),
        ("nowhere", "no hook 'nowhere'"),
    ],
)
def test_unknown_hooks_are_named(hook: str, says: str) -> None:
    with pytest.raises(ToolInputError, match=says):
        place(local("Llama"), hook)


def test_a_module_of_the_model_is_a_hook_too() -> None:
    model = local("Llama")
    mine, theirs = place(model, "model.layers.1.mlp"), place(model, "blocks.1.hook_mlp_out")
    assert (mine.module, mine.layer, mine.site) == (theirs.module, 1, "mlp")


# -- splicing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["Qwen3", "Gemma3", "GPT2"])
@pytest.mark.parametrize(
    "hook", ["hook_resid_post", "hook_resid_pre", "hook_mlp_out", "hook_attn_out", "attn.hook_z"]
)
def test_spliced_losses_equal_plain_forwards(architecture: str, hook: str) -> None:
    model = varied(architecture)
    where = place(model, f"blocks.1.{hook}")
    change = lambda read, there, text: there * 0.5 + text[:, None]  # noqa: E731
    for rebuild in (None, change):
        found = spliced_losses(model, where, where, ROWS, rebuild, 16, None)
        for number, ids in enumerate(ROWS):

            def put(hidden: Any, number: int = number) -> Any:
                new = hidden.clone()
                new[0, 1:] = hidden[0, 1:] * 0.5 + number
                return new

            def output(module: Any, args: Any, out: Any) -> Any:
                return (put(out[0]), *out[1:]) if isinstance(out, tuple) else put(out)

            def given(module: Any, args: Any) -> Any:
                return (put(args[0]), *args[1:])

            handle = (
                None
                if rebuild is None
                else where.module.register_forward_hook(output)
                if where.side == "output"
                else where.module.register_forward_pre_hook(given)
            )
            with torch.no_grad():
                logits = model.module(input_ids=torch.tensor([ids])).logits[0]
            if handle:
                handle.remove()
            loss = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:]))
            assert found[number] == pytest.approx(float(loss), abs=1e-4)


def test_a_transcoder_reads_in_one_place_and_writes_in_another() -> None:
    """A transcoder that is the MLP itself (all of it in the skip, for a linear MLP) changes nothing."""
    model = local("Llama", 9)
    linear = torch.randn(32, 32, generator=torch.Generator().manual_seed(0)) * 0.2
    handle = model.mlps[1].register_forward_hook(lambda m, a, out: a[0] @ linear.T)
    w = {
        **weights("skip_transcoder"),
        "W_dec": torch.zeros(FEATURES, 32),
        "b_dec": torch.zeros(32),
        "W_skip": linear,
    }
    spec = spec_of(
        modern("skip_transcoder", "blocks.1.mlp.hook_in"), w, None, None, "blocks.1.hook_mlp_out"
    )
    try:
        found = analyse(
            model,
            build(spec, w),
            place(model, spec.hook),
            place(model, spec.hook_out),
            ROWS * 4,
            seed=0,
            max_tokens=64,
            progress=Silent(),
        )
    finally:
        handle.remove()
    assert found.evidence.fvu < 1e-8
    assert np.allclose(found.losses["spliced"], found.losses["model"], atol=1e-4)
    assert found.evidence.self_splice < 1e-5


# -- the tool --------------------------------------------------------------------------------------


def texts(seed: int, count: int = 24) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [[1, *rng.integers(4, 96, 9).tolist()] for _ in range(count)]


def test_noise_is_not_supported() -> None:
    verdicts = []
    for seed in range(12):
        model = local("Qwen3", seed % 4)
        kind = ("standard", "topk", "jumprelu")[seed % 3]
        w = weights(kind, seed)
        spec = spec_of(modern(kind, k=4), w)
        where = place(model, spec.hook)
        found = analyse(
            model,
            build(spec, w),
            where,
            where,
            texts(seed),
            seed=seed,
            max_tokens=4096,
            progress=Silent(),
        )
        verdicts.append(judge(found.evidence)[0])
    assert verdicts.count(Verdict.NOT_SUPPORTED) == len(verdicts)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dictionary that fits the demo model by construction, fitted on other prompts than it is measured on."""
    from gadfly.tools.demo.behaviours import behaviour

    model = load("demo")
    where = place(model, "blocks.2.hook_resid_post")
    rows = [
        model.ids(each.prompt)
        for name in ("capital-of", "agreement", "truth")
        for each in behaviour(name).examples(60, 1)
    ]
    w = principal(collect(model, where, where, rows, 8192).read, 24)
    config = modern(
        "topk",
        "blocks.2.hook_resid_post",
        k=24,
        d_in=128,
        d_sae=256,
        metadata={"model_name": "demo"},
    )
    return write(tmp_path_factory.mktemp("sae") / "pca", config, w)


def test_a_dictionary_that_fits_is_supported(
    fitted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = sae(sae=str(fitted), data="task:capital-of", n=40, features=[3, 7])
    assert found.verdict is Verdict.SUPPORTED, (found.headline, found.why)
    assert found.values["l0"] <= 24
    assert found.values["loss_spliced"] < found.values["loss_mean"]
    assert found.values["fvu"] < found.values["fvu_rotated"]
    assert {c.name for c in found.controls} >= {"mean_activation", "zero", "rotated_dictionary"}
    assert [row[0] for row in found.table.rows] == [3, 7]
    assert "[" in str(found.table.rows[0][-1])
    direction = vectors.load(found.run)
    assert (direction.layer, direction.site) == (2, "residual")
    assert len(found.directions) == 2
    from safetensors.torch import load_file

    saved = load_file(found.activations)
    assert saved["feature"].max() < 256
    assert (saved["activation"] > 0).all()
    assert (saved["position"] > 0).all()  # never the BOS
    assert json.dumps(found.model_dump(mode="json"))
    exec(found.reproduce, {})
    printed = capsys.readouterr().out
    mine, theirs = (float(w.strip("()")) for w in printed.split() if w.strip("()")[-1].isdigit())
    assert mine == pytest.approx(theirs, abs=1e-5)


def test_the_same_dictionary_elsewhere_is_worse(fitted: Path, tmp_path: Path) -> None:
    wrong = sae(sae=str(fitted), data="task:capital-of", n=24, hook="blocks.5.hook_resid_post")
    assert wrong.values["fvu"] > sae(sae=str(fitted), data="task:capital-of", n=24).values["fvu"]
    file = tmp_path / "lines.jsonl"
    file.write_text('{"text": "the capital of france is paris"}\nthe king saw the dog\n\n')
    few = sae(sae=str(fitted), texts_file=str(file))
    assert few.verdict is Verdict.INCONCLUSIVE
    assert few.values["texts"] == 2


def test_bad_input_is_one_clear_line(fitted: Path, tmp_path: Path) -> None:
    narrow = write(
        tmp_path / "narrow", modern("standard", "blocks.1.hook_resid_post"), weights("standard")
    )
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"words": 1}\n')
    for arguments, says in (
        ({"sae": str(fitted)}, "give data: a file"),
        ({"sae": str(fitted), "texts": ["a"], "behaviour": "truth"}, "got behaviour and texts"),
        ({"sae": str(narrow), "texts": ["the king saw"]}, "works on 32 numbers"),
        ({"sae": str(fitted), "texts": ["the king"], "features": [999]}, "no feature 999"),
        ({"sae": str(fitted), "texts": [" "]}, "a prompt is empty"),
        ({"sae": str(fitted), "texts_file": str(broken)}, "line 1: no 'text'; a record has text"),
        ({"sae": str(fitted), "texts": ["the king saw"], "page": 99}, "there is no page 99"),
        ({"sae": str(fitted), "texts": ["the king"], "hook": "blocks.1.hook_q"}, "is not known"),
    ):
        with pytest.raises(ToolInputError) as caught:
            sae(**arguments)
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)


TRUE = Evidence(
    texts=24,
    tokens=400,
    width=128,
    l0=20,
    fvu=0.1,
    fvu_interval=Interval(0.08, 0.12),
    fvu_rotated=1.6,
    over_rotated=Interval(1, 2),
    damage=Interval(1, 2),
    over_mean=Interval(0.9, 1.8),
    recovered=0.95,
    self_splice=0.0,
    dtype="float32",
)


@pytest.mark.parametrize(
    ("changed", "verdict", "because"),
    [
        ({}, Verdict.SUPPORTED, "active at once"),
        ({"self_splice": 0.1}, Verdict.INCONCLUSIVE, "must not"),
        ({"texts": 3}, Verdict.INCONCLUSIVE, "are needed"),
        ({"tokens": 30}, Verdict.INCONCLUSIVE, "are needed"),
        ({"fvu_interval": Interval(0.9, 1.1)}, Verdict.NOT_SUPPORTED, "mean activation alone"),
        ({"over_rotated": Interval(-1, 1)}, Verdict.NOT_SUPPORTED, "turned at random"),
        ({"over_mean": Interval(-1, 1)}, Verdict.NOT_SUPPORTED, "costs the model no more"),
        (
            {"over_mean": Interval(-1, 1), "damage": Interval(-1, 1)},
            Verdict.INCONCLUSIVE,
            "loses nothing",
        ),
        ({"l0": 128}, Verdict.INCONCLUSIVE, "a rotation"),
        ({"fvu": 0.6}, Verdict.INCONCLUSIVE, "misses 60%"),
        ({"recovered": 0.2}, Verdict.INCONCLUSIVE, "keeps 20%"),
    ],
)
def test_each_rule_decides_where_it_should(
    changed: dict[str, Any], verdict: Verdict, because: str
) -> None:
    found, why = judge(Evidence(**{**TRUE.__dict__, **changed}))
    assert found is verdict
    assert because in why
