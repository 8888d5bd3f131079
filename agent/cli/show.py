"""How results and answers look on a terminal."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from gadfly.agent.cli.console import out

if TYPE_CHECKING:
    from pydantic import BaseModel

    from gadfly.agent.answer import Answer, Claim
    from gadfly.tools.contract import Result

_COLOUR = {"supported": "green", "not supported": "red", "inconclusive": "yellow"}


def show_result(result: Result) -> None:
    """An experiment: the number, the verdict, what decided it, where the rest is."""
    from rich.table import Table
    from rich.text import Text

    console = out()
    console.print(Text(result.headline, style="bold"))
    colour = _COLOUR[result.verdict]
    console.print(Text.assemble((result.verdict.upper(), f"bold {colour}"), f"  {result.why}"))
    if result.controls:
        table = Table("control", "value", "interval", "if the effect were no larger", box=None)
        for control in result.controls:
            interval = (
                "" if control.interval is None else "{:.3g} … {:.3g}".format(*control.interval)
            )
            table.add_row(control.name, f"{control.value:.3g}", interval, control.meaning)
        console.print(table)
    if result.table.rows:
        table = Table(*result.table.columns, box=None)
        for row in result.table.rows:
            table.add_row(
                *("" if c is None else f"{c:.3g}" if isinstance(c, float) else str(c) for c in row)
            )
        console.print(table)
        if result.table.total > len(result.table.rows):
            console.print(f"({len(result.table.rows)} of {result.table.total} rows)", style="dim")
    for note in result.notes:
        console.print(f"note: {note}", style="yellow", markup=False)
    for figure in result.figures:
        for path in (figure.png, figure.html):
            if path:
                console.print(f"{figure.title}: {path}", markup=False, soft_wrap=True)
    if result.run:
        console.print(
            f"run {result.run}   gadfly runs show {result.run}   gadfly rerun {result.run}"
        )


def show_plain(result: BaseModel) -> None:
    """What a tool without a verdict returns: its fields, and each list of records as a table."""
    for name, value in result.model_dump(mode="json").items():
        if _is_records(value):
            _show_records(value)
        elif value not in (None, [], {}, ""):
            out().print(f"{name.replace('_', ' ')}: {_cell(value)}", markup=False, soft_wrap=True)


def _show_records(records: list[dict[str, Any]]) -> None:
    """Records as one table; records that hold records as a line and a table each."""
    from rich.table import Table

    inner = next((name for name, value in records[0].items() if _is_records(value)), None)
    if inner:
        for record in records:
            rest = {name: value for name, value in record.items() if name != inner}
            out().print(_cell(rest), markup=False)
            _show_records(record[inner])
        return
    table = Table(*records[0], box=None)
    for record in records:
        table.add_row(*map(_cell, record.values()))
    out().print(table)


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {_cell(inner)}" for name, inner in value.items())
    return str(value)


def show_answer(answer: Answer) -> None:
    """An answer: the text, its receipts by number, what did not resolve, what it took."""
    from rich.markdown import Markdown
    from rich.text import Text

    console = out()
    # [1] would be read as a Markdown link reference; escaped it stays as it is.
    console.print(
        Markdown(_mark_opinions(answer).replace("[", "\\["))
        if console.is_terminal
        else Text(_mark_opinions(answer))
    )
    if answer.receipts:
        console.print()
        console.print("Receipts", style="bold")
    for line in _receipt_lines(answer):
        console.print(Text(line), style="dim")
    for claim in answer.claims:
        _show_trouble(claim)
    for notice in answer.notices:
        console.print(f"note: {notice}", style="yellow", markup=False)
    cost = answer.cost
    price = (
        ""
        if not cost.input_tokens
        else (
            f", {cost.input_tokens} + {cost.output_tokens} tokens, "
            + ("price unknown" if cost.dollars is None else f"${cost.dollars:.4f}")
        )
    )
    verified = len(answer.receipts)
    console.print(
        f"{answer.engine}: {verified} receipts verified, {answer.struck} struck, "
        f"{cost.seconds:.1f} s{price}",
        style="dim",
        markup=False,
    )


def _receipt_lines(answer: Answer) -> list[str]:
    """One line for each quote; one for the numbers of a run that stand side by side."""
    said = {claim.text for claim in answer.claims}
    lines: list[str] = []
    receipts = list(enumerate(answer.receipts, 1))
    for (kind, run), group in groupby(receipts, key=lambda item: (item[1].kind, item[1].run)):
        some = list(group)
        if kind == "run":
            numbers = f"{some[0][0]}" if len(some) == 1 else f"{some[0][0]}-{some[-1][0]}"
            values = ", ".join(f"{r.field} = {r.value}" for _, r in some)
            lines.append(f"[{numbers}] run {run}: {values}")
            continue
        for number, receipt in some:
            # The offline engine's sentences are their own quotes; printing them twice tells nothing.
            quote = "verbatim" if receipt.quote in said else f'"{_short(receipt.quote or "")}"'
            place = f"characters {receipt.start}-{receipt.end}"
            lines.append(f"[{number}] {receipt.document}, {place}: {quote}")
    return lines


def _show_trouble(claim: Claim) -> None:
    for receipt in claim.receipts:
        if receipt.state == "struck":
            what = (
                f'"{_short(receipt.quote)}"' if receipt.quote else f"{receipt.run} {receipt.field}"
            )
            out().print(f"struck: {what}: {receipt.reason}", style="red", markup=False)
    if claim.loose_numbers:
        numbers = ", ".join(claim.loose_numbers)
        out().print(f"no receipt for {numbers} in: {_short(claim.text)}", style="red", markup=False)


def _mark_opinions(answer: Answer) -> str:
    """The text with every unreceipted sentence marked as opinion."""
    text, at = answer.answer, 0
    for claim in answer.claims:
        found = text.find(claim.text, at)
        if found < 0:
            continue
        at = found + len(
            claim.text
        )  # a sentence that stands there twice is marked twice, not one of them twice
        if claim.grade == "opinion":
            text = f"{text[:at]} (opinion){text[at:]}"
    return text


def _short(text: str, width: int = 160) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"
