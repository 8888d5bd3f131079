"""The offline engine shows the section that answers, whole, and cuts a long one between its blocks only."""

from __future__ import annotations

import pytest

from gadfly.agent.answers.offline.engine import quoted
from gadfly.agent.answers.offline.sections import (
    LONGEST,
    Section,
    as_good,
    choose,
    parts,
    sections,
    shown,
)
from gadfly.corpus.documents import Document
from gadfly.corpus.models import Passage

CARD = """# Growing moss

Moss grows on stone that stays damp, without soil, and needs no feeding at all in most gardens.

## Recipe

You need three things:

1. Buttermilk, a cup of it, fresh and cold from the shop.
2. Moss, a handful, from a wall that nobody will miss.

```python
mix = ["moss", "buttermilk"]

spread(mix)
```

## Watering

### In summer

Water every morning, before the sun is on the stone, and again if the surface feels dry at noon.

## Light

Shade is enough: a north wall, or the ground under ferns, keeps moss green through the whole year.
"""


def document(text: str, **meta: object) -> Document:
    return Document(
        id="notes/moss", title="Growing moss", text=text, kind="note", source="files", meta=meta
    )


def passage(of: Document, score: float = 0.5) -> Passage:
    return Passage(
        id=f"{of.id}#1", document=of.id, title=of.title, heading="", text=of.text, start=0, end=len(of.text),
        score=score, tokens=200, kind="note", source="files",
    )  # fmt: skip


def best(question: str, of: Document) -> Section:
    return choose(question, [passage(of)], lambda _: of, None)[0]


def test_a_section_is_what_stands_under_a_heading() -> None:
    found = sections(document(CARD))
    assert [each.heading for each in found] == ["Growing moss", "Recipe", "In summer", "Light"]
    assert found[1].text.startswith("You need three things:")
    assert found[1].text.endswith("spread(mix)\n```")
    assert [each.heading for each in sections(document("No heading at all, only a text."))] == [
        "Growing moss"
    ]


def test_the_section_that_holds_the_words_is_best() -> None:
    assert best("how often should I water in summer?", document(CARD)).heading == "In summer"
    assert best("what recipe, with how much buttermilk?", document(CARD)).heading == "Recipe"


def test_the_questions_of_its_author_count() -> None:
    asked = {"Light": ["where in the yard does it thrive"]}
    assert (
        best("where in my yard does it thrive?", document(CARD, questions=asked)).heading == "Light"
    )
    for strange in ("text", {"Light": "text"}, {"Nowhere": ["x"]}, ["x"]):
        assert best("is shade enough?", document(CARD, questions=strange)).heading == "Light"


def test_a_short_section_is_shown_whole() -> None:
    section = best("recipe with buttermilk", document(CARD))
    start, end = shown(section, "recipe", most=section.end - section.start)
    assert (start, end) == (section.start, section.end)


@pytest.mark.parametrize("most", [160, 200, 260, 320])
def test_a_long_one_is_cut_between_blocks(most: int) -> None:
    of = document(CARD)
    section = next(each for each in sections(of) if each.heading == "Recipe")
    start, end = shown(section, "what does the code mix?", most=most)
    text = of.text[start:end]
    assert len(text) <= most
    # No lead-in without its list, no item without its lead-in, no half of a code block.
    assert ("You need three things:" in text) == ("1. Buttermilk" in text)
    assert text.count("```") in (0, 2)
    assert not text.endswith(":")


def test_one_block_that_is_too_long_is_shown_all_the_same() -> None:
    of = document("# Growing moss\n\n" + "moss " * LONGEST)
    (section,) = sections(of)
    assert shown(section, "moss") == (section.start, section.end)


def test_a_second_section_is_shown_where_it_is_about_as_near_and_of_another_document() -> None:
    one = Section(document(CARD), "Light", 0, 10, score=1.0)
    other = document(CARD).model_copy(update={"id": "notes/ferns"})
    near, far = (
        Section(other, "Light", 0, 10, score=0.85),
        Section(other, "Light", 0, 10, score=0.84),
    )
    assert as_good([one, near]) == [one, near]
    assert as_good([one, far]) == [one]
    assert as_good([one, Section(one.document, "Recipe", 20, 30, score=0.99)]) == [one]
    assert as_good([]) == []


def test_every_section_has_its_receipt_and_what_is_left_out_is_told() -> None:
    of = document(CARD)
    section = sections(of)[1]
    start, end = shown(section, "buttermilk", most=160)
    text, claims = quoted(
        [(section, (start, end)), (sections(of)[3], (sections(of)[3].start, sections(of)[3].end))]
    )
    assert "**Recipe** in *Growing moss* (notes/moss) [1]" in text
    assert (
        f"({section.end - section.start - (end - start)} of its {section.end - section.start} characters"
        in text
    )
    assert "[2]\n\nShade is enough" in text
    for claim in claims:
        (receipt,) = claim.receipts
        assert receipt.state == "verified"
        assert receipt.start is not None
        assert of.text[receipt.start : receipt.end] == receipt.quote == claim.text


def test_halves_of_a_question() -> None:
    assert parts("What is dry moss, and how do I grow it on stone?") == [
        "What is dry moss",
        "how do I grow it on stone?",
    ]
    assert parts("What is moss and how?") == ["What is moss and how?"]
