"""Probes: fits equal scikit-learn's, splits keep groups together, noise is not supported, a planted direction is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from support.models import local  # noqa: E402

from gadfly.corpus.progress import Silent  # noqa: E402
from gadfly.errors import ToolInputError  # noqa: E402
from gadfly.tools import probe, vectors  # noqa: E402
from gadfly.tools.again import rerun  # noqa: E402
from gadfly.tools.capture import at, capture, mean  # noqa: E402
from gadfly.tools.contract import Verdict  # noqa: E402
from gadfly.tools.demo.words import NAMES, NOUNS  # noqa: E402
from gadfly.tools.ledger import Ledger  # noqa: E402
from gadfly.tools.probing.analysis import (  # noqa: E402
    Measured,
    Shuffles,
    auroc,
    inside_out,
    measure,
    score_interval,
)
from gadfly.tools.probing.controls import bag_of_words, parted  # noqa: E402
from gadfly.tools.probing.data import (  # noqa: E402
    Labelled,
    LabelledText,
    Parts,
    by_shared_words,
    label,
    shuffled,
    split,
)
from gadfly.tools.probing.fit import STRENGTHS, fit, space  # noqa: E402
from gadfly.tools.probing.verdict import Evidence, judge  # noqa: E402
from gadfly.tools.stats import Interval  # noqa: E402

WORDS = [f"w{i}" for i in range(10, 60)]


def numbers(layers: int, rows: int, hidden: int, seed: int = 0) -> tuple[Any, Any]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(layers, rows, hidden, generator=generator, dtype=torch.float64) * 3 + 1
    y = (x[0, :, 0] + x[0, :, 1] + torch.randn(rows, generator=generator) > 2).long()
    return x, y


@pytest.mark.parametrize("hidden", [12, 90])
def test_logistic_equals_scikit_learn(hidden: int) -> None:
    from sklearn.linear_model import LogisticRegression

    x, y = numbers(3, 60, hidden)
    found = fit("logistic", space(x), y)
    for layer in range(3):
        scale = (x[layer] - x[layer].mean(0)).square().sum(-1).mean().sqrt()
        for index, strength in enumerate(STRENGTHS):
            if strength < 1e-2:
                continue  # almost separable problems take more steps than a probe needs
            theirs = LogisticRegression(C=1 / (60 * strength), tol=1e-10, max_iter=20000)
            theirs.fit(((x[layer] - x[layer].mean(0)) / scale).numpy(), y.numpy())
            ours = found.weight[layer, index] * scale
            assert np.abs(ours.numpy() - theirs.coef_[0]).max() <= 1e-3 * np.abs(theirs.coef_).max()
            margin = theirs.decision_function(((x[layer] - x[layer].mean(0)) / scale).numpy())
            assert np.abs(found.scores(x)[layer, index].numpy() - margin).max() < 5e-3 * max(
                1, np.abs(margin).max()
            )


def test_ridge_equals_scikit_learn() -> None:
    from sklearn.linear_model import Ridge

    x, y = numbers(2, 40, 70)
    found = fit("ridge", space(x), y)
    for layer in range(2):
        scale = (x[layer] - x[layer].mean(0)).square().sum(-1).mean().sqrt()
        for index, strength in enumerate(STRENGTHS):
            theirs = Ridge(alpha=40 * strength).fit((x[layer] / scale).numpy(), (2 * y - 1).numpy())
            assert np.allclose(
                (found.weight[layer, index] * scale).numpy(), theirs.coef_, atol=1e-5
            )
            expected = theirs.predict((x[layer] / scale).numpy())
            assert np.allclose(found.scores(x)[layer, index].numpy(), expected, atol=1e-5)


def test_difference_is_the_difference_of_means() -> None:
    x, y = numbers(2, 30, 8)
    weight = fit("difference", space(x), y).weight[:, 0]
    plain = x[:, y == 1].mean(1) - x[:, y == 0].mean(1)
    for mine, true in zip(weight, plain, strict=True):
        assert torch.nn.functional.cosine_similarity(mine, true, dim=0) > 1 - 1e-6


def test_many_labellings_equal_one_at_a_time() -> None:
    x, y = numbers(2, 30, 8)
    other = 1 - y.roll(3)
    both = fit("logistic", space(x), torch.stack([y, other]), (0.1,))
    assert torch.allclose(
        both.weight[1], fit("logistic", space(x), other, (0.1,)).weight, atol=1e-4
    )


def test_auroc_equals_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    scores, labels = np.round(rng.normal(size=(4, 50)), 1), rng.integers(0, 2, 50)
    for row, found in zip(scores, auroc(scores, labels, 0.0), strict=True):
        assert found == pytest.approx(roc_auc_score(labels, row))


@pytest.mark.parametrize("architecture", ["Qwen3", "GPT2", "Gemma3"])
def test_captured_activations_equal_single_plain_forwards(architecture: str) -> None:
    model = local(architecture)
    texts = ["w1 w2 w3 w4", "w5", "w6 w7 w8 w9 w1 w2 w3"]
    for reduce, plain in ((at("last"), lambda h: h[-1]), (mean, lambda h: h[1:].mean(0))):
        found = capture(model, texts, reduce, modules=model.blocks, progress=Silent(), max_tokens=9)
        for row, text in enumerate(texts):
            kept: list[Any] = []
            handles = [
                block.register_forward_hook(
                    lambda m, a, out, kept=kept: kept.append(
                        out[0] if isinstance(out, tuple) else out
                    )
                )
                for block in model.blocks
            ]
            with torch.no_grad():
                model.module(torch.tensor([model.ids(text)]))
            for handle in handles:
                handle.remove()
            for layer, out in enumerate(kept):
                assert torch.allclose(found.layers[layer, row], plain(out[0]), atol=1e-5)


def test_splits_keep_groups_and_near_duplicates_together() -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 12)) for _ in range(60)]
    twins = [f"{text} also" for text in texts]
    items = [
        LabelledText(text=t, label=i % 2) for part in (texts, twins) for i, t in enumerate(part)
    ]
    data = label(items)
    parts = split(data, 0)
    assert (parts.train.astype(int) + parts.validation + parts.test == 1).all()
    for part in (parts.train, parts.validation, parts.test):
        assert (part[:60] == part[60:]).all()  # a text and its twin
        assert len(set(data.labels[part])) == 2


def statements(pairs: int, *, given: bool = False) -> list[LabelledText]:
    """Each noun rightly and wrongly paired with a name, as cities are with countries."""
    rng = np.random.default_rng(0)
    out = []
    for number, noun in enumerate(f"noun{i}" for i in range(pairs)):
        right, wrong = rng.permutation(5)[:2]
        for name, truth in ((right, "true"), (wrong, "false")):
            text = f"{noun} is in name{name}"
            out.append(LabelledText(text=text, label=truth, group=number // 2 if given else None))
    return out


def test_texts_that_pair_the_same_words_otherwise_are_kept_together() -> None:
    data = label(statements(60))
    assert bag_of_words(split(data, 0)).auroc < 0.4
    parts = parted(data, 0)
    assert "60 groups" in parts.data.notes[-1]
    assert all((parts.test[::2] == parts.test[1::2]).tolist())  # both of a noun
    assert 0.4 < bag_of_words(parts).auroc < 0.7
    own = label(statements(60, given=True))
    assert parted(own, 0).data is own  # whoever gives groups is taken at their word
    # All exchanged in one ring: any split parts some.
    ring = [(f"x n{i} m{(i + off) % 60}", off) for i in range(60) for off in (0, 1)]
    parts = parted(label([LabelledText(text=t, label=v) for t, v in ring]), 0)
    assert parts.data.notes == [] and bag_of_words(parts).interval.below(0.5)
    rng = np.random.default_rng(0)
    usual = [LabelledText(text=" ".join(rng.choice(WORDS, 12)), label=i % 2) for i in range(200)]
    usual = [
        LabelledText(text=f"{t.text} {'good' if t.label else 'bad'}", label=t.label) for t in usual
    ]
    parts = parted(label(usual), 0)
    assert parts.data.notes == [] and bag_of_words(parts).auroc > 0.9


def test_groups_by_words_hold_as_many_as_a_fold_can() -> None:
    # Two nouns and their names, rightly and exchanged: a group of four; in three templates one of twelve.
    templates = ("x {} in {}", "the {} of {} also", "see {} and {} here")
    texts = [
        (template.format(f"n{2 * block + noun}", f"m{2 * block + name}"), int(noun == name))
        for block in range(12)
        for template in templates
        for noun in (0, 1)
        for name in (0, 1)
    ]
    data = by_shared_words(label([LabelledText(text=t, label=v) for t, v in texts]))
    assert [len(set(data.groups[i : i + 12].tolist())) for i in range(0, 144, 12)] == [1] * 12
    assert len(set(data.groups.tolist())) == 12
    # Each name with many nouns: groups by nouns, whose number of texts is small enough.
    data = by_shared_words(label(statements(60)))
    assert len(set(data.groups.tolist())) == 60
    none = label([LabelledText(text=f"a{i} b{i}", label=i % 2) for i in range(12)])
    assert len(set(by_shared_words(none).groups.tolist())) == 12


def test_p_of_a_layer_is_of_the_best_layer_of_a_shuffle() -> None:
    noise = Shuffles(np.zeros(9), np.zeros(9), np.array([0.5, 0.6, 0.7] * 3))
    assert noise.p(np.array([0.55, 0.7, 0.71])).tolist() == [0.7, 0.4, 0.1]


def only_test(labels: list[int], groups: list[int]) -> Parts:
    """Nothing but a test part."""
    every = np.ones(len(labels), dtype=bool)
    texts = [f"w{i}" for i in range(len(labels))]
    data = Labelled(texts, np.array(labels), np.array(groups), ("0", "1"), [], True)
    return Parts(data, 0, ~every, ~every, every)


def test_the_score_interval_of_an_auroc() -> None:
    """Its ends have the value at the edge of their own error; at one half that is Mann-Whitney's."""
    null = (24 / (12 * 11 * 12)) ** 0.5
    for z, inside in ((1.95, True), (1.97, False)):
        assert (score_interval(0.5 - z * null, 11, 12).high >= 0.5) is inside
        assert (score_interval(0.5 + z * null, 11, 12).low <= 0.5) is inside
    found = score_interval(0.8, 11, 12)
    assert score_interval(1 - 0.8, 12, 11) == pytest.approx((1 - found.high, 1 - found.low, 0))
    assert score_interval(0.8, 11, 12, 0.01).low < found.low
    lows = [score_interval(each, 20, 20).low for each in (0.9, 0.99, 0.9975, 1.0)]
    assert lows == sorted(lows) and 0.88 < lows[-1] < 0.92  # no jump at the ceiling
    assert score_interval(1.0, 20, 20).high == 1.0
    assert score_interval(1.0, 200, 200).low > 0.98


