"""The command line that a script gets from the parameters of its ``measure``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from gadfly.errors import UsageError
from gadfly.evals.kit import script as kit
from gadfly.evals.kit.script import plain, script


def measure(
    sizes: tuple[int, ...] = (1, 2),
    out: Path | None = None,
    speed: bool = True,
    quick: bool = False,
) -> dict[str, Any]:
    """Something.

    Args:
        sizes: rising
        quick: less,
            much less
    """
    if not sizes[0]:
        raise UsageError("no size 0")
    return {"sizes": list(sizes), "out": str(out), "speed": speed, "quick": quick}


def told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *given: str, **how: Any
) -> tuple[object, str, str]:
    monkeypatch.setattr(sys, "argv", ["measure", *given])
    with pytest.raises(SystemExit) as ended:
        script(measure, **how)
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def test_parameters_are_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = told(monkeypatch, capsys, "--json")
    found = {"sizes": [1, 2], "out": "None", "speed": True, "quick": False}
    assert code == 0 and json.loads(out) == found
    options = ("--sizes", "3,4", "--sizes", "5", "--out", "x", "--no-speed", "--quick", "--json")
    _, out, _ = told(monkeypatch, capsys, *options)
    assert json.loads(out) == {"sizes": [3, 4, 5], "out": "x", "speed": False, "quick": True}
    _, out, _ = told(monkeypatch, capsys, "--help")
    assert "rising" in out and "less, much less" in out


def test_what_is_wrong_is_one_line_and_bad_news_a_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(monkeypatch, capsys, "--sizes", "0") == (2, "", "error: no size 0\n")
    code, _, err = told(monkeypatch, capsys, "--sizes", "a,b")
    assert code == 2 and "'a,b' is no list such as 1,3,10" in err
    assert told(monkeypatch, capsys, failed=lambda found: found["speed"])[0] == 1


def test_a_part_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept: list[str] = []
    monkeypatch.setattr(kit, "write", lambda name, *_, **__: kept.append(name))
    for given in ((), ("--quick",), ("--no-write",)):
        told(monkeypatch, capsys, *given, result="some", parts=["quick"])
    assert kept == ["some"]


def test_names_and_values_as_text() -> None:
    lines = plain({"a": {"b": 0.123456, "c": "x"}, "d": [1]}).splitlines()
    assert [line.split() for line in lines] == [["a"], ["b", "0.1235"], ["c", "x"], ["d", "[1]"]]
