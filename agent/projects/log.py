"""The research log: plain Markdown that people write in, with one section of sealed predictions.

Predictions go through :func:`predict`, which writes the line and seals it; the log itself stays an ordinary file.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from gadfly.agent.projects.state import Project, Seal, now, save
from gadfly.agent.redteam.blocks import named_runs
from gadfly.errors import HomeError, UsageError
from gadfly.tools.ledger import Ledger, Run

FILE = "LOG.md"
HEADING = "## Predictions"
_LINE = re.compile(r"^- (P\d+): (.*)$")
_RUNS = 2000  # of the ledger, looked at


def new(title: str) -> str:
    """An empty log."""
    return (
        f"# Log: {title}\n\n{HEADING}\n\n"
        'Sealed by `gadfly project log --predict "..."`; do not edit. Say a number, and what would count as wrong.\n\n'
        "## Entries\n"
    )


def read(folder: Path) -> str:
    """The log's text. Raises UsageError if it is gone."""
    path = folder / FILE
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None


def predict(folder: Path, project: Project, text: str, ledger: Ledger) -> Seal:
    """Seal a prediction and write it into the log."""
    words = _said(text)
    log = read(folder)
    if HEADING not in log:
        raise UsageError(f"{folder / FILE} has lost its section {HEADING!r}; put it back")
    seal = project.seal(words, len(runs_since(ledger, project.started)))
    head, _, rest = log.partition(HEADING)
    section, gap, after = rest.partition("\n## ")
    line = f"- {seal.name}: {seal.text}"
    save(folder, project)
    _write(folder, f"{head}{HEADING}{section.rstrip()}\n{line}\n{gap}{after}")
    return seal


def entry(
    folder: Path, project: Project, text: str, runs: list[str], ledger: Ledger
) -> tuple[str, list[Run]]:
    """Append an entry with its time and its runs: those named, else those since the last entry that no line names.

    Returns:
        The entry as written, and its runs.

    Raises:
        LedgerError: a named run is not in the ledger.
    """
    log = read(folder)
    found = [ledger.get(name) for name in runs]
    if not runs:
        named = mentioned(log)
        found = [run for run in runs_since(ledger, project.started) if run.id not in named]
    time = now()
    head = f"### {time:%Y-%m-%d %H:%M} UTC, hour {project.hour(time):.1f} of {project.box:g}"
    lines = [f"- {line(run)}" for run in found]
    written = "\n".join(["", head, "", _said(text), *(["", *lines] if lines else []), ""])
    _write(folder, log.rstrip("\n") + "\n" + written)
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


def mentioned(text: str) -> set[str]:
    """The run ids that a text names."""
    return named_runs(text)


def runs_since(ledger: Ledger, start: datetime) -> list[Run]:
    """The ledger's runs since a time, oldest first."""
    return [run for run in reversed(ledger.recent(_RUNS)) if run.started >= start]


def _said(text: str) -> str:
    words = " ".join(text.split())
    if not words:
        raise UsageError("nothing to log: say what you did, saw or expect")
    return words


def _write(folder: Path, text: str) -> None:
    path = folder / FILE
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise HomeError(f"cannot write {path} ({error.strerror or error})") from error
