"""Models with random weights, which are as good for timing as trained ones."""

from __future__ import annotations

from typing import Any

from gadfly.evals.kit.place import resolved
from gadfly.tools.model import LocalModel


def random_qwen3(device: str, **config: Any) -> LocalModel:
    """A Qwen3 with the demo's tokenizer. ``config`` is that of transformers; ``dtype`` may be among it."""
    import torch
    from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

    from gadfly.tools.demo import demo_path

    tokenizer = AutoTokenizer.from_pretrained(demo_path())
    kind = config.pop("dtype", torch.float32)
    torch.manual_seed(0)
    given = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, **config}
    with torch.device(resolved(device)):
        module = Qwen3ForCausalLM(Qwen3Config(**given)).to(kind)
    return LocalModel.wrap(module.eval(), tokenizer, name="random Qwen3")


def of_size(layers: int, hidden: int, device: str) -> LocalModel:
    """One whose MLP is three times as wide, with heads of 64."""
    heads = {"num_attention_heads": hidden // 64, "num_key_value_heads": max(1, hidden // 128)}
    return random_qwen3(
        device,
        hidden_size=hidden,
        intermediate_size=3 * hidden,
        num_hidden_layers=layers,
        head_dim=64,
        max_position_embeddings=256,
        **heads,
    )
