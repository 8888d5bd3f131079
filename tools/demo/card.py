"""The demo model's card, written from what was measured.

``README.md`` for people and ``evaluation.json`` with the same numbers for programs (the tests
compare fresh measurements with it). The text explains; every number in it is a measured one.
``python -m gadfly.tools.demo.card [DIR]`` measures a folder again and rewrites both, for when the
wording has changed and the weights have not.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from gadfly.tools.demo import demo_path
from gadfly.tools.demo.behaviours import BEHAVIOURS
from gadfly.tools.demo.evaluate import CARD_SEED, Score, evaluate, load
from gadfly.tools.demo.language import vocabulary


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
    (folder / "README.md").write_text(_card(training, held_out, trained), "utf-8")


def _card(training: Training, held_out: dict[str, Score], trained: dict[str, Score]) -> str:
    rows = "\n".join(
        f"| {name} | {s.n} | {s.accuracy:.3f} | {s.choice:.3f} | {s.logit_difference:.2f} "
        f"| {trained[name].accuracy:.3f} |"
        for name, s in held_out.items()
    )
    meanings = "\n".join(
        f"- **{each.title}** (`{each.name}`): {each.description}" for each in BEHAVIOURS.values()
    )
    return f"""# Gadfly's demo model

A transformer of {training.parameters:,} parameters (Qwen3 architecture: {training.shape}, tied
embeddings, fp32) that was trained from scratch on a synthetic language, so that interpretability
tools can be tried in seconds, on any machine, on behaviours that are known to be there. It is not a
language model of English: it knows {len(vocabulary())} words and little beyond the sentences below.
A result found here shows that a tool works; it is no evidence about large models.

## What it was trained to do

{meanings}

The rest of the training text is filler from a small grammar. A token that a behaviour decides
counts fully in the loss, an arbitrary one a tenth.

## How well it does

On prompts held out of training. *Accuracy*: the answer is the most likely of all tokens. *Choice*:
it is more likely than the corrupt prompt's answer. The logit difference is between those two. The
last column is the accuracy on prompts of the training split, for comparison.

| behaviour | prompts | accuracy | choice | logit difference | accuracy, train split |
| --- | --- | --- | --- | --- | --- |
{rows}

What is held out: names, adjectives and nouns never meet a member of their own cluster in training,
and held-out prompts are made of such meetings; every capital, series item and name is missing from
one template in five, and is asked there; a held-out false statement also gives a wrong city that
the country never had in training; random sequences are always fresh. All words are seen in
training.

## Tokens

One token per word: text is lower-cased and split at spaces and around punctuation, and exactly one
`<bos>` is prepended. A word outside the vocabulary becomes `<unk>`. Padding is on the left. There
is no end-of-text token and no chat template. Training rows are 48 tokens long; longer inputs are
outside of what it has seen.

## How it was made

    {training.command}

Seed {training.seed}, {training.steps:,} steps, {training.tokens:,} tokens. It took
{training.minutes:.0f} minutes by the clock and {training.cpu_minutes:.0f} minutes of CPU time. The
numbers above are in `evaluation.json` too, and come from `python -m gadfly.tools.demo.evaluate`.
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure a folder again and rewrite its card."""
    parser = argparse.ArgumentParser(prog="python -m gadfly.tools.demo.card")
    parser.add_argument("folder", nargs="?", type=Path, default=demo_path())
    folder: Path = parser.parse_args(argv).folder
    numbers = json.loads((folder / "evaluation.json").read_text("utf-8"))
    model, tokenizer = load(folder)
    write_card(
        folder,
        Training(**numbers["training"]),
        evaluate(model, tokenizer),
        evaluate(model, tokenizer, split="train"),
    )


if __name__ == "__main__":
    main()
