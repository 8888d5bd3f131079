"""Every page that Gadfly writes as Markdown, a notebook or HTML, made of text that would act."""

from __future__ import annotations

import ast
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from support.chat import FakeSession
from support.hostile import SAMPLES, TEXT, acting, made

from gadfly.agent.answers.answer import Answer
from gadfly.agent.critic import markdown
from gadfly.agent.jobs.propose.page import page, pages
from gadfly.agent.jobs.propose.proposal import Proposal, Proposals
from gadfly.agent.jobs.redteam.report import Report as Attack
from gadfly.agent.jobs.redteam.report import page as attack_page
from gadfly.agent.sessions.export import export
from gadfly.agent.sessions.projects.check import Retro, retro_page
from gadfly.agent.sessions.projects.folder import first_notebook, start
from gadfly.agent.sessions.projects.log import HEADING
from gadfly.agent.sessions.session import Turn
from gadfly.tools.review import report
from gadfly.visible import visible

HOSTILE = [*SAMPLES, "\n".join(SAMPLES)]
OURS = ("<sub>", "</sub>")


def judged(text: str, *, public: bool = False) -> None:
    found = acting(text, public=public)
    if public:
        found = [each for each in found if getattr(each, "content", "") not in OURS]
    assert found == [], text
    assert visible(text) == text
    assert "<!-- gadfly" not in text


def proposal(text: str) -> Proposal:
    found: Proposal = made(Proposal, text)
    pilot = found.draft.pilot.model_copy(update={"tool": "patch", "arguments": {"text": text}})
    draft = found.draft.model_copy(update={"pilot": pilot, "tools": [pilot]})
    return found.model_copy(update={"draft": draft})


@pytest.mark.parametrize("text", HOSTILE)
def test_pages(text: str) -> None:
    judged(page(proposal(text)))
    judged(pages(made(Proposals, text)))
    judged(attack_page(made(Attack, text)))
    judged(retro_page(made(Retro, text)))
    found: report.Report = made(report.Report, text)
    judged(markdown.summary(found, 5), public=True)
    judged(markdown.comment(found.findings[0].model_copy(update={"suggestion": None})), public=True)


@pytest.mark.parametrize("text", HOSTILE)
def test_the_notebook_of_a_project(text: str) -> None:
    for cell in json.loads(first_notebook(proposal(text)))["cells"]:
        if cell["cell_type"] == "markdown":
            judged(cell["source"])
        else:
            ast.parse(cell["source"])
            assert visible(cell["source"]) == cell["source"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_session_as_a_file(text: str, tmp_path: Path) -> None:
    turns = [Turn(text, made(Answer, text)), Turn(text, None)]
    session: Any = FakeSession(said=turns, id=text, engine=text)
    judged(export(session, "markdown", tmp_path / "a.md").read_text("utf-8"))
    whole = json.loads(export(session, "notebook", tmp_path / "a.ipynb").read_text("utf-8"))
    for cell in whole["cells"]:
        if cell["cell_type"] == "markdown":
            judged(cell["source"])
    tags: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            tags.add(tag)
            assert not [
                name for name, _ in attrs if name.startswith("on") or name in ("src", "href")
            ]

    html = export(session, "html", tmp_path / "a.html").read_text("utf-8")
    Reader().feed(html.replace("<style>", "").replace("</style>", ""))
    assert not tags & {"script", "img", "a", "iframe", "b", "i", "svg"}
    assert visible(html) == html


@pytest.mark.parametrize("text", [*SAMPLES, TEXT])
def test_a_project_in_its_folder(text: str, tmp_path: Path) -> None:
    said = f"{text} and enough words of it to be taken"
    found = proposal(said)
    many = {"wrong": [said] * 2, "plan": [said] * 4, "kill": [said] * 3}
    work = [each.model_copy(update={"what": said[-120:]}) for each in found.draft.work]
    draft = found.draft.model_copy(update={**many, "title": said[:160], "work": work})
    folder = start(found.model_copy(update={"draft": draft}), tmp_path / "project")
    for name in ("README.md", "LOG.md"):
        judged((folder / name).read_text("utf-8"))
    assert (folder / "LOG.md").read_text("utf-8").count(HEADING) == 1
