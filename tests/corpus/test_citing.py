"""References: lines, BibTeX that a parser reads, CSL-JSON."""

from __future__ import annotations

import pytest
from bibtexparser.entrypoint import parse_string
from hypothesis import given, settings
from hypothesis import strategies as st

from gadfly.corpus.citing import Person, bibtex, csl, line, people, references
from gadfly.corpus.documents import Document


def document(**fields: object) -> Document:
    held = {
        "id": "x/a",
        "title": "Toy Probes & Other 50% Tools",
        "text": "x",
        "kind": "paper",
        "source": "s",
    }
    return Document.model_validate(held | fields)


def parsed(text: str) -> list[dict[str, str]]:
    library = parse_string(text)
    assert not library.failed_blocks
    return [
        {"type": entry.entry_type, "key": entry.key}
        | {field.key: field.value for field in entry.fields}
        for entry in library.entries
    ]


def test_a_paper() -> None:
    (reference,) = references(
        [
            document(
                authors=("Ada M. One", "Ben van der Two", "Kimi Team", "Dee Four"),
                year=2023,
                url="https://arxiv.org/abs/2301.00001",
                meta={"arxiv": "2301.00001", "category": "cs.LG"},
            )
        ]
    )
    assert line(reference) == (
        "One, A. M., van der Two, B., Kimi Team, et al. (2023). "
        "Toy Probes & Other 50% Tools. arXiv:2301.00001"
    )
    (entry,) = parsed(bibtex(reference))
    assert entry == {
        "type": "misc",
        "key": "one2023probes",
        "title": r"{Toy Probes \& Other 50\% Tools}",
        "author": "One, Ada M. and van der Two, Ben and {Kimi Team} and Four, Dee",
        "year": "2023",
        "eprint": "2301.00001",
        "archivePrefix": "arXiv",
        "url": "https://arxiv.org/abs/2301.00001",
        "primaryClass": "cs.LG",
    }
    item = csl(reference)
    assert item["author"][1:3] == [
        {"family": "van der Two", "given": "Ben"},
        {"literal": "Kimi Team"},
    ]
    assert (item["issued"], item["number"]) == ({"date-parts": [[2023]]}, "arXiv:2301.00001")


@pytest.mark.parametrize(
    ("kind", "fields", "entry", "more"),
    [
        ("post", {"url": "https://x.test/p"}, "misc", ("howpublished", "Web page")),
        ("installed-doc", {"version": "1.2_3"}, "manual", ("version", r"1.2\_3")),
        ("guide", {}, "misc", ("howpublished", "Gadfly field guide")),
        ("paper", {"meta": {"doi": "10.1/a_b"}}, "misc", ("doi", "10.1/a_b")),
        (
            "paper",
            {
                "meta": {
                    "bibliography": {
                        "entry": "article",
                        "key": "k1",
                        "fields": {"journal": "J & K"},
                    }
                }
            },
            "article",
            ("journal", r"J \& K"),
        ),
    ],
)
def test_the_kind_of_entry(
    kind: str, fields: dict[str, object], entry: str, more: tuple[str, str]
) -> None:
    (found,) = parsed(bibtex(references([document(kind=kind, **fields)])[0]))
    assert (found["type"], found[more[0]]) == (entry, more[1])


def test_no_author_and_no_year() -> None:
    (reference,) = references([document(title="A page")])
    assert line(reference) == "A page (n.d.)."
    assert "author" not in bibtex(reference)


def test_keys_are_unique() -> None:
    many = [document(id=f"x/{n}", authors=("Ada One",), year=2020) for n in range(30)]
    keys = [reference.key for reference in references(many)]
    assert keys[:3] == ["one2020probes", "one2020probesa", "one2020probesb"]
    assert len(set(keys)) == 30
    assert len(parsed("\n\n".join(map(bibtex, references(many))))) == 30


def test_names() -> None:
    assert people(["Elhage, N., Nanda, N., Olsson, C., et al."]) == [
        Person("Elhage", "N."),
        Person("Nanda", "N."),
        Person("Olsson", "C."),
        Person("others"),
    ]
    assert people(["One, Ada", "OpenAI", "Two"]) == [
        Person("One", "Ada"),
        Person("OpenAI"),
        Person("Two"),
    ]


@settings(max_examples=20, deadline=None)
@given(
    title=st.text(min_size=1, max_size=60),
    authors=st.lists(st.text(max_size=30), max_size=3),
    url=st.text(max_size=40),
)
def test_no_text_breaks_an_entry(title: str, authors: list[str], url: str) -> None:
    made = document(title=title, authors=tuple(authors), url=url)
    (entry,) = parsed(bibtex(references([made])[0]))
    assert entry["type"] == "misc"
    line(references([made])[0])
