"""Direct logit attribution: parts sum to the model's logits on nine architectures; noise is not supported."""

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
from gadfly.tools.attribution import attribute  # noqa: E402
from gadfly.tools.attribution.analysis import Analysis, Question, analyse  # noqa: E402
from gadfly.tools.attribution.parts import Shares, Stream, decompose, through  # noqa: E402
from gadfly.tools.attribution.verdict import Evidence, judge  # noqa: E402
from gadfly.tools.contract import Verdict  # noqa: E402
from gadfly.tools.model import LocalModel  # noqa: E402
from gadfly.tools.readout import Readout, freeze, readout  # noqa: E402
from gadfly.tools.stats import Interval  # noqa: E402

ROWS = [[1, 5, 9, 14, 30, 7, 61], [1, 8, 8], [1, 40, 41, 42, 43]]
ANSWER, WRONG = torch.tensor([5, 66, 7]), torch.tensor([50, 60, 70])


def contributions(readout: Readout, stream: Stream, target: Any, wrong: Any) -> Shares:
    """One answer a row, and perhaps a wrong one."""
    return through(readout, stream, target[:, None], None if wrong is None else wrong[:, None])


def plain(model: LocalModel, ids: list[int], hooks: Any = ()) -> Any:
    """The logits after one row alone, with ``hooks`` as (module, hook) pairs."""
    handles = [part.register_forward_hook(hook) for part, hook in hooks]
    try:
        with torch.no_grad():
            return model.module(input_ids=torch.tensor([ids])).logits[0, -1]
    finally:
        for handle in handles:
            handle.remove()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("by_head", [True, False])
def test_parts_sum_to_the_models_logit(architecture: str, by_head: bool) -> None:
    model = varied(architecture)
    stream = decompose(model, model.batch_of(ROWS), by_head=by_head)
    assert torch.allclose(stream.values.sum(0), stream.full, atol=1e-4, rtol=1e-5)
    one = contributions(readout(model), stream, ANSWER, None)
    two = contributions(readout(model), stream, ANSWER, WRONG)
    kinds = {part.kind for part in one.parts}
    assert ("head" in kinds) == by_head
    for row, ids in enumerate(ROWS):
        logits = plain(model, ids)
        right, other = logits[ANSWER[row]], logits[WRONG[row]]
        assert abs(one.values[:, row, 0].sum() - right) <= 1e-4 * max(1.0, abs(right))
        assert abs(two.values[:, row, 0].sum() - (right - other)) <= 1e-4 * max(1.0, abs(right))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_heads_sum_to_the_attention_and_mlps_are_what_they_write(architecture: str) -> None:
    model = varied(architecture)
    heads = decompose(model, model.batch_of(ROWS[:1]))
    whole = decompose(model, model.batch_of(ROWS[:1]), by_head=False)
    for layer in range(model.num_layers):
        mine = [
            value
            for part, value in zip(heads.parts, heads.values, strict=True)
            if part.layer == layer and part.kind in ("head", "constant")
        ]
        (attention,) = (
            value
            for part, value in zip(whole.parts, whole.values, strict=True)
            if part.name == f"L{layer} attention"
        )
        assert torch.allclose(torch.stack(mine).sum(0), attention, atol=1e-4)
    # Without the last MLP's output the stream lacks exactly its part.
    last = model.num_layers - 1
    kept: list[Any] = []
    keep = lambda m, a, out: kept.append((out[0] if isinstance(out, tuple) else out)[0, -1])  # noqa: E731
    zero = lambda m, a, out: torch.zeros_like(out) + 0.0 * out  # noqa: E731
    plain(model, ROWS[0], [(model.blocks[last], keep)])
    plain(model, ROWS[0], [(model.blocks[last], keep), (model.mlps[last], zero)])
    (mlp,) = (
        value[0]
        for part, value in zip(heads.parts, heads.values, strict=True)
        if part.name == f"L{last} mlp"
    )
    assert torch.allclose(kept[0] - kept[1], mlp, atol=1e-4)


@pytest.mark.parametrize("architecture", ["Qwen3", "GPT2", "GPTNeoX", "Phi3"])
def test_a_head_is_the_head_of_its_number(architecture: str) -> None:
    model = varied(architecture)
    stream = decompose(model, model.batch_of(ROWS[:1]))
    attention, projection = model.attentions[0], model.output_projection(0)
    for head in range(4):
        kept: list[Any] = []
        keep = lambda m, a, out, kept=kept: kept.append(out[0][0, -1])  # noqa: E731

        def without(module: Any, args: Any, head: int = head) -> Any:
            changed = args[0].clone()
            changed[..., head * 8 : head * 8 + 8] = 0
            return (changed,)

        plain(model, ROWS[0], [(attention, keep)])
        handle = projection.register_forward_pre_hook(without)
        plain(model, ROWS[0], [(attention, keep)])
        handle.remove()
        (value,) = (
            v[0]
            for part, v in zip(stream.parts, stream.values, strict=True)
            if (part.layer, part.head) == (0, head)
        )
        assert torch.allclose(kept[0] - kept[1], value, atol=1e-4)


def test_a_softcapped_model_sums_to_the_logit_before_the_cap() -> None:
    made = module("Gemma3", 3)
    made.config.final_logit_softcapping = 30.0
    model = LocalModel.wrap(made, tokenizer())
    stream = decompose(model, model.batch_of(ROWS))
    found = contributions(readout(model), stream, ANSWER, WRONG)
    assert found.error <= 1e-3  # the cap's inverse magnifies rounding near the cap
    capped = torch.tanh(found.values[:, 0, 0].sum() / 30) * 30
    single = contributions(readout(model), stream, ANSWER, None)
    capped = torch.tanh(single.values[:, 0, 0].sum() / 30) * 30
    assert abs(capped - plain(model, ROWS[0])[ANSWER[0]]) <= 1e-4


