"""Every command of ``gadfly`` and of the chat, fed with text that would act: on a terminal, in a pipe, in a workflow.

A command that is not in ``FEEDS`` fails ``test_every_command_is_fed``; every one is fed through its arguments besides.
"""

from __future__ import annotations

import json
import shlex
import typing
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import pytest
from support.chat import FakeSession
from support.hostile import LINE, SURROGATE, TEXT, leaks, made, obeyed, printed

from gadfly.agent.answers.answer import Answer
from gadfly.agent.faces.chat.commands import COMMANDS
from gadfly.agent.faces.chat.dialogue import Terminal
from gadfly.agent.faces.chat.talk import Chat
from gadfly.agent.faces.cli.checks import Report as Diagnosis
from gadfly.agent.faces.cli.console import out
from gadfly.agent.faces.cli.main import gadfly, run
from gadfly.agent.faces.cli.show import show_answer
from gadfly.agent.jobs.propose.proposal import Proposal, Proposals
from gadfly.agent.jobs.redteam.report import Report as Attack
from gadfly.agent.sessions.projects.check import Check, Retro
from gadfly.agent.sessions.session import Turn
from gadfly.agent.sessions.store import SessionInfo
from gadfly.agent.turn import events
from gadfly.corpus.build import Built
from gadfly.corpus.documents import Document
from gadfly.corpus.manifest import Work
from gadfly.corpus.models import DocumentInfo, Passage, Plan, SearchResults, Stats, SyncReport
from gadfly.errors import GadflyError
from gadfly.tools.again import Rerun
from gadfly.tools.contract import Result
from gadfly.tools.ledger import Ledger, Run, now
from gadfly.tools.registry import all_tools
from gadfly.tools.review import report as critic

Patch = pytest.MonkeyPatch


class Index:
    """A corpus in which everything is hostile."""

    def search(self, *_: Any, **__: Any) -> SearchResults:
        found: SearchResults = made(SearchResults)
        return found

    def listed(self, *_: Any) -> list[Any]:
        return []

    def plan(self, *_: Any) -> Plan:
        found: Plan = made(Plan)
        return found

    def sync(self, *_: Any, **__: Any) -> SyncReport:
        found: SyncReport = made(SyncReport)
        return found

    def neighbours(self, *_: Any) -> list[Passage]:
        return [made(Passage)]

    def documents(self) -> list[DocumentInfo]:
        return [made(DocumentInfo)]

    def document(self, _: str) -> Document:
        found: Document = made(Document)
        return found

    def stats(self) -> Stats:
        found: Stats = made(Stats)
        return found

    def add(self, _: Any, progress: Any, **__: Any) -> SyncReport:
        progress.start(LINE, total=2)
        progress.advance()
        progress.note(TEXT)
        report: SyncReport = made(SyncReport)
        return report

    def remove(self, _: str) -> None:
        pass


def returning(kind: Any) -> Callable[..., Any]:
    return lambda *_, **__: made(kind)


def all_events() -> list[Any]:
    """One hostile event of each kind, the answer last."""
    kinds = [each for each in typing.get_args(events.Event) if each not in _ENDS]
    return [*map(made, kinds), events.Final(made(Answer))]


_ENDS = (events.Final, events.ApprovalRequest, events.Stopped)


def talked() -> FakeSession:
    turns = [Turn(TEXT, made(Answer)), Turn(TEXT, None)]
    session = FakeSession(turns=[all_events()], id=LINE, engine=LINE, said=turns)
    session.settings = session.settings.__class__(model=LINE)
    return session


def fed_ask(patch: Patch) -> None:
    def ask(*_: Any, progress: Any, on_event: Any, **__: Any) -> Answer:
        progress.start(LINE, total=3)
        progress.note(TEXT)
        progress.finish()
        for event in all_events():
            on_event(event)
        answer: Answer = made(Answer)
        return answer

    patch.setattr("gadfly.agent.jobs.ask.ask", ask)


def fed_chat(patch: Patch) -> None:
    patch.setattr("gadfly.agent.faces.cli.chat._session", lambda *_: talked())


def fed_corpus(patch: Patch) -> None:
    patch.setattr("gadfly.agent.faces.cli.corpus._open", lambda **_: Index())
    patch.setattr("gadfly.agent.faces.cli.sessions.opened", lambda _: talked())
    patch.setattr("gadfly.corpus.build.build", returning(Built))
    patch.setattr("gadfly.corpus.manifest.select", lambda **_: (made(Work),))
    patch.setattr("gadfly.corpus.export.export", lambda *_, **__: 1)
    patch.setattr("gadfly.corpus.index.repair.rebuild", returning(SyncReport))


