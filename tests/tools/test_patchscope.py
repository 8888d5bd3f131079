"""Patchscopes: equal to a plain forward on nine architectures, silent on noise, supported where the truth is known."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from support.models import ARCHITECTURES, local  # noqa: E402
from support.varied import varied  # noqa: E402

from gadfly.corpus.progress import Silent  # noqa: E402
from gadfly.errors import ToolInputError  # noqa: E402
from gadfly.tools import planted  # noqa: E402
from gadfly.tools.contract import Verdict  # noqa: E402
from gadfly.tools.demo.words import CAPITALS  # noqa: E402
from gadfly.tools.logit_lens.analysis import make_units  # noqa: E402
from gadfly.tools.model import LocalModel  # noqa: E402
from gadfly.tools.patchscopes import patchscope  # noqa: E402
from gadfly.tools.patchscopes.analysis import Analysis, analyse  # noqa: E402
from gadfly.tools.patchscopes.target import read_target, written  # noqa: E402
from gadfly.tools.patchscopes.verdict import Evidence, judge  # noqa: E402
from gadfly.tools.stats import Interval  # noqa: E402

TEXTS = ["w5 w9 w14 w30", "w8 w8", "w40 w41 w42 w43 w44 w7"]


def measured(model: LocalModel, texts: list[str], answers: list[int], **options: Any) -> Analysis:
    target = read_target(model, "w1 w2 {} w3 w4")
    units = make_units(model, [model.ids(text) for text in texts], answers, 0)
    given = {"back": -2, "into": None, "max_rows": 5, **options}
    return analyse(model, target, texts, units, seed=0, progress=Silent(), **given)


def plain(model: LocalModel, text: str, target: list[int], slot: int, layer: int, into: int) -> Any:
    """Log-probabilities after one state is put into one target, the slow way."""
    kept: list[Any] = []

    def take(m: Any, a: Any, out: Any) -> None:
        kept.append((out[0] if isinstance(out, tuple) else out)[0, -2].clone())

    def put(m: Any, a: Any, out: Any) -> Any:
        (out[0] if isinstance(out, tuple) else out)[0, slot] = kept[0]
        return out

    for ids, where, hook in ((model.ids(text), layer, take), (target, into, put)):
        handle = model.blocks[where].register_forward_hook(hook)
        with torch.no_grad():
            logits = model.module(input_ids=torch.tensor([ids])).logits[0, -1]
        handle.remove()
    return logits.log_softmax(-1)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("into", [None, 1])
def test_every_layer_equals_a_plain_forward(architecture: str, into: int | None) -> None:
    model = varied(architecture)
    answers = [9, 33, 50]
    found = measured(model, TEXTS, answers, into=into)
    ids = read_target(model, "w1 w2 {} w3 w4").ids
    for row, text in enumerate(TEXTS):
        for layer in range(model.num_layers):
            logs = plain(model, text, ids, 3, layer, layer if into is None else into)
            assert found.logp[layer, row] == pytest.approx(float(logs[answers[row]]), abs=2e-4)
            assert found.rank[layer, row] == int((logs > logs[answers[row]]).sum())
            assert found.top[layer, row] == int(logs.argmax())
    donors = found.donor_logp
    assert donors is not None and not np.allclose(donors, found.logp)


def test_the_slot_is_one_token_wherever_it_stands() -> None:
    model = local("Qwen3")
    filler = read_target(model, "w1 {}").ids[-1]
    for text, ids, slot in (
        ("w1 w2 {} w3", [1, 5, 6, filler, 7], 3),
        ("{} w3", [1, filler, 7], 1),
        ("w1 {}", [1, 5, filler], 2),
        ("w1{}w2", [1, 5, filler, 6], 2),
    ):
        target = read_target(model, text)
        assert (target.ids, target.slot) == (ids, slot)
    said = written(model, read_target(model, "w1 {} w2"), [9, 10])
    with torch.no_grad():
        own = model.module(input_ids=torch.tensor([[1, 5, 10, 6]])).logits[0, -1]
    assert torch.allclose(said[1], own, atol=1e-4)


def test_noise_is_not_supported() -> None:
    model = local("Qwen3")
    rng = np.random.default_rng(0)
    for _ in range(12):
        texts = [" ".join(f"w{i}" for i in rng.integers(92, size=4)) for _ in range(16)]
        answers = [int(i) for i in rng.integers(4, 96, size=16)]
        e = measured(model, texts, answers).evidence
        assert e.over_answers.low <= 0 or e.p > 0.05 or (e.over_donors and e.over_donors.low <= 0)


def test_the_planted_answer_is_read_where_the_planted_head_wrote_it() -> None:
    prompts = [{"prompt": f"f{i % 5} s{i} ?", "answer": f"a{i}"} for i in range(planted.WORDS)]
    found = patchscope(prompts=prompts, target="f1 f2 {}", model="planted")
    assert found.verdict is Verdict.SUPPORTED, found.why
    assert found.values["layer"] == planted.LAYER
    assert found.values["beyond_token_low"] > 0


def test_a_state_that_its_token_could_stand_for_is_not_supported() -> None:
    """The head of layer 1 reads the word's own token as well as its state, so the state shows nothing more."""
    prompts = [{"prompt": f"f{i % 5} s{i}", "answer": f"a{i}"} for i in range(planted.WORDS)]
    found = patchscope(prompts=prompts, target="f1 {} f2 ?", model="planted")
    assert found.values["top_share"] == 1
    assert found.verdict is Verdict.NOT_SUPPORTED
    assert found.why.startswith("the token itself")
    # Put after a layer that the head has passed, the same states say nothing at all.
    late = patchscope(prompts=prompts, target="f1 {} f2 ?", into=planted.LAYER, model="planted")
    assert late.verdict is Verdict.NOT_SUPPORTED


