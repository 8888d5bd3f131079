"""Small autoencoders on disk in SAELens' layouts, and an independent reading of what each must compute."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WIDTH, FEATURES = 32, 40


def weights(
    kind: str, seed: int = 0, d_in: int = WIDTH, d_out: int | None = None
) -> dict[str, Any]:
    import torch

    g = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=g) * 0.3  # noqa: E731
    d_out = d_out or d_in
    made = {"W_enc": draw(d_in, FEATURES), "W_dec": draw(FEATURES, d_out), "b_dec": draw(d_out)}
    if kind == "gated":
        made |= {"b_gate": draw(FEATURES), "b_mag": draw(FEATURES), "r_mag": draw(FEATURES)}
    else:
        made["b_enc"] = draw(FEATURES)
    if "jumprelu" in kind:
        made["threshold"] = draw(FEATURES).abs() * 3
    if kind == "batchtopk":
        made["topk_threshold"] = torch.tensor(0.7, dtype=torch.float64)
    if "skip" in kind:
        made["W_skip"] = draw(d_out, d_in)
    return made


def write(folder: Path, config: dict[str, Any], tensors: dict[str, Any]) -> Path:
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cfg.json").write_text(json.dumps(config), encoding="utf-8")
    save_file(
        {k: v.contiguous() for k, v in tensors.items()}, str(folder / "sae_weights.safetensors")
    )
    return folder


def modern(kind: str, hook: str = "blocks.1.hook_resid_post", **more: Any) -> dict[str, Any]:
    """As SAELens 6 writes it: what belongs to the language model is under ``metadata``."""
    metadata = {
        "sae_lens_version": "6.20.0",
        "model_name": "tiny",
        "hook_name": hook,
        "hook_head_index": None,
        "prepend_bos": True,
        "context_size": 16,
        "model_from_pretrained_kwargs": {},
        **more.pop("metadata", {}),
    }
    return {
        "architecture": kind,
        "d_in": WIDTH,
        "d_sae": FEATURES,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": "transcoder" not in kind,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": metadata,
        **more,
    }


def legacy(hook: str = "blocks.1.hook_resid_post", **more: Any) -> dict[str, Any]:
    """As versions before 6 write it: everything flat, some keys under older names."""
    return {
        "d_in": WIDTH,
        "d_sae": FEATURES,
        "dtype": "torch.float32",
        "device": "cpu",
        "model_name": "tiny",
        "hook_point": hook,
        "hook_point_layer": 1,
        "hook_point_head_index": None,
        "activation_fn_str": "relu",
        "apply_b_dec_to_input": True,
        "finetuning_scaling_factor": False,
        "prepend_bos": True,
        "normalize_activations": False,
        "sae_lens_training_version": "3.0.0",
        **more,
    }


def expected(
    kind: str, w: dict[str, Any], x: Any, *, k: int = 4, minus: bool = True
) -> tuple[Any, Any]:
    """Features and reconstruction of each row of ``x``, one at a time."""
    import torch

    features, outs = [], []
    for row in x:
        shifted = row - w["b_dec"] if minus and "transcoder" not in kind else row
        if kind == "gated":
            gate = shifted @ w["W_enc"] + w["b_gate"]
            size = torch.exp(w["r_mag"]) * (shifted @ w["W_enc"]) + w["b_mag"]
            acts = torch.where(gate > 0, size.clamp(min=0), torch.zeros_like(size))
        else:
            before = shifted @ w["W_enc"] + w["b_enc"]
            acts = before.clamp(min=0)
            if kind == "topk":
                limit = before.sort(descending=True).values[k - 1]
                acts = torch.where(before >= limit, acts, torch.zeros_like(acts))
            limit = w.get("threshold", w.get("topk_threshold"))
            if limit is not None:
                acts = torch.where(before > limit, acts, torch.zeros_like(acts))
        out = acts @ w["W_dec"] + w["b_dec"]
        if "skip" in kind:
            out = out + w["W_skip"] @ row
        features.append(acts)
        outs.append(out)
    return torch.stack(features), torch.stack(outs)


def principal(activations: Any, k: int) -> dict[str, Any]:
    """A dictionary that reconstructs by construction: both signs of the principal axes, for a topk autoencoder."""
    import torch

    mean = activations.mean(0)
    axes = torch.linalg.svd(activations - mean, full_matrices=False).Vh
    both = torch.cat([axes, -axes])
    return {
        "W_enc": both.T.clone(),
        "W_dec": both.clone(),
        "b_dec": mean.clone(),
        "b_enc": torch.zeros(len(both)),
    }
