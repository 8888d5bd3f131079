"""The complete code blocks of the field guide run on SmolLM2, as a reader would paste them.

A block is complete that names the model, or whose first line is the comment ``# runs as it stands``; others are
fragments. The model is loaded once, and each block gets a copy of its own.
"""

from __future__ import annotations

import copy
import random
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gadfly.errors import ModelError
from gadfly.evals.real.weights import folder

GUIDE = Path(__file__).parents[2] / "corpus" / "guide"
HUB = "HuggingFaceTB/SmolLM2-135M-Instruct"
ALONE = "# runs as it stands"  # needs no model
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    """Each complete block, with a name that tells where it stands."""
    found = []
    for card in sorted(GUIDE.rglob("*.md")):
        text = card.read_text(encoding="utf-8")
        for match in _BLOCK.finditer(text):
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


@pytest.fixture(scope="session")
def load(smollm2: Path) -> Callable[..., Any]:
    """``from_pretrained`` that reads the weights once for each set of options."""
    transformers = pytest.importorskip("transformers")
    read = transformers.AutoModelForCausalLM.from_pretrained
    kept: dict[str, Any] = {}

    def load(*args: Any, **options: Any) -> Any:
        key = repr((args, sorted(options.items())))
        if key not in kept:
            kept[key] = read(*args, **options)
        return copy.deepcopy(kept[key])

    return load


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize(("name", "code"), BLOCKS, ids=[name for name, _ in BLOCKS])
def test_block_runs(
    name: str,
    code: str,
    smollm2: Path,
    load: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    if "nnterp" not in code and "nnsight" not in code:
        monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", load)
    monkeypatch.chdir(tmp_path)  # a block may write files
    torch.manual_seed(0)
    random.seed(0)
    script = tmp_path / "block.py"  # a real file: nnsight reads the source of its traces
    script.write_text(code.replace(HUB, str(smollm2)), encoding="utf-8")
    try:
        runpy.run_path(str(script), run_name="__main__")
    finally:
        torch.set_grad_enabled(True)
    said = capsys.readouterr().out
    assert said.strip()  # a reader sees what it did
    assert not re.search(r"\bnan\b", said)
