"""A session as a file to keep, send or run: Markdown, one HTML page, or a notebook.

- ``transcript``  what a session holds: turns, receipts, runs with their figures
- ``pages``, ``notebook``  its three forms

Nothing is evaluated and nothing is fetched while exporting, and opening the file fetches nothing either.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gadfly import files
from gadfly.errors import GadflyError, UsageError

if TYPE_CHECKING:
    from gadfly.agent.sessions.session import Session

FORMATS = {
    "markdown": "text, with a folder of figures beside it",
    "html": "one page, figures inside",
    "notebook": "a Jupyter notebook whose cells run the experiments again",
}
_ENDINGS = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".ipynb": "notebook",
}


def format_of(path: Path) -> str:
    """The format that a name's ending tells. Raises UsageError for any other."""
    if path.suffix.lower() not in _ENDINGS:
        raise UsageError(f"cannot tell the format of {path.name!r}; end it in .md, .html or .ipynb")
    return _ENDINGS[path.suffix.lower()]


def export(session: Session, kind: str, path: Path) -> Path:
    """Write ``session`` to ``path`` and return where it is.

    Raises:
        UsageError: no such format, nothing to write, or the file exists (it may hold somebody's work).
        GadflyError: it cannot be written.
    """
    from gadfly.agent.sessions.export import notebook, pages
    from gadfly.agent.sessions.export.transcript import transcript

    renders = {"markdown": pages.markdown, "html": pages.html, "notebook": notebook.render}
    if kind not in FORMATS:
        raise UsageError(f"no format {kind!r}; there are: {', '.join(FORMATS)}")
    if path.exists():
        raise UsageError(f"{path} exists; give another name, or move it away")
    content = transcript(session)
    if not content.turns:
        raise UsageError(f"session {session.id} has no turns to export")
    try:
        files.write(path, renders[kind](content, path))
    except OSError as error:
        raise GadflyError(f"cannot write {path}: {error.strerror or error}") from error
    return path.resolve()
