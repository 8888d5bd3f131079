"""How fast steering is, beside plain generation and plain forwards of the same rows. Ratios within one run.

    python -m gadfly.evals.bench_steer [--model demo | --size 0.6b] [--device auto] [--json]

- ``generate``  one vector a row, added at every step of decoding, against ``generate`` of transformers, unsteered, on
  the same left-padded prompts: tokens a second, steered / unsteered
- ``sweep``     the next token under 7 doses of a vector and of 10 controls, against plain forwards of the same rows in
  batches of the same size: seconds, sweep / plain
- ``sweep generated``  the same with new tokens, against ``generate`` of transformers

Rounds are interleaved, and the medians compared. ``--size`` builds a model of that size with random weights, which is
as good for timing as trained ones. Leaves out whether the numbers are right: tests hold them equal to plain forwards.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gadfly.tools.generating import decode
from gadfly.tools.model import Batch, LocalModel, load
from gadfly.tools.steering.engine import adding, continuations, mean_norm, next_token
from gadfly.tools.steering.source import isotropic

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
    """Qwen3's architecture at that size with the demo model's tokenizer; bf16 on a GPU."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    hidden, mlp, layers, heads, kv = SIZES[size]
    config = Qwen3Config(
        hidden_size=hidden, intermediate_size=mlp, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=kv, head_dim=128 if size != "0.1b" else 64, vocab_size=151936, eos_token_id=None,
        tie_word_embeddings=True,
    )  # fmt: skip
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    kind = torch.float32 if device == "cpu" else torch.bfloat16
    with torch.device(device):
        module = Qwen3ForCausalLM(config).to(kind).eval()
    return LocalModel.wrap(module, load("demo", device="cpu").tokenizer, name=f"random {size}")


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
    model: LocalModel, count: int, tokens: int, rounds: int, max_rows: int
) -> dict[str, Any]:
    """Median seconds of each method, and the ratios."""
    import torch

    texts = prompts(count)
    layer = model.num_layers // 2
    norm = mean_norm(model, texts, layer, max_rows)
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
    seconds: dict[str, list[float]] = {key: [] for key in methods}
    for method in methods.values():  # once unmeasured: caches and allocators warm
        method()
    for _ in range(rounds):
        for key, method in methods.items():
            _wait(torch)
            start = time.perf_counter()
            method()
            _wait(torch)
            seconds[key].append(time.perf_counter() - start)
    median = {key: statistics.median(times) for key, times in seconds.items()}
    return {
        "model": model.name,
        "device": str(model.device),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}",
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


def _wait(torch: Any) -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def main() -> None:
    """The command line of the module docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", default="demo", help="as for gadfly steer")
    parser.add_argument("--size", choices=SIZES, help="random weights of this size instead")
    parser.add_argument("--prompts", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=24, help="new tokens of each text")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--max-rows", type=int, default=512)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    model = (
        random_weights(args.size, args.device)
        if args.size
        else load(args.model, device=args.device)
    )
    found = measure(model, args.prompts, args.tokens, args.rounds, args.max_rows)
    if args.json:
        print(json.dumps(found, indent=1))
        return
    speed = found["tokens_per_second"]
    print(
        f"{found['model']} on {found['device']} ({found['machine']}), median of {found['rounds']}\n"
        f"  generate: steered {speed['steered']:.0f} tokens/s, transformers unsteered {speed['unsteered']:.0f}: "
        f"{found['generate']:.2f} times (aim: at least 0.9)\n"
        f"  sweep of {found['rows']} rows ({DOSES} doses x {1 + CONTROLS} directions x {found['prompts']} prompts): "
        f"{found['sweep']:.2f} times the plain rows (aim: at most 1.3)\n"
        f"  the same with 8 new tokens: {found['sweep_generated']:.2f} times"
    )


if __name__ == "__main__":
    main()
