"""The packaged corpus by words alone, opened once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gadfly.agent.jobs.propose.bank import templates
from gadfly.agent.jobs.propose.draft import Draft
from gadfly.corpus.index import Corpus


@pytest.fixture(scope="session")
def corpus(ready: Path) -> Iterator[Corpus]:
    opened = Corpus.open(ready / "corpus", embedder=None)
    yield opened
    opened.close()


@pytest.fixture
def draft() -> Draft:
    """A template, filled."""
    found = next(each for each in templates() if each.slug == "attention-sink-off-switch")
    return found.filled("Qwen/Qwen3-1.7B-Base", "induction")
