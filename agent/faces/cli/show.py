"""How results and answers look on a terminal."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from gadfly.agent.faces.cli.console import out, show_table
from gadfly.agent.llm.asking import line_of
from gadfly.visible import name

if TYPE_CHECKING:
    from pydantic import BaseModel

    from gadfly.agent.answers.answer import Answer, Claim
    from gadfly.tools.contract import Result

_TEXTS = 9  # continuations, with those of both signs of three prompts
_WIDE = 160  # signs of a prompt, or of a continuation
_COLOUR = {"supported": "green", "not supported": "red", "inconclusive": "yellow"}


def show_result(result: Result) -> None:
    """An experiment: the number, the verdict, what decided it, where the rest is."""
    from rich.text import Text

    from gadfly.agent.sessions.export.transcript import controls
    from gadfly.tools.telling import shown

    console = out()
    console.print(name(result.headline), style="bold")
    colour = _COLOUR[result.verdict]
    console.print(
        Text.assemble((result.verdict.upper(), f"bold {colour}"), f"  {name(result.why)}")
    )
    if result.controls:
        columns = ("control", "value", "interval", "if the effect were no larger")
        show_table(columns, controls(result))
    if result.table.rows:
        show_table(
            result.table.columns,
            [
                ["" if c is None else shown(c) if isinstance(c, float) else c for c in cells]
                for cells in result.table.rows
            ],
        )
        if result.table.total > len(result.table.rows):
            console.print(f"({len(result.table.rows)} of {result.table.total} rows)", style="dim")
    for note in result.notes:
        console.print(f"note: {name(note)}", style="yellow")
    for figure in result.figures:
        for path in (figure.png, figure.html):
            if path:
                console.print(f"{name(figure.title)}: {name(path)}", soft_wrap=True)
    _show_generations(result)
    if result.run:
        console.print(
            name(f"run {result.run}   gadfly runs show {result.run}   gadfly rerun {result.run}")
        )


def _show_generations(result: Result) -> None:
    """Of a steering run: a few prompts with their continuations by dose, and the files with the rest. A result that
    the ledger gives back has these as fields of no type."""
    more = result.model_dump(mode="json")
    told = [
        each for each in more.get("generations") or () if {"prompt", "dose", "text"} <= each.keys()
    ]
    if not told:
        return
    for prompt, those in groupby(told[:_TEXTS], key=lambda each: str(each["prompt"])):
        out().print(f"… {name(prompt[-_WIDE:])}" if len(prompt) > _WIDE else name(prompt))
        for each in those:
            dose = f"dose {each['dose']:.2g}" if each["dose"] else "unsteered"
            out().print(f"  {dose}: {name(line_of(str(each['text']), _WIDE))}", soft_wrap=True)
    for field in ("direction", "generations_file"):
        if more.get(field):
            out().print(f"{field.replace('_', ' ')}: {name(more[field])}", soft_wrap=True)


def show_plain(result: BaseModel) -> None:
    """What a tool without a verdict returns: its fields, and each list of records as a table."""
    for field, value in result.model_dump(mode="json").items():
        if _is_records(value):
            _show_records(value)
        elif value not in (None, [], {}, ""):
            out().print(f"{field.replace('_', ' ')}: {_cell(value)}", soft_wrap=True)


def _show_records(records: list[dict[str, Any]]) -> None:
    """Records as one table; records that hold records as a line and a table each."""
    inner = next((field for field, value in records[0].items() if _is_records(value)), None)
    if inner:
        for record in records:
            rest = {field: value for field, value in record.items() if field != inner}
            out().print(name(_cell(rest)))
            _show_records(record[inner])
        return
    show_table(list(records[0]), ([*map(_cell, each.values())] for each in records))


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
        return ", ".join(f"{field} {_cell(inner)}" for field, inner in value.items())
    return str(value)


def show_answer(answer: Answer) -> None:
    """An answer: the text, its receipts by number, what did not resolve, what it took."""
    from gadfly.agent.faces.door.screen import prose

    console = out()
    console.print(prose(_mark_opinions(answer)) if console.is_terminal else _mark_opinions(answer))
    if answer.receipts:
        console.print()
        console.print("Receipts", style="bold")
    for line in _receipt_lines(answer):
        console.print(name(line), style="dim")
    for claim in answer.claims:
        _show_trouble(claim)
    for notice in answer.notices:
        console.print(f"note: {name(notice)}", style="yellow")
    cost = answer.cost
    price = "price unknown" if cost.dollars is None else f"${cost.dollars:.4f}"
    tokens = f", {cost.input_tokens} + {cost.output_tokens} tokens, {price}"
    console.print(
        f"{name(answer.engine)}: {len(answer.receipts)} receipts verified, {answer.struck} struck, "
        f"{cost.seconds:.1f} s{tokens if cost.input_tokens else ''}",
        style="dim",
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
            quote = "verbatim" if receipt.quote in said else f'"{line_of(receipt.quote, 160)}"'
            place = f"characters {receipt.start}-{receipt.end}"
            lines.append(f"[{number}] {receipt.document}, {place}: {quote}")
    return lines


def _show_trouble(claim: Claim) -> None:
    for receipt in claim.receipts:
        if receipt.state == "struck":
            what = (
                f'"{line_of(receipt.quote, 160)}"'
                if receipt.quote
                else f"{receipt.run} {receipt.field}"
            )
            out().print(name(f"struck: {what}: {receipt.reason}"), style="red")
    if claim.loose_numbers:
        numbers = ", ".join(claim.loose_numbers)
        out().print(name(f"no receipt for {numbers} in: {line_of(claim.text, 160)}"), style="red")


def _mark_opinions(answer: Answer) -> str:
    """The text with every unreceipted sentence marked as opinion."""
    text, at = answer.answer, 0
    for claim in answer.claims:
        found = text.find(claim.text, at)
        if found < 0:
            continue
        # A sentence that stands there twice is marked twice, not one of them twice.
        at = found + len(claim.text)
        if claim.grade == "opinion":
            text = f"{text[:at]} (opinion){text[at:]}"
    return text
