"""False positives, scaling, benchmarks and the report: small, and wrong input is refused in a line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gadfly.errors import UsageError
from gadfly.evals.bench import __main__ as bench
from gadfly.evals.kit.place import own_home, write
from gadfly.evals.kit.rates import slope
from gadfly.evals.measuring.false_positives import chosen, measure, weakened
from gadfly.evals.report import page as report
from gadfly.evals.report.sections import text
from gadfly.evals.scaling import __main__ as scaling
from gadfly.evals.scaling.__main__ import Sweep, operations
from gadfly.tools import planted

PAIRS = {"pairs": planted.pairs(400, 0), "site": "head"}


def test_the_share_of_meaningful_examples_is_what_was_asked() -> None:
    for share in (0.0, 0.3, 1.0):
        made = weakened(PAIRS, share, 1)
        assert made is not None
        kept = sum(a == b for a, b in zip(PAIRS["pairs"], made["pairs"], strict=True)) / 400
        assert kept == pytest.approx(share, abs=0.08)
        assert made["site"] == "head"


def test_labels_and_classes_are_drawn_too() -> None:
    texts = planted.labelled(400, 0)
    made = weakened({"texts": texts}, 0.0, 1)
    assert made is not None
    same = sum(a["label"] == b["label"] for a, b in zip(texts, made["texts"], strict=True)) / 400
    assert same == pytest.approx(0.5, abs=0.1)
    sides = weakened({"positive": ["p"] * 400, "negative": ["n"] * 400}, 0.0, 1)
    assert sides is not None
    assert len(sides["positive"]) == len(sides["negative"]) == 400
    assert sides["positive"].count("n") == pytest.approx(200, abs=40)
    assert weakened({"kind": "previous"}, 0.5, 1) is None


def test_an_unknown_tool_is_refused() -> None:
    with pytest.raises(UsageError, match="no case for 'probes'; there are: patch, probe"):
        chosen(["probes"])


@pytest.mark.slow
def test_noise_is_rarely_supported_and_a_full_effect_is_found() -> None:
    found = measure(("attribute",), seeds=4, power_seeds=2)["tools"]["attribute"]
    assert found["noise"]["count"] <= 1
    curve = {point["share"]: point["found"]["share"] for point in found["power"]}
    assert curve[1.0] == 1.0 and curve[0.0] == 0.0


def test_the_formula_grows_as_it_says() -> None:
    def cost(**size: int) -> float:
        sweep = Sweep(**size)
        return operations(sweep, sweep.positions + 1, sweep.positions + 1, 500)

    assert slope([2, 4, 8], [cost(pairs=n) for n in (2, 4, 8)]) == pytest.approx(1.0)
    assert 1.9 < slope([16, 32, 64], [cost(layers=n) for n in (16, 32, 64)]) < 2.1
    assert 1.9 < slope([512, 1024], [cost(width=n) for n in (512, 1024)]) < 2.0
    assert slope([1, 2, 4], [3, 12, 48]) == pytest.approx(2.0)


@pytest.mark.slow
def test_a_sweep_is_timed_at_the_size_that_was_asked() -> None:
    with own_home():
        found = scaling.point(Sweep(layers=2, positions=6, pairs=2, width=128), "cpu", 1)
    assert found["seconds"] > 0
    assert found["cells"] == 2 * found["tokens"] or found["cells"] == 2 * (found["tokens"] - 1)


def test_a_benchmark_that_cannot_run_is_a_row_that_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(_: str) -> list[bench.Row]:
        raise UsageError("no such thing here")

    monkeypatch.setitem(bench._PARTS, "patch", fails)
    found = bench.measure("cpu", ("patch",))
    assert found["rows"][0]["ratio"] is None and "no such thing here" in text("bench", found)


def test_the_report_stands_alone_and_says_what_was_never_run(tmp_path: Path) -> None:
    guard = {
        "reasoner": "hallucinating",
        "guard": "receipt struck: <b>",
        "silent": False,
        "passed": False,
        "count": 3,
        "of": 4,
        "share": 0.75,
        "interval": [0.3, 0.95],
        "without": None,
    }
    write("guards", {"guards": [guard]}, into=tmp_path)
    shown = report.page(tmp_path)
    assert "receipt struck: &lt;b&gt;" in shown and "3 of 4 (let through)" in shown
    assert "false_positives: run python -m gadfly.evals.measuring.false_positives" in shown
    assert "scripted reasoners" in shown and "model hub" in shown
    assert "://" not in shown and "<script" not in shown
    assert report.figures(tmp_path)["invented receipts struck"] == "3 of 4"


def test_a_file_that_is_no_result_is_named(tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text(json.dumps([1]), encoding="utf-8")
    with pytest.raises(UsageError, match=r"odd\.json is not a result"):
        report.page(tmp_path)


def test_the_kept_results_make_a_page() -> None:
    shown = report.page()
    for name in report.load():
        assert f'id="{name}"' in shown
