"""Attention: patterns equal the eager implementation's on nine architectures; random weights have no known heads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from support.models import ARCHITECTURES, local  # noqa: E402
from support.varied import varied  # noqa: E402

from gadfly.corpus.progress import Silent  # noqa: E402
from gadfly.errors import ModelError, ToolInputError  # noqa: E402
from gadfly.tools.attending import attention  # noqa: E402
from gadfly.tools.attending.heads import KINDS, Scores, judge_heads, make_sequences, score  # noqa: E402
from gadfly.tools.attending.patterns import shape_of, visit_patterns  # noqa: E402
from gadfly.tools.attending.verdict import Evidence, judge, together  # noqa: E402
from gadfly.tools.contract import Verdict  # noqa: E402
from gadfly.tools.model import LocalModel  # noqa: E402
from gadfly.tools.rows import prefix_ids  # noqa: E402
from gadfly.tools.stats import Interval, halves  # noqa: E402

ROWS = [[1, 5, 9, 14, 30, 7, 61], [1, 8, 8], [1, 40, 41, 42, 43]]


def plain(model: LocalModel, ids: list[int]) -> list[Any]:
    """transformers' own patterns of one row alone: [heads, destination, source] by layer."""
    model.module.set_attn_implementation("eager")
    try:
        with torch.no_grad():
            found = model.module(input_ids=torch.tensor([ids]), output_attentions=True)
        return [layer[0] for layer in found.attentions]
    finally:
        model.module.set_attn_implementation("sdpa")


def collect(model: LocalModel, rows: list[list[int]]) -> list[Any]:
    kept: dict[int, Any] = {}
    visit_patterns(model, model.batch_of(rows), kept.__setitem__)
    return [kept[layer] for layer in range(model.num_layers)]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_patterns_equal_the_eager_implementation(architecture: str) -> None:
    model = varied(architecture)
    before = model.forward(model.batch_of(ROWS))
    found = collect(model, ROWS)
    for row, ids in enumerate(ROWS):
        expected = plain(model, ids)
        start = max(map(len, ROWS)) - len(ids)  # padding on the left
        for layer, weights in enumerate(found):
            assert weights.shape[1] == 4  # query heads, though two key-value heads serve them
            mine = weights[row, :, start:, start:]
            assert (mine - expected[layer]).abs().max() <= 1e-5
            assert torch.allclose(mine.sum(-1), torch.ones(4, len(ids)), atol=1e-5)
            assert (mine.triu(1) == 0).all()  # [destination, source]: nothing looks ahead
    assert model.module.config._attn_implementation == "sdpa"
    assert torch.equal(model.forward(model.batch_of(ROWS)), before)


def test_a_failure_puts_the_implementation_back() -> None:
    model = varied("Llama")
    hooks = len(model.attentions[0]._forward_hooks)

    def broken(layer: int, weights: Any) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        visit_patterns(model, model.batch_of(ROWS), broken)
    assert model.module.config._attn_implementation == "sdpa"
    assert len(model.attentions[0]._forward_hooks) == hooks


def test_attention_without_probabilities_is_refused() -> None:
    model = varied("Phi3")
    handle = model.attentions[0].register_forward_hook(lambda m, a, out: (out[0], None))
    try:
        with pytest.raises(ModelError, match="hands out no probabilities"):
            collect(model, ROWS)
    finally:
        handle.remove()


@pytest.mark.parametrize("architecture", ["Qwen3", "GPT2"])
def test_scores_are_the_plain_ones(architecture: str) -> None:
    model = local(architecture)
    sequences = make_sequences(model, 3, 6, 0)
    assert sequences.start == len(prefix_ids(model)) == 1
    for row in sequences.repeated:
        assert row[1:7] == row[7:]
        assert len(set(row[1:7])) == 6
    assert all(len(set(row[1:])) == 12 for row in sequences.plain)
    found = score(model, sequences, max_tokens=30, progress=Silent())
    for number in range(3):
        patterns = plain(model, sequences.repeated[number])
        calm = plain(model, sequences.plain[number])
        for layer in range(4):
            for head in range(4):
                index, a, b = layer * 4 + head, patterns[layer][head], calm[layer][head]
                for kind, back, ends in (
                    ("induction", 5, range(7, 12)),
                    ("duplicate", 6, range(7, 13)),
                ):
                    for grid, values in ((a, found.own), (b, found.control)):
                        mean = np.mean([grid[at, at - back].item() for at in ends])
                        assert values[kind][index, number] == pytest.approx(mean, abs=1e-5)
                before = np.mean([b[at, at - 1].item() for at in range(7, 13)])
                others = np.mean([b[at, 1 : at - 1].mean().item() for at in range(7, 13)])
                assert found.own["previous"][index, number] == pytest.approx(before, abs=1e-5)
                assert found.control["previous"][index, number] == pytest.approx(others, abs=1e-5)


