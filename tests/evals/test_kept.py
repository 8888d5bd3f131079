"""Finished runs are found again under the same model and code, and half a line is no run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gadfly.evals.measuring import false_positives
from gadfly.evals.measuring.kept import Kept, code_of, of_model
from gadfly.tools.contract import Verdict
from gadfly.tools.selftesting.cases import TOOLS


def test_a_run_is_found_again_and_half_a_line_is_none(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    Kept(path).add("model", "lens", "code", 0, verdict="not supported")
    path.write_text(path.read_text() + '{"key": "model | lens')
    kept = Kept(path)
    assert len(kept) == 1
    found = kept.find("model", "lens", "code", 0)
    assert found is not None and found["verdict"] == "not supported"
    assert kept.find("model", "lens", "other code", 0) is None
    assert kept.find("model", "lens", "code", 1) is None
    kept.add("model", "lens", "code", 1, verdict="supported")
    assert len(Kept(path)) == 2


def test_a_model_is_known_by_its_weights_and_not_by_its_name() -> None:
    one = {"name": "a", "weights": "w", "config": "c", "dtype": "float32", "device": "cpu"}
    assert of_model(one) == of_model({**one, "name": "b"})
    assert of_model(one) != of_model({**one, "weights": "v"})
    assert of_model(one) != of_model({**one, "dtype": "bfloat16"})


def test_each_tool_has_code_of_its_own() -> None:
    codes = [code_of(tool) for tool in TOOLS.values()]
    assert len(set(codes)) == len(codes)
    assert codes == [code_of(tool) for tool in TOOLS.values()]


def test_what_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    class Bench:
        class model:  # noqa: N801
            fingerprint: dict[str, Any] = {"weights": "w"}  # noqa: RUF012
            name = "m"

        def __init__(self, stop: int) -> None:
            self.ran: list[int] = []
            self.stop = stop

        def null(self, tool: str, seed: int) -> tuple[str, Verdict]:
            if seed == self.stop:
                raise KeyboardInterrupt
            self.ran.append(seed)
            return "random words", Verdict.SUPPORTED if seed == 1 else Verdict.INCONCLUSIVE

    cases = false_positives.chosen(["lens"])

    def measured(bench: Any, resume: bool) -> Any:
        kept = Kept(tmp_path / "runs.jsonl")
        return false_positives.nulls(cases, bench, range(4), kept, resume)["lens"]

    with pytest.raises(KeyboardInterrupt):
        measured(Bench(2), True)
    again = Bench(-1)
    found = false_positives.noise(measured(again, True))
    assert again.ran == [2, 3]
    assert (found["count"], found["of"], found["inconclusive"]) == (1, 4, 3)
    afresh = Bench(-1)
    measured(afresh, False)
    assert afresh.ran == [0, 1, 2, 3]
