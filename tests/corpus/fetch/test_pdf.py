"""PDF to text on files made here, and on broken, locked and empty ones."""

# ruff: noqa: E501  pages stand here as servers send them
from __future__ import annotations

import io
import random
from collections.abc import Callable

import pypdf
import pytest

from gadfly.corpus.convert.pdf import Heading, join, read
from gadfly.errors import CorpusError

Maker = Callable[..., bytes]
BODY = "\n".join(
    f"Sentence {word} of this page says that probes read what models need not use."
    for word in "abcdef"
)
NEXT = "\n".join(
    f"Another {word}, which steers {word} along the {word} direction, is here."
    for word in ("way", "road")
)


def test_a_paper(make_pdf: Maker) -> None:
    pages = [
        f"Toy Journal, vol. 7\narXiv:2401.01234v2 [cs.LG] 12 May 2024\nProbes on Toys\nAbstract\n{BODY}\n1",
        f"Toy Journal, vol. 8\n1 Introduction\nA state-of-the-\nart model iden-\nti\x01es \x01nite \x02ows.\n{NEXT}\n2",
        f"Toy Journal, vol. 9\n1.1 Setting\nIt is state-of-the-art (really) \\ so.\n{BODY}\n2 Results\nThe end of the paper is near.\n3",
    ]
    found = read(make_pdf(*pages, ligatures=True))
    assert (found.title, found.authors, found.year) == (
        "Toy Journal, vol. 7",
        ("Ada One", "Ben Two"),
        2024,
    )
    assert (found.pages, found.unread) == (3, ())
    assert "A state-of-the-art model identifies finite flows." in found.text
    assert "(really) \\ so." in found.text
    assert [line for line in found.text.splitlines() if line.startswith("#")] == [
        "## Abstract",
        "## 1 Introduction",
        "### 1.1 Setting",
        "## 2 Results",
    ]
    assert "Toy Journal" not in found.text
    assert not {"1", "2", "3"} & set(found.text.splitlines())
    assert read(make_pdf(BODY, title="A stated title")).title == "A stated title"
    assert read(make_pdf(BODY, title="paper_final.dvi")).title.startswith("Sentence a")


def test_headings_from_the_outline(make_pdf: Maker) -> None:
    writer = pypdf.PdfWriter(
        clone_from=pypdf.PdfReader(
            io.BytesIO(
                make_pdf(
                    f"Contents\nMotives . . . . . . . . 1\n{BODY}\nMotives\n{BODY}",
                    f"2 Means and Ends\n{BODY}\nEnds\n{BODY}",
                )
            )
        )
    )
    writer.add_outline_item(title="Motives", page_number=0)
    parent = writer.add_outline_item(title="Means and  Ends", page_number=1)
    writer.add_outline_item(title="Ends", page_number=1, parent=parent)
    writer.add_outline_item(title="Nowhere in the text", page_number=1)
    out = io.BytesIO()
    writer.write(out)
    text = read(out.getvalue()).text
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "## Motives",
        "## 2 Means and Ends",
        "### Ends",
    ]
    assert ". . ." not in text


def test_locked_and_unlocked(make_pdf: Maker) -> None:
    def locked(password: str) -> bytes:
        writer = pypdf.PdfWriter(clone_from=pypdf.PdfReader(io.BytesIO(make_pdf(BODY))))
        writer.encrypt(password, "owner", algorithm="RC4-128")
        out = io.BytesIO()
        writer.write(out)
        return out.getvalue()

    assert "probes read" in read(locked("")).text
    with pytest.raises(CorpusError, match="locked with a password"):
        read(locked("secret"))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a PDF"),
        (b"<html>no</html>", "not a PDF"),
        (b"%PDF-1.4\n", "damaged"),
        (b"%PDF-1.4\n" + b"\0" * 5_000, "damaged"),
        (b"%PDF-1.7\nxref\n0 1\ntrailer<</Size 1/Root 9 0 R>>\nstartxref\n9\n%%EOF", "damaged"),
    ],
)
def test_what_is_no_pdf(data: bytes, words: str) -> None:
    with pytest.raises(CorpusError, match=words):
        read(data)


def test_scans_and_empty_files(make_pdf: Maker) -> None:
    with pytest.raises(CorpusError, match=r"pictures of text only.*ocrmypdf"):
        read(make_pdf("", "1", ""))
    with pytest.raises(CorpusError, match="no pages"):
        read(make_pdf())


def test_damage_is_one_line_or_less(make_pdf: Maker) -> None:
    whole = make_pdf(*[BODY] * 3)
    rng = random.Random(3)
    broken = [whole[:cut] for cut in range(100, len(whole), 331)]
    for _ in range(40):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 60)):
            data[rng.randrange(9, len(data))] = rng.randrange(256)
        broken.append(bytes(data))
    outcomes = set()
    for data in broken:
        try:
            outcomes.add(bool(read(data).text))
        except CorpusError as error:
            assert "\n" not in str(error)
            outcomes.add(False)
    assert outcomes == {True, False}


def test_joining_lines() -> None:
    assert join(["An ef\ufb01cient, o\ufb03cial \ufb02ow\n"]) == "An efficient, official flow\n"
    assert (
        join(["the inter-\npretability of GPT-\nNeo and x-\n2 y"])
        == "the interpretability of GPT-Neo and x-\n2 y\n"
    )
    axis = "Before it.\n" + "\n".join(["0.0", "0.2", "0.4", "0.6", "0.8", "A", "B"]) + "\nAfter it."
    assert join([axis]) == "Before it.\nAfter it.\n"
    assert join(["Few:\na\nb\nText."]) == "Few:\na\nb\nText.\n"
    assert join(["# comment = 1"]) == "\\# comment = 1\n"


@pytest.mark.parametrize(
    ("lines", "headings"),
    [
        (
            [
                "1 Introduction",
                "2 Models of 2 kinds",
                "2.1 Small ones",
                "2.1.1 Very small",
                "2.2 Large",
                "3 End",
            ],
            6,
        ),
        (["1 Introduction", "A Proofs", "A.1 First", "B Data"], 4),
        (["3 Dogs were seen", "12 Cats were seen"], 0),  # a list, or a table
        (["1 Introduction", "1 Ada One, University"], 1),  # an affiliation's mark
        (["1 Introduction", "2 It was found that, as a rule, this is a sentence."], 1),
        (["1 0.25 0.75 Yes 0.3", "1 lower case"], 0),
    ],
)
def test_numbered_headings(lines: list[str], headings: int) -> None:
    text = join(["\n".join(f"{line}\nSome text follows the line above it here." for line in lines)])
    assert (
        text.count("\n## ") + text.count("\n### ") + text.count("\n#### ") + text.startswith("#")
        == headings
    )


def test_an_outline_that_fits_nothing_is_ignored() -> None:
    pages = ["1 Introduction\ntext\n2 Results\ntext"]
    assert "## 1 Introduction" in join(pages, [Heading("Slide 1", 1), Heading("Slide 2", 1)])
