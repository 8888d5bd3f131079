"""``gadfly doctor`` names what is missing, the command that adds it and what works now; quickly, whatever it finds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import gadfly
from support.sessions import stock

from gadfly.agent.faces.cli.checks import Check, diagnose


def of(name: str) -> Check:
    return next(check for check in diagnose().checks if check.name == name)


def test_a_bare_machine_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    done = gadfly("doctor", "--json", home=tmp_path / "home", HF_HOME=str(tmp_path / "hf"))
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert {check["name"] for check in report["checks"]} == {
        "key",
        "corpus",
        "gpu",
        "weights",
        "extras",
        "sandbox",
    }
    assert {"key", "corpus", "weights"} <= set(report["missing"])
    for check in report["checks"]:
        if check["state"] != "ok":
            assert check["add"], check
            assert check["without"], check
    assert any("offline engine" in line for line in report["works"])
    assert not (tmp_path / "home").exists()  # looking creates nothing


def test_the_words_for_people_hold_the_same(tmp_path: Path) -> None:
    done = gadfly("doctor", home=tmp_path / "home")
    assert "add: export OPENROUTER_API_KEY" in done.stdout
    assert "works now:" in done.stdout


def test_nothing_heavy_is_loaded() -> None:
    code = (
        "import sys; from gadfly.agent.faces.cli.checks import diagnose; diagnose(); "
        "print([m for m in ('torch', 'litellm', 'chromadb', 'langgraph', 'transformers') if m in sys.modules])"
    )
    around = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=around
    )
    assert done.stdout.strip() == "[]"


def test_a_key_shows_its_model_and_price_but_never_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-secret-123456")
    check = of("key")
    assert check.state == "ok"
    assert "openrouter/anthropic/claude-sonnet-5.5" in check.found
    assert "$2 in and $10 out" in check.found
    assert "secret" not in check.model_dump_json()


def test_a_named_model_without_its_key_is_broken_not_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GADFLY_LLM", "openai/gpt-5.6")
    check = of("key")
    assert check.state == "broken"
    assert "OPENAI_API_KEY" in check.found
    assert any(each.startswith("gadfly ask --llm offline") for each in diagnose().works)


def test_the_packaged_corpus_is_not_papers(ready: Path, tmp_path: Path) -> None:
    stock(ready, tmp_path / "home")
    check = of("corpus")
    assert check.state == "missing"
    assert "gadfly corpus build" in check.add
    assert " documents, " in check.found


def test_a_damaged_index_is_named_with_its_repair(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "corpus"
    folder.mkdir(parents=True)
    (folder / "corpus.sqlite").write_bytes(b"SQLite format 3\x00" + b"\xff" * 3000)
    check = of("corpus")
    assert check.state == "broken"
    assert check.add == "gadfly corpus rebuild"


def test_missing_extras_name_the_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    check = of("extras")
    assert check.state == "missing"
    assert check.add == "pip install 'gadfly-interp[interp]'"


@pytest.mark.parametrize(
    ("script", "state", "found"),
    [
        ("echo 'H200, 143771 MiB, 143000 MiB'", "ok", "H200, 143771 MiB"),
        ("echo 'driver mismatch' >&2; exit 9", "broken", "driver mismatch"),
    ],
)
def test_a_gpu_is_seen_without_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, state: str, found: str
) -> None:
    fake = tmp_path / "nvidia-smi"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    check = of("gpu")
    assert check.state == state
    assert found in check.found


def test_weights_in_the_hubs_cache_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    snapshot = tmp_path / "hub" / "models--Qwen--Qwen3-0.6B" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").touch()
    check = of("weights")
    assert check.state == "ok"
    assert "Qwen/Qwen3-0.6B" in check.found