def fed_review(patch: Patch) -> None:
    def review(*_: Any, **__: Any) -> critic.Report:
        report: critic.Report = made(critic.Report)
        finding = report.findings[0].model_copy(update={"rule": critic.CRITIQUE, "cell": None})
        return report.model_copy(update={"findings": [finding] * 3})

    patch.setattr("gadfly.agent.jobs.review.review", review)
    Path("odd.py").write_text("x = 1\n", encoding="utf-8")


def fed_propose(patch: Patch) -> None:
    patch.setattr("gadfly.agent.jobs.propose.job.propose", returning(Proposals))


def fed_project(patch: Patch) -> None:
    from gadfly.agent.sessions.projects import log
    from gadfly.agent.sessions.projects.state import Seal

    patch.setattr("gadfly.agent.jobs.propose.proposal.load", returning(Proposal))
    patch.setattr("gadfly.agent.sessions.projects.folder.start", lambda *_: Path("folder" + LINE))
    patch.setattr("gadfly.agent.sessions.projects.state.load", lambda _: None)
    patch.setattr(log, "predict", returning(Seal))
    patch.setattr(log, "entry", lambda *_: (TEXT, [made(Run)]))
    patch.setattr("gadfly.agent.sessions.projects.check.check", returning(Check))
    patch.setattr("gadfly.agent.sessions.projects.check.retro", returning(Retro))


def fed_redteam(patch: Patch) -> None:
    patch.setattr("gadfly.agent.jobs.redteam.attack.redteam", returning(Attack))
    Path("text.md").write_text("x", encoding="utf-8")


def fed_mcp(_: Patch) -> None:
    folder = Path(".cursor")
    folder.mkdir(exist_ok=True)
    entry = {"mcpServers": {LINE: {"command": TEXT}}}
    (folder / "mcp.json").write_text(json.dumps(entry, ensure_ascii=False, indent=1), "utf-8")


def fed_doctor(patch: Patch) -> None:
    patch.setattr("gadfly.agent.faces.cli.checks.diagnose", returning(Diagnosis))


def fed_runs(patch: Patch) -> None:
    result = made(Result).model_copy(update={"verdict": "supported"})
    recorded = Run(
        id="r0a1b2c3d",
        tool=LINE,
        status="done",
        started=now(),
        seconds=1.0,
        arguments={LINE: TEXT},
        environment={LINE: TEXT},
        result=result,
        error=TEXT,
    )
    Ledger().append(recorded)
    patch.setattr("gadfly.tools.again.rerun", returning(Rerun))


def fed_sessions(patch: Patch) -> None:
    listing = [made(SessionInfo)]
    patch.setattr(
        "gadfly.agent.sessions.store.Sessions",
        type("Sessions", (), {"listing": lambda *_: listing, "close": lambda _: None}),
    )
    patch.setattr("gadfly.agent.faces.cli.sessions.opened", lambda _: talked())


def fed_tool(patch: Patch, tool: Any) -> None:
    kind = typing.get_type_hints(tool.function)["return"] if hasattr(tool, "function") else Result
    found = made(kind)
    if isinstance(found, Result):
        found = found.model_copy(update={"verdict": "supported"})
    patch.setattr("gadfly.agent.faces.cli.tools.execute", lambda *_, **__: found)


def nothing(_: Patch) -> None:
    """It prints nothing of anybody's."""


