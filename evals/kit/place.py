"""Where measurements happen and where they are written: a data folder of their own, one JSON file for each script.

A result file says what was measured, when, on what machine and with which versions. ``report`` reads them and nothing
else. The user's ledger and index are never touched: runs of an evaluation would bury the researcher's own.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gadfly import __version__, files, settings

RESULTS = Path(__file__).resolve().parents[1] / "results"
DATA = Path(__file__).resolve().parents[1] / "data"
_VERSIONED = "torch transformers nnsight nnterp scikit-learn chromadb inspect-ai"


def resolved(device: str) -> str:
    """A device by its name; ``auto`` is the first GPU where there is one."""
    import torch

    if device != "auto":
        return device
    return "cuda:0" if torch.cuda.is_available() else "cpu"


def processor() -> str:
    """What the seconds of a run hang on, in a line."""
    import torch

    threads = torch.get_num_threads()
    return f"{platform.machine()}, {threads} threads, torch {torch.__version__}"


def machine(device: str | None = None) -> dict[str, Any]:
    """The machine and the versions, without anything that identifies it."""
    found: dict[str, Any] = {
        "gadfly": __version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "device": resolved(device) if device else "cpu",
        "versions": {},
    }
    for name in _VERSIONED.split():
        with suppress(importlib.metadata.PackageNotFoundError):
            found["versions"][name] = importlib.metadata.version(name)
    if hasattr(os, "getloadavg"):  # seconds taken beside other work are slower, and ratios wider
        found["load"] = round(os.getloadavg()[0], 1)
    if "torch" in found["versions"]:
        import torch

        found["threads"] = torch.get_num_threads()
        if found["device"].startswith("cuda"):
            found["device"] += f": {torch.cuda.get_device_name(found['device'])}"
    return found


def write(
    name: str, measured: dict[str, Any], *, device: str | None = None, into: Path = RESULTS
) -> Path:
    """Keep a measurement as ``NAME.json``, over an older one."""
    into.mkdir(parents=True, exist_ok=True)
    path = into / f"{name}.json"
    moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    kept = {"name": name, "when": moment, "machine": machine(device), "measured": measured}
    files.write(path, json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    return path


def data(name: str) -> Any:
    """What a JSON file in ``evals/data`` holds."""
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def rows(name: str) -> list[dict[str, Any]]:
    """The rows of a data file in ``evals/data``."""
    lines = (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


@contextmanager
def own_home(*, words_only: bool = True) -> Iterator[Path]:
    """A data folder beside the user's own, for the index and the runs of evaluations.

    Args:
        words_only: search by words, unless the environment names an embedder: vectors take minutes to make.
    """
    place = settings.folder("evals", "home")
    words = {settings.EMBEDDER: "none"} if words_only else {}
    with settings.instead({settings.HOME: str(place), **words}):
        yield place
