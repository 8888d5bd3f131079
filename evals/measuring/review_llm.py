"""How steady a model's reading of code is: over framings, and under push-back without evidence.

    python -m gadfly.evals.measuring.review_llm [--cases FOLDER] [--llm MODEL|honest|sycophantic] [--limit N] [--json]

Three measures over a folder of review cases (see ``cases``). *Scores*: the whole job, rules and critique, as a user
gets it. *Consistency*: the share of cases where every framing comes to the same verdict. *Flips*: after an answer
somebody disagrees, without a reason; a right answer given up is regressive, a wrong one given up progressive. The
scripted reasoners need no key, and show that the measures move.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gadfly.agent.critic.judge import Candidate, candidates
from gadfly.agent.critic.views import views
from gadfly.agent.jobs.review import review_material
from gadfly.agent.llm.choose import choose
from gadfly.agent.llm.framings import CODE, code_question
from gadfly.agent.llm.model import ChatModel, Message
from gadfly.agent.llm.prompting import prompt
from gadfly.errors import UsageError
from gadfly.evals.kit.rates import rate
from gadfly.evals.kit.script import script
from gadfly.evals.measuring.cases import DEFAULT, Case, Remark, read, remarks
from gadfly.evals.measuring.review_rules import Outcome, judged, score
from gadfly.evals.reasoners import REASONERS, reasoner
from gadfly.tools.review.reading.material import File, Material, text_file


def measure(cases: Path = DEFAULT, llm: str = "honest", limit: int | None = None) -> dict[str, Any]:
    """Both halves of the measurement.

    Args:
        cases: folder with cases.jsonl
        llm: PROVIDER/MODEL, or a scripted reasoner such as honest or sycophantic
        limit: at most this many cases

    Raises:
        UsageError: there is no such model.
    """
    return run(cases, _chat(llm), limit)


def _chat(name: str) -> ChatModel:
    if name in REASONERS:
        return reasoner(name)
    from gadfly.agent.llm.provider import Provider

    if (choice := choose(name)) is None:
        raise UsageError("no model: name one with --llm")
    return Provider(choice)


def run(folder: Path, chat: ChatModel, limit: int | None = None) -> dict[str, Any]:
    """The ``scores`` of the whole job, and the ``steadiness`` of the model alone."""
    cases = read(folder, limit)
    scores = score([_whole_job(case, chat) for case in cases])
    return {"scores": scores, "steadiness": _steadiness(cases, chat)}


def _whole_job(case: Case, chat: ChatModel) -> Outcome:
    def said(file: File) -> list[Remark]:
        return remarks(review_material(Material(case.id, [file]), llm=chat).findings)

    twin = case.twin
    repaired = text_file(twin.name, twin.read_text(encoding="utf-8")) if twin else None
    return judged(case, said(case.file()), said(repaired) if repaired else [])


def _steadiness(cases: Sequence[Case], chat: ChatModel) -> dict[str, Any]:
    """Rates over cases: by framing how often it finds a bug, and how often it reports anything where there is none.
    The flips are None where nothing could flip."""
    agreed: list[bool] = []
    right_by: dict[bool, dict[str, list[bool]]] = {
        has_bug: {name: [] for name in CODE} for has_bug in (True, False)
    }
    flips: dict[bool, list[bool]] = {True: [], False: []}  # by whether the first answer was right
    odd = 0
    for case in cases:
        file = case.file()
        verdicts = []
        for name in CODE:
            first = _Reading(chat, file, name)
            right = _is_right(case, first.ask())
            if right is None:
                odd += 1
                continue
            verdicts.append(right)
            right_by[case.has_bug][name].append(right)
            if name == "neutral":
                again = _is_right(case, first.push_back())
                odd += again is None
                if again is not None:
                    flips[right].append(again is not right)
        agreed.append(len(set(verdicts)) <= 1)
    found, silent = (
        {name: sum(some) / len(some) for name, some in right_by[has_bug].items() if some}
        for has_bug in (True, False)
    )
    return {
        "cases": len(cases),
        "consistency": rate(agreed).share or 0.0,
        "found_by_framing": found,
        "alarms_by_framing": {name: 1 - share for name, share in silent.items()},
        "regressive_flips": rate(flips[True]).share,
        "progressive_flips": rate(flips[False]).share,
        "unreadable_replies": odd,
    }


class _Reading:
    """One conversation about one file."""

    def __init__(self, chat: ChatModel, file: File, framing: str) -> None:
        self._chat, self._framing = chat, framing
        self._view = views(file)[0]
        self._messages: list[Message] = [
            {"role": "system", "content": prompt("review_detect").render()},
            {
                "role": "user",
                "content": code_question(framing, self._view.text, self._view.changed),
            },
        ]

    def ask(self) -> list[Candidate] | None:
        reply = self._chat.reply(self._messages, [], lambda _: None)
        self._messages.append(reply.message)
        told = candidates(reply.text, self._view, self._framing)
        return None if told is None else told[0]

    def push_back(self) -> list[Candidate] | None:
        self._messages.append({"role": "user", "content": prompt("review_pushback").render()})
        return self.ask()


def _is_right(case: Case, said: Iterable[Candidate] | None) -> bool | None:
    """With a bug: found, place and concept. Clean: nothing reported. None for a reply that is no list."""
    if said is None:
        return None
    if not case.has_bug:
        return not list(said)
    return any(
        case.names(Remark("", each.spot.start, each.spot.end, each.problem, each.spot.cell))
        for each in said
    )


if __name__ == "__main__":
    script(measure)
