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
from gadfly.tables import table
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


def _read() -> dict[str, Behaviour]:
    """The behaviours of ``behaviours.toml``, each with the builder of its name."""
    found = table(__file__)
    return {
        name: Behaviour(
            name=name,
            title=each["title"],
            description=each["description"],
            keywords=tuple(each["keywords"]),
            question=each["question"],
            spans=tuple(each["spans"]),
            labels=tuple(each.get("labels", ())),
            build=getattr(builders, name.replace("-", "_")),
        )
        for name, each in found.items()
    }


BEHAVIOURS: dict[str, Behaviour] = _read()


def behaviour(name: str) -> Behaviour:
    """The behaviour of that name, or an error that lists the names there are."""
    if name not in BEHAVIOURS:
        raise ToolInputError(f"unknown task {name!r}: choose one of {', '.join(BEHAVIOURS)}")
    return BEHAVIOURS[name]
