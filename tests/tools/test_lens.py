"""The logit lens: exact at the last layer on nine architectures, silent on noise, supported where it is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from support.models import ARCHITECTURES, local, module, tokenizer  # noqa: E402
from support.varied import varied  # noqa: E402

from gadfly.corpus.progress import Silent  # noqa: E402
from gadfly.errors import ModelError, ToolInputError  # noqa: E402
from gadfly.tools.contract import Verdict  # noqa: E402
from gadfly.tools.logit_lens import lens  # noqa: E402
from gadfly.tools.logit_lens.analysis import (  # noqa: E402
    Analysis,
    _choose,
    above_zero,
    analyse,
    likeliest_few,
    make_units,
    prefixes,
)
from gadfly.tools.logit_lens.reading import read, residuals, streams  # noqa: E402
from gadfly.tools.logit_lens.verdict import Evidence, judge  # noqa: E402
from gadfly.tools.model import LocalModel  # noqa: E402
from gadfly.tools.readout import readout  # noqa: E402
from gadfly.tools.stats import Interval  # noqa: E402

ROWS = [[1, 5, 9, 14, 30, 7, 61], [1, 8, 8], [1, 40, 41, 42, 43]]


def plain(model: LocalModel, ids: list[int]) -> tuple[Any, Any]:
    """Residuals after every block (by a forward of this row alone) and the model's own logits at every position."""
    kept: list[Any] = []
    handles = [
        block.register_forward_hook(
            lambda m, a, out: kept.append(out[0] if isinstance(out, tuple) else out)
        )
        for block in model.blocks
    ]
    with torch.no_grad():
        logits = model.module(input_ids=torch.tensor([ids])).logits[0]
    for handle in handles:
        handle.remove()
    return torch.stack([out[0] for out in kept]), logits


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_last_layer_equals_the_models_logits(architecture: str) -> None:
    model = varied(architecture)
    end = readout(model)
    hidden, own = residuals(model, model.batch_of(ROWS), last_only=False)
    assert end.check(hidden[-1, : len(own), -1], own) <= 1e-4
    for row, ids in enumerate(ROWS):
        streams, logits = plain(model, ids)
        start = hidden.shape[2] - len(ids)  # rows are padded on the left
        assert torch.allclose(hidden[1:, row, start:], streams, atol=1e-4, rtol=1e-4)
        found = end.logits(hidden[-1, row, start:])
        assert (found - logits).abs().max() <= 1e-4 * max(1.0, float(logits.abs().max()))


@pytest.mark.parametrize("architecture", ["Qwen3", "Gemma3", "GPT2"])
def test_ranks_and_probabilities_are_the_plain_ones(architecture: str) -> None:
    model = varied(architecture)
    hidden, _ = residuals(model, model.batch_of(ROWS))
    target = torch.tensor([9, 33, 50])
    others = torch.tensor([[4, 5, 6], [7, 8, 9], [10, 11, 12]])
    found, _, _ = read(readout(model), hidden[:, :, 0], target, others, tops=True)
    for row, ids in enumerate(ROWS):
        streams, _ = plain(model, ids)
        with torch.no_grad():
            logits = model.unembedding(model.final_norm(streams[:, -1]))
        logs = logits.log_softmax(-1)
        assert torch.allclose(found.logp[1:, row], logs[:, target[row]], atol=1e-4)
        ranks = (logits > logits[:, target[row], None]).sum(-1)
        assert found.rank[1:, row].tolist() == ranks.tolist()
        assert found.top[1:, row].tolist() == logits.argmax(-1).tolist()
        assert torch.allclose(found.other_logp[1:, row], logs[:, others[row]].mean(-1), atol=1e-4)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_few_columns_are_those_of_the_whole_readout(architecture: str) -> None:
    model = varied(architecture)
    end = readout(model)
    batch = model.batch_of(ROWS)
    hidden, _ = residuals(model, batch)
    assert torch.equal(streams(model, batch), hidden[:, :, 0])
    ids = torch.tensor([[4, 5], [6, 7], [8, 9]])
    with model.working():
        whole = end.logits(hidden[:, :, 0]).gather(-1, ids.expand(len(hidden), -1, -1))
        assert torch.allclose(end.columns(hidden[:, :, 0], ids), whole, atol=1e-4, rtol=1e-4)


