"""Identifiers as words: ``cleanCache_2`` is about *clean* and *cache*. No syntax tree here."""

from __future__ import annotations

import re
from functools import cache, lru_cache

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")


@cache
def listed(text: str) -> frozenset[str]:
    """The names in a text, blanks between them: a table of names that is read as one."""
    return frozenset(text.split())


# Two sides of an experiment. A name of one side fed with only the other side is a swap.
CLEAN = listed("clean uncorrupted unpatched")
CORRUPT = listed("corrupt corrupted corr dirty noised counterfactual cf corruption")
TRAIN = listed("train training tr fit")
TEST = listed("test testing te heldout holdout")
POSITIVE = listed("pos positive positives plus")
NEGATIVE = listed("neg negative negatives minus")
RIGHT = listed("correct right answer target io true good")
WRONG = listed("incorrect wrong distractor foil bad false alternative s")


@lru_cache(maxsize=8192)
def words(name: str) -> frozenset[str]:
    """The lower-case words of an identifier or of a dotted name."""
    return frozenset(each.lower() for each in _WORD.findall(name))


def about(name: str, *groups: frozenset[str]) -> bool:
    """Whether a name has a word of any of the groups."""
    found = words(name)
    return any(found & group for group in groups)


# What vectors in activation space are called.
VECTOR_WORDS = listed("vector vec direction dir steer steering v d probe_dir")

METRICS = listed(
    "accuracy_score roc_auc_score f1_score balanced_accuracy_score average_precision_score"
)

SPLITS = listed("train_test_split")
CROSS_VALIDATION = listed("cross_val_score cross_validate cross_val_predict")
