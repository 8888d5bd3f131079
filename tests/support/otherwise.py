"""The same experiments as another machine would run them: a child process with other instructions, threads, batches.

``python tests/support/otherwise.py BATCHES FILE`` runs the experiments of a JSON file, a list of [tool, arguments], and
prints what of each must not change: verdict, choices, p- and q-values, the order of the table.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ANOTHER_PROCESSOR = {
    "ATEN_CPU_CAPABILITY": "default",
    "OMP_NUM_THREADS": "2",
    "OMP_WAIT_POLICY": "PASSIVE",
}
OLD_LIBRARIES = {
    "OMP_NUM_THREADS": "1",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_CBWR": "COMPATIBLE",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "OPENBLAS_CORETYPE": "Nehalem",
}
_ROWS = {"patch": 37, "steer": 29, "ablate": 50, "patchscope": 13}
_TOKENS = {"lens": 70, "attribute": 70, "attention": 100, "sae": 64}
SMALL = {name: {"max_rows": most} for name, most in _ROWS.items()}
SMALL |= {name: {"max_tokens": most} for name, most in _TOKENS.items()}
Experiment = tuple[str, dict[str, Any]]
_NUMBER = re.compile(r"[-+−]?\d+(\.\d+)?(e[-+]?\d+)?")
_DECIDED = re.compile(r"(^|_)(p|q|layer|head|dose|strength)($|_)|_supported$")


def decided(result: Any) -> dict[str, Any]:
    """What of a result hangs on no last bit: words, choices, p and q; measured numbers are left out."""
    table = result.table
    ends = {*["q", "p", "layer", "head", "place", "component", "ablated", "feature"], ""}
    fixed = [i for i, name in enumerate(table.columns) if name.split(" ")[-1] in ends]
    return {
        "verdict": str(result.verdict),
        "why": _NUMBER.sub("#", result.why),
        "headline": _NUMBER.sub("#", result.headline),
        "values": {name: value for name, value in result.values.items() if _DECIDED.search(name)},
        "controls": [control.name for control in result.controls],
        "table": [[row[i] for i in fixed] for row in table.rows],
    }


@contextmanager
def small_batches() -> Iterator[None]:
    """Activations of texts are taken a few at a time, and memory runs out early."""
    import torch

    from gadfly.tools import capture
    from gadfly.tools.model import LocalModel

    forward, portions = LocalModel.forward, capture.portions

    def tight(self: Any, batch: Any) -> Any:
        if len(batch) > 70:
            raise torch.cuda.OutOfMemoryError("no room")
        return forward(self, batch)

    LocalModel.forward = tight  # type: ignore[method-assign]
    capture.portions = lambda lengths, most: portions(lengths, 80)
    try:
        yield
    finally:
        LocalModel.forward, capture.portions = forward, portions  # type: ignore[method-assign]


@contextmanager
def other_rounding(seed: int) -> Iterator[None]:
    """Every logit of a forward is off by a few epsilons of the largest: what a sum in another order does."""
    import torch

    from gadfly.tools.model import LocalModel

    forward = LocalModel.forward
    generator = torch.Generator().manual_seed(seed)

    def shaken(self: Any, batch: Any) -> Any:
        logits = forward(self, batch)
        off = 2 * torch.rand(logits.shape, generator=generator) - 1
        return logits + 8 * 2.0**-23 * logits.abs().max() * off

    LocalModel.forward = shaken  # type: ignore[method-assign]
    try:
        yield
    finally:
        LocalModel.forward = forward  # type: ignore[method-assign]


def here(experiments: Sequence[Experiment], *, small: bool = False) -> list[dict[str, Any]]:
    """Run them in this process."""
    from gadfly.tools.ledger import Ledger
    from gadfly.tools.registry import by_name
    from gadfly.tools.runner import execute

    found = []
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "ledger.sqlite")
        for name, arguments in experiments:
            changed = arguments | (SMALL.get(name, {}) if small else {})
            found.append(decided(execute(by_name(name), changed, ledger=ledger)))
    return found


def there(
    experiments: Sequence[Experiment], surroundings: dict[str, str], *, small: bool = False
) -> list[dict[str, Any]]:
    """Run them in a child process with these environment variables."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "experiments.json"
        path.write_text(json.dumps(experiments), encoding="utf-8")
        command = [sys.executable, __file__, "small" if small else "whole", str(path)]
        env = {**os.environ, "GADFLY_HOME": folder, **surroundings}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return told


def main() -> None:
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    experiments = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    small = sys.argv[1] == "small"
    if small:
        with small_batches():
            found = here(experiments, small=True)
    else:
        found = here(experiments)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
