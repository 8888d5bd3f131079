"""The first notebook (nbformat 4.5): the pilot again, on three seeds, all shown; then the same on the real subject."""

from __future__ import annotations

from gadfly.agent.jobs.propose.draft import Call
from gadfly.agent.jobs.propose.proposal import Proposal
from gadfly.agent.markup import document, phrase, prose, span
from gadfly.agent.sessions.notebooks import code, markdown, notebook

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
    print("MODEL is", MODEL, "- set it to", {subject!r}, "for the project itself")"""


def render(proposal: Proposal) -> str:
    """The notebook's JSON. Its cells run as they are, on the model of the pilot."""
    draft, pilot = proposal.draft, proposal.pilot
    arguments = {k: v for k, v in draft.pilot.arguments.items() if k not in ("model", "seed")}
    subject = proposal.feasibility.model
    recorded = (
        f"Recorded: run {span(pilot.run)}, {pilot.state}." if pilot.run else "It was not run yet."
    )
    calls = "\n".join(f"    {_python(call)}" for call in draft.tools)
    cells = [
        markdown(
            document(
                [
                    f"# {phrase(draft.title)}",
                    prose(draft.question),
                    f"**Hypothesis.** {phrase(draft.hypothesis)}",
                ]
            )
        ),
        code(_SETUP.format(model=pilot.model or "demo", subject=subject)),
        markdown(document(["## The pilot again", f"{recorded} {phrase(draft.pilot_means)}"])),
        code(f"show(by_name({draft.pilot.tool!r})(**{arguments!r}, model=MODEL))"),
        code(_SEEDS.format(tool=draft.pilot.tool, arguments=repr(arguments))),
        markdown(
            "## Before the main experiment\n\nSeal a prediction: "
            '`gadfly project log --predict "..."`. Simplest method first: ' + phrase(draft.simplest)
        ),
        code(_SUBJECT.format(subject=subject, calls=calls)),
    ]
    return notebook(cells)


def _python(call: Call) -> str:
    from gadfly.tools.registry import by_name

    arguments = ", ".join(f"{name}={value!r}" for name, value in call.arguments.items())
    made = f"by_name({call.tool!r})({arguments})"
    return f"show({made})" if by_name(call.tool).is_experiment else f"print({made})"
