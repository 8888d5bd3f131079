"""Proposals in the arms of a comparison, and what a program can say of each page without asking a model.

A project on an effect that is not there is put among the model's drafts: written as well as the bank's, with answers
drawn at random in its pilot. Whoever runs the pilot can see it; whoever reads the page cannot.

    gadfly       everything, as a user gets it
    no corpus    an empty corpus: nothing can be quoted
    no pilot     the first experiment is left out
    one framing  the red team hears the same opening three times, the writer's own
    bare         the model's first draft as it stands, from the same prompt
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from gadfly.agent.jobs.propose import opposed
from gadfly.agent.jobs.propose.bank import templates
from gadfly.agent.jobs.propose.draft import Draft
from gadfly.agent.jobs.propose.feasible import HOURS, Feasibility, Limits, fit
from gadfly.agent.jobs.propose.job import propose
from gadfly.agent.jobs.propose.machines import machine
from gadfly.agent.jobs.propose.page import page
from gadfly.agent.jobs.propose.proposal import Proposals
from gadfly.agent.jobs.propose.rubric import judge
from gadfly.agent.jobs.propose.write import write
from gadfly.agent.llm.asking import Asker, list_in
from gadfly.agent.llm.framings import openings
from gadfly.agent.llm.model import ChatModel, Message, Reply
from gadfly.corpus import default_corpus, quotes
from gadfly.corpus.index import Corpus
from gadfly.errors import CorpusError
from gadfly.evals.kit.script import known
from gadfly.evals.reasoners.base import turned_round
from gadfly.tools.ledger import Ledger

if TYPE_CHECKING:
    from gadfly.agent.llm.model import ToolSchema

ARMS = ("gadfly", "no corpus", "no pilot", "one framing", "bare")
ABSENT = "Does {model} know the harbour of a ship that it has never read of?"
_ABSENT_ENDS = ABSENT.rpartition("}")[2]
_SHOWN = 2
_RUBRIC = ("hypothesis", "baseline", "falsifiable")
_QUOTED = re.compile(r"“([^”]+)” `([^`\s]+)`|\[\[quote (\S+) \| ([^\]]+)\]\]")
_STOP = re.compile(r"Stop at hour ([\d.]+) if: \S+")
_RUN = re.compile(r"Run `(r[0-9a-f]{8})`")
_NOVEL = re.compile(r"\bnovel(?:ty)?\b", re.IGNORECASE)


@dataclass(frozen=True)
class Shown:
    """What an arm gave: the best page that is not the planted project's, and what became of that one."""

    page: str
    draft: Draft
    feasibility: Feasibility
    fits: bool
    by_model: bool
    sank: bool
    disagreement: bool


def proposed(arm: str, chat: ChatModel, asked: dict[str, Any]) -> Shown | None:
    """The best page of an arm for a row of ``proposals.jsonl``; None where no draft could be read.

    Raises:
        UsageError: there is no such arm.
    """
    known([arm], ARMS, "arm named")
    if arm == "bare":
        return _bare(chat, asked)
    said = Between(chat, hears=one_opening if arm == "one framing" else str, says=planted)
    options = {name: asked[name] for name in ("days", "gpu", "budget", "level")}
    options |= {"n": _SHOWN, "pilot": arm != "no pilot"}

    def run(corpus: Corpus) -> Proposals:
        return propose(asked["topic"], **options, llm=said, corpus=corpus)

    if arm != "no corpus":
        return _best(run(default_corpus()))
    with tempfile.TemporaryDirectory() as folder:
        empty = Corpus.open(Path(folder), embedder=None)
        try:
            return _best(run(empty))
        finally:
            empty.close()


def checks(shown: Shown, asked: dict[str, Any]) -> dict[str, float]:
    """What a program can say of a page: 1 where it is so."""
    rubric = {s.criterion: s.score == 2 for s in judge(shown.draft, shown.feasibility)}
    found = {name: rubric[name] for name in _RUBRIC} | {
        "quotes": _quotes_stand(shown.page),
        "kill": _kills(shown.page, asked["days"]),
        "fits": shown.fits,
        "pilot": _piloted(shown.page),
        "neighbours": _neighbours(shown.page),
        "no 'novel'": not any(_NOVEL.search(text) for text in _prose(shown.draft)),
    }
    return {name: float(met) for name, met in found.items()}