# path of a command -> what feeds it, and its arguments in each form in which it prints
FEEDS: dict[str, tuple[Callable[[Patch], None], list[list[str]]]] = {
    "ask": (fed_ask, [[LINE], [LINE, "--json"], [LINE, "--events"]]),
    "chat": (fed_chat, [["-p", LINE], ["-p", LINE, "--json"], ["-p", LINE, "--jsonl"]]),
    "corpus search": (fed_corpus, [[LINE], [LINE, "--around", "1"], [LINE, "--json"]]),
    "corpus list": (fed_corpus, [[], ["--json"]]),
    "corpus show": (fed_corpus, [[LINE], [LINE, "--json"]]),
    "corpus status": (fed_corpus, [[], ["--json"]]),
    "corpus add": (fed_corpus, [[LINE], [LINE, "--json"]]),
    "corpus update": (fed_corpus, [[], [LINE, "--dry-run"], ["--dry-run", "--json"], ["--json"]]),
    "corpus cite": (
        fed_corpus,
        [[LINE], [LINE, "--bibtex"], [LINE, "--csl"], [LINE, "--json"], ["--session", LINE]],
    ),
    "corpus build": (fed_corpus, [[], ["--dry-run"], ["--json"]]),
    "corpus export": (fed_corpus, [["to" + LINE], [LINE, "--json"]]),
    "corpus remove": (fed_corpus, [[LINE], [LINE, "--json"]]),
    "corpus rebuild": (fed_corpus, [[], ["--json"]]),
    "review": (
        fed_review,
        [["odd.py", "--format", each] for each in ("text", "json", "markdown", "sarif", "github")],
    ),
    "propose": (fed_propose, [[], ["--json"], ["--output", "page.md"]]),
    "project start": (fed_project, [[LINE], [LINE, "--json"]]),
    "project log": (fed_project, [[LINE, "--predict", LINE], [LINE, "--json"]]),
    "project check": (fed_project, [[], ["--json"]]),
    "project retro": (fed_project, [[], ["--json"]]),
    "redteam": (
        fed_redteam,
        [["text.md", "--llm", "offline"], ["text.md", "--llm", "offline", "--json"]],
    ),
    "mcp": (nothing, []),  # a protocol, not a text; tests/agent/faces/mcp reads it
    "mcp install": (fed_mcp, [["--client", "cursor", "--scope", "project", "--dry-run"]]),
    "mcp uninstall": (fed_mcp, [["--client", "cursor", "--scope", "project", "--dry-run"]]),
    "doctor": (fed_doctor, [[], ["--json"]]),
    "runs": (fed_runs, [[], ["--json"]]),
    "runs show": (fed_runs, [["r0a1b2c3d"], ["r0a1b2c3d", "--json"]]),
    "report": (fed_runs, [["r0a1b2c3d", "-o", "a\u202e.html"], ["r0a1b2c3d", "--json"]]),
    "rerun": (fed_runs, [["r0a1b2c3d"], ["r0a1b2c3d", "--json"]]),
    "sessions": (fed_sessions, [[], ["--json"]]),
    "sessions show": (fed_sessions, [["last"], ["last", "--json"]]),
    "sessions export": (fed_sessions, [["last", "a\u202e.md"]]),
    "complete": (nothing, [["bash"]]),
    **{
        each.name: (partial(fed_tool, tool=each), [[], ["--json"]])
        for each in all_tools()
        if each.extra == "interp"
    },
}


