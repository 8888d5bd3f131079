"""Real prompts and sentences whose question has no true answer: noise in which a naive tool sees something.

English only. Exchanged answers belong to other prompts of the same kind, so the model knows both and prefers neither.
"""

from __future__ import annotations

import numpy as np

from gadfly.tools.model import LocalModel

_CAPITALS = (
    "France Paris, Japan Tokyo, Italy Rome, Spain Madrid, Germany Berlin, Russia Moscow, Egypt Cairo, Greece Athens, "
    "Ireland Dublin, Austria Vienna, Cuba Havana, England London, Norway Oslo, Portugal Lisbon, China Beijing, "
    "Poland Warsaw, Peru Lima, Kenya Nairobi, Iran Tehran, Sweden Stockholm"
)
_SUBJECTS = (
    "The farmer",
    "My neighbour",
    "A young doctor",
    "The old captain",
    "Her brother",
    "The teacher",
)
_VERBS = ("waited", "slept", "worked", "talked", "sat", "stood")
_PLACES = (
    "near the river",
    "at the market",
    "behind the school",
    "in the kitchen",
    "on the train",
    "by the lake",
)


def speaks(model: LocalModel) -> bool:
    """Whether the tokenizer knows plain English, and enough capitals are one token each."""
    unknown = model.tokenizer.unk_token_id
    ids = model.ids(" ".join([*_SUBJECTS, *_VERBS, *_PLACES]))
    return (unknown is None or unknown not in ids) and len(_facts(model)) >= 12


def _facts(model: LocalModel) -> list[tuple[str, str]]:
    """Countries with their capitals, those that are one token after a space."""
    out = []
    for each in _CAPITALS.split(", "):
        country, capital = each.split()
        ids = model.tokenizer(f" {capital}", add_special_tokens=False)["input_ids"]
        if len(ids) == 1 and ids[0] != model.tokenizer.unk_token_id:
            out.append((country, f" {capital}"))
    return out


def answered(model: LocalModel, n: int, seed: int) -> list[dict[str, str]]:
    """Questions for a capital, with the capitals of two other countries as answer and wrong answer."""
    rng = np.random.default_rng(seed)
    facts = _facts(model)
    out = []
    for i in rng.permutation(np.arange(n) % len(facts)):
        others = [j for j in range(len(facts)) if j != i]
        answer, wrong = (facts[int(j)][1] for j in rng.choice(others, 2, replace=False))
        prompt = f"The capital of {facts[int(i)][0]} is"
        out.append({"prompt": prompt, "answer": answer, "wrong": wrong})
    return out


def pairs(model: LocalModel, n: int, seed: int) -> list[dict[str, object]]:
    """Two countries for clean and corrupt, and the capitals of two others."""
    rng = np.random.default_rng(seed)
    facts = _facts(model)
    out: list[dict[str, object]] = []
    for _ in range(n):
        one, two, three, four = (facts[int(i)] for i in rng.choice(len(facts), 4, replace=False))
        clean, corrupt = (f"The capital of {country} is" for country, _ in (one, two))
        out.append({"clean": clean, "corrupt": corrupt, "answer": three[1], "wrong": four[1]})
    return out


def sentences(n: int, seed: int) -> list[str]:
    """Plain sentences, different ones as far as there are."""
    rng = np.random.default_rng(seed)
    counts = (len(_SUBJECTS), len(_VERBS), len(_PLACES))
    total = int(np.prod(counts))
    out = []
    for number in rng.choice(total, n, replace=n > total):
        who, what, where = (int(each) for each in np.unravel_index(int(number), counts))
        out.append(f"{_SUBJECTS[who]} {_VERBS[what]} {_PLACES[where]}")
    return out


def labelled_by_a_word(n: int, seed: int) -> list[dict[str, object]]:
    """Sentences labelled by whether one of three places is in them: the words tell it all, whatever the model holds."""
    half = set(np.random.default_rng(seed + 1).permutation(_PLACES)[: len(_PLACES) // 2])
    return [
        {"text": text, "label": int(any(text.endswith(place) for place in half)), "group": i}
        for i, text in enumerate(sentences(n, seed))
    ]


def unrelated_contrast(n: int, seed: int) -> tuple[list[str], list[str]]:
    """Sentences of two subjects, the rest the same: a real difference, of nothing that is asked for."""
    rng = np.random.default_rng(seed)
    one, other = (str(each) for each in rng.choice(_SUBJECTS, 2, replace=False))
    rest = [text for subject in _SUBJECTS for text in _without(subject, sentences(6 * n, seed))][:n]
    return [f"{one} {text}" for text in rest], [f"{other} {text}" for text in rest]


def _without(subject: str, texts: list[str]) -> list[str]:
    return [text.removeprefix(f"{subject} ") for text in texts if text.startswith(subject)]