def test_several_answers_at_once_equal_one_at_a_time() -> None:
    model = varied("GPT2")
    stream = decompose(model, model.batch_of(ROWS))
    many = through(
        readout(model), stream, torch.stack([ANSWER, WRONG], 1), torch.stack([WRONG, ANSWER], 1)
    )
    one = contributions(readout(model), stream, ANSWER, WRONG)
    assert torch.allclose(many.values[..., 0], one.values[..., 0], atol=1e-5)
    assert torch.allclose(many.values[..., 1], -one.values[..., 0], atol=1e-5)


def test_a_block_that_does_more_is_refused() -> None:
    model = LocalModel.wrap(module("Llama", 6), tokenizer())
    double = model.blocks[1].register_forward_hook(lambda m, a, out: out * 2)
    try:
        with pytest.raises(ModelError, match="attention and MLP of layer 1"):
            decompose(model, model.batch_of(ROWS))
    finally:
        double.remove()


def test_a_norm_of_another_kind_is_refused() -> None:
    with pytest.raises(ModelError, match="neither a LayerNorm nor an RMSNorm"):
        freeze(torch.nn.Softmax(-1), torch.randn(2, 8))


def noise(seed: int, prompts: int = 16) -> Analysis:
    rng = np.random.default_rng(seed)
    model = local("Qwen3", seed % 4)
    questions = []
    for _ in range(prompts):
        answer, wrong = rng.choice(np.arange(4, 96), 2, replace=False).tolist()
        questions.append(Question([1, *rng.integers(4, 96, 6).tolist()], answer, wrong))
    return analyse(
        model,
        readout(model),
        questions,
        by_head=True,
        seed=seed,
        max_tokens=4096,
        progress=Silent(),
    )


def test_noise_is_hardly_ever_supported() -> None:
    verdicts = [judge(noise(seed).evidence)[0] for seed in range(40)]
    assert verdicts.count(Verdict.SUPPORTED) <= 2


def test_a_known_behaviour_of_the_demo_model(capsys: pytest.CaptureFixture[str]) -> None:
    found = attribute(data="task:indirect-object", n=24)
    assert found.verdict is Verdict.SUPPORTED, found.why
    assert found.values["sum_error"] <= 1e-4
    groups = [value for name, value in found.values.items() if name.startswith("all_")]
    assert sum(groups) == pytest.approx(found.values["logit"], abs=1e-3)
    assert Path(found.figures[0].png or "").read_bytes().startswith(b"\x89PNG")
    assert len(json.loads(Path(found.parts).read_text())["parts"]) == found.table.total
    assert json.dumps(found.model_dump(mode="json"))
    exec(found.reproduce, {})
    printed = capsys.readouterr().out
    mine, theirs = (float(w.strip("()")) for w in printed.split() if w.strip("()")[-1].isdigit())
    assert mine == pytest.approx(theirs, abs=1e-4)
    assert attribute(data="task:indirect-object", n=24).values == found.values


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"prompt": "the king"}, "has no answer"),
        ({"prompt": "the king", "answer": "saw", "wrong": "saw"}, "are both 'saw'"),
        (
            {
                "prompts": [
                    {"prompt": "a", "answer": "b", "wrong": "c"},
                    {"prompt": "a", "answer": "b"},
                ]
            },
            "1 of 2 prompts have a wrong answer",
        ),
        ({"behaviour": "capital-of", "n": 8, "page": 9}, "there is no page 9"),
        ({"behaviour": "capital-of", "by": "neuron"}, "by: "),
    ],
)
def test_bad_input_is_one_clear_line(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ToolInputError) as caught:
        attribute(**arguments)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


TRUE = Evidence(
    prompts=24,
    sum_error=1e-6,
    dtype="float32",
    gap=Interval(5, 9),
    gap_p=0.001,
    logit=7.5,
    contribution=3.0,
    interval=Interval(2, 4),
    beyond=Interval(2, 4),
    unrelated=0.1,
    p=0.001,
    parts=30,
    share=0.4,
)


@pytest.mark.parametrize(
    ("changed", "verdict", "because"),
    [
        ({}, Verdict.SUPPORTED, "did not see"),
        ({"sum_error": 0.1}, Verdict.INCONCLUSIVE, "must sum to it"),
        ({"prompts": 3}, Verdict.INCONCLUSIVE, "at least 8"),
        ({"gap": Interval(-1, 3)}, Verdict.NOT_SUPPORTED, "nothing to attribute"),
        ({"gap_p": 0.4}, Verdict.NOT_SUPPORTED, "nothing to attribute"),
        ({"beyond": Interval(-1, 3)}, Verdict.NOT_SUPPORTED, "unrelated answers"),
        ({"beyond": Interval(-1, 3), "prompts": 15}, Verdict.INCONCLUSIVE, "16 or more"),
        (
            {"beyond": Interval(-1, 3), "prompts": 15, "share": 0.05},
            Verdict.NOT_SUPPORTED,
            "unrelated answers",
        ),
        ({"p": 0.0502}, Verdict.INCONCLUSIVE, "by chance in 0.05 of all draws; give 48"),
        ({"share": 0.05}, Verdict.INCONCLUSIVE, "written by many"),
    ],
)
def test_each_rule_decides_where_it_should(
    changed: dict[str, Any], verdict: Verdict, because: str
) -> None:
    found, why = judge(Evidence(**{**TRUE.__dict__, **changed}))
    assert found is verdict
    assert because in why
