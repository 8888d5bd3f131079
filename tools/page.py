"""Runs of the ledger as one HTML page that stands alone: figures inside, no scripts, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from gadfly.tools.contract import Control, Result, Table
from gadfly.tools.ledger import Run

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881 }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2 { border-top: 1px solid var(--line); padding-top: 1.5rem; margin-top: 2.5rem; font-size: 1.15rem }
table { border-collapse: collapse; font-size: .85rem; display: block; overflow-x: auto; margin: .7rem 0 }
th, td { border-bottom: 1px solid var(--line); padding: .2rem .7rem .2rem 0; text-align: left }
pre { background: var(--soft); padding: .7rem; overflow-x: auto; font-size: .8rem }
img { max-width: 100%; background: #fff }
.verdict { font-weight: 600 } .dim { opacity: .7; font-size: .85rem }
"""
# What a run recorded is escaped; should that ever fail, the policy still lets nothing run or load.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(runs: Sequence[Run], *, title: str = "Gadfly report") -> str:
    """The page. Text of a run is escaped: a prompt that looks like HTML stays a prompt."""
    parts = "".join(map(_run, runs))
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
        f'content="{_POLICY}"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{escape(title)}</h1>{parts}</html>\n"
    )


def _run(run: Run) -> str:
    head = f"<h2>{escape(run.tool)} · {escape(run.id)}</h2>"
    model = run.environment.get("model") or {}
    about = (
        f"{run.started:%Y-%m-%d %H:%M} UTC, {run.seconds:.1f} s"
        + (f", model {model.get('name')} ({model.get('weights')})" if model else "")
        + f". Again: gadfly rerun {run.id}"
    )
    body = (
        _result(run.result)
        if run.result
        else f"<p>{escape(run.status)}: {escape(run.error or '')}</p>"
    )
    return (
        f'{head}{body}<p class="dim">{escape(about)}</p>'
        + _folded("Arguments", json.dumps(run.arguments, indent=1, ensure_ascii=False))
        + _folded("Environment", json.dumps(run.environment, indent=1, ensure_ascii=False))
        + (_folded("The same without Gadfly", run.result.reproduce) if run.result else "")
    )


def _result(result: Result) -> str:
    figures = "".join(
        f'<figure><img alt="{escape(f.title)}" src="{_inline(f.png)}"><figcaption class="dim">{escape(f.title)}'
        "</figcaption></figure>"
        for f in result.figures
        if f.png and Path(f.png).is_file()
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in result.notes)
    return (
        f"<p>{escape(result.headline)}</p>"
        f'<p><span class="verdict">{escape(result.verdict.upper())}</span> {escape(result.why)}</p>'
        + _controls(result.controls)
        + _table(result.table)
        + figures
        + (f"<ul>{notes}</ul>" if notes else "")
    )


def _controls(controls: list[Control]) -> str:
    rows = [
        [
            c.name,
            f"{c.value:.4g}",
            "{:.3g} … {:.3g}".format(*c.interval) if c.interval else "",
            c.meaning,
        ]
        for c in controls
    ]
    columns = ["control", "value", "interval", "if the effect were no larger"]
    return _cells(columns, rows) if rows else ""


def _table(table: Table) -> str:
    rows = [
        ["" if c is None else f"{c:.4g}" if isinstance(c, float) else str(c) for c in row]
        for row in table.rows
    ]
    return _cells(table.columns, rows) if rows else ""


def _cells(columns: list[str], rows: list[list[str]]) -> str:
    head = "".join(f"<th>{escape(c)}</th>" for c in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _folded(label: str, text: str) -> str:
    return f"<details><summary>{escape(label)}</summary><pre>{escape(text)}</pre></details>"


def _inline(path: str) -> str:
    return "data:image/png;base64," + base64.b64encode(Path(path).read_bytes()).decode()
