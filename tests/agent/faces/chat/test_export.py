"""A session as a file."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from support.chat import FakeSession, answer

from gadfly.agent.answers.answer import Answer, Claim, Cost, Receipt
from gadfly.agent.sessions.export import export, format_of
from gadfly.agent.sessions.session import Turn
from gadfly.errors import UsageError
from gadfly.tools.contract import Control, Figure, Result, Verdict
from gadfly.tools.ledger import Ledger, Run, now

HOSTILE = (
    'Hi <script>alert(1)</script> ![x](http://evil/p.png) <img src="http://evil"> [a](javascript:b)'
)


def recorded_run(run_id: str = "r0a1b2c3d", **arguments: Any) -> Run:
    run = Run(
        id=run_id,
        tool="patch",
        status="done",
        started=now(),
        seconds=1.0,
        arguments={"behaviour": "capital-of", "text": 'it\'s "quoted"\n', **arguments},
        environment={},
        result=Result(
            headline="Restores 0.93 | of it.",
            verdict=Verdict.SUPPORTED,
            why="more than the placebo",
            values={"effect": 0.93, "odd": float("nan")},
            controls=[Control(name="placebo", value=0.1, interval=(0.0, 0.2), meaning="m")],
            figures=[Figure(title="Map", png="patch.png")],
            reproduce="print('```')",
        ),
    )
    ledger = Ledger()
    ledger.append(run)
    (ledger.artifacts(run_id) / "patch.png").write_bytes(b"\x89PNG\r\n\x1a\nrest")
    return run


@pytest.fixture
def session() -> FakeSession:
    run = recorded_run()
    quote = Receipt(
        kind="quote", state="verified", document="guide/x", quote="words", start=1, end=6
    )
    number = Receipt(kind="run", state="verified", run=run.id, field="effect", value="0.93")
    struck = Receipt(
        kind="quote", state="struck", document="guide/y", quote="no", reason="not there"
    )
    first = Answer(
        question="q",
        answer="It is so. [1] It restores 0.93. [2]",
        claims=[
            Claim(text="It is so.", receipts=[quote]),
            Claim(text="It restores 0.93.", receipts=[number, struck]),
            Claim(text="I think."),
        ],
        engine="fake",
        runs=[run.id],
    )
    second = answer(HOSTILE, runs=[run.id])
    turns = [Turn("Where?\nReally?", first), Turn(HOSTILE, second), Turn("Unfinished?", None)]
    return FakeSession(said=turns, cost=Cost(dollars=0.5, input_tokens=10, output_tokens=5))


def write(session: FakeSession, kind: str, path: Path) -> str:
    return export(session, kind, path).read_text(encoding="utf-8")  # type: ignore[arg-type]


def test_markdown_holds_questions_receipts_runs_and_figures(
    session: FakeSession, tmp_path: Path
) -> None:
    text = write(session, "markdown", tmp_path / "talk.md")
    assert "> Where?\n> Really?" in text
    assert '1. guide/x, characters 1-6: "words"' in text
    assert "2. run r0a1b2c3d: effect = 0.93" in text
    assert "struck: no: not there" in text
    assert "opinion, no receipt: I think." in text
    assert text.count("### Run `r0a1b2c3d`") == 1  # shown where it first comes
    assert "````python\nprint('```')\n````" in text
    assert "*(unfinished)*" in text
    assert "| placebo | 0.1 | 0 … 0.2 | m |" in text
    assert (tmp_path / "talk_files" / "r0a1b2c3d-patch.png").is_file()
    assert "![Map](talk_files/r0a1b2c3d-patch.png)" in text


@pytest.mark.parametrize(("kind", "name"), [("markdown", "a.md"), ("notebook", "a.ipynb")])
def test_what_does_nothing_stays_as_it_was_written(tmp_path: Path, kind: str, name: str) -> None:
    said = r"The estimate $\hat{y}_{i}$ of @name, #tag, #12 is 1.0 [1.00, 1.01], see https://arxiv.org/abs/2502.03407"
    page = write(FakeSession(said=[Turn(said, answer(said))]), kind, tmp_path / name)
    if kind == "notebook":
        page = "\n".join(cell["source"] for cell in json.loads(page)["cells"])
    assert page.count(said) >= 2  # the question, its answer
    assert f"> {said}" in page
    assert "<span>" not in page
    assert "&#8203;" not in page


def tags(page: str) -> list[tuple[str, dict[str, str | None]]]:
    found = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, dict(attrs)))

    Reader().feed(page)
    return found


@pytest.mark.parametrize(("kind", "name"), [("markdown", "a.md"), ("html", "a.html")])
def test_what_a_model_wrote_does_nothing(
    session: FakeSession, tmp_path: Path, kind: str, name: str
) -> None:
    page = write(session, kind, tmp_path / name)
    assert "alert(1)" in page  # shown, not obeyed
    if kind == "markdown":  # as a reader that lets HTML through
        page = MarkdownIt("commonmark", {"html": True}).enable("table").render(page)
    found = tags(page)
    assert "script" not in {tag for tag, _ in found}
    sources = [about["src"] or "" for _, about in found if "src" in about]
    assert sources
    assert all(source.startswith(("data:", "a_files/")) for source in sources)
    assert not any((about.get("href") or "").startswith("javascript") for _, about in found)


def test_html_stands_alone(session: FakeSession, tmp_path: Path) -> None:
    text = write(session, "html", tmp_path / "a.html")
    assert "data:image/png;base64," in text
    assert "default-src 'none'" in text
    assert "link" not in {tag for tag, _ in tags(text)}
    assert '<strong class="supported">supported</strong>' in text


def test_the_notebooks_cells_run_the_experiments_again(
    session: FakeSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = json.loads(write(session, "notebook", tmp_path / "a.ipynb"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    identifiers = [cell["id"] for cell in notebook["cells"]]
    assert len(set(identifiers)) == len(identifiers)
    setup, again = (cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    assert again["outputs"][0]["text"].startswith("Restores 0.93")
    assert again["outputs"][1]["data"]["image/png"]

    asked: list[tuple[str, dict[str, Any]]] = []

    def by_name(name: str) -> Any:
        def call(**arguments: Any) -> Result:
            asked.append((name, arguments))
            values = {"effect": 0.5, "odd": float("nan")}
            return Result(headline="h", verdict=Verdict.INCONCLUSIVE, why="w", values=values)

        return call

    monkeypatch.setattr("gadfly.tools.registry.by_name", by_name)
    names: dict[str, Any] = {}
    source = setup["source"].replace("from IPython.display import Image, display\n", "")
    with redirect_stdout(io.StringIO()) as printed:
        exec(source + "\n" + again["source"], names)
    assert asked == [("patch", {"behaviour": "capital-of", "text": 'it\'s "quoted"\n'})]
    assert "moved: effect 0.93 → 0.5" in printed.getvalue()
    assert "odd" not in printed.getvalue()


def test_a_session_without_turns_or_an_unknown_ending(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no turns"):
        write(FakeSession(), "html", tmp_path / "a.html")
    assert list(tmp_path.glob("*a.html*")) == []
    assert format_of(Path("A.IPYNB")) == "notebook"
    with pytest.raises(UsageError, match=r"\.md, \.html or \.ipynb"):
        format_of(Path("a.docx"))
