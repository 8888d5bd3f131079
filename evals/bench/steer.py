"""How fast steering is, beside plain generation and plain forwards of the same rows. Ratios within one run.

    python -m gadfly.evals.bench.steer [--model demo | --size 0.6b] [--device auto] [--json]

- ``generate``  one vector a row, added at every step of decoding, against ``generate`` of transformers, unsteered, on
  the same left-padded prompts: tokens a second, steered / unsteered (aim: at least 0.9)
- ``sweep``     the next token under 7 doses of a vector and of 10 controls, against plain forwards of the same rows in
  batches of the same size: seconds, sweep / plain (aim: at most 1.3)
- ``sweep generated``  the same with new tokens, against ``generate`` of transformers

Rounds are interleaved, and the medians compared. ``--size`` builds a model of that size with random weights, which is
as good for timing as trained ones. Leaves out whether the numbers are right: tests hold them equal to plain forwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gadfly.evals.kit.models import random_qwen3
from gadfly.evals.kit.place import processor, resolved
from gadfly.evals.kit.script import known, script
from gadfly.evals.kit.timing import interleaved
from gadfly.tools.generating import decode
from gadfly.tools.model import Batch, LocalModel, load
from gadfly.tools.steering.engine import adding, continuations, next_token
from gadfly.tools.steering.source import isotropic
from gadfly.tools.steering.working import unit

if TYPE_CHECKING:
    from torch import Tensor

DOSES, CONTROLS = 7, 10
# hidden size, MLP, layers, query heads, key/value heads: as in Qwen3 of that size
SIZES = {
    "0.1b": (512, 1536, 12, 8, 4),
    "0.6b": (1024, 3072, 28, 16, 8),
    "4b": (2560, 9728, 36, 32, 8),
}


def random_weights(size: str, device: str) -> LocalModel:
    """Qwen3's architecture at that size; bf16 on a GPU.

    Raises:
        UsageError: there is no such size.
    """
    import torch

    known([size], SIZES, "size")
    hidden, mlp, layers, heads, kv = SIZES[size]
    return random_qwen3(
        device,
        dtype=torch.float32 if resolved(device) == "cpu" else torch.bfloat16,
        hidden_size=hidden,
        intermediate_size=mlp,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv,
        head_dim=128 if size != "0.1b" else 64,
        vocab_size=151936,
        eos_token_id=None,
        tie_word_embeddings=True,
    )


def prompts(count: int) -> list[str]:
    """Prompts of unequal length in the demo language."""
    from gadfly.tools.demo.behaviours import BEHAVIOURS

    names = ("sentiment", "capital-of", "truth", "indirect-object")
    made = [BEHAVIOURS[name].pairs(-(-count // len(names))) for name in names]
    return [pair.clean for four in zip(*made, strict=True) for pair in four][:count]


def theirs(model: LocalModel, batch: Batch, tokens: int) -> Tensor:
    """The ``generate`` of transformers, greedy, exactly so many new tokens."""
    import torch

    with torch.inference_mode():
        made: Tensor = model.module.generate(
            input_ids=batch.ids,
            attention_mask=batch.mask,
            max_new_tokens=tokens,
            min_new_tokens=tokens,
            do_sample=False,
            pad_token_id=0,
        )
    return made[:, batch.ids.shape[1] :]


def measure(
    model: str = "demo",
    size: str | None = None,
    prompts: int = 16,
    tokens: int = 24,
    device: str = "auto",
    rounds: int = 5,
    max_rows: int = 512,
) -> dict[str, Any]:
    """Median seconds of each method, and the ratios.

    Args:
        model: as for gadfly steer
        size: random weights of this size instead: 0.1b, 0.6b, 4b
        tokens: new tokens of each text
    """
    loaded = random_weights(size, device) if size else load(model, device=device)
    return {
        "model": f"random {size}" if size else model,
        **run(loaded, prompts, tokens, rounds, max_rows),
    }


def run(model: LocalModel, count: int, tokens: int, rounds: int, max_rows: int) -> dict[str, Any]:
    """The same with a model that is loaded."""
    import torch

    texts = prompts(count)
    layer = model.num_layers // 2
    norm = unit(model, texts, texts, layer, max_rows).size
    directions = isotropic(model.hidden_size, 1 + CONTROLS, 0)
    doses = torch.linspace(-1, 1, DOSES) * norm
    steps = (doses[:, None, None] * directions).reshape(-1, model.hidden_size)
    whole = model.batch(texts)
    one = steps[-1].expand(count, -1)
    # The sweep's rows as plain batches: same number of rows, same longest prompt first.
    order = sorted(range(count), key=lambda i: -whole.lengths[i])
    rows = [texts[i] for i in order for _ in range(len(steps))]
    parts = [model.batch(rows[i : i + max_rows]) for i in range(0, len(rows), max_rows)]

    def steered() -> None:
        with adding(model, layer, one, "all", whole.ids.shape[1]):
            made = decode(model, whole, tokens)
        assert all(len(row) == tokens for row in made), "the model ended a text: times differ"

    def sweep() -> None:
        next_token(
            model, texts, steps, layer, "all", lambda logits, _: logits[:, 5], max_rows=max_rows
        )

    def plain() -> None:
        with model.working():
            for part in parts:
                model.forward(part)[:, 5].float().cpu()

    def sweep_generated() -> None:
        continuations(
            model, texts, steps, layer, "all", 8, temperature=0.0, seed=0, max_rows=max_rows
        )

    def plain_generated() -> None:
        for part in parts:
            theirs(model, part, 8)

    methods: dict[str, Callable[[], object]] = {
        "steered": steered,
        "unsteered": lambda: theirs(model, whole, tokens),
        "sweep": sweep,
        "plain": plain,
        "sweep generated": sweep_generated,
        "plain generated": plain_generated,
    }
    _, median = interleaved(methods, rounds)
    return {
        "device": str(model.device),
        "machine": processor(),
        "prompts": count,
        "new_tokens": tokens,
        "rows": len(rows),
        "rounds": rounds,
        "seconds": median,
        "tokens_per_second": {
            key: count * tokens / median[key] for key in ("steered", "unsteered")
        },
        "generate": median["unsteered"] / median["steered"],
        "sweep": median["sweep"] / median["plain"],
        "sweep_generated": median["sweep generated"] / median["plain generated"],
    }


if __name__ == "__main__":
    script(measure)
