"""Reading a sparse autoencoder or transcoder from disk or hub, in the layouts that SAELens writes.

``cfg.json`` beside ``sae_weights.safetensors``. Since version 6 what belongs to the language model is under
``metadata``; before, it stood beside the rest under other names (``hook_point``, ``activation_fn_str``). A lone
safetensors file may carry the configuration in its header, or have its architecture told by its tensors. Pickles and
numpy archives are refused. SAELens itself is not needed. Leaves out the arithmetic (``autoencoder``).
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gadfly.errors import ToolInputError
from gadfly.settings import expanded
from gadfly.tools.arrays import Tensor

CONFIG, WEIGHTS, SCALER = "cfg.json", "sae_weights.safetensors", "activation_scaler.json"
_REFUSED = (".pt", ".pth", ".bin", ".pkl", ".ckpt", ".npz", ".npy")
# Name → (activation, transcoder, skip connection).
ARCHITECTURES: dict[str, tuple[str, bool, bool]] = {
    "standard": ("relu", False, False),
    "topk": ("topk", False, False),
    "batchtopk": ("jumprelu", False, False),
    "matryoshka_batchtopk": ("jumprelu", False, False),
    "jumprelu": ("jumprelu", False, False),
    "gated": ("gated", False, False),
    "transcoder": ("relu", True, False),
    "skip_transcoder": ("relu", True, True),
    "jumprelu_transcoder": ("jumprelu", True, False),
    "jumprelu_skip_transcoder": ("jumprelu", True, True),
}
_NORMALISATIONS = ("none", "layer_norm", "constant_norm_rescale", "expected_average_only_in")
_LEGACY = {
    "hook_point": "hook_name",
    "hook_point_head_index": "hook_head_index",
    "activation_fn_str": "activation_fn",
}


@dataclass(frozen=True)
class Spec:
    """What the configuration says, in one form. ``scaling`` is the factor on the input where one was recorded."""

    architecture: str
    hook: str
    hook_out: str
    model: str
    normalisation: str
    subtract_bias: bool
    by_decoder_norm: bool
    k: int | None
    scaling: float | None
    centred: bool
    """Trained on a model whose residual stream was centred (TransformerLens' processed LayerNorm models)."""

    @property
    def activation(self) -> str:
        """relu, topk, jumprelu or gated."""
        return ARCHITECTURES[self.architecture][0]

    @property
    def transcoder(self) -> bool:
        """Whether it writes elsewhere than it reads."""
        return ARCHITECTURES[self.architecture][1]


def read(reference: str, hook: str | None, hook_out: str | None) -> tuple[Spec, dict[str, Tensor]]:
    """Configuration and float32 weights of a folder, a safetensors file or a hub path.

    Raises:
        ToolInputError: nothing there, a pickle, an architecture that is not known, or no hook to read at.
    """
    weights_file, config, scaler = _find(reference)
    weights, header = _tensors(weights_file)
    if config is None:
        config = _header_config(header)
    spec = spec_of(config, weights, scaler, hook, hook_out)
    return spec, weights


def weights_of(reference: str) -> Path:
    """The weights file of a reference, for scripts that open it themselves."""
    return _find(reference)[0]


def spec_of(
    config: dict[str, Any],
    weights: dict[str, Tensor],
    scaler: float | None = None,
    hook: str | None = None,
    hook_out: str | None = None,
) -> Spec:
    """One form for all layouts. Raises ToolInputError, naming the key that is at fault."""
    flat = {_LEGACY.get(key, key): value for key, value in config.items()}
    about = {**flat, **(flat.get("metadata") or {})}
    kwargs = about.get("activation_fn_kwargs") or {}
    architecture = str(flat.get("architecture") or _guess(weights))
    if flat.get("activation_fn") == "topk" and architecture == "standard":
        architecture = "topk"  # how it was written before version 6
    if architecture not in ARCHITECTURES:
        raise ToolInputError(
            f"autoencoders of architecture {architecture!r} are not known; these are: {', '.join(ARCHITECTURES)}"
        )
    if flat.get("activation_fn") not in (None, "relu", "topk"):
        raise ToolInputError(
            f"activation_fn {flat['activation_fn']!r} is not known; relu and topk are"
        )
    normalisation = flat.get("normalize_activations") or "none"
    if normalisation is True:
        normalisation = "expected_average_only_in"
    if normalisation not in _NORMALISATIONS:
        raise ToolInputError(
            f"normalize_activations {normalisation!r} is not known; these are: {', '.join(_NORMALISATIONS)}"
        )
    activation, transcoder, _ = ARCHITECTURES[architecture]
    k = flat.get("k", kwargs.get("k"))
    if activation == "topk" and k is None:
        raise ToolInputError("a topk autoencoder needs k in its configuration")
    if about.get("hook_head_index") is not None:
        raise ToolInputError("autoencoders of a single head (hook_head_index) are not supported")
    at = hook or about.get("hook_name")
    if not at:
        raise ToolInputError(
            "the configuration does not say where it reads; give hook, such as blocks.3.hook_resid_post"
        )
    out = hook_out or about.get("hook_name_out") or (None if transcoder else at)
    if not out:
        raise ToolInputError(
            "the configuration does not say where the transcoder writes; give hook_out"
        )
    loading = about.get("model_from_pretrained_kwargs") or {}
    return Spec(
        architecture=architecture,
        hook=str(at),
        hook_out=str(out),
        model=str(about.get("model_name") or ""),
        normalisation=str(normalisation),
        # A transcoder's decoder bias lives where it writes, so it is never taken from its input.
        subtract_bias=bool(flat.get("apply_b_dec_to_input", True)) and not transcoder,
        by_decoder_norm=bool(flat.get("rescale_acts_by_decoder_norm", False)),
        k=int(k) if k is not None else None,
        scaling=scaler,
        centred=bool(loading.get("center_writing_weights", False)),
    )


def _guess(weights: dict[str, Tensor]) -> str:
    """The architecture that a file without a configuration must have, told by its tensors."""
    if "r_mag" in weights:
        return "gated"
    jump = "threshold" in weights or "log_threshold" in weights
    if "W_skip" in weights:
        return "jumprelu_skip_transcoder" if jump else "skip_transcoder"
    return "jumprelu" if jump else "batchtopk" if "topk_threshold" in weights else "standard"


def _find(reference: str) -> tuple[Path, dict[str, Any] | None, float | None]:
    path = expanded(reference)
    if path.suffix in _REFUSED:
        raise ToolInputError(
            f"{path} is no safetensors file; pickles and archives are refused, because opening one may run its code"
        )
    if path.is_file():
        if path.suffix != ".safetensors":
            raise ToolInputError(f"{path} is no safetensors file; give one, or a folder with one")
        beside = path.parent / CONFIG
        return path, _json(beside) if beside.is_file() else None, _scaling(path.parent)
    if path.is_dir():
        return _folder(path)
    if path.is_absolute() or reference.startswith((".", "~")) or reference.count("/") < 1:
        raise ToolInputError(
            f"no autoencoder at {reference!r}; give a folder with {CONFIG} and {WEIGHTS}, or OWNER/REPO/FOLDER"
        )
    return _folder(_download(reference))


def _folder(path: Path) -> tuple[Path, dict[str, Any] | None, float | None]:
    usual = path / WEIGHTS
    found = (
        [usual]
        if usual.is_file()
        else sorted(p for p in path.glob("*.safetensors") if p.name != "sparsity.safetensors")
    )
    if not found:
        pickled = [p.name for p in path.iterdir() if p.suffix in _REFUSED]
        why = (
            f"only {pickled[0]}, and pickles and archives are refused, because opening one may run its code"
            if pickled
            else "no safetensors weights"
        )
        raise ToolInputError(f"{path} holds {why}")
    if len(found) > 1:
        names = ", ".join(p.name for p in found[:5])
        raise ToolInputError(f"{path} holds several weights ({names}); give the file")
    config = path / CONFIG
    return found[0], _json(config) if config.is_file() else None, _scaling(path)


def _download(reference: str) -> Path:
    """The three small-named files of a hub folder, and nothing else of the repository."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    owner, name, *rest = reference.replace(":", "/").split("/")
    folder = "/".join(part for part in rest if part)
    where: Path | None = None
    try:
        for file, needed in ((CONFIG, True), (WEIGHTS, True), (SCALER, False)):
            try:
                got = hf_hub_download(f"{owner}/{name}", f"{folder}/{file}" if folder else file)
            except EntryNotFoundError:
                if needed:
                    raise
                continue
            where = Path(got).parent
    except LocalEntryNotFoundError as error:
        if where is not None:  # the optional file is not cached; the needed ones are
            return where
        why = (
            "HF_HUB_OFFLINE=1 forbids fetching it"
            if os.environ.get("HF_HUB_OFFLINE") == "1"
            else "the hub cannot be reached"
        )
        raise ToolInputError(f"{reference} is not in the local hub cache, and {why}") from error
    except (EntryNotFoundError, HfHubHTTPError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ToolInputError(
            f"cannot fetch an autoencoder from {reference} ({reason}); {CONFIG} and {WEIGHTS} are needed there"
        ) from error
    assert where is not None
    return where


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ToolInputError(f"cannot read {path}: {error}") from error
    if not isinstance(found, dict):
        raise ToolInputError(f"{path} holds no configuration: one JSON object is needed")
    return found


def _scaling(folder: Path) -> float | None:
    """The input scale that SAELens estimated in training, where it was not folded into the weights."""
    path = folder / SCALER
    value = _json(path).get("scaling_factor") if path.is_file() else None
    return None if value is None else float(value)


def _header_config(header: dict[str, str]) -> dict[str, Any]:
    """A configuration in a safetensors header: one JSON text, or plain keys."""
    for key in ("cfg", "config", "metadata"):
        if key in header:
            try:
                found = json.loads(header[key])
            except ValueError:
                continue
            if isinstance(found, dict):
                return found
    return {key: value for key, value in header.items() if key in ("hook_name", "architecture")}


def _tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            header: dict[str, str] = file.metadata() or {}
            names: list[str] = list(file.keys())
            weights: dict[str, Tensor] = {name: file.get_tensor(name).float() for name in names}
    except (SafetensorError, OSError) as error:
        raise ToolInputError(f"cannot read weights from {path}: {error}") from error
    return weights, header
