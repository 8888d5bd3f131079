"""The demo model: a small transformer with behaviours that are known, shipped with the package.

- ``words``       the word lists (names, capitals, adjectives, number words, ...)
- ``pairs``       what a prompt pair is, and templates that know which token is which
- ``builders``    one function per behaviour: a random clean/corrupt pair of it
- ``behaviours``  the registry that other tools read: prompts, pairs, labels, keywords
- ``language``    the training mixture: behaviours and filler text
- ``tokenizer``   the word-level tokenizer
- ``train``       ``python -m gadfly.tools.demo.train`` makes ``model/``
- ``evaluate``    held-out accuracy and logit difference of a model folder
- ``card``        the README.md beside the weights, written from the measured numbers

Nothing heavy is imported here, and ``behaviours`` needs the standard library only.
"""

from __future__ import annotations

from pathlib import Path


def demo_path() -> Path:
    """The packaged folder: configuration, weights, tokenizer and card of the demo model."""
    return Path(__file__).resolve().parent / "model"
