"""The complete code blocks of the field guide run on SmolLM2, as a reader would paste them.

A block is complete that names the model, or whose first line is the comment ``# runs as it stands``; others are
fragments, or begin with ``# needs`` a package that is not installed here. Each runs in a process of its own: nnsight's
models stay in memory, and a hundred of them fill it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.blocks import run

from gadfly.errors import ModelError
from gadfly.evals.real.weights import folder

GUIDE = Path(__file__).parents[2] / "corpus" / "guide"
HUB = "HuggingFaceTB/SmolLM2-135M-Instruct"
ALONE = "# runs as it stands"  # needs no model
OTHER = "# needs"  # a package that is not installed here
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    """Each complete block, with a name that tells where it stands."""
    found = []
    for card in sorted(GUIDE.rglob("*.md")):
        text = card.read_text(encoding="utf-8")
        for match in _BLOCK.finditer(text):
            if match[1].startswith(OTHER):
                continue
            if HUB in match[1] or match[1].startswith(ALONE):
                line = text.count("\n", 0, match.start()) + 1
                found.append((f"{card.parent.name}/{card.stem}:{line}", match[1]))
    return found


BLOCKS = blocks()


def test_there_are_blocks() -> None:
    assert len(BLOCKS) >= 40
    assert {name.split("/")[0] for name, _ in BLOCKS} >= {"process", "tools"}


@pytest.fixture(scope="session")
def smollm2() -> Path:
    try:
        return folder("smollm2")
    except ModelError as error:
        pytest.skip(str(error))


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize(("name", "code"), BLOCKS, ids=[name for name, _ in BLOCKS])
def test_block_runs(name: str, code: str, smollm2: Path, tmp_path: Path) -> None:
    pytest.importorskip("nnterp")
    script = tmp_path / "block.py"  # a real file: nnsight reads the source of its traces
    script.write_text(code.replace(HUB, str(smollm2)), encoding="utf-8")
    ended, said = run(script)
    assert ended == 0, said
    assert said.strip()  # a reader sees what it did
    assert not re.search(r"\bnan\b", said)
