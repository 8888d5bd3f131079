"""How well a model folder does on each behaviour, on prompts held out of its training; and its card, which says so.

``python -m gadfly.tools.demo.evaluate [DIR] [--n N] [--seed S]`` prints the table. Three numbers
per behaviour: *accuracy* (the answer is the most likely token of the whole vocabulary), *choice* (the
answer beats the corrupt prompt's answer) and the mean *logit difference* between those two. It
measures any folder with this tokenizer, and says nothing about how the model computes its answers.

The card is ``README.md`` for people and ``evaluation.json`` with the same numbers for programs (the tests
compare fresh measurements with it). ``--card`` measures a folder again and rewrites both, for when the wording has
changed and the weights have not.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gadfly.tools import templating
from gadfly.tools.demo import demo_path
from gadfly.tools.demo.behaviours import BEHAVIOURS, Pair, Split
from gadfly.tools.demo.language import vocabulary
from gadfly.tools.tokens import ids_of

if TYPE_CHECKING:
    import torch

PROMPTS = 500
# Held-out prompts are drawn from the same rule at any seed; this one is for the card.
CARD_SEED = 1000


@dataclass(frozen=True)
class Score:
    """One behaviour's result over ``n`` prompt pairs."""

    n: int
    accuracy: float
    choice: float
    logit_difference: float


def load(folder: Path) -> tuple[Any, Any]:
    """Model (eval mode, fp32) and tokenizer of a local folder; never asks the network."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype="float32")
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return model.eval(), tokenizer


def last_logits(model: Any, tokenizer: Any, prompts: Sequence[str]) -> torch.Tensor:
    """Logits after each prompt. Prompts of one length go together, so nothing is ever padded."""
    import torch

    encoded = [ids_of(tokenizer, prompt) for prompt in prompts]
    by_length: dict[int, list[int]] = defaultdict(list)
    for index, ids in enumerate(encoded):
        by_length[len(ids)].append(index)
    rows: list[torch.Tensor] = [torch.empty(0)] * len(encoded)
    with torch.no_grad():
        for indices in by_length.values():
            logits = model(torch.tensor([encoded[i] for i in indices])).logits[:, -1]
            for row, index in zip(logits, indices, strict=True):
                rows[index] = row
    return torch.stack(rows)


def score(model: Any, tokenizer: Any, pairs: Sequence[Pair]) -> Score:
    """Accuracy, choice and logit difference on the clean prompts of these pairs."""
    import torch

    logits = last_logits(model, tokenizer, [pair.clean for pair in pairs])
    answers = torch.tensor(tokenizer.convert_tokens_to_ids([pair.answer for pair in pairs]))
    wrongs = torch.tensor(tokenizer.convert_tokens_to_ids([pair.wrong for pair in pairs]))
    gap = (logits.gather(1, answers[:, None]) - logits.gather(1, wrongs[:, None])).squeeze(1)
    return Score(
        n=len(pairs),
        accuracy=float((logits.argmax(-1) == answers).float().mean()),
        choice=float((gap > 0).float().mean()),
        logit_difference=float(gap.mean()),
    )


def evaluate(
    model: Any, tokenizer: Any, n: int = PROMPTS, seed: int = CARD_SEED, split: Split = "held_out"
) -> dict[str, Score]:
    """The score of every behaviour."""
    return {
        name: score(model, tokenizer, behaviour.pairs(n, seed, split))
        for name, behaviour in BEHAVIOURS.items()
    }


def table(scores: dict[str, Score]) -> str:
    """The scores as aligned text."""
    lines = [f"{'behaviour':<17}{'n':>5}{'accuracy':>10}{'choice':>8}{'logit diff':>12}"]
    lines += [
        f"{name:<17}{s.n:>5}{s.accuracy:>10.3f}{s.choice:>8.3f}{s.logit_difference:>12.2f}"
        for name, s in scores.items()
    ]
    return "\n".join(lines)


@dataclass(frozen=True)
class Training:
    """What the card says about how the weights were made."""

    command: str
    seed: int
    steps: int
    tokens: int
    minutes: float  # by the clock
    cpu_minutes: float
    parameters: int
    shape: str


def write_card(
    folder: Path, training: Training, held_out: dict[str, Score], trained: dict[str, Score]
) -> None:
    """README.md and evaluation.json in the model's folder."""
    numbers = {
        "training": asdict(training),
        "prompt_seed": CARD_SEED,
        "held_out": {name: asdict(score) for name, score in held_out.items()},
        "train": {name: asdict(score) for name, score in trained.items()},
    }
    (folder / "evaluation.json").write_text(json.dumps(numbers, indent=2) + "\n", "utf-8")
    card = templating.text(
        Path(__file__).with_name("card.md.j2"),
        training=training,
        held_out=held_out,
        trained=trained,
        behaviours=BEHAVIOURS.values(),
        words=len(vocabulary()),
    )
    (folder / "README.md").write_text(card, "utf-8")


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table for a folder, or rewrite its card."""
    import sys

    parser = argparse.ArgumentParser(prog="python -m gadfly.tools.demo.evaluate")
    parser.add_argument("folder", nargs="?", type=Path, default=demo_path())
    parser.add_argument("--n", type=int, default=PROMPTS, help="prompts per behaviour")
    parser.add_argument("--seed", type=int, default=CARD_SEED)
    parser.add_argument("--split", choices=("held_out", "train"), default="held_out")
    parser.add_argument("--card", action="store_true", help="measure again and rewrite its card")
    options = parser.parse_args(argv)
    if options.card:
        numbers = json.loads((options.folder / "evaluation.json").read_text("utf-8"))
        loaded = load(options.folder)
        held_out, trained = evaluate(*loaded), evaluate(*loaded, split="train")
        write_card(options.folder, Training(**numbers["training"]), held_out, trained)
        return
    scores = evaluate(*load(options.folder), options.n, options.seed, options.split)
    sys.stdout.write(table(scores) + "\n")


if __name__ == "__main__":
    main()