def test_the_output_itself_is_no_layer_before_the_last() -> None:
    """Targets that the model predicts and no earlier layer reads: readable at the end alone, and said so."""
    rng = np.random.default_rng(0)
    near = np.zeros((6, 24), dtype=bool)
    near[-1] = True
    rank = np.where(near, 0, 50 - 5 * np.arange(6)[:, None])
    advantage = rng.normal(size=rank.shape) + 3
    half = np.arange(24) % 2 == 0
    assert _choose(rank, near, advantage, half, 0.0) == (4, False)
    near[3, ::4] = True  # half of the half
    assert _choose(rank, near, advantage, half, 0.0) == (3, True)
    near[3, 0] = False
    assert _choose(rank, near, advantage, half, 0.0) == (4, False)
    near[3, 0] = True
    advantage[3] = rng.normal(size=24)  # always on top, whatever is asked
    assert _choose(rank, near, advantage, half, 0.0) == (4, False)


def test_layers_of_wide_values_do_not_hide_the_others() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(30, 16)) * np.linspace(1, 20, 30)[:, None]
    values[0] = 1 + 0.3 * rng.normal(size=16)
    p = above_zero(values, 0, 0.0)
    assert p[0] < 0.01
    assert (p[1:] > 0.05).all()
    assert (above_zero(np.full((3, 16), 1e-9), 0, 1e-6) == 1).all()
    values[1] = 1e-9  # a layer of rounding alone
    p = above_zero(values, 0, 1e-6)
    assert p[0] < 0.01
    assert p[1] == 1


@pytest.mark.parametrize(("vocabulary", "few"), [(300, 1), (1999, 1), (2000, 2), (50_000, 10)])
def test_the_likeliest_few_are_fewer_in_a_small_vocabulary(vocabulary: int, few: int) -> None:
    assert likeliest_few(vocabulary) == few


def test_a_softcap_is_applied_at_every_layer() -> None:
    made = module("Gemma3", 3)
    made.config.final_logit_softcapping = 5.0
    model = LocalModel.wrap(made, tokenizer())
    end = readout(model)
    assert end.cap == 5.0
    hidden, own = residuals(model, model.batch_of(ROWS))
    assert end.check(hidden[-1, : len(own), 0], own) <= 1e-4
    assert own.abs().max() <= 5.0


def test_an_unknown_end_of_the_model_is_refused() -> None:
    model = varied("Llama")
    hidden, own = residuals(model, model.batch_of(ROWS))
    with pytest.raises(ModelError, match="do not give its own logits"):
        readout(model).check(hidden[-1, : len(own), 0], own * 1.1)
    with pytest.raises(ModelError, match="do not give its own logits"):
        readout(model).check(
            model.final_norm(hidden[-1, : len(own), 0]), own
        )  # the norm a second time


def noise(seed: int, units: int = 16) -> Analysis:
    rng = np.random.default_rng(seed)
    model = local("Qwen3", seed % 4)
    rows = [[1, *rng.integers(4, 96, 6).tolist()] for _ in range(units)]
    found = make_units(model, rows, rng.integers(4, 96, units).tolist(), seed)
    return analyse(model, readout(model), found, seed=seed, max_tokens=4096, progress=Silent())


def test_noise_is_hardly_ever_supported() -> None:
    verdicts = [judge(noise(seed).evidence)[0] for seed in range(40)]
    assert verdicts.count(Verdict.SUPPORTED) <= 2


def test_the_models_own_predictions_are_read_at_the_end() -> None:
    """Targets that the model itself predicts: rank 0 after the last layer, and the order of units is kept."""
    model = local("Llama")
    rng = np.random.default_rng(0)
    rows = [[1, *rng.integers(4, 96, int(n)).tolist()] for n in rng.integers(2, 9, 12)]
    targets = [int(plain(model, ids)[1][-1].argmax()) for ids in rows]
    found = analyse(
        model,
        readout(model),
        make_units(model, rows, targets, 0),
        seed=0,
        max_tokens=24,
        progress=Silent(),
    )
    assert (found.rank[-1] == 0).all()
    assert found.exactness <= 1e-4


def test_prefixes_of_a_text() -> None:
    assert prefixes([1, 5, 6, 7], 1, 10) == ([[1], [1, 5], [1, 5, 6]], [5, 6, 7])
    rows, following = prefixes(list(range(1, 101)), 1, 10)
    assert len(rows) == 10
    assert all(row[-1] + 1 == target for row, target in zip(rows, following, strict=True))


