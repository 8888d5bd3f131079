"""A session as Markdown; its figures are copied into a folder beside the file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from gadfly import __version__
from gadfly.agent.markup import cell, code, document, plain, prose, span
from gadfly.agent.sessions.export.transcript import (
    Chapter,
    Exhibit,
    Transcript,
    controls,
    doubts,
    receipt_line,
)


def render(transcript: Transcript, path: Path) -> str:
    """The text; copies figures as it goes."""
    images: list[str] = []
    parts = [f"# {plain(transcript.title)}", about(transcript)]
    for number, chapter in enumerate(transcript.turns, 1):
        parts += [f"## {number}. Question", quoted(chapter.question), *answer(chapter)]
        for exhibit in chapter.exhibits:
            figures = list(_figures(exhibit, path))
            images += [address for _, address in figures]
            parts += _run(exhibit)
            parts += [f"![{plain(title)}]({address})" for title, address in figures]
    return document(parts, images=images) + "\n"


def about(transcript: Transcript, shown: Callable[[str], str] = span) -> str:
    """Where it comes from and what it took; ``shown`` writes the names in it."""
    cost = transcript.cost
    price = "price unknown" if cost.dollars is None else f"${cost.dollars:.4f}"
    tokens = (
        f", {cost.input_tokens + cost.output_tokens:,} tokens, {price}" if cost.input_tokens else ""
    )
    return (
        f"Gadfly {__version__}, session {shown(transcript.id)}, {shown(transcript.engine)}{tokens}."
    )


def quoted(text: str) -> str:
    """The question, as a quotation."""
    return "\n".join(f"> {line}".rstrip() for line in prose(text).split("\n"))


def answer(chapter: Chapter) -> list[str]:
    """The answer with its receipts, and what a reader must know of it."""
    if chapter.answer is None:
        return ["*(unfinished)*"]
    parts = ["### Answer", prose(chapter.answer.answer)]
    if chapter.answer.receipts:
        listed = [
            f"{n}. {plain(receipt_line(r))}" for n, r in enumerate(chapter.answer.receipts, 1)
        ]
        parts += ["**Receipts**", "\n".join(listed)]
    if noted := [f"- {plain(each)}" for each in doubts(chapter.answer)]:
        parts += ["**Mind**", "\n".join(noted)]
    return parts


def verdict(exhibit: Exhibit) -> str:
    """What a run found, in one paragraph."""
    result = exhibit.run.result
    assert result is not None
    return f"{plain(result.headline)} **{result.verdict}**: {plain(result.why)}"


def control_table(exhibit: Exhibit) -> list[str]:
    """The controls as a table, or nothing."""
    rows = controls(exhibit.run)
    if not rows:
        return []
    lines = ["| control | value | interval | if the effect were no larger |", "|---|---|---|---|"]
    lines += ["| " + " | ".join(map(cell, row)) + " |" for row in rows]
    return ["\n".join(lines)]


def _run(exhibit: Exhibit) -> list[str]:
    run = exhibit.run
    assert run.result is not None
    parts = [
        f"### Run {span(run.id)}: {plain(run.tool)}",
        verdict(exhibit),
        *control_table(exhibit),
    ]
    parts.append(f"Again: {span(f'gadfly rerun {run.id}')}")
    if run.result.reproduce:
        parts += ["The same in plain nnterp and PyTorch:", code(run.result.reproduce, "python")]
    return parts


def _figures(exhibit: Exhibit, path: Path) -> Iterator[tuple[str, str]]:
    """Each figure's title, and the address of its copy."""
    for title, figure in exhibit.figures:
        folder = path.with_name(f"{path.stem}_files")
        folder.mkdir(exist_ok=True)
        name = f"{exhibit.run.id}-{figure.name}"
        shutil.copyfile(figure, folder / name)
        yield title, quote(f"{folder.name}/{name}")
