"""What holds the tools to facts on real weights, tried without them: cut files, the page's table, counted memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from gadfly.errors import ModelError, UsageError
from gadfly.evals.real import device, rows, table, weights
from gadfly.evals.real.asking import Row, Subject, command


def row(verdict: str = "supported", agreed: bool = True) -> Row:
    return Row("lens", "m", "gadfly lens", "a | b", "<bos>", verdict, agreed, 1.0)


def test_a_file_is_cut_to_so_many_records_of_each_sort(tmp_path: Path) -> None:
    subject = Subject("m", tmp_path, most=3, scratch=tmp_path)
    found = subject.records("sentiment.report.jsonl")
    assert [set(record) for record in found].count({"positive", "negative"}) == 3
    assert len(found) == 6
    assert len(Path(subject._file("noise.jsonl")).read_text().splitlines()) == 3
    assert len(Subject("m", tmp_path).records("noise.jsonl")) == 24


def test_a_command_says_what_was_asked() -> None:
    given = {"model": "m", "device": "cpu", "dtype": "bfloat16", "max_rows": 2, "layers": [1, 2]}
    said = command("patch", given)
    assert said == "gadfly patch --model m --dtype bfloat16 --max-rows 2 --layers 1,2"


def test_what_is_kept_names_no_folder_of_this_machine() -> None:
    subject = Subject("m", Path("/home/me/models/m"), scratch=Path("/tmp/x"))
    assert subject.named("/home/me/models/m was not; /tmp/x/sae") == "m was not; sae"


def test_the_table_stands_between_its_marks() -> None:
    page = f"before\n{table.START}\nold\n{table.END}\nafter"
    new = table.rewritten(page, [row(), row(agreed=False)])
    assert new.startswith("before\n") and new.endswith("\nafter") and "old" not in new
    assert "1 of 2 rows agree" in new and "a \\| b" in new and "&lt;bos>" in new
    assert table.rewritten(new, [row()]) != new
    for broken in ("no marks", table.START, f"{table.END} {table.START}", page + page):
        with pytest.raises(UsageError):
            table.rewritten(broken, [row()])


def test_rows_take_the_place_of_those_of_their_model_and_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "RESULTS", tmp_path)
    monkeypatch.setattr(table, "DOC", tmp_path / "page.md")
    table.DOC.write_text(f"{table.START}\n{table.END}\n")
    order = ("a", "m"), ("lens", "patch")
    table.keep([row(), row()], *order)
    table.keep([row()._replace(tool="patch", values={"x": 1.0})], *order)
    table.keep([row()._replace(model="a", records=8)], *order)
    table.keep([row(agreed=False)], *order)
    kept = json.loads((tmp_path / "real.json").read_text())["measured"]["rows"]
    found = [(each["tool"], each["model"], each["agreed"]) for each in kept]
    assert found == [("lens", "a", True), ("lens", "m", False), ("patch", "m", True)]
    assert "values" not in kept[2]
    assert "2 of 3 rows agree" in table.DOC.read_text()


def test_memory_is_counted_and_runs_out() -> None:
    def work(size: int) -> None:
        kept = torch.zeros(size)
        view = kept[: size // 2]
        for _ in range(5):
            view = view + 1  # the old one is freed

    with device._counted() as most:
        work(1000)
    assert 4000 + 2 * 2000 <= most[0] <= 4000 + 3 * 2000
    with device._counted(most[0]):
        work(1000)
    with pytest.raises(torch.cuda.OutOfMemoryError), device._counted(most[0] - 1):
        work(1000)


@pytest.mark.parametrize(
    ("exact", "agreed"),
    [(["supported", ""], [True]), (["not supported"], [False]), (["supported"] * 2, [False])],
)
def test_verdicts_of_another_dtype_are_those_of_float32(
    exact: list[str], agreed: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_float32(subject: Subject, _: str) -> list[Row]:
        assert (subject.dtype, subject.most) == ("float32", 8)
        return [row(verdict) for verdict in exact]

    monkeypatch.setattr(rows, "rows_of", in_float32)
    subject = Subject("m", Path(), dtype="bfloat16", most=8)
    found = rows.in_float32(subject, [row(), row("")], "lens")
    assert [each.agreed for each in found] == agreed


def test_a_mistake_is_a_row_and_hides_no_other_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Subject):  # type: ignore[no-untyped-def]
        yield row()
        raise ValueError("oh")

    monkeypatch.setitem(rows.TOOLS, "patch", broken)
    found = rows.rows_of(Subject("m", Path()), "patch")
    assert [each.agreed for each in found] == [True, False]
    assert {each.tool for each in found} == {"patch"}
    assert found[1].said == "ValueError: oh"


def test_weights_that_are_not_there_name_what_fetches_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REAL_MODELS", str(tmp_path))
    with pytest.raises(ModelError, match=r"weights --models smollm2 fetches them"):
        weights.folder("smollm2")
