"""``gadfly redteam``: a write-up attacked before a reviewer does it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gadfly.agent.faces.cli.console import as_json, err, json_option
from gadfly.errors import UsageError
from gadfly.visible import name

if TYPE_CHECKING:
    from gadfly.agent.llm.asking import Asker

FOUND = 3


@click.command(
    epilog="\b\nExamples:\n"
    "  gadfly redteam WRITEUP.md\n"
    "  gadfly redteam WRITEUP.md --llm offline --json\n"
    "  gadfly redteam - < draft.md\n"
    "\nName the run behind a number in its paragraph (r0123abcd), and it is traced."
)
@click.argument("file", metavar="WRITEUP.md")
@click.option(
    "--llm", help="PROVIDER/MODEL for the refuter, or 'offline'. [default: by the keys set]"
)
@click.option("--strict", is_flag=True, help=f"Exit with code {FOUND} if a number matches no run.")
@json_option
def redteam(file: str, llm: str | None, strict: bool, as_json_: bool) -> None:
    """Trace every number of a write-up to a run of the ledger, or flag it; tag each claim as existence proof or method
    claim and hold it to its baseline; quote overclaims.

    With a model, it reads the text as its hardest fair reviewer; attacks whose quotes are not in the text are dropped.
    """
    from gadfly.agent.faces.cli.propose import show
    from gadfly.agent.jobs.redteam.attack import attack
    from gadfly.agent.jobs.redteam.report import page

    text = _read(file)
    report = attack(text, asker=_asker(llm))
    if as_json_:
        as_json(report)
    else:
        show(page(report))
    if strict and report.flagged:
        sys.exit(FOUND)


def _asker(llm: str | None) -> Asker | None:
    from gadfly.agent.llm.choose import choose

    choice = choose(llm)
    if choice is None:
        return None
    from gadfly.agent.llm.asking import Asker
    from gadfly.agent.llm.provider import Provider

    return Asker(Provider(choice, on_retry=lambda text: err().print(name(text))))


def _read(file: str) -> str:
    try:
        if file == "-":
            return sys.stdin.read()
        return Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror or error}") from None
