"""A session as one HTML page: figures inside, no script, nothing fetched."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from gadfly.agent.markup import reader
from gadfly.agent.sessions.export.markdown import about
from gadfly.agent.sessions.export.transcript import Transcript, controls, doubts, receipt_line
from gadfly.tools import templating
from gadfly.tools.page import inline

_PAGE = Path(__file__).resolve().parent / "session.html.j2"


def render(transcript: Transcript, path: Path) -> str:
    """The page. ``path`` is not looked at: nothing lies beside it."""
    return templating.html(
        _PAGE,
        title=transcript.title,
        about=about(transcript, str),
        turns=transcript.turns,
        answer=_markdown,
        receipt=receipt_line,
        doubts=doubts,
        controls=controls,
        inline=inline,
    )


def _markdown(text: str) -> Markup:
    """A text of the transcript; its links and images stay words."""
    return Markup(reader.html(text))
