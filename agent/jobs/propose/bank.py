"""The packaged templates: one Markdown file each, front matter for what is counted and sections for what is read."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import yaml

from gadfly.agent.jobs.propose.draft import LEVELS, Draft, Level
from gadfly.corpus.words import words

TEMPLATES = Path(__file__).parent / "templates"
# heading of a section -> field of a draft; those below are lists, one item a bullet
_SECTIONS = {
    "Question": "question",
    "Why it matters": "why",
    "Hypothesis": "hypothesis",
    "Dumbest ways it could be false": "wrong",
    "If it is true": "positive",
    "If it is false": "negative",
    "Simplest method first": "simplest",
    "Strongest baseline": "baseline",
    "Data": "data",
    "What is different": "differs",
    "Plan": "plan",
    "Kill": "kill",
    "What the pilot says": "pilot_means",
}
_LISTS = {"wrong", "plan", "kill"}


@cache
def templates() -> tuple[Draft, ...]:
    """Every template of the bank, by its file name."""
    return tuple(read(path) for path in sorted(TEMPLATES.glob("*.md")))


def read(path: Path) -> Draft:
    """One template. Raises ValueError (pydantic's too): a file of the package is malformed."""
    _, head, body = path.read_text(encoding="utf-8").split("---\n", 2)
    fields = yaml.safe_load(head)
    for part in body.split("\n## ")[0:]:
        heading, _, text = part.strip().removeprefix("## ").partition("\n")
        if not heading:
            continue
        if heading not in _SECTIONS:
            raise ValueError(f"{path.name}: unknown section {heading!r}")
        name = _SECTIONS[heading]
        fields[name] = _items(text) if name in _LISTS else " ".join(text.split())
    return Draft.model_validate({"slug": path.stem, **fields})


def fitting(topic: str, *, days: int, level: Level | None) -> list[tuple[Draft, float]]:
    """Templates that fit the days and the level, nearest to the topic first, each with its relevance in [0, 1].

    A project made for more days than there are is left out; harder ones than asked for come last.
    """
    wanted = {word for word in words(topic) if len(word) > 2}
    rated = [(draft, _relevance(draft, wanted)) for draft in templates() if draft.days <= days]

    def order(each: tuple[Draft, float]) -> tuple[bool, float, int, int, str]:
        draft, relevance = each
        harder = level is not None and LEVELS.index(draft.level) > LEVELS.index(level)
        easier = 0 if level is None else abs(LEVELS.index(draft.level) - LEVELS.index(level))
        return (harder, -relevance, easier, abs(days - draft.days), draft.slug)

    found = sorted(rated, key=order)
    if wanted:
        return found
    easy = [each for each in found if not order(each)[0]]
    return _spread(easy) + _spread(found[len(easy) :])


def _spread(found: list[tuple[Draft, float]]) -> list[tuple[Draft, float]]:
    """Without a topic: one of each problem before the second of any."""
    seen: Counter[str] = Counter()
    turns = []
    for place, (draft, relevance) in enumerate(found):
        problem = draft.reading[0] if "problems" in draft.reading[0] else draft.slug
        turns.append((seen[problem], place, draft, relevance))
        seen[problem] += 1
    return [(draft, relevance) for _, _, draft, relevance in sorted(turns, key=lambda t: t[:2])]


def _relevance(draft: Draft, wanted: set[str]) -> float:
    """The share of the topic's words that the draft speaks of; its title and tags count more than its prose."""
    if not wanted:
        return 0.0
    near = set(words(" ".join([draft.title, *draft.tags])))
    far = set(words(f"{draft.question} {draft.hypothesis} {draft.simplest} {draft.data}"))
    hits = sum(1.0 if word in near else 0.4 if word in far else 0.0 for word in wanted)
    return round(hits / len(wanted), 3)


def _items(text: str) -> list[str]:
    return [" ".join(item.split()) for item in ("\n" + text).split("\n- ")[1:]]
