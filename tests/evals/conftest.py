"""The packaged corpus, searched by words: indexing it takes a few seconds, once for all these tests."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _indexed(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GADFLY_HOME", str(ready))
    monkeypatch.setenv("GADFLY_EMBEDDER", "none")
