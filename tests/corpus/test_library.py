"""Exports of libraries: what each entry names is read, and what cannot be had is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gadfly.corpus.citing import bibtex, references
from gadfly.corpus.documents import Document
from gadfly.corpus.index import Corpus
from gadfly.corpus.sources.library import LibrarySource, entries, is_library
from gadfly.corpus.sources.memory import MemorySource
from gadfly.corpus.sources.resolve import resolve as real
from gadfly.errors import CorpusError

BIB = r"""
@article{one2023,
  title = {Toy {P}robes \& {Friends}},
  author = {One, Ada and van der Two, Ben and G{\"o}del, Kurt},
  journal = {Journal of Toys},
  year = {2023},
  doi = {10.1234/toys.1},
  file = {Full Text PDF:FILES/paper.md:application/pdf;Snapshot:/nowhere/x.html:text/html},
}
@misc{arx, title = {On arXiv},
  author = {Dee Three}, eprint = {2301.00001}, archiveprefix = {arXiv}, date = {2023-01-02}}
@misc{web, title = {A page}, howpublished = {\url{https://x.test/page}}}
@book{none, title = {A book of paper}, author = {Four, E.}}
@misc{sneaky, title = {Sneaky}, url = {/etc/hostname}, file = {:/etc/passwd:text/plain}}
"""
RIS = """TY  - CONF
TI  - Toys at
 length
AU  - One, Ada
AU  - Two, Ben
T2  - Proceedings of Toys
PY  - 2022/05/01
SP  - 3
EP  - 9
UR  - https://arxiv.org/abs/2205.00001v2
ER  -

TY  - BLOG
TI  - A post
UR  - https://x.test/post
ER  -
"""
CSL = [
    {
        "id": "http://zotero.org/users/1/items/ABC",
        "citation-key": "one2021",
        "type": "article-journal",
        "title": "A <i>toy</i>",
        "author": [{"family": "One", "given": "Ada"}, {"literal": "Toy Team"}],
        "issued": {"date-parts": [["2021", 3]]},
        "container-title": "Toys",
        "DOI": "10.48550/arXiv.2103.00001",
    }
]


class Shelf:
    """Answers for what would be fetched; everything else is real."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, target: str) -> MemorySource:
        self.asked.append(target)
        if "2301.00001" in target or "x.test" in target:
            text = f"The text of {target}."
            made = Document(id="x/y", title="Its own", text=text, kind="page", source="m")
            return MemorySource([made])
        if Path(target).is_file():
            return real(target)  # type: ignore[return-value]
        raise CorpusError(f"no answer from {target}")


@pytest.fixture
def bib(tmp_path: Path) -> Path:
    (tmp_path / "FILES").mkdir()
    (tmp_path / "FILES" / "paper.md").write_text("# Another heading\n\nThe paper on toys.")
    path = tmp_path / "mine.bib"
    path.write_text(BIB)
    return path


def test_a_bibtex_library(bib: Path) -> None:
    shelf = Shelf()
    source = LibrarySource(bib, shelf)
    found = {each.id: each for each in source.documents()}
    assert set(found) == {"library/mine/one2023", "library/mine/arx", "library/mine/web"}
    paper = found["library/mine/one2023"]
    assert paper.title == "Toy Probes & Friends"
    assert paper.authors == ("One, Ada", "van der Two, Ben", "Gödel, Kurt")
    assert (paper.year, paper.kind, paper.meta["doi"]) == (2023, "paper", "10.1234/toys.1")
    assert paper.text.endswith("The paper on toys.")
    assert found["library/mine/arx"].year == 2023
    assert "arxiv:2301.00001" in shelf.asked
    assert not any("passwd" in each or "hostname" in each for each in shelf.asked)
    assert set(source.failures) == {"mine.bib: none", "mine.bib: sneaky"}
    assert "names no file, address" in source.failures["mine.bib: none"]
    assert source.notices == ["mine.bib: 3 of 5 entries could be read"]
    (reference,) = references([paper])
    written = bibtex(reference)
    assert written.startswith("@article{one2023,")
    assert "journal = {Journal of Toys}" in written


def test_ris() -> None:
    first, second = entries(RIS, Path("a.ris"))
    assert first.title == "Toys at length"
    assert (first.kind, first.year, first.arxiv) == ("inproceedings", 2022, "2205.00001v2")
    assert first.fields == {"booktitle": "Proceedings of Toys", "pages": "3-9"}
    assert second.url == "https://x.test/post"


def test_csl(tmp_path: Path) -> None:
    path = tmp_path / "z.json"
    path.write_text(json.dumps(CSL))
    assert is_library(path)
    (entry,) = entries(path.read_text(), path)
    assert (entry.title, entry.authors, entry.year) == ("A toy", ("One, Ada", "Toy Team"), 2021)
    assert (entry.key, entry.arxiv, entry.kind) == ("one2021", "2103.00001", "article")
    path.write_text('[{"a": 1}]')
    assert not is_library(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.bib", "nothing here"), ("a.ris", "nothing"), ("a.json", "[{]"), ("a.bib", "@misc{")],
)
def test_what_is_no_library(name: str, text: str) -> None:
    with pytest.raises(CorpusError):
        entries(text, Path(name))


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Corpus]:
    opened = Corpus.open(tmp_path / "index", embedder=None)
    yield opened
    opened.close()


def test_a_library_is_added_by_its_path(bib: Path, index: Corpus) -> None:
    bib.write_text(BIB.split("@misc{arx")[0])
    report = index.add([bib])
    assert (report.added, report.failures) == (1, {})
    assert index.documents()[0].id == "library/mine/one2023"
    assert [source.name for source in index.listed()] == [f"library:{bib}"]


# -- a folder that is kept in step -----------------------------------------------------------------


def test_a_folder_in_step(tmp_path: Path, index: Corpus) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.md").write_text(f"# {name}\n\nText of {name}.")
    index.add([folder])
    (folder / "a.md").write_text("# a\n\nAnother text.")
    (folder / "b.md").unlink()
    (folder / "d.md").write_text("# d\n\nA new text.")
    sources = index.listed([str(folder)])
    plan = index.plan(sources)
    assert (plan.added, plan.changed, plan.removed, plan.unchanged) == (
        ["notes/d"],
        ["notes/a"],
        ["notes/b"],
        1,
    )
    assert {each.id for each in index.documents()} == {"notes/a", "notes/b", "notes/c"}
    kept = index.sync(sources, prune=False)
    assert (kept.added, kept.changed, kept.removed, kept.gone) == (1, 1, 0, ["notes/b"])
    assert index.sync(sources).removed == 1
    assert index.plan(sources).unchanged == 3
    assert index.sync(sources).skipped_sources == 1


def test_a_file_that_cannot_be_read_today_is_not_gone(tmp_path: Path, index: Corpus) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.md").write_text("Text.")
    (folder / "b.html").write_text("<p>A page with words enough to be one.</p>" * 9)
    assert index.add([folder]).added == 2
    (folder / "b.html").write_text("<p></p>")
    report = index.add([folder])
    assert (report.removed, list(report.failures)) == (0, ["b.html"])


def test_what_is_not_listed(index: Corpus) -> None:
    with pytest.raises(CorpusError, match="gadfly corpus add nowhere"):
        index.listed(["nowhere"])


def test_what_is_broken_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n\nWords of a file.")
    library = tmp_path / "broken.bib"
    library.write_text(
        "@misc{one, title={One}, file={a.md}}\n@misc{one, title={Two}, file={a.md}}\n"
        "@misc{twice, title={Old}, title={Three}, file={a.md}}\nfree words\n"
        "@book{bad title=}\n@misc{cut, title={Cut sh"
    )
    source = LibrarySource(library, Shelf())  # type: ignore[arg-type]
    found = list(source.documents())
    assert [each.title for each in found] == ["One", "Two", "Three"]
    assert len({each.id for each in found}) == 3
    assert list(source.failures) == ["broken.bib: line 5", "broken.bib: cut"]
    assert source.failures["broken.bib: cut"].startswith("line 6 begins an entry")


def test_a_record_without_its_end_is_read(tmp_path: Path) -> None:
    text = "TY  - JOUR\nTI  - One\nTY  - JOUR\nTI  - Two\nER  -\nTY  - JOUR\nTI  - Cut sh"
    assert [each.title for each in entries(text, Path("a.ris"))] == ["One", "Two", "Cut sh"]
