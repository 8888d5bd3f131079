"""The field's own file comes apart into its documents, however its parts are written, at any size."""

from __future__ import annotations

import pytest
from tests.corpus.readers.field.build import Expected, FieldFile, build

from gadfly.corpus.markup import sections
from gadfly.corpus.readers import dump
from gadfly.corpus.readers.page import Page


def _taken(file: FieldFile) -> dump.Dump:
    found = dump.read(file.text, "default_600k.md")
    assert found is not None
    return found


def _flat(page: Page) -> str:
    return " ".join(page.body.split())


def _owner(pages: list[str], wanted: Expected) -> int:
    """The number of the only page that holds the document's sentences, all of them."""
    homes = {number for number, text in enumerate(pages) if any(x in text for x in wanted.said)}
    assert len(homes) == 1, (wanted.name, homes)
    (home,) = homes
    assert [each for each in wanted.said if each not in pages[home]] == []
    return home


@pytest.mark.parametrize("seed", [1, 3, 5, 11, 12, 14])
def test_each_document_comes_back(seed: int) -> None:
    file = build(seed)
    found = _taken(file)
    texts = [_flat(each) for each in found.pages]
    owners = [_owner(texts, each) for each in file.expected]
    assert len(set(owners)) == len(owners) == 75
    assert len(found.pages) - len(owners) <= 1  # what stands around the outline
    assert not found.report.lost
    for wanted, owner in zip(file.expected, owners, strict=True):
        page = found.pages[owner]
        heads = [each.title for each in sections(page.body) if each.title]
        assert page.fields.get("title", next(iter(heads), "")) in wanted.titles
        if wanted.kind:
            assert page.fields["kind"] == wanted.kind
        stated = page.fields.get("authors") or page.fields.get("author") or ()
        assert ([stated] if isinstance(stated, str) else list(stated)) == list(wanted.authors)
        assert page.fields.get("year") == wanted.year
        assert page.fields.get("url", "") == wanted.url


def test_no_line_of_code_is_a_heading() -> None:
    for page in _taken(build(5)).pages:
        for section in sections(page.body):
            assert not section.title.startswith(("Take the", "Open a", "Close it", "!", "FILTERS"))
            assert section.title not in (
                "HIDE",
                "SOLUTION",
                "END HIDE",
                "setup.ipynb does the same",
            )


def test_its_defects_are_mended_and_counted() -> None:
    file = build(5)
    report = _taken(file).report
    assert report.mended["one-character lines"] == file.letters
    assert report.mended["empty sections"] == file.empty == 7
    assert report.mended["HTML tables"] == 1
    assert report.mended["broken words"] > 1
    pages = {page.part: page for page in _taken(file).pages}
    survey = next(each for name, each in pages.items() if name.startswith("a-primer"))
    assert "What is said of interpretability is longer" in _flat(survey)
    assert "1 The section of number one" in [each.title for each in sections(survey.body)]


def test_it_can_prove_that_no_word_was_lost() -> None:
    report = _taken(build(5)).report
    assert report.characters_kept > 0.8 * report.characters_read
    assert "no word lost" in report.line()
    report.lost["gone"] = 2
    assert "2 words lost (gone)" in report.line()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 104))
def test_at_full_size(seed: int) -> None:
    file = build(seed, scale=1)
    assert len(file.text) > 2_000_000
    found = _taken(file)
    texts = [_flat(each) for each in found.pages]
    assert len({_owner(texts, each) for each in file.expected}) == 75


def test_a_short_title_counts_where_the_outline_names_it_and_one_heading_has_it() -> None:
    names = ["SAEs", "Probing", "Setup", "Induction Heads in Toys", "Grokking Explained"]
    said = "The words of this document are many. " * 60
    items = "\n".join(f"- **{each}**" for each in names)
    outline = (
        f"### **Part I: One**\n\n{items}\n\n### **Part II: Two**\n\n- Demos\n- Docs\n- More\n\n"
    )
    works = "".join(f"# {each}\n\n{said}{each}.\n\n" for each in names)
    parts = "".join(
        f"---\nFile: /docs/{n}.md\n---\n\n# Doc {n}\n\n{said}\n\n# Setup\n\n{said}{n}\n\n"
        for n in range(4)
    )
    found = dump.read(outline + works + parts, "default_600k.md")
    assert found is not None
    titles = [each.fields.get("title") for each in found.pages if each.fields.get("title")]
    assert [each for each in titles if each in names] == [each for each in names if each != "Setup"]
