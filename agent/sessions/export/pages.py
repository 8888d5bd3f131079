"""A session as Markdown, in the words of ``*.md.j2``, its figures copied into a folder beside the file; or as one HTML
page.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

from gadfly import __version__
from gadfly.agent.markup import document, plain, reader, span, template
from gadfly.agent.sessions.export.transcript import (
    Chapter,
    Exhibit,
    Transcript,
    controls,
    doubts,
    receipt_line,
)
from gadfly.tools import templating
from gadfly.tools.page import inline


def markdown(transcript: Transcript, path: Path) -> str:
    """The text; copies figures as it goes."""
    images: list[str] = []
    parts = [f"# {plain(transcript.title)}", about(transcript)]
    for number, each in enumerate(transcript.turns, 1):
        parts += chapter(number, each)
        for exhibit in each.exhibits:
            figures = list(_figures(exhibit, path))
            images += [address for _, address in figures]
            parts += run(exhibit, whole=True)
            parts += [f"![{plain(title)}]({address})" for title, address in figures]
    return document(parts, images=images) + "\n"


def about(transcript: Transcript, shown: Callable[[str], str] = span) -> str:
    """Where it comes from and what it took; ``shown`` writes the names in it."""
    cost = transcript.cost
    price = "price unknown" if cost.dollars is None else f"${cost.dollars:.4f}"
    tokens = cost.input_tokens + cost.output_tokens
    took = f", {tokens:,} tokens, {price}" if cost.input_tokens else ""
    return (
        f"Gadfly {__version__}, session {shown(transcript.id)}, {shown(transcript.engine)}{took}."
    )


def chapter(number: int, each: Chapter) -> list[str]:
    """A question, its answer with the receipts, and what a reader must know of it."""
    noted = doubts(each.answer) if each.answer else ()
    return template.parts(
        __file__, "chapter", number=number, chapter=each, doubts=noted, receipt_line=receipt_line
    )


def run(exhibit: Exhibit, *, whole: bool) -> list[str]:
    """A run with its controls; ``whole``: with its verdict and how to run it again."""
    result = exhibit.run.result
    rows = controls(result) if result else ()
    return template.parts(__file__, "run", run=exhibit.run, controls=rows, whole=whole)


def _figures(exhibit: Exhibit, path: Path) -> Iterator[tuple[str, str]]:
    """Each figure's title, and the address of its copy."""
    for title, figure in exhibit.figures:
        folder = path.with_name(f"{path.stem}_files")
        folder.mkdir(exist_ok=True)
        name = f"{exhibit.run.id}-{figure.name}"
        shutil.copyfile(figure, folder / name)
        yield title, quote(f"{folder.name}/{name}")


def html(transcript: Transcript, path: Path) -> str:
    """One HTML page: figures inside, no script, nothing fetched. ``path`` is not looked at: nothing lies beside it."""
    return templating.html(
        Path(__file__).resolve().parent / "session.html.j2",
        title=transcript.title,
        about=about(transcript, str),
        turns=transcript.turns,
        answer=lambda text: Markup(reader.html(text)),  # links and images stay words
        receipt=receipt_line,
        doubts=doubts,
        controls=controls,
        inline=inline,
    )