def test_known_answers_of_the_demo_model(capsys: pytest.CaptureFixture[str]) -> None:
    found = lens(data="task:capital-of", n=24)
    assert found.verdict is Verdict.SUPPORTED, found.why
    assert found.values["layer"] < 5
    assert found.values["beyond_shuffled_low"] > 0
    assert found.headline.startswith("The target is first readable after layer")
    assert "; 12 held out of 24 prompts; " in found.headline
    assert (found.values["units_held_out"], found.values["units"]) == (12, 24)
    assert {c.name for c in found.controls} >= {"other_targets", "shuffled_text", "embedding"}
    for figure in found.figures:
        assert Path(figure.png or "").read_bytes().startswith(b"\x89PNG")
        assert "://" not in Path(figure.html or "").read_text(encoding="utf-8")
    grid = json.loads(Path(found.grid).read_text(encoding="utf-8"))
    assert np.array(grid["target_probability"]).shape == (7, len(grid["tokens"]))
    assert json.dumps(found.model_dump(mode="json"))
    assert lens(data="task:capital-of", n=24).values == found.values
    exec(found.reproduce, {})
    printed = capsys.readouterr().out
    mine, theirs = (float(w.strip("()")) for w in printed.split() if w.strip("()")[-1].isdigit())
    assert mine == pytest.approx(theirs, abs=1e-4)


def test_one_text_is_read_at_every_position() -> None:
    found = lens(prompt="mary and john went to the shop , mary gave a book to john <unk> '\"$")
    assert found.values["units"] > 8
    assert "positions of one text" in " ".join(found.notes)
    one = lens(prompt="the capital of france is", answer="paris")
    assert one.verdict is Verdict.INCONCLUSIVE
    assert "1 prompt; " in one.headline and "held out" not in one.headline
    assert one.values["final_top_share"] == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "give data: a file"),
        ({"prompt": "x", "behaviour": "truth"}, "got behaviour and prompt"),
        ({"behaviour": "truth", "answer": "x"}, "got behaviour and answer"),
        ({"prompts": [{"prompt": "the king"}, {"prompt": "a"}]}, "prompt 1 has no answer"),
        ({"prompts": [{"text": "the king"}]}, "record 1: no 'prompt'"),
        ({"prompts_file": "/no/such.jsonl"}, "cannot read"),
        ({"prompt": "the king", "answer": "the king"}, "must be one token"),
        ({"prompt": " "}, "a prompt is empty"),
    ],
)
def test_bad_input_is_one_clear_line(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ToolInputError) as caught:
        lens(**arguments)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


TRUE = Evidence(
    units=24,
    few=10,
    final=Interval(5, 9),
    needed=0.5,
    readable=True,
    share=0.8,
    share_interval=Interval(0.6, 0.9),
    top=0.6,
    top_interval=Interval(0.4, 0.8),
    advantage=3.0,
    over_others=Interval(2, 4),
    over_shuffled=Interval(1, 3),
    p=0.001,
    last_layer=False,
)


@pytest.mark.parametrize(
    ("changed", "verdict", "because"),
    [
        ({}, Verdict.SUPPORTED, "did not see"),
        ({"units": 8}, Verdict.SUPPORTED, "did not see"),
        ({"units": 7}, Verdict.INCONCLUSIVE, "at least 8"),
        ({"final": Interval(-1, 2)}, Verdict.NOT_SUPPORTED, "model itself"),
        ({"needed": 0.05}, Verdict.SUPPORTED, "did not see"),
        ({"needed": 0.049}, Verdict.INCONCLUSIVE, "little to read"),
        ({"readable": False, "share_interval": Interval(0, 0.49)}, Verdict.NOT_SUPPORTED, "alone"),
        ({"readable": False, "share_interval": Interval(0, 0.5)}, Verdict.INCONCLUSIVE, "nearest"),
        ({"share_interval": Interval(0.2, 0.49)}, Verdict.NOT_SUPPORTED, "alone"),
        ({"share_interval": Interval(0.09, 0.6)}, Verdict.INCONCLUSIVE, "how often"),
        ({"share_interval": Interval(0.1, 0.6)}, Verdict.SUPPORTED, "did not see"),
        ({"over_others": Interval(-1, 2)}, Verdict.NOT_SUPPORTED, "other targets"),
        ({"p": 0.05}, Verdict.SUPPORTED, "did not see"),
        ({"p": 0.051}, Verdict.NOT_SUPPORTED, "other targets"),
        ({"over_shuffled": Interval(-1, 2)}, Verdict.NOT_SUPPORTED, "random order"),
        ({"last_layer": True}, Verdict.INCONCLUSIVE, "one layer"),
    ],
)
def test_each_rule_decides_where_it_should(
    changed: dict[str, Any], verdict: Verdict, because: str
) -> None:
    found, why = judge(Evidence(**{**TRUE.__dict__, **changed}))
    assert found is verdict
    assert because in why
