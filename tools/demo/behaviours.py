"""The registry of what the demo model is known to do, for other tools to read.

Each behaviour says what it is, which words of a question point to it, and makes prompt pairs (for
patching) and labelled examples (for probes and steering). Everything is drawn from a seed and, by
default, from combinations that were held out of training. Standard library only: a base install
without torch can list behaviours and read their prompts. How well the model does on each is
measured by ``evaluate`` and written on the card.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from random import Random

from gadfly.errors import ToolInputError
from gadfly.tools.demo import builders
from gadfly.tools.demo.pairs import Example, Pair, Split

__all__ = ["BEHAVIOURS", "Behaviour", "Example", "Pair", "Split", "behaviour"]

Builder = Callable[[Random, Split, int], Pair]
# Draws in a row that brought nothing new before a request for distinct prompts is refused.
_PATIENCE = 500


@dataclass(frozen=True)
class Behaviour:
    """Something the demo model was trained to do, and the prompts that show it."""

    name: str
    title: str
    description: str
    keywords: tuple[str, ...]
    question: str
    spans: tuple[str, ...]  # the labels in every pair's ``spans``, in that order
    labels: tuple[str, ...] = ()  # names of label 0 and 1; empty where examples carry no label
    build: Builder = field(repr=False, default=builders.induction)

    def labelled(self) -> tuple[str, ...]:
        """The names of the two labels. Raises ToolInputError where the prompts carry none."""
        if not self.labels:
            known = ", ".join(name for name, each in BEHAVIOURS.items() if each.labels)
            raise ToolInputError(
                f"the prompts of {self.name!r} carry no label; those of {known} do"
            )
        return self.labels

    def pairs(self, n: int, seed: int = 0, split: Split = "held_out") -> list[Pair]:
        """``n`` distinct clean/corrupt pairs; labels, where there are any, in equal numbers."""
        return self._distinct(n, seed, split, lambda pair: (pair.clean, pair.corrupt))

    def examples(self, n: int, seed: int = 0, split: Split = "held_out") -> list[Example]:
        """``n`` distinct prompts with their answers; labels in equal numbers."""
        return [
            Example(pair.clean, pair.answer, pair.wrong, pair.group, pair.label)
            for pair in self._distinct(n, seed, split, lambda pair: pair.clean)
        ]

    def draw(self, rng: Random, split: Split) -> Iterator[Pair]:
        """Endless random pairs, repeats included; sides alternate."""
        side = 0
        while True:
            yield self.build(rng, split, side)
            side = 1 - side

    def _distinct(
        self, n: int, seed: int, split: Split, key: Callable[[Pair], Hashable]
    ) -> list[Pair]:
        """Repeats would be counted as evidence twice, so they are drawn again."""
        if n < 0:
            raise ToolInputError(f"cannot draw {n} prompts: ask for 0 or more")
        # A string seeds the generator the same way in every process and Python version.
        rng = Random(f"{self.name}/{split}/{seed}")
        seen: set[Hashable] = set()
        found: list[Pair] = []
        idle = 0
        while len(found) < n:
            pair = self.build(rng, split, len(found) % 2)
            if key(pair) in seen:
                idle += 1
                if idle > _PATIENCE:
                    raise ToolInputError(
                        f"behaviour '{self.name}' has about {len(found)} distinct {split} prompts,"
                        f" not {n}: ask for fewer"
                    )
                continue
            idle = 0
            seen.add(key(pair))
            # Tools show spans as columns in this order, whichever way round this sentence has them.
            found.append(replace(pair, spans={label: pair.spans[label] for label in self.spans}))
        return found


_ALL = (
    Behaviour(
        name="indirect-object",
        title="Indirect object identification",
        description=(
            "Two people are named, one of them gives something: the other one receives it. "
            "'when mary and john went to the shop , john gave a book to' -> mary. "
            "The corrupt prompt repeats the other name, so the answer flips."
        ),
        keywords=(
            "indirect object", "indirect-object", "ioi", "indirect object identification",
            "name mover", "name movers", "name-mover", "s-inhibition", "duplicate token",
            "recipient", "names", "giver",
        ),
        question="Does the model predict the name that appeared once, or the repeated one?",
        spans=("IO", "S1", "S2", "END"),
        labels=("indirect object named second", "indirect object named first"),
        build=builders.indirect_object,
    ),
    Behaviour(
        name="capital-of",
        title="Capital-of facts",
        description=(
            "Recall of 45 true facts, country to capital and capital to country. "
            "'the capital of france is' -> paris. The corrupt prompt names another country."
        ),
        keywords=(
            "capital", "capitals", "country", "countries", "city", "fact", "facts", "factual",
            "factual recall", "fact recall", "knowledge", "recall", "memorised", "paris", "france",
        ),
        question="Which capital (or country) does the model recall for the named subject?",
        spans=("SUBJECT", "END"),
        build=builders.capital_of,
    ),
    Behaviour(
        name="sentiment",
        title="Sentiment of a review",
        description=(
            "A review with two adjectives of one valence, half of them denied ('was not great'). "
            "'the film was great and the acting was superb . overall i felt' -> happy. "
            "The corrupt prompt has adjectives of the opposite valence."
        ),
        keywords=(
            "sentiment", "valence", "positive", "negative", "review", "reviews", "happy", "sad",
            "emotion", "feeling", "polarity", "adjective", "adjectives", "negation",
        ),
        question="Does the model predict that the writer felt happy or sad?",
        spans=("ADJ1", "ADJ2", "END"),
        labels=("negative", "positive"),
        build=builders.sentiment,
    ),
    Behaviour(
        name="induction",
        title="Induction on random sequences",
        description=(
            "Random words, then one of them again: the word that followed it before follows again. "
            "'A B ... C D ... A' -> B. The corrupt prompt exchanges B and D, so it holds the same "
            "words; only in-context copying can solve it."
        ),
        keywords=(
            "induction", "induction head", "induction heads", "in-context", "in-context learning",
            "copy", "copying", "copies", "repeat", "repeated", "repetition", "pattern",
            "random sequence", "previous token", "prefix matching",
        ),
        question="Which token does the model copy when a word of a random sequence returns?",
        spans=("A1", "B", "C", "D", "END"),
        build=builders.induction,
    ),
    Behaviour(
        name="succession",
        title="Successor in a counted series",
        description=(
            "The next number word, day, month or ordinal. 'three four five' -> six, "
            "'after monday comes' -> tuesday. The corrupt prompt is at another place of the series."
        ),
        keywords=(
            "succession", "successor", "successor head", "successor heads", "next number",
            "number", "numbers", "counting", "count", "ordinal", "increment", "day", "days",
            "weekday", "month", "months", "sequence continuation",
        ),
        question="Which item of the series does the model predict next?",
        spans=("RUN", "END"),
        build=builders.succession,
    ),
    Behaviour(
        name="agreement",
        title="Subject-verb agreement",
        description=(
            "The verb agrees with the subject and not with the noun in between. "
            "'the keys to the cabinet' -> are. The corrupt prompt changes the subject's number."
        ),
        keywords=(
            "agreement", "subject-verb", "subject verb agreement", "grammar", "grammatical",
            "syntax", "plural", "singular", "verb", "attractor", "distractor", "grammatical number",
        ),
        question="Does the model choose the singular or the plural verb for the subject?",
        spans=("SUBJECT", "DISTRACTOR", "END"),
        labels=("singular", "plural"),
        build=builders.agreement,
    ),
    Behaviour(
        name="pronoun",
        title="Gender of the pronoun",
        description=(
            "The pronoun that refers back to a name. 'mary said that' -> she. "
            "The corrupt prompt has a name of the other gender."
        ),
        keywords=(
            "pronoun", "pronouns", "gender", "gendered", "she", "he", "feminine", "masculine",
            "coreference", "gender bias",
        ),
        question="Does the model refer to the named person as she or he?",
        spans=("NAME", "END"),
        labels=("he", "she"),
        build=builders.pronoun,
    ),
    Behaviour(
        name="truth",
        title="Truth of a statement",
        description=(
            "True and false statements about capitals, to be judged. "
            "'claim : the capital of france is rome . this is' -> false. "
            "The corrupt prompt states another city."
        ),
        keywords=(
            "truth", "true", "false", "truthful", "truthfulness", "lie", "lies", "lying", "honesty",
            "statement", "statements", "claim", "belief", "geometry of truth",
        ),
        question="Does the model call the statement true or false?",
        spans=("COUNTRY", "CITY", "END"),
        labels=("false", "true"),
        build=builders.truth,
    ),
)  # fmt: skip

BEHAVIOURS: dict[str, Behaviour] = {each.name: each for each in _ALL}


def behaviour(name: str) -> Behaviour:
    """The behaviour of that name, or an error that lists the names there are."""
    if name not in BEHAVIOURS:
        raise ToolInputError(f"unknown behaviour {name!r}: choose one of {', '.join(BEHAVIOURS)}")
    return BEHAVIOURS[name]