def commands(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        path = f"{before} {name}".strip()
        if isinstance(found, click.Group):
            yield from commands(found, path)
        if not isinstance(found, click.Group) or found.invoke_without_command:
            yield path, found


ALL = dict(commands(gadfly))


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


def test_every_command_is_fed() -> None:
    assert set(FEEDS) == set(ALL)


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
@pytest.mark.parametrize("path", FEEDS)
def test_a_command_prints_what_a_terminal_only_shows(
    path: str, terminal: bool, monkeypatch: Patch
) -> None:
    feed, forms = FEEDS[path]
    feed(monkeypatch)
    for form in forms:
        action = partial(run, [*path.split(), *form])
        said, told = printed(action, monkeypatch, terminal=terminal)
        assert said + told, form
        assert "mistake of Gadfly" not in told, (form, told)
        assert leaks(said) == "", form
        assert leaks(told) == "", form
        if "--json" in form:
            json.loads(said)


@pytest.mark.parametrize("path", FEEDS)
def test_a_workflow_obeys_nothing_but_our_annotations(path: str, monkeypatch: Patch) -> None:
    feed, forms = FEEDS[path]
    feed(monkeypatch)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    for form in forms:
        said, told = printed(partial(run, [*path.split(), *form]), monkeypatch, terminal=False)
        ours = [line for line in obeyed(said) if path == "review" and form[-1] == "github"]
        assert obeyed(said) == ours, form
        # One command is taken from a line, so what stands behind ours is its text.
        assert all(line.startswith("::error file=") for line in ours)
        assert obeyed(told) == [], form
        if "--json" in form:
            json.loads(said)


@pytest.mark.parametrize("path", [path for path in ALL if path != "mcp"])
def test_an_argument_comes_back_harmless(path: str, monkeypatch: Patch) -> None:
    def unusable(*_: Any, **__: Any) -> Any:
        raise GadflyError(TEXT + SURROGATE)

    monkeypatch.setattr("gadfly.corpus.default_corpus", unusable)
    monkeypatch.setattr("gadfly.corpus.Corpus.open", unusable)
    monkeypatch.setattr("gadfly.agent.sessions.session.Session.start", unusable)
    monkeypatch.setattr("gadfly.agent.jobs.ask.ask", unusable)
    monkeypatch.setattr("gadfly.agent.jobs.propose.job.propose", unusable)
    monkeypatch.setattr("gadfly.agent.faces.cli.tools.execute", unusable)
    monkeypatch.setattr("gadfly.agent.faces.cli.checks.diagnose", unusable)
    monkeypatch.setattr("gadfly.corpus.index.repair.rebuild", unusable)
    words = path.split()
    for form in (
        [f"--{LINE}"],
        [LINE],
        [LINE, SURROGATE],
        [LINE, SURROGATE, TEXT],
        ["--json", LINE],
    ):
        said, told = printed(partial(run, [*words, *form]), monkeypatch, terminal=True)
        assert leaks(said) == "", form
        assert leaks(told) == "", form


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_of_the_chat(name: str, terminal: bool, monkeypatch: Patch) -> None:
    monkeypatch.setattr("gadfly.agent.faces.chat.talk.Session.open", lambda _: talked())
    monkeypatch.setattr("gadfly.agent.faces.chat.talk.Session.start", lambda *_: talked())

    def chatting() -> None:
        listed = {LINE: TEXT, "runs": TEXT}
        ran = Terminal(out(), show_answer, lambda words: out().print(str(words)), lambda: listed)
        chat = Chat(talked(), ran, fresh=False, shell=True)  # type: ignore[arg-type]
        chat.greet()
        for line in (
            f"/{name}",
            f"/{name} {shlex.quote(LINE)}",
            f"/{name}{LINE}",
            f"!echo {LINE!r}",
        ):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("gadfly.agent.faces.chat.prompt.ask", lambda _: "n")
                try:
                    chat.guarded(partial(chat.hear, line))
                except EOFError:
                    assert name == "quit"
        chat.play(iter(all_events()))
        chat._note_state()
        out().print(chat._state)

    said, told = printed(chatting, monkeypatch, terminal=terminal)
    assert leaks(said) == ""
    assert leaks(told) == ""
    assert "a bug of Gadfly" not in said


def test_what_libraries_write_is_shown_too(monkeypatch: Patch) -> None:
    import logging
    import sys
    import traceback
    import warnings

    def writing() -> None:
        print(TEXT)  # noqa: T201
        # As a warning is shown; pytest would keep it, and tell it at the end, past the door.
        sys.stderr.write(warnings.formatwarning(TEXT, UserWarning, LINE, 1))
        logging.getLogger("library").warning(TEXT)
        logging.StreamHandler().emit(logging.makeLogRecord({"msg": TEXT}))
        click.echo(TEXT + SURROGATE, err=True)
        try:
            raise ValueError(TEXT + SURROGATE)
        except ValueError:
            traceback.print_exc()

    for terminal in (True, False):
        said, told = printed(writing, monkeypatch, terminal=terminal)
        assert said and told
        assert leaks(said) == leaks(told) == ""


def test_an_approval_shows_all_of_what_would_run(monkeypatch: Patch) -> None:
    arguments = json.dumps({"code": "rm x\x1b[1K\x1b[31;107m# \u202eok"})
    call = events.PendingCall("1", "run_code" + LINE, arguments, "it runs code" + TEXT)

    def asking() -> None:
        ran = Terminal(out(), show_answer, lambda _: None, dict)
        chat = Chat(talked(), ran, fresh=False)  # type: ignore[arg-type]
        monkeypatch.setattr("gadfly.agent.faces.chat.prompt.ask", lambda _: "n")
        chat._approved(events.ApprovalRequest((call,)))

    said, _ = printed(asking, monkeypatch, terminal=True)
    assert leaks(said) == ""
    assert "rm x\\x1b[1K\\x1b[31;107m# \\u202eok" in said


def test_colours_are_ours_to_use(monkeypatch: Patch) -> None:
    fed_runs(monkeypatch)
    said, _ = printed(partial(run, ["runs", "show", "r0a1b2c3d"]), monkeypatch, terminal=True)
    assert "\x1b[1;32mSUPPORTED" in said
