"""Every card of the field guide has the form that search and quoting rely on."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

GUIDE = Path(__file__).parents[2] / "corpus" / "guide"
CARDS = sorted(GUIDE.rglob("*.md"))
KINDS = {
    "techniques": "technique",
    "tools": "tool",
    "pitfalls": "pitfall",
    "landmarks": "landmark",
    "process": "process",
    "problems": "problem",
}
_SOURCE = {"title", "checked"}  # a thing that was run here has no address


def read(card: Path) -> tuple[dict[str, object], str]:
    _, head, body = card.read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(head), body


def test_the_kinds_are_there() -> None:
    assert len(CARDS) >= 40
    assert {card.parent.name for card in CARDS} >= {"techniques", "tools", "pitfalls", "landmarks"}


@pytest.mark.parametrize("card", CARDS, ids=lambda card: f"{card.parent.name}/{card.stem}")
def test_card(card: Path) -> None:
    fields, body = read(card)
    assert fields["kind"] == KINDS[card.parent.name]
    assert isinstance(fields.get("year", 2026), int)  # a card without one is about no single work
    assert str(fields["summary"]).endswith(".")
    assert re.fullmatch(r"[a-z0-9-]+", card.stem)
    sources = fields["sources"]
    assert isinstance(sources, list)
    assert sources
    for source in sources:
        assert set(source) >= _SOURCE
        assert str(source.get("url", "https://")).startswith("https://")
        assert source["checked"]  # what was looked at, said honestly
    headings = re.findall(r"^#+ .+$", _outside_fences(body), re.MULTILINE)
    assert headings[0] == f"# {fields['title']}"
    assert len([h for h in headings if h.startswith("## ")]) >= 2
    assert not [h for h in headings[1:] if h.startswith("# ")]
    assert 300 <= len(body.split()) <= 1800


def test_titles_are_unique() -> None:
    titles = [str(read(card)[0]["title"]).casefold() for card in CARDS]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("card", CARDS, ids=lambda card: f"{card.parent.name}/{card.stem}")
def test_questions(card: Path) -> None:
    """Each key names a section (the title: its first paragraph), so that a question leads to text that is there."""
    fields, body = read(card)
    headings = {h.lstrip("# ") for h in re.findall(r"^#+ .+$", _outside_fences(body), re.MULTILINE)}
    for heading, phrasings in questions(fields).items():
        assert heading in headings
        assert 3 <= len(phrasings) <= 6, heading
        for phrasing in phrasings:
            assert isinstance(phrasing, str)
            assert 0 < len(phrasing) <= 160, phrasing


def test_no_question_stands_twice() -> None:
    seen = Counter(
        phrasing.casefold()
        for card in CARDS
        for each in questions(read(card)[0]).values()
        for phrasing in each
    )
    assert not [phrasing for phrasing, times in seen.items() if times > 1]


def questions(fields: dict[str, object]) -> dict[str, list[str]]:
    found = fields.get("questions", {})
    assert isinstance(found, dict)
    return found


def _outside_fences(body: str) -> str:
    return re.sub(r"^```.*?^```$", "", body, flags=re.MULTILINE | re.DOTALL)