def test_the_score_interval_holds_what_it_should() -> None:
    """Normal scores with an area of 0.95, a dozen texts of each label: in one draw of twenty at most it is missed."""
    rng = np.random.default_rng(0)
    labels, shift = np.repeat([0, 1], 12), 1.6448536 * 2**0.5
    scores = rng.normal(size=(2000, 24)) + shift * labels
    found = [score_interval(float(each), 12, 12) for each in auroc(scores, labels, 0.0)]
    assert np.mean([low <= 0.95 <= high for low, high, _ in found]) >= 0.94


def test_an_interval_at_the_ceiling_has_a_width() -> None:
    labels = np.repeat([0, 1], 20)
    apart = np.linspace(-1, 1, 40)
    alone = measure("probe", apart, 0.0, only_test(labels.tolist(), list(range(40))))
    assert alone.auroc == 1
    assert (alone.interval.low, alone.interval.high) == score_interval(1.0, 20, 20)[:2]
    # Groups of four: ten are units, and nine are too few, so that texts are.
    grouped = measure(
        "probe", apart, 0.0, only_test(labels.tolist(), (np.arange(40) // 4).tolist())
    )
    assert grouped.interval.low == score_interval(1.0, 5, 5).low < alone.interval.low
    fewer = measure("probe", apart, 0.0, only_test(labels.tolist(), (np.arange(40) // 5).tolist()))
    assert fewer.interval.low == alone.interval.low
    # The floor is as the ceiling, and what tells nothing apart is one half whatever is drawn.
    below = measure("length", -apart, 0.0, only_test(labels.tolist(), list(range(40))))
    assert below.interval.low == 0 and below.interval.high == pytest.approx(1 - alone.interval.low)
    none = measure("majority", np.ones(40), 0.0, only_test(labels.tolist(), list(range(40))))
    assert none.interval[:2] == (0.5, 0.5)
    # Groups that vary widen it beyond what so many single texts would.
    whole = np.repeat([0, 1], 200)
    groups, rng = np.arange(400) // 20, np.random.default_rng(0)
    scores = np.repeat(rng.normal(size=20), 20) + whole + 0.1 * rng.normal(size=400)
    wide = measure("probe", scores, 0.0, only_test(whole.tolist(), groups.tolist()))
    assert wide.interval.low < score_interval(wide.auroc, 200, 200).low


@pytest.mark.parametrize(
    ("area", "many", "surely"),
    [(0.22, 1, True), (0.22, 5, False), (0.19, 5, False), (0.17, 5, True)],
)
def test_a_control_is_inside_out_where_chance_does_not_explain_it(
    area: float, many: int, surely: bool
) -> None:
    """Of five controls on 23 texts one is as low as 0.22 by chance, more often than once in twenty."""
    parts = only_test([1] * 11 + [0] * 12, list(range(23)))
    control = Measured("length", np.zeros(23), 0.0, area, 0.5, Interval(0.05, 0.45))
    assert inside_out(control, parts, many) is surely
    reaches = Measured("length", np.zeros(23), 0.0, area, 0.5, Interval(0.05, 0.5))
    assert not inside_out(reaches, parts, many)


def test_labels_by_coin_turn_no_control_around() -> None:
    """Scores of five controls that know nothing of 23 labels: in one split of twenty at most one is told of."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [12, 11])
    parts = only_test(labels.tolist(), list(range(23)))
    areas = auroc(rng.normal(size=(1000, 5, 23)), labels, 0.0)
    told = [
        any(
            inside_out(Measured("", labels, 0.0, float(area), 0.5, Interval(0.0, 0.4)), parts, 5)
            for area in each
        )
        for each in areas
    ]
    assert np.mean(told) <= 0.05


def test_shuffled_labels_keep_the_structure() -> None:
    rng = np.random.default_rng(0)
    whole = np.repeat([0, 1, 1, 0, 1], 4)
    groups = np.repeat(np.arange(5), 4)
    moved = shuffled(whole, groups, rng)
    assert all(len(set(moved[groups == g])) == 1 for g in range(5))
    pairs = np.tile([0, 1], 10)
    moved = shuffled(pairs, np.repeat(np.arange(10), 2), rng)
    assert (moved.reshape(10, 2).sum(1) == 1).all()


def records(n: int, seed: int, planted: bool) -> list[dict[str, object]]:
    """Random words of the demo model. Planted: the last word tells the label."""
    rng = np.random.default_rng(seed)
    out: list[dict[str, object]] = []
    for i in range(n):
        value = int(rng.integers(2))
        text = " ".join(rng.choice([noun[0] for noun in NOUNS], 5))
        if planted:
            text += f" {NAMES[value]}"
        out.append({"text": text, "label": value, "group": i})
    return out


def test_noise_is_not_supported() -> None:
    verdicts = [
        probe(
            texts=records(80, seed, planted=False), shuffles=20, random_model=False, seed=seed
        ).verdict
        for seed in range(6)
    ]
    assert verdicts.count(Verdict.SUPPORTED) == 0


def test_what_words_tell_is_not_supported() -> None:
    found = probe(texts=records(160, 0, planted=True), shuffles=20, random_model=False)
    assert found.values["auroc"] > 0.9
    assert found.verdict is Verdict.NOT_SUPPORTED
    assert "does as well" in found.why


def test_truth_in_the_demo_model() -> None:
    found = probe(data="task:truth", n=240, shuffles=40)
    assert found.verdict is Verdict.SUPPORTED
    assert found.values["auroc"] > 0.9 > found.values["bag_of_words_auroc"]
    assert {c.name for c in found.controls} >= {"shuffled_labels", "random_weights", "length"}
    direction = vectors.load(found.run)
    assert (direction.layer, direction.site) == (found.values["layer"], "residual")
    assert float(direction.direction.norm()) == pytest.approx(1)
    assert Path(found.figures[0].png or "").stat().st_size > 10_000
    done = subprocess.run([sys.executable, "-c", found.reproduce], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"accuracy {found.values['accuracy']:.6f}" in done.stdout
    again = rerun(found.run, ledger=Ledger())
    assert again.moved == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"texts": [{"text": f"w{i} w2", "label": 1} for i in range(30)]}, "needs two labels"),
        ({"texts": [{"text": "w1", "label": 1}, {"text": "w1", "label": 0}]}, "both labels"),
        ({"texts": [{"text": "w1", "label": 1}, {"text": "w2", "label": 0}]}, "at least 3"),
        ({"texts": [{"label": 1}]}, "record 1: no 'text'"),
        ({"behaviour": "induction"}, "carry no label"),
        ({"behaviour": "truth", "position": "first"}, "position is 'first'"),
        ({"behaviour": "truth", "position": "-99"}, "fewer than 99 tokens"),
        ({}, "give data: a file"),
        ({"texts_file": "/no/such.jsonl"}, "cannot read /no/such.jsonl"),
    ],
)
def test_bad_input_is_one_clear_line(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ToolInputError, match=message) as caught:
        probe(**arguments)
    assert "\n" not in str(caught.value)


def test_bad_lines_are_named(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text(json.dumps({"text": "a", "label": 1}) + "\n{nonsense\n")
    with pytest.raises(ToolInputError, match="line 2: not JSON"):
        probe(data=str(path))


def test_a_pickle_is_refused_as_a_vector(tmp_path: Path) -> None:
    path = tmp_path / "direction.pt"
    torch.save(torch.ones(4), path)
    with pytest.raises(ToolInputError, match="pickles are refused"):
        vectors.load(str(path))
    with pytest.raises(ToolInputError, match="no vector file and no run"):
        vectors.load("r00000000")


def test_verdict_names_the_control_that_decided() -> None:
    good = {"length": (0.6, Interval(0.1, 0.4)), "bag_of_words": (0.7, Interval(0.05, 0.3))}
    e = Evidence(20, 30, 0.9, Interval(0.8, 0.95), 0.01, good, {})
    assert judge(e)[0] is Verdict.SUPPORTED
    assert "bag of words" in judge(e)[1]
    few = Evidence(1, 30, 0.9, Interval(0.8, 0.95), 0.01, good, {})
    assert judge(few)[0] is Verdict.INCONCLUSIVE
    tie = Evidence(
        20, 30, 0.9, Interval(0.8, 0.95), 0.01, {"length": (0.9, Interval(-0.1, 0.1))}, {}
    )
    assert judge(tie)[0] is Verdict.NOT_SUPPORTED
    for low, verdict in ((0.0, Verdict.INCONCLUSIVE), (0.01, Verdict.SUPPORTED)):
        inside_out = {"bag_of_words": (0.09, Interval(low, 0.1))}
        found = judge(Evidence(20, 30, 0.9, Interval(0.8, 0.95), 0.01, good, inside_out))
        assert found[0] is verdict
        assert ("a control is turned around: bag of words alone" in found[1]) is (
            verdict is Verdict.INCONCLUSIVE
        )
    pulled = Evidence(20, 30, 0.4, Interval(0.2, 0.6), 0.8, good, inside_out)
    assert judge(pulled)[0] is Verdict.NOT_SUPPORTED
    inside_out = {"bag_of_words": (0.09, Interval(-0.6, -0.3))}
    pulled = Evidence(20, 30, 0.4, Interval(0.2, 0.6), 0.8, good, inside_out)
    assert judge(pulled)[0] is Verdict.INCONCLUSIVE
    for low, verdict in ((0.5, Verdict.INCONCLUSIVE), (0.501, Verdict.SUPPORTED)):
        found = judge(Evidence(20, 30, 0.9, Interval(low, 1.0), 0.01, good, {}))
        assert found[0] is verdict
        assert ("reaches one half" in found[1]) is (verdict is Verdict.INCONCLUSIVE)
    for p, verdict in ((0.05, Verdict.SUPPORTED), (0.051, Verdict.NOT_SUPPORTED)):
        assert judge(Evidence(20, 30, 0.9, Interval(0.8, 0.95), p, good, {}))[0] is verdict
    for labels, verdict in ((9, Verdict.INCONCLUSIVE), (10, Verdict.SUPPORTED)):
        e = Evidence(20, labels, 0.9, Interval(0.8, 0.95), 0.01, good, {})
        assert judge(e)[0] is verdict
