"""The first notebook (nbformat 4.5): the pilot again, on three seeds, all shown; then the same on the real subject."""

from __future__ import annotations

import json
from typing import Any

from gadfly.agent.propose.draft import Call
from gadfly.agent.propose.proposal import Proposal

_SETUP = """\
from gadfly.tools import Ledger
from gadfly.tools.registry import by_name

MODEL = {model!r}  # the subject of the project is {subject!r}


def show(result):
    print(result.run, result.headline)
    print(f"  {{result.verdict}}: {{result.why}}")
    for control in result.controls:
        print(f"  {{control.name}} = {{control.value:.3g}}: {{control.meaning}}")"""
_SEEDS = """\
# Every seed is shown: the best of three is not a result.
for seed in (1, 2):
    show(by_name({tool!r})(**{arguments}, model=MODEL, seed=seed))"""
_SUBJECT = """\
# Run these when the prompts exist and the subject fits this machine; see data/ for their form.
if MODEL == {subject!r}:
{calls}
else:
    print("MODEL is", MODEL, "- set it to {subject} for the project itself")"""


def render(proposal: Proposal) -> str:
    """The notebook's JSON. Its cells run as they are, on the model of the pilot."""
    draft, pilot = proposal.draft, proposal.pilot
    arguments = {k: v for k, v in draft.pilot.arguments.items() if k not in ("model", "seed")}
    subject = proposal.feasibility.model
    recorded = (
        f"Recorded: run `{pilot.run}`, {pilot.state}." if pilot.run else "It was not run yet."
    )
    calls = "\n".join(f"    {_python(call)}" for call in draft.tools)
    cells = [
        _text(f"# {draft.title}\n\n{draft.question}\n\n**Hypothesis.** {draft.hypothesis}"),
        _code(_SETUP.format(model=pilot.model or "demo", subject=subject)),
        _text(f"## The pilot again\n\n{recorded} {draft.pilot_means}"),
        _code(f"show(by_name({draft.pilot.tool!r})(**{arguments!r}, model=MODEL))"),
        _code(_SEEDS.format(tool=draft.pilot.tool, arguments=repr(arguments))),
        _text(
            "## Before the main experiment\n\nSeal a prediction: "
            '`gadfly project log --predict "..."`. Simplest method first: ' + draft.simplest
        ),
        _code(_SUBJECT.format(subject=subject, calls=calls)),
    ]
    notebook = {
        "cells": [{"id": f"c{index}", **cell} for index, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def _python(call: Call) -> str:
    from gadfly.tools.registry import by_name

    arguments = ", ".join(f"{name}={value!r}" for name, value in call.arguments.items())
    made = f"by_name({call.tool!r})({arguments})"
    return f"show({made})" if by_name(call.tool).is_experiment else f"print({made})"


def _text(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def _code(source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": source,
    }