def test_random_weights_have_no_known_heads() -> None:
    verdicts = []
    for seed in range(8):
        model = local("Qwen3", seed % 4)
        scores = score(
            model, make_sequences(model, 16, 12, seed), max_tokens=8192, progress=Silent()
        )
        verdicts += [judge(f.evidence)[0] for f in judge_heads(scores, KINDS, seed).values()]
    assert verdicts.count(Verdict.SUPPORTED) == 0


def test_a_planted_head_is_found_and_judged_on_other_sequences() -> None:
    rng = np.random.default_rng(0)
    own = {kind: rng.uniform(0, 0.05, (12, 24)) for kind in KINDS}
    control = {kind: rng.uniform(0, 0.05, (12, 24)) for kind in KINDS}
    own["induction"][7] += 0.6
    held = halves(24, 0)[1]
    own["induction"][7, held] -= 0.1
    control["induction"][7, ~held] += 0.3
    found = judge_heads(Scores(own, control, 4, 0.0), KINDS, 0)
    told = found["induction"].evidence  # all of the sequences that the choice did not see
    assert told.score == pytest.approx(own["induction"][7, held].mean())
    assert told.control == pytest.approx(control["induction"][7, held].mean())
    assert (found["induction"].layer, found["induction"].head) == (1, 3)
    verdicts = {kind: judge(each.evidence) for kind, each in found.items()}
    assert verdicts["induction"][0] is Verdict.SUPPORTED
    assert verdicts["previous"][0] is Verdict.NOT_SUPPORTED
    assert together(verdicts)[0] is Verdict.SUPPORTED


def test_the_demo_model_has_the_heads_it_was_trained_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = attention(prompt="mary and john went to the shop , mary gave a book to")
    assert found.verdict is Verdict.SUPPORTED, found.why
    assert found.values["induction_supported"] == 1, found.why
    assert found.values["previous_supported"] == 1, found.why
    assert found.headline.endswith("(12 held out of 24 sequences).")
    assert (found.values["sequences_held_out"], found.values["sequences"]) == (12, 24)
    assert found.table.total == 24
    assert len(found.links) <= 24
    for figure in found.figures:
        assert Path(figure.png or "").read_bytes().startswith(b"\x89PNG")
        page = Path(figure.html or "").read_text(encoding="utf-8")
        assert "://" not in page
        assert "prefers-color-scheme: dark" in page
    assert "destination" in page
    assert "mary" in page
    from safetensors.torch import load_file

    assert load_file(found.patterns)["patterns"].shape == (6, 4, 14, 14)
    assert json.dumps(found.model_dump(mode="json"))
    exec(found.reproduce, {})
    printed = capsys.readouterr().out
    mine, theirs = (float(w.strip("()")) for w in printed.split() if w.strip("()")[-1].isdigit())
    assert mine == pytest.approx(theirs, abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"layer": 9}, "has layers 0 to 5"),
        ({"layer": 0, "head": 9}, "has heads 0 to 3"),
        ({"head": 1}, "give a layer with the head"),
        ({"length": 600}, "length: "),
        ({"length": 200, "sequences": 2}, "400 different tokens are needed"),
        ({"kind": "copying"}, "kind: "),
        ({"page": 5, "sequences": 2, "length": 4}, "there is no page 5"),
        ({"prompt": " ", "sequences": 2, "length": 4}, "a prompt is empty"),
    ],
)
def test_bad_input_is_one_clear_line(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ToolInputError) as caught:
        attention(**arguments)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_small_a_vocabulary_is_named() -> None:
    with pytest.raises(ToolInputError, match="different tokens are needed"):
        make_sequences(local("Llama"), 1, 60, 0)
    assert shape_of(local("Llama")) == (4, 2)


TRUE = Evidence(24, 0.5, Interval(0.4, 0.6), 0.02, Interval(0.38, 0.58), 0.001, 100)


@pytest.mark.parametrize(
    ("changed", "verdict", "because"),
    [
        ({}, Verdict.SUPPORTED, "did not see"),
        ({"sequences": 4}, Verdict.INCONCLUSIVE, "at least 8"),
        ({"beyond": Interval(-0.1, 0.2)}, Verdict.NOT_SUPPORTED, "does not exceed"),
        ({"p": 0.051}, Verdict.INCONCLUSIVE, "give 48 sequences"),
        ({"p": 0.05}, Verdict.SUPPORTED, "over all 100 scores p = 0.05"),
        ({"beyond": Interval(0.01, 0.05)}, Verdict.NOT_SUPPORTED, "less than a tenth"),
        ({"beyond": Interval(0.1, 0.3)}, Verdict.INCONCLUSIVE, "less than a quarter"),
    ],
)
def test_each_rule_decides_where_it_should(
    changed: dict[str, Any], verdict: Verdict, because: str
) -> None:
    found, why = judge(Evidence(**{**TRUE.__dict__, **changed}))
    assert found is verdict
    assert because in why