def test_the_demo_model_reads_countries_by_their_token_and_the_script_agrees() -> None:
    prompts = [{"prompt": f"in {c}", "answer": k} for c, k in CAPITALS[:16]]
    found = patchscope(prompts=prompts, target="the capital of {} is")
    assert found.verdict is Verdict.NOT_SUPPORTED
    assert "the token itself" in found.why
    done = subprocess.run([sys.executable, "-c", found.reproduce], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected = found.values["log_probability"]
    assert float(done.stdout.split()[1]) == pytest.approx(expected, abs=1e-4)


TRUE = Evidence(
    units=24,
    advantage=3.0,
    over_answers=Interval(2, 4),
    over_donors=Interval(2, 4),
    over_nothing=Interval(2, 4),
    over_token=Interval(1, 3),
    p=0.001,
    top=0.5,
    top_interval=Interval(0.3, 0.7),
)


@pytest.mark.parametrize(
    ("changed", "verdict", "because"),
    [
        ({}, Verdict.SUPPORTED, "above what the token itself"),
        ({"units": 8}, Verdict.SUPPORTED, "above other answers"),
        ({"units": 7}, Verdict.INCONCLUSIVE, "at least 8"),
        ({"over_answers": Interval(0, 2)}, Verdict.NOT_SUPPORTED, "other answers"),
        ({"over_donors": Interval(0, 2)}, Verdict.NOT_SUPPORTED, "states of other prompts"),
        ({"over_donors": None}, Verdict.INCONCLUSIVE, "one answer"),
        ({"over_nothing": Interval(0, 2)}, Verdict.NOT_SUPPORTED, "without any state"),
        ({"over_token": Interval(0.1, 2)}, Verdict.NOT_SUPPORTED, "more than its token"),
        ({"over_token": Interval(0.11, 2)}, Verdict.SUPPORTED, "above other answers"),
        ({"p": 0.05}, Verdict.SUPPORTED, "above other answers"),
        ({"p": 0.051}, Verdict.INCONCLUSIVE, "all layers together"),
        ({"top": 0.1}, Verdict.SUPPORTED, "above other answers"),
        ({"top": 0.09}, Verdict.INCONCLUSIVE, "on top"),
    ],
)
def test_each_rule_decides_where_it_should(
    changed: dict[str, Any], verdict: Verdict, because: str
) -> None:
    found, why = judge(Evidence(**{**TRUE.__dict__, **changed}))
    assert found is verdict
    assert because in why


def test_one_answer_for_all_is_inconclusive_at_best() -> None:
    prompts = [{"prompt": f"in {c}", "answer": "paris"} for c, _ in CAPITALS[:10]]
    found = patchscope(prompts=prompts, target="the capital of {} is")
    assert found.verdict is not Verdict.SUPPORTED


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "no slot"}, "needs {} once"),
        ({"target": "{} and {}"}, "needs {} once"),
        ({"position": "3"}, "from the end"),
        ({"position": "-40"}, "there is none at -40"),
        ({"into": 99}, "no layer 99"),
        ({"prompt": "in france"}, "has no answer"),
    ],
)
def test_bad_input_is_one_clear_line(arguments: dict[str, Any], message: str) -> None:
    base: dict[str, Any] = {"target": "the capital of {} is"}
    if "prompt" not in arguments:
        base |= {"prompt": "in france", "answer": "paris"}
    with pytest.raises(ToolInputError, match=message.replace("{}", r"\{\}")) as caught:
        patchscope(**base | arguments)
    assert "\n" not in str(caught.value)
