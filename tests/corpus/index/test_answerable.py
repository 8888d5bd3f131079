"""What is near to no passage is of another matter, whatever words it shares."""

from __future__ import annotations

from pathlib import Path

import pytest

from gadfly.corpus.index import Corpus
from gadfly.corpus.index.answerable import THRESHOLD, answerability
from gadfly.corpus.sources.memory import MemorySource, note


@pytest.mark.parametrize(("near", "there"), [(0.43, False), (0.44, True), (0.6, True)])
def test_a_question_of_another_matter_is_not_answered(
    tmp_path: Path, near: float, there: bool
) -> None:
    index = Corpus.open(tmp_path / "index", embedder=None)
    index.sync(
        [MemorySource([note("probes", "# Probes\n\nA probe reads the layers of a model.")], "s")]
    )
    ((chunk,),) = index.store.query("SELECT id FROM chunks")
    found = answerability(index.store, "how many layers to probe", [chunk], {chunk: near}, 0.44)
    assert (found >= THRESHOLD) is there
    # Without vectors words alone decide.
    assert answerability(index.store, "how many layers to probe", [chunk], {}, 0.44) >= THRESHOLD
    index.close()
