"""The training mixture: sentences of the behaviours' training split, and filler text.

A stream of rows, each ``<bos>`` and then whole sentences until the row is full, with a weight for
every token: a token that a behaviour decides counts fully in the loss, one that is arbitrary (a
name, an object, a random word) counts little. Held-out rules are in ``pairs``; this module only
ever asks for the ``train`` split. Pure Python; tensors are made in ``train``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from random import Random

from gadfly.tools.demo import words
from gadfly.tools.demo.behaviours import BEHAVIOURS
from gadfly.tools.demo.pairs import Pair
from gadfly.tools.demo.words import FILLER, TAILS

PAD, BOS, UNK = "<pad>", "<bos>", "<unk>"
SPECIALS = (PAD, BOS, UNK)

# Share of each kind of sentence; the harder ones more often.
MIXTURE: dict[str, float] = {
    "indirect-object": 0.16,
    "capital-of": 0.14,
    "sentiment": 0.08,
    "induction": 0.18,
    "succession": 0.08,
    "agreement": 0.08,
    "pronoun": 0.05,
    "truth": 0.17,
    "filler": 0.06,
}
DECIDED, ARBITRARY = 1.0, 0.1
# Words that only ever appear as an answer, or that end every sentence.
ANSWERS = frozenset(("happy", "sad", "she", "he", "true", "false", "."))
UNKNOWN_RATE = 0.02  # of filler words become <unk>, so that its embedding means "some word"

Sentence = list[tuple[str, float]]


def _slots() -> dict[str, tuple[str, ...]]:
    numbers, days, months, ordinals = (series for series, _ in words.SERIES)
    return {
        "name": words.NAMES,
        "place": words.PLACES,
        "object": words.OBJECTS,
        "work": words.WORKS,
        "aspect": words.ASPECTS,
        "verb": words.VERBS,
        "adverb": words.ADVERBS,
        "trait": words.TRAITS,
        "noun": tuple(one for one, _ in words.NOUNS),
        "nouns": tuple(many for _, many in words.NOUNS),
        "country": tuple(country for country, _ in words.CAPITALS),
        "city": tuple(city for _, city in words.CAPITALS),
        "number": numbers[1:],
        "day": days,
        "month": months,
        "ordinal": ordinals,
    }


_SLOTS = _slots()


def _say(rng: Random, template: str) -> list[str]:
    return [
        rng.choice(_SLOTS[piece[1:-1]]) if piece.startswith("{") else piece
        for piece in template.split()
    ]


def vocabulary() -> list[str]:
    """Special tokens first, then every word that the language can say, sorted."""
    pieces = chain(
        words.INDIRECT_OBJECT,
        words.CAPITAL_OF,
        words.SENTIMENT,
        *(entry for entry in words.AGREEMENT),
        *((template, between) for template, _, between in words.SUCCESSION),
        words.PRONOUN,
        words.TRUTH,
        FILLER,
        *TAILS.values(),
    )
    fixed = {word for piece in pieces for word in piece.split() if not word.startswith("{")}
    series = (words_of for words_of, _ in words.SERIES)
    listed = set(chain(*_SLOTS.values(), words.POSITIVE, words.NEGATIVE, *series))
    return [*SPECIALS, *sorted(fixed | listed | ANSWERS)]


def _finish(rng: Random, name: str, pair: Pair) -> Sentence:
    """A prompt with its answer, and the rest of the sentence."""
    prompt = pair.clean.split()
    sentence: Sentence = [(word, ARBITRARY) for word in prompt]
    sentence.append((pair.answer, DECIDED))
    if name == "induction":
        # The repeat goes on to the end of the sequence: each of its words can be copied.
        start = prompt.index(prompt[-1])
        sentence += [(word, DECIDED) for word in prompt[start + 2 : -1]]
    elif name in TAILS:
        sentence += [(word, ARBITRARY) for word in _say(rng, rng.choice(TAILS[name]))]
    sentence.append((".", ARBITRARY))
    return sentence


class Stream:
    """Endless training rows, decided by the seed."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(f"training/{seed}")
        self._draws = {
            name: behaviour.draw(self._rng, "train") for name, behaviour in BEHAVIOURS.items()
        }
        self._ids = {word: index for index, word in enumerate(vocabulary())}

    def sentences(self) -> Iterator[Sentence]:
        """Single sentences in the proportions of the mixture."""
        names, shares = list(MIXTURE), list(MIXTURE.values())
        while True:
            (name,) = self._rng.choices(names, shares)
            if name == "filler":
                yield [
                    (UNK if self._rng.random() < UNKNOWN_RATE else word, ARBITRARY)
                    for word in _say(self._rng, self._rng.choice(FILLER))
                ]
            else:
                yield _finish(self._rng, name, next(self._draws[name]))

    def rows(self, length: int) -> Iterator[tuple[list[int], list[float]]]:
        """Token ids and their weights in the loss, ``length`` of each."""
        sentences = self.sentences()
        while True:
            row: Sentence = [(BOS, 0.0)]
            while len(row) < length:
                row += next(sentences)
            yield (
                [self._ids[word] for word, _ in row[:length]],
                [weight for _, weight in row[:length]],
            )
