"""Fixtures for every test: a data folder of its own, no key, no network behind a library's back."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from support.cli import gadfly

# The hub's library reads this once, when it is imported: set later, an unknown name is looked for with retries.
os.environ["HF_HUB_OFFLINE"] = "1"
# A shell's background job ignores Ctrl-C, and so would the programs that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup
_SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(autouse=True)
def _own_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GADFLY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("OPENROUTER_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("GADFLY_LLM", "GADFLY_API_BASE", "GADFLY_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real input that is not part of the product; tests that need it skip where it is absent."""
    if not _SHARED.is_dir():
        pytest.skip("../shared is not here")
    return _SHARED


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the packaged corpus indexed, by words only."""
    home = tmp_path_factory.mktemp("ready")
    done = gadfly("corpus", "list", "--json", home=home)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["documents"]) > 40
    return home
