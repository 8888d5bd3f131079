"""Loading a model beside plain transformers: processor time, and the memory that it takes.

    python -m gadfly.evals.bench.load [--model demo] [--rounds 5] [--json]

Every load is a process of its own, and imports are done before the clock starts. ``plain`` is ``from_pretrained`` of
model and tokenizer in float32 on the CPU; ``used`` is that and one forward of three tokens, which touches every weight
as any use does; ``first`` is ours on files it never saw, checked by two such forwards; ``later`` is ours on the same
files again; ``hash`` is what the first run that is recorded pays besides, once for each checkpoint. Memory is the
growth of the largest resident size, files mapped into it included: plain loading maps the weights and touches few.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from statistics import median
from typing import Any

from gadfly import settings
from gadfly.errors import UsageError
from gadfly.evals.kit.script import script
from gadfly.tools.checkpoints import locate

_CHILD = """
import json, sys, time
import torch, nnterp
from transformers import AutoModelForCausalLM, AutoTokenizer
from gadfly.tools import model

def largest():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

way, name, folder = sys.argv[1:]
open("/proc/self/clear_refs", "w").write("5")
before, started = largest(), time.process_time()
if way in ("plain", "used"):
    kept = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), AutoTokenizer.from_pretrained(folder)
    if way == "used":
        with torch.inference_mode():
            kept[0](input_ids=torch.tensor([[1, 2, 3]]), logits_to_keep=1)
elif way == "hash":
    kept = model.hash_of_files(model.Path(folder))
else:
    kept = model.load(name, device="cpu", dtype="float32")
seconds = time.process_time() - started
print(json.dumps([seconds, largest() - before]))
"""
_WAYS = ("plain", "used", "first", "later", "hash")


def measure(model: str = "demo", rounds: int = 5) -> dict[str, Any]:
    """Medians of ``rounds`` loads of each kind, and their ratios to plain ones.

    Args:
        model: demo, or a folder
        rounds: loads of each kind

    Raises:
        UsageError: not on Linux, whose processes tell their largest size.
    """
    if sys.platform != "linux":
        raise UsageError("memory is read from /proc; run this on Linux")
    found: dict[str, list[list[float]]] = {way: [] for way in _WAYS}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as home:
            for way in found:
                found[way].append(_loaded(way, model, home))
    seconds = {way: median(each[0] for each in rows) for way, rows in found.items()}
    memory = {way: median(each[1] for each in rows) for way, rows in found.items()}
    return {
        "model": model,
        "seconds": seconds,
        "mib": memory,
        "times": {way: seconds[way] / seconds["plain"] for way in _WAYS[1:]},
        "memory": {way: memory[way] / memory["plain"] for way in _WAYS[1:]},
    }


def _loaded(way: str, model: str, home: str) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, way, model, str(locate(model))],
        env={**os.environ, settings.HOME.variable: home},
        capture_output=True,
        text=True,
        check=True,
    )
    result: list[float] = json.loads(done.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    script(measure)
