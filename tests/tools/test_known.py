"""What is remembered of a checkpoint's files, and when it is not believed."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gadfly.errors import ModelError
from gadfly.tools import known, model
from gadfly.tools.demo import demo_path
from gadfly.tools.known import Known, hash_of_files


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GADFLY_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(known, "_SETTLED", -60)
    monkeypatch.setattr(model, "_LOADED", {})
    return shutil.copytree(demo_path(), tmp_path / "model")


def test_a_second_load_reads_and_checks_nothing_again(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = model.load(str(place), device="cpu").fingerprint
    assert first["weights"] == hash_of_files(place)
    model._LOADED.clear()
    calls: list[str] = []
    monkeypatch.setattr(model, "hash_of_files", lambda _: calls.append("hash"))
    monkeypatch.setattr(model.LocalModel, "check", lambda _: calls.append("check"))
    assert model.load(str(place), device="cpu").fingerprint == first
    assert calls == []
    model.load(str(place), device="cpu", dtype="bfloat16")
    assert calls == ["check"]  # another precision has not passed


def test_files_are_hashed_when_it_is_asked_for_and_never_other_files_than_were_loaded(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Path] = []

    def hashed(at: Path) -> str:
        calls.append(at)
        return "of files"

    monkeypatch.setattr(model, "hash_of_files", hashed)
    loaded = model.load(str(place), device="cpu")
    assert calls == [] and Known(place).weights is None
    assert loaded.weights == loaded.fingerprint["weights"] == "of files" == Known(place).weights
    assert calls == [place]
    model._LOADED.clear()
    (place / "config.json").touch()
    changed = model.load(str(place), device="cpu")
    (place / "model.safetensors").touch()
    assert changed.weights == model._hash_tensors(changed.module)


@pytest.mark.parametrize("how", ["content", "time", "config", "replaced"])
def test_a_file_that_changed_is_read_again(place: Path, how: str) -> None:
    Known(place).keep(weights="old", passed="it")
    assert Known(place).weights == "old" and Known(place).passed("it")
    file = place / ("config.json" if how == "config" else "model.safetensors")
    before = file.stat()
    if how == "replaced":  # the same size and time, another file
        shutil.copy2(file, place / "other")
        (place / "other").replace(file)
    elif how == "time":
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    else:  # one byte in place, and the time put back
        with file.open("r+b") as stream:
            stream.seek(-1, os.SEEK_END)
            stream.write(b" ")
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size
    again = Known(place)
    assert again.weights is None and not again.passed("it")


def test_nothing_is_kept_of_files_that_change_while_they_are_read(place: Path) -> None:
    opened = Known(place)
    (place / "config.json").touch()
    opened.keep(weights="half", passed="it")
    assert Known(place).weights is None


@pytest.mark.parametrize(("settled", "kept"), [(-60, True), (3600, False)])
def test_a_file_that_has_just_changed_is_not_believed_yet(
    place: Path, settled: float, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "_SETTLED", settled)
    Known(place).keep(weights="w", passed="it")
    assert (Known(place).weights == "w") is kept


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"files": 1}', '{"passed": 1, "weights": 2}']
)
def test_a_broken_record_is_no_record(place: Path, text: str, tmp_path: Path) -> None:
    Known(place).keep(weights="w", passed="it")
    (path,) = (tmp_path / "home" / "models" / "known").glob("*.json")
    path.write_text(text)
    assert Known(place).weights is None
    Known(place).keep(weights="w", passed="other")
    assert Known(place).weights == "w" and not Known(place).passed("it")


def test_many_writers_leave_one_whole_record(place: Path, tmp_path: Path) -> None:
    def write(number: int) -> None:
        Known(place).keep(weights="w", passed=f"check {number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(64)))
    (path,) = (tmp_path / "home" / "models" / "known").iterdir()
    found: dict[str, Any] = json.loads(path.read_text())
    assert found["weights"] == "w" and 1 <= len(found["passed"]) <= 16


def test_hashes_of_two_kinds_do_not_meet(place: Path) -> None:
    Known(place, "tensors in float32").keep(weights="a", passed="it")
    assert Known(place).weights is None and Known(place, "tensors in bfloat16").weights is None
    assert Known(place, "tensors in float32").weights == "a"


def test_a_home_that_cannot_be_written_does_not_stop_a_load(
    place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GADFLY_HOME", str(tmp_path / "file"))
    Known(place).keep(weights="w", passed="it")
    assert Known(place).weights is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_one_number_that_is_not_finite_is_found(place: Path, value: float) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(place / "model.safetensors")
    name = max(weights, key=lambda each: weights[each].numel())
    weights[name].view(-1)[7] = value
    save_file(weights, place / "model.safetensors", {"format": "pt"})
    for _ in range(2):  # what failed is not remembered as passed
        with pytest.raises(ModelError, match="has weights that are not finite, first in"):
            model.load(str(place), device="cpu")


def test_large_finite_weights_are_finite() -> None:
    import torch

    layer = torch.nn.Linear(4, 4)
    torch.nn.init.constant_(layer.weight, 3e38)  # the sum runs over, the numbers do not
    assert model._not_finite(layer) is None
    layer.weight.data[2, 2] = float("nan")
    assert model._not_finite(layer) == "weight"
