"""Fixtures of the corpus tests: small documents in a real SQLite file and a real Chroma."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gadfly.corpus.index import Corpus
from gadfly.corpus.index.embed import HashEmbedder
from gadfly.corpus.sources.memory import MemorySource, note


@pytest.fixture(scope="session")
def real_docs(shared: Path) -> Path:
    return shared / "corpus_real" / "docs"


PATCHING = """# Activation patching

Activation patching copies an activation from a clean run into a corrupted run.

## Controls

Patch a run into itself: the effect must be exactly zero.

```python
patched = model.run_with_cache(tokens)
```
"""
PROBES = "# Linear probes\n\nA probe with 97.5% accuracy may only read the length of the prompt."
LENS = "# Logit lens\n\nThe logit lens fails on GPT-Neo; HookedTransformer applies the final norm first."


@pytest.fixture
def source() -> MemorySource:
    return MemorySource(
        [
            note("patching", PATCHING, kind="technique", year=2022),
            note("probes", PROBES, kind="pitfall", year=2019),
            note("lens", LENS, kind="technique", year=2020),
        ]
    )


@pytest.fixture
def corpus(tmp_path: Path, source: MemorySource) -> Iterator[Corpus]:
    opened = Corpus.open(tmp_path / "index", embedder=HashEmbedder())
    opened.sync([source])
    yield opened
    opened.close()
