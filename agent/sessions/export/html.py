"""A session as one HTML page: figures inside, no script, nothing fetched."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator
from pathlib import Path

from gadfly.agent.markup import reader
from gadfly.agent.sessions.export.markdown import about
from gadfly.agent.sessions.export.transcript import (
    Chapter,
    Exhibit,
    Transcript,
    controls,
    doubts,
    receipt_line,
)
from gadfly.visible import visible

_STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
body { color: #1b1b1b; background: #fff } h1 { font-size: 1.5rem }
h2 { font-size: 1.1rem; border-top: 1px solid #ddd; padding-top: 1rem; white-space: pre-wrap }
.about, .receipts { color: #555; font-size: .85rem } .mind { color: #8a4b00; font-size: .85rem }
.run { border: 1px solid #ddd; border-radius: 6px; padding: .6rem 1rem; margin: 1rem 0 }
.run h3 { margin: .2rem 0; font-size: 1rem }
table { border-collapse: collapse; font-size: .85rem }
td, th { border: 1px solid #ddd; padding: .2rem .5rem; text-align: left }
img { max-width: 100% } pre { background: #f5f5f5; padding: .7rem; overflow-x: auto; font-size: .85rem }
.supported { color: #0a6b2d } .not-supported { color: #a3161a } .inconclusive { color: #8a6d00 }
@media (prefers-color-scheme: dark) {
  body { color: #ddd; background: #161616 } h2, .run, td, th { border-color: #444 } pre { background: #222 }
  .about, .receipts { color: #aaa } .mind { color: #e0a95c } a { color: #8ab4f8 }
  .supported { color: #6fcf87 } .not-supported { color: #ff8a80 } .inconclusive { color: #e6c35c } }
@media print { .run { break-inside: avoid } }
"""


def render(transcript: Transcript, path: Path) -> str:
    """The page. ``path`` is not looked at: nothing lies beside it."""
    title = escape(transcript.title)
    body = [f"<h1>{title}</h1>", f'<p class="about">{escape(about(transcript, str))}</p>']
    for number, chapter in enumerate(transcript.turns, 1):
        body += _chapter(number, chapter)
    # What a model wrote is escaped; should that ever fail, the policy still lets nothing run or load.
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title><style>{_STYLE}</style></head><body>",
            *body,
            "</body></html>\n",
        ]
    )


def _chapter(number: int, chapter: Chapter) -> Iterator[str]:
    yield f"<h2>{number}. {escape(chapter.question)}</h2>"
    if chapter.answer is None:
        yield "<p><em>unfinished</em></p>"
        return
    yield _markdown(chapter.answer.answer)
    if chapter.answer.receipts:
        items = "".join(
            f"<li>{escape(receipt_line(each))}</li>" for each in chapter.answer.receipts
        )
        yield f'<ol class="receipts">{items}</ol>'
    if noted := "".join(f"<li>{escape(each)}</li>" for each in doubts(chapter.answer)):
        yield f'<ul class="mind">{noted}</ul>'
    for exhibit in chapter.exhibits:
        yield from _run(exhibit)


def _run(exhibit: Exhibit) -> Iterator[str]:
    run = exhibit.run
    assert run.result is not None
    kind = run.result.verdict.replace(" ", "-")
    yield f'<div class="run" id="{escape(run.id)}"><h3>{escape(run.tool)} · {escape(run.id)}</h3>'
    yield (
        f"<p>{escape(run.result.headline)} <strong class={kind!r}>{run.result.verdict}</strong>: "
        f"{escape(run.result.why)}</p>"
    )
    if rows := controls(run):
        heads = ("control", "value", "interval", "if the effect were no larger")
        yield "<table><tr>" + "".join(f"<th>{head}</th>" for head in heads) + "</tr>"
        for row in rows:
            yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        yield "</table>"
    for title, path in exhibit.figures:
        data = base64.b64encode(path.read_bytes()).decode()
        yield f'<p><img alt="{escape(title)}" src="data:image/png;base64,{data}"></p>'
    yield f"<p>Again: <code>gadfly rerun {escape(run.id)}</code></p>"
    if run.result.reproduce:
        script = escape(run.result.reproduce)
        yield f"<details><summary>The same in plain nnterp and PyTorch</summary><pre>{script}</pre></details>"
    yield "</div>"


def _markdown(text: str) -> str:
    """A text of the transcript; its links and images stay words."""
    return reader.html(text)


def escape(text: str) -> str:
    return html.escape(visible(text))
