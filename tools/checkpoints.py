"""Where a model is: one of the two built in, a folder, or a name on the hub."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from gadfly.errors import MissingExtraError, ModelError
from gadfly.settings import expanded
from gadfly.tools.demo import demo_path

# name -> the module and its function that gives the folder, as scripts import it
BUILT_IN = {
    "demo": ("gadfly.tools.demo", "demo_path"),
    "planted": ("gadfly.tools.planted", "planted_path"),
}


def locate(name: str, *, weights: bool = True) -> Path | str:
    """The folder of a model, or its hub name as it stands.

    Args:
        weights: whether the folder must hold safetensors, or only a configuration.

    Raises:
        ModelError: no such folder, or one that holds no model.
    """
    if name in BUILT_IN:
        from gadfly.tools.planted import planted_path

        return demo_path() if name == "demo" else planted_path()
    path = expanded(name)
    if path.is_dir():
        _whole_model(path, weights)
        return path
    if path.suffix.lower() == ".gguf" and path.is_file():
        raise ModelError(_GGUF.format(path=str(path.parent), name=path.name))
    if path.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1 or not name.strip():
        raise ModelError(
            f"no model folder {name!r}; give 'demo', a hub name such as Qwen/Qwen3-0.6B, or a folder"
        )
    return name


def _whole_model(path: Path, weights: bool) -> None:
    """Refuse a folder that holds no model which can be loaded, saying what it does hold and the way out."""
    if not (path / "config.json").exists():
        if (path / "adapter_config.json").exists():
            base = (
                _json(path / "adapter_config.json").get("base_model_name_or_path")
                or "another model"
            )
            raise ModelError(
                f"{path} is an adapter of {base} and no whole model; merge it with peft: "
                f"AutoPeftModelForCausalLM.from_pretrained({str(path)!r}).merge_and_unload()"
                ".save_pretrained(NEW), save the base's tokenizer in NEW, and give NEW"
            )
        if quantised := sorted(path.glob("*.gguf")):
            raise ModelError(_GGUF.format(path=str(path), name=quantised[0].name))
        raise ModelError(f"{path} holds no model: there is no config.json in it")
    if not weights:
        return
    if not list(path.glob("*.safetensors")):
        raise ModelError(
            f"{path} has no safetensors weights; pickles (.bin, .pt) are refused, because opening one runs its code. "
            f"If you trust it: AutoModelForCausalLM.from_pretrained({str(path)!r}).save_pretrained(NEW), and give NEW"
        )
    if not any(list(path.glob(pattern)) for pattern in _TOKENIZERS):
        raise ModelError(
            f"{path} has no tokenizer; save it there: "
            f"AutoTokenizer.from_pretrained(NAME).save_pretrained({str(path)!r})"
        )


_TOKENIZERS = ("tokenizer*", "vocab.*", "*.model", "*.tiktoken", "tekken.json")
_GGUF = (
    "{name} is a GGUF file, made for llama.cpp; give the safetensors folder it was made from, or write one: "
    "transformers' from_pretrained({path!r}, gguf_file={name!r}) reads it, model and tokenizer"
)


def damaged(path: Path) -> Path | None:
    """The first weights file of a folder that does not open as safetensors: cut short, or something else. Reads no
    weights."""
    from safetensors import SafetensorError, safe_open

    for file in sorted(path.glob("*.safetensors")):
        try:
            with safe_open(file, framework="numpy"):
                pass
        except (SafetensorError, OSError):
            return file
    return None


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def of_demo(name: str) -> bool:
    """Whether a model has the demo's vocabulary: the demo itself, or a folder of its training. Reads no weights.

    Raises:
        ModelError: no such folder, or one that holds no model.
    """
    if name == "demo":
        return True
    where = locate(name, weights=False)
    return isinstance(where, Path) and _vocabulary(where) == _vocabulary(demo_path())


def _vocabulary(folder: Path) -> Any:
    """The tokens of a folder's tokenizer with their ids; None where it has no such file."""
    try:
        return json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def hub() -> Path:
    """The folder where models of the hub are kept, by the variables of its library."""
    named = os.environ.get("HF_HUB_CACHE")
    return expanded(named or Path(os.environ.get("HF_HOME", "~/.cache/huggingface")) / "hub")


def snapshot(name: str, revision: str | None) -> Path | None:
    """The folder in which the hub's library keeps one revision of a model, if it does."""
    place = hub() / f"models--{name.replace('/', '--')}" / "snapshots" / str(revision)
    return place if revision and place.is_dir() else None


def cached(name: str, *, whole: bool = True) -> bool:
    """Whether a hub name (``OWNER/REPO``, perhaps with a folder behind it) can be read without fetching.

    Args:
        whole: whether a model's configuration and every file of its weights are needed, or only some weights.
    """
    owner, _, rest = name.replace(":", "/").partition("/")
    repository, _, folder = rest.partition("/")
    kept = hub() / "--".join(["models", owner, *([repository] if repository else [])])
    try:
        revision = (kept / "refs" / "main").read_text(encoding="utf-8").strip()
        place = kept / "snapshots" / revision / folder
        index = place / "model.safetensors.index.json"
        if whole and index.exists():
            parts = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
            weights = all((place / part).exists() for part in parts)
        else:
            weights = any(each.exists() for each in place.glob("*.safetensors"))
    except (OSError, ValueError, KeyError, AttributeError):
        return False
    return weights and (not whole or (place / "config.json").exists())


def tokenizer_of(name: str) -> Any:
    """The tokenizer of a model, without its weights. Raises ModelError if there is none."""
    where = locate(name, weights=False)
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise MissingExtraError("tokenising", "interp") from error
    try:
        return AutoTokenizer.from_pretrained(str(where), trust_remote_code=False)
    except Exception as error:
        raise ModelError(why_unread("the tokenizer of", name, error)) from error


def why_unread(what: str, name: str, error: Exception) -> str:
    """Why a part of a model could not be read, on one line."""
    text = " ".join(str(error).split())[:200]
    if os.environ.get("HF_HUB_OFFLINE") == "1" and "/" in name and not Path(name).exists():
        return f"{name} is not in the local hub cache, and HF_HUB_OFFLINE=1 forbids fetching it"
    return f"cannot read {what} {name}: {text}"
