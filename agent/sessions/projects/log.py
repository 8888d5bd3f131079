"""The research log: plain Markdown that people write in, with one section of sealed predictions.

Predictions go through :func:`predict`, which seals them and writes the line; the log itself stays an ordinary file,
that people edit at any time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from gadfly import files
from gadfly.agent.jobs.redteam.blocks import named_runs
from gadfly.agent.markup import phrase
from gadfly.agent.sessions.projects.state import Project, Seal, load, now, save, writing
from gadfly.errors import HomeError, UsageError
from gadfly.tools.ledger import Ledger, Run

FILE = "LOG.md"
HEADING = "## Predictions"
_LINE = re.compile(r"^- (P\d+): (.*)$")
_END = re.compile(r"(\r?\n)[\r\n]*\Z")
_RUNS = 2000  # of the ledger, looked at
_TRIES = 20
_FRESH = 20_000_000  # nanoseconds: an editor that empties a file and fills it again is done by then
_LONGEST = 1.0  # seconds waited for it


def new(title: str) -> str:
    """An empty log."""
    return (
        f"# Log: {phrase(title)}\n\n{HEADING}\n\n"
        'Sealed by `gadfly project log --predict "..."`; do not edit. Say a number, and what would count as wrong.\n\n'
        "## Entries\n"
    )


def read(folder: Path) -> str:
    """The log's text. Raises UsageError if it is gone or no text."""
    path = folder / FILE
    try:
        return path.read_bytes().decode("utf-8")  # line ends stay as the writer's editor made them
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 ({error.reason}); save it as UTF-8") from None


def predict(folder: Path, text: str, ledger: Ledger) -> Seal:
    """Seal a prediction and write it into the log.

    Raises:
        UsageError: no project, nothing said, or the log has lost its section; nothing was sealed.
    """
    words = _said(text)
    with writing(folder) as project:
        _mend(folder, project)
        _parts(read(folder), folder)
        seal = project.seal(words, len(runs_since(ledger, project.started)))
        project.unwritten.append(seal.name)
        save(folder, project)
        _mend(folder, project)
    return seal


def together(folder: Path) -> tuple[Project, str]:
    """The project and its log as they belong together; a killed writer's work is finished first.

    Raises:
        UsageError: this is no project, or its log cannot be read.
    """
    try:
        with writing(folder) as project:
            _mend(folder, project)
            return project, read(folder)
    except HomeError:  # who may not write here can still look
        return load(folder), read(folder)


def entry(folder: Path, text: str, runs: list[str], ledger: Ledger) -> tuple[str, list[Run]]:
    """Append an entry with its time and its runs: those named, else those since the last entry that no line names.

    Returns:
        The entry as written, and its runs.

    Raises:
        UsageError: no project, or nothing said.
        LedgerError: a named run is not in the ledger.
    """
    words = _said(text)
    named = [ledger.get(name) for name in runs]
    with writing(folder) as project:
        _mend(folder, project)
        at, since = now(), runs_since(ledger, project.started)
        head = f"### {at:%Y-%m-%d %H:%M} UTC, hour {project.hour(at):.1f} of {project.box:g}"
        found: list[Run] = []
        written = ""

        def appended(log: str) -> str:
            nonlocal found, written
            known = named_runs(log)
            found = named if runs else [run for run in since if run.id not in known]
            lines = [f"- {phrase(line(run))}" for run in found]
            written = "\n".join(["", head, "", words, *(["", *lines] if lines else []), ""])
            return _END.sub(r"\1", log if log.endswith("\n") else log + "\n") + written

        _rewrite(folder, appended)
    return written.strip(), found


def line(run: Run) -> str:
    """A run in one line: verdict first, so that a failure is as visible as a success."""
    if run.result is None:
        return f"{run.id} {run.tool}: {run.status}. {run.error or ''}".rstrip()
    return f"{run.id} {run.tool}: {run.result.verdict}. {run.result.headline}"


def predictions(log: str) -> dict[str, str]:
    """The lines of the predictions section, by name."""
    section = log.partition(HEADING)[2].partition("\n## ")[0]
    found = (_LINE.match(line) for line in section.splitlines())
    return {match[1]: match[2].strip() for match in found if match}


def runs_since(ledger: Ledger, start: datetime) -> list[Run]:
    """The ledger's runs since a time, oldest first."""
    return [run for run in reversed(ledger.recent(_RUNS)) if run.started >= start]


def _said(text: str) -> str:
    words = " ".join(text.encode("utf-8", "replace").decode().split())
    if not words:
        raise UsageError("nothing to log: say what you did, saw or expect")
    return words


def _parts(log: str, folder: Path) -> tuple[str, str, str, str]:
    """The log before, in and after the section of predictions. Raises UsageError if it has none."""
    head, found, rest = log.partition(HEADING)
    if not found:
        raise UsageError(f"{folder / FILE} has lost its section {HEADING!r}; put it back")
    return head, *rest.partition("\n## ")


def _mend(folder: Path, project: Project) -> None:
    """Write the lines of new seals. Sealed first and marked, so that a kill in between leaves no false accusation."""
    if not project.unwritten:
        return
    owed = [seal for seal in project.seals if seal.name in project.unwritten]

    def completed(log: str) -> str:
        head, section, gap, after = _parts(log, folder)
        there = predictions(log)
        lines = "".join(
            f"- {seal.name}: {phrase(seal.text)}\n" for seal in owed if seal.name not in there
        )
        return f"{head}{HEADING}{section.rstrip()}\n{lines}{gap}{after}" if lines else log

    _rewrite(folder, completed)
    project.unwritten = []
    save(folder, project)


def _rewrite(folder: Path, change: Callable[[str], str]) -> None:
    """Change the log and lose nothing that an editor saves meanwhile: editors take no lock, so look again before."""
    path = folder / FILE
    for _ in range(_TRIES):
        before = _settled(path)
        text = change(read(folder))
        if _state(path) != before:
            continue
        files.keep(path, text)
        return
    raise UsageError(f"{path} changes all the time; nothing was written, try again when it rests")


def _settled(path: Path) -> tuple[int, ...]:
    """The state of a file that no editor is in the middle of writing."""
    state = _state(path)
    until = time.monotonic() + _LONGEST
    while abs(time.time_ns() - state[0]) < _FRESH and time.monotonic() < until:
        time.sleep(_FRESH / 1e9)
        state = _state(path)
    return state


def _state(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    return found.st_mtime_ns, found.st_size, found.st_ino
