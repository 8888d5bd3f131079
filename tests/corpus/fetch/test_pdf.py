"""PDF to text on files made here, and on broken, locked and empty ones."""

# ruff: noqa: E501  pages stand here as servers send them
from __future__ import annotations

import io
import random
from collections.abc import Callable

import pypdf
import pytest

from gadfly.corpus.convert.pdf import read
from gadfly.corpus.convert.pdf.text import Heading, join, legible
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
        "Probes on Toys",
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
    with pytest.raises(CorpusError, match=r"no pages|cannot be opened"):
        read(make_pdf())


def test_damage_is_one_line_or_less(make_pdf: Maker) -> None:
    whole = make_pdf(*[BODY] * 3)
    rng = random.Random(3)
    broken = [whole[:cut] for cut in range(100, len(whole), 1201)]
    for _ in range(6):
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


SIZED = """
BT /F1 {title} Tf 1 0 0 1 90 720 Tm (A Title That Needs the) Tj ET
BT /F1 {title} Tf 1 0 0 1 90 698 Tm (Room of Two Lines) Tj ET
BT /F1 11 Tf 1 0 0 1 90 670 Tm (Ada One) Tj ET
BT /F1 7 Tf 1 0 0 1 132 675 Tm (1,2) Tj ET
BT /F1 11 Tf 1 0 0 1 150 670 Tm (Ben van Two) Tj ET
BT /F1 7 Tf 1 0 0 1 213 675 Tm (2) Tj ET
BT /F1 9 Tf 1 0 0 1 90 650 Tm (Institute of Toys, Toytown University) Tj ET
BT /F1 10 Tf 1 0 0 1 90 620 Tm (Abstract) Tj ET
BT /F1 10 Tf 1 0 0 1 90 600 Tm (We say in this text that the probes of 2019 read what nobody needs.) Tj ET
BT /F1 10 Tf 1 0 0 1 90 560 Tm (Table 1: What was measured.) Tj ET
90 550 m 400 550 l S
BT /F1 10 Tf 1 0 0 1 95 535 Tm (Model name) Tj 1 0 0 1 230 535 Tm (Accuracy) Tj 1 0 0 1 330 535 Tm (Loss) Tj ET
90 528 m 400 528 l S
BT /F1 10 Tf 1 0 0 1 95 515 Tm (A small one) Tj 1 0 0 1 230 515 Tm (0.71) Tj 1 0 0 1 330 515 Tm (2.1) Tj ET
BT /F1 10 Tf 1 0 0 1 95 500 Tm (A large | one) Tj 1 0 0 1 230 500 Tm (0.84) Tj ET
90 492 m 400 492 l S
BT /F1 10 Tf 1 0 0 1 90 460 Tm (After the table the text goes on as it did before it, in lines.) Tj ET
{more}
"""


def _drawn(make_pdf: Maker, *, title: int = 17, more: str = "", made: str = "20240512") -> bytes:
    """A page whose content is drawn as papers are: sizes, raised marks, rules."""
    whole = make_pdf("", title="paper.dvi").decode("latin-1")
    content = SIZED.format(title=title, more=more)
    head, _, tail = whole.partition("5 0 obj\n")
    rest = tail[tail.index("endobj\n") :]
    body = f"{head}5 0 obj\n<</Length {len(content)}>>stream\n{content}\nendstream\n{rest}"
    body = body.replace("20240512", made).replace("Ada One and Ben Two", "Administrator")
    return (
        body[: body.index("xref")].encode("latin-1") + b"trailer<</Size 7/Root 1 0 R/Info 6 0 R>>"
    )


def test_the_first_page_and_a_table(make_pdf: Maker) -> None:
    found = read(_drawn(make_pdf))
    assert found.title == "A Title That Needs the Room of Two Lines"
    assert found.authors == ("Ada One", "Ben van Two")
    assert found.year is None  # the file is of 2024, and its text names nothing after 2019
    lines = found.text.splitlines()
    at = lines.index("| Model name | Accuracy | Loss |")
    assert lines[at + 1 : at + 4] == [
        "| --- | --- | --- |",
        "| A small one | 0.71 | 2.1 |",
        "| A large \\| one | 0.84 |  |",
    ]
    assert lines.index("Table 1: What was measured.") < at
    assert "After the table the text goes on as it did before it, in lines." in lines


@pytest.mark.parametrize(
    ("more", "made", "year"),
    [
        (
            "BT /F1 20 Tf 0 1 -1 0 30 200 Tm (arXiv:2301.12345v1 [cs.LG] 17 Jan 2023) Tj ET",
            "20250102",
            2023,
        ),
        (
            "BT /F1 9 Tf 1 0 0 1 90 30 Tm (37th Conference on Toys, NeurIPS 2021) Tj ET",
            "20250102",
            2021,
        ),
        ("BT /F1 9 Tf 1 0 0 1 90 640 Tm (March 2020) Tj ET", "20250102", 2020),
        ("", "20210102", 2021),
    ],
)
def test_the_year(make_pdf: Maker, more: str, made: str, year: int) -> None:
    found = read(_drawn(make_pdf, more=more, made=made))
    assert found.year == year
    assert found.arxiv == ("2301.12345" if "arXiv" in more else "")
    assert "arXiv:" not in found.text


def test_accents_that_stand_apart() -> None:
    assert join(["St´ephane and G¨odel and Erd˝os ran x ˆ 2"]) == (
        "Stéphane and Gödel and Erdős ran x ˆ 2\n"
    )


def test_signs_at_random_are_no_text() -> None:
    garbled = " \"!#$%' ()*+ ,-.fi/ {|}~^ <=>?@ [a]_`x " * 200
    assert not legible(garbled)
    formulas = "We have x = 3.2 + y^2 and $f(x) = \\sum_i a_i$ where a_i > 0 holds, as (3) says. "
    tables = "| 1.25 | 0.31 | -0.22 |\n| ± 0.1 | 12 % | 7 |\n"
    for text in (
        formulas,
        tables,
        "読む人は、文を読む。\n模型の中を見る。",
        "x = f(y[0], **kwargs)\nreturn {x: y}",
    ):
        assert legible(f"{text}\n" * 20)
