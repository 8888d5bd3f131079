"""The demo model: a small transformer with behaviours that are known, shipped with the package.

- ``words``       the words (names, capitals, adjectives, ...) and the sentences that they stand in
- ``pairs``       what a prompt pair is, and templates that know which token is which
- ``builders``    one function per behaviour: a random clean/corrupt pair of it
- ``behaviours``  the registry that other tools read: prompts, pairs, labels, keywords
- ``language``    the training mixture: behaviours and filler text
- ``train``       ``python -m gadfly.tools.demo.train`` makes ``model/``: tokenizer, weights, card
- ``evaluate``    held-out accuracy and logit difference of a model folder, and the README.md that tells them

Nothing heavy is imported here, and ``behaviours`` needs the standard library only.
"""

from __future__ import annotations

from pathlib import Path


def demo_path() -> Path:
    """The packaged folder: configuration, weights, tokenizer and card of the demo model."""
    return Path(__file__).resolve().parent / "model"
