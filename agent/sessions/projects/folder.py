"""Starting a project: a folder with the plan, the first notebook, a log, the form of its data, a write-up to fill."""

from __future__ import annotations

import json
from pathlib import Path

from gadfly import files
from gadfly.agent.jobs.propose.page import page
from gadfly.agent.jobs.propose.proposal import Proposal
from gadfly.agent.markup import template
from gadfly.agent.sessions.notebooks import from_parts
from gadfly.agent.sessions.projects import log
from gadfly.agent.sessions.projects.state import Project, now, save
from gadfly.corpus.documents import slug
from gadfly.errors import UsageError
from gadfly.tools.demo.behaviours import BEHAVIOURS
from gadfly.tools.reach import TASK
from gadfly.tools.registry import by_name

NOTEBOOK = "01_first.ipynb"
WRITEUP = "WRITEUP.md"
_EXAMPLES = 20


def start(proposal: Proposal, where: Path | None = None) -> Path:
    """Make the folder, with the proposal's own predictions sealed.

    Args:
        where: the folder; by default one named after the project in the current folder.

    Raises:
        UsageError: the folder is there already and is not empty.
        HomeError: it cannot be written.
    """
    folder = where or Path(slug(proposal.draft.title, 40))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there already; give another with --folder")
    project = Project(started=now(), proposal=proposal)
    with files.kept(folder):
        (folder / "data").mkdir(parents=True, exist_ok=True)
        files.write(folder / "README.md", _readme(project))
        files.write(folder / NOTEBOOK, first_notebook(proposal))
        files.write(folder / log.FILE, log.new(proposal.draft.title))
        writeup = template.filled(__file__, "writeup", title=proposal.draft.title)
        files.write(folder / WRITEUP, writeup + "\n")
        _data(folder / "data", proposal)
    # Last: a folder that a kill left half made is no project.
    for text in (f"True if: {proposal.draft.positive}", f"False if: {proposal.draft.negative}"):
        project.unwritten.append(project.seal(" ".join(text.split()), runs=0).name)
    save(folder, project)
    log.together(folder)
    return folder


def _readme(project: Project) -> str:
    boxes = template.filled(
        __file__,
        "readme",
        started=f"{project.started:%Y-%m-%d %H:%M}",
        box=project.box,
        stages=project.proposal.stages,
    )
    return f"{page(project.proposal)}\n\n{boxes}\n"


def _data(folder: Path, proposal: Proposal) -> None:
    """The form of a prompts file, from a behaviour of the demo language; one's own prompts replace it."""
    arguments = proposal.draft.pilot.arguments
    name = str(arguments.get("data", arguments.get("behaviour"))).removeprefix(TASK)
    if name not in BEHAVIOURS:
        return
    behaviour = BEHAVIOURS[name]
    records = [
        {"clean": each.clean, "corrupt": each.corrupt, "answer": each.answer, "wrong": each.wrong}
        for each in behaviour.pairs(_EXAMPLES)
    ]
    lines = "".join(json.dumps(record) + "\n" for record in records)
    files.write(folder / f"{name}.pairs.example.jsonl", lines)


def first_notebook(proposal: Proposal) -> str:
    """The JSON of the first notebook (``first.md.j2``): the pilot again, on three seeds, then the same on the subject.

    Its cells run as they are, on the model of the pilot.
    """
    draft, pilot = proposal.draft, proposal.pilot
    return from_parts(
        template.parts(
            __file__,
            "first",
            draft=draft,
            pilot=pilot,
            model=pilot.model or "demo",
            subject=proposal.feasibility.model,
            arguments={
                k: v for k, v in draft.pilot.arguments.items() if k not in ("model", "seed")
            },
            calls=[(c.tool, c.arguments, by_name(c.tool).is_experiment) for c in draft.tools],
        )
    )