def judged(text: str, chat: ChatModel) -> float:
    """The red team's rubric by a judge, in [0, 1]: for each criterion the middle one of three framings. The page's own
    critique is taken out first, so that the judge does not copy it."""
    asker, blind = Asker(chat), text.split("\n## Critique")[0]
    scores: dict[str, list[int]] = {}
    for opening in openings("project").values():
        reply = asker.object(opposed.question(opening, blind))
        for name, entry in (reply.get("scores") or {}).items():
            if isinstance(entry, dict) and entry.get("score") in (0, 1, 2):
                scores.setdefault(name, []).append(entry["score"])
    middles = [sorted(each)[(len(each) - 1) // 2] for each in scores.values()]
    return sum(middles) / (2 * len(middles)) if middles else 0.0


class Between:
    """A chat model around another, under its name.

    Args:
        hears: what the model hears instead of the last message.
        says: what it is made to say instead of its answer, by the last message and the answer.
    """

    def __init__(
        self, chat: ChatModel, hears: Callable[[str], str], says: Callable[[str, str], str]
    ) -> None:
        self._chat, self._hears, self._says = chat, hears, says

    @property
    def name(self) -> str:
        return self._chat.name

    def reply(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema],
        on_text: Callable[[str], None],
    ) -> Reply:
        """One turn of the protocol."""
        *before, last = messages
        asked = str(last.get("content") or "")
        heard = [*before, {**last, "content": self._hears(asked)}]
        reply = self._chat.reply(heard, tools, on_text)
        return replace(reply, text=self._says(asked, reply.text))


def planted(asked: str, said: str) -> str:
    """Drafts with the planted project before them; all else as it is."""
    if turned_round("propose_write", asked) is None:
        return said
    return json.dumps([absent(), *(list_in(said) or [])])


def one_opening(asked: str) -> str:
    """Every opening of the red team as the writer's own."""
    told = openings("project")
    for opening in told.values():
        if asked.startswith(opening):
            return told["own"] + asked.removeprefix(opening)
    return asked


def absent() -> dict[str, Any]:
    """The planted project: a good template, about something that is not there, with a pilot that can show it."""
    from gadfly.tools.demo.behaviours import BEHAVIOURS

    given = next(each for each in templates() if each.slug == "lens-depth-and-frequency")
    examples = BEHAVIOURS["capital-of"].examples(24)
    answers = [each.answer for each in examples]
    Random(0).shuffle(answers)
    prompts = [
        {"prompt": each.prompt, "answer": answer}
        for each, answer in zip(examples, answers, strict=True)
    ]
    return {
        **given.model_dump(mode="json", exclude={"slug"}),
        "title": ABSENT,
        "days": 1,
        "pilot_is": "effect",
        "question": "At which layer does {model} settle on the harbour of a ship whose name it has never read?",
        "pilot": {"tool": "lens", "arguments": {"prompts": prompts}},
        "pilot_means": "That the answers given for these prompts can be read before the last layer.",
    }


def _best(found: Proposals) -> Shown | None:
    own = [p for p in found.proposals if not p.draft.title.endswith(_ABSENT_ENDS)]
    if not own:
        return None
    best = own[0]
    return Shown(
        page=page(best),
        draft=best.draft,
        feasibility=best.feasibility,
        fits=best.feasibility.fits,
        by_model=best.origin == "model",
        sank=len(own) == len(found.proposals),
        disagreement=any(score.disagreement for p in found.proposals for score in p.scores),
    )


def _bare(chat: ChatModel, asked: dict[str, Any]) -> Shown | None:
    """The first draft that can be read, untouched. What a model writes is shown, so nothing can sink."""
    options = {name: asked[name] for name in ("days", "level")}
    corpus, asker = default_corpus(), Asker(chat)
    drafts, _ = write(asked["topic"], notes="", n=_SHOWN + 1, corpus=corpus, asker=asker, **options)
    if not drafts:
        return None
    estimate = fit(drafts[0], Limits(machine(asked["gpu"]), asked["days"], asked["budget"]))
    draft = drafts[0].filled(drafts[0].models[0], drafts[0].tasks[0])
    unchanged = estimate.fits and not estimate.changes
    return Shown(as_written(draft), draft, estimate, unchanged, True, False, False)


def as_written(draft: Draft) -> str:
    """A draft as a page, with nothing added."""
    fields = draft.model_dump(exclude={"slug", "title", "work", "judge", "pilot", "tools"})
    lines = [f"# {draft.title}"]
    for name, value in fields.items():
        text = "\n".join(f"- {each}" for each in value) if isinstance(value, list) else str(value)
        lines.append(f"## {name}\n\n{text}")
    return "\n\n".join([*lines, "## tools", *(call.line() for call in [draft.pilot, *draft.tools])])


def _quotes_stand(text: str) -> bool:
    """At least one quote, and every one verbatim in the document that it names."""
    found = [(m[1] or m[4], m[2] or m[3]) for m in _QUOTED.finditer(text)]
    return bool(found) and all(_stands(words.strip(), document) for words, document in found)


def _stands(words: str, document: str) -> bool:
    try:
        match, _ = quotes.check(words, default_corpus().document(document).text)
    except CorpusError:
        return False
    return match is not None


def _kills(text: str, days: int) -> bool:
    """Three signs to stop at, at hours that rise and lie within the days."""
    hours = [float(hour) for hour in _STOP.findall(text)]
    return len(hours) >= 3 and hours == sorted(set(hours)) and hours[-1] <= days * HOURS


def _piloted(text: str) -> bool:
    """A run of the ledger with its controls, or the words that it was not run."""
    if (named := _RUN.search(text)) is None:
        return "(not run)" in text
    run = Ledger().find(named[1])
    return run is not None and run.result is not None and bool(run.result.controls)


def _neighbours(text: str) -> bool:
    section = text.partition("## Nearest works\n")[2].partition("\n## ")[0]
    documents = {document.id for document in default_corpus().documents()}
    return any(each in documents for each in re.findall(r"`([^`\s]+)`", section))


def _prose(draft: Draft) -> list[str]:
    values = draft.model_dump(exclude={"why", "slug", "reading"}).values()
    listed = [each for value in values for each in (value if isinstance(value, list) else [value])]
    return [each for each in listed if isinstance(each, str)]
