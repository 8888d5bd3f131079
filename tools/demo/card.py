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

from gadfly.tools import templating
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
    return templating.text(
        Path(__file__).with_name("card.md.j2"),
        training=training,
        held_out=held_out,
        trained=trained,
        behaviours=BEHAVIOURS.values(),
        words=len(vocabulary()),
    )


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
