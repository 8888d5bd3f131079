"""The job ``propose``: a topic in, grounded, fitted, piloted and criticised mini-projects out, best first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gadfly.agent.jobs.propose import rubric, store
from gadfly.agent.jobs.propose.bank import fitting
from gadfly.agent.jobs.propose.draft import LEVELS, Draft, Level
from gadfly.agent.jobs.propose.feasible import Limits, fit
from gadfly.agent.jobs.propose.ground import ground
from gadfly.agent.jobs.propose.machines import machine
from gadfly.agent.jobs.propose.pilot import Pilots, unpiloted
from gadfly.agent.jobs.propose.proposal import Proposal, Proposals, identify, stages
from gadfly.agent.jobs.propose.rank import ranked
from gadfly.agent.llm.choose import Choice, choose
from gadfly.agent.llm.model import ChatModel
from gadfly.corpus.progress import Progress, Silent
from gadfly.corpus.words import words
from gadfly.errors import UsageError
from gadfly.tools.ledger import Ledger

if TYPE_CHECKING:
    from gadfly.agent.llm.asking import Asker
    from gadfly.corpus import Corpus

ASSUMED_GPU = "24GB"
_SPARE = 2  # drafts beyond those asked for, so that one may sink
_MOST = 10


def propose(
    topic: str = "",
    *,
    days: int = 3,
    gpu: str | None = None,
    budget: float = 50.0,
    level: str | None = None,
    notes: str = "",
    n: int = 3,
    llm: str | ChatModel | None = None,
    model: str = "demo",
    pilot: bool = True,
    progress: Progress | None = None,
    corpus: Corpus | None = None,
    ledger: Ledger | None = None,
) -> Proposals:
    """Propose mini-projects.

    Args:
        topic: what they should be about; empty for anything.
        days: how long a project may take, 1 to 5.
        gpu: a name, a memory size, or ``none``; without it a 24 GB card is assumed, and said.
        budget: US dollars for API calls of the project itself.
        notes: the researcher's notes; data, never instructions.
        llm: a litellm model name, ``offline``, a ChatModel, or None to choose by what is configured.
        model: the model that pilots run on.
        pilot: whether to run the first experiment of each.

    Raises:
        UsageError: a value that does not fit; says which ones do.
        LLMError: the provider failed for good.
    """
    limits = _limits(days, gpu, budget, n)
    wanted = _level(level)
    progress = progress or Silent()
    asker = _asker(llm, progress)
    if corpus is None:
        from gadfly.corpus import default_corpus

        corpus = default_corpus(progress)
    ledger = ledger or Ledger()
    notices = [] if gpu else [f"no --gpu given: a {ASSUMED_GPU} card is assumed"]
    bench = _Bench(
        topic=topic,
        limits=limits,
        corpus=corpus,
        ledger=ledger,
        pilots=Pilots(model, progress=progress, ledger=ledger) if pilot else None,
        asker=asker,
        progress=progress,
    )
    drafts = _drafts(bench, notes, wanted, n, notices)
    made = [_made(bench, *each) for each in drafts]
    if asker is not None:
        made = _attacked(made, asker, progress)
    order = ranked(made)
    best = order[:n]
    notices += _left_out(topic, best, order[n:])
    for proposal in best:
        store.keep(proposal)
    return Proposals(
        topic=topic, proposals=best, notices=notices, dollars=asker.dollars if asker else 0.0
    )


@dataclass(frozen=True)
class _Bench:
    """What every draft is worked on with."""

    topic: str
    limits: Limits
    corpus: Corpus
    ledger: Ledger
    pilots: Pilots | None
    asker: Asker | None
    progress: Progress


def _drafts(
    bench: _Bench, notes: str, level: Level | None, n: int, notices: list[str]
) -> list[tuple[Draft, str, float]]:
    """A model's drafts first; the bank fills up what is missing. Each with its origin and relevance."""
    days, asker = bench.limits.days, bench.asker
    written: list[tuple[Draft, str, float]] = []
    if asker is not None:
        from gadfly.agent.jobs.propose.write import write

        bench.progress.start(f"{asker.name} writes drafts")
        try:
            drafts, dropped = write(
                bench.topic,
                notes=notes,
                days=days,
                level=level,
                n=n + 1,
                corpus=bench.corpus,
                asker=asker,
            )
        finally:
            bench.progress.finish()
        notices += dropped
        notices += [
            f"left out {d.title!r}: it needs {d.days} days" for d in drafts if d.days > days
        ]
        written = [(draft, "model", 1.0) for draft in drafts if draft.days <= days]
    fill = max(0, n + _SPARE - len(written))
    if asker is not None and fill > _SPARE:
        notices.append(f"the bank fills up {fill} places with its templates")
    rest = fitting(f"{bench.topic} {notes[:2000]}", days=days, level=level)
    return written + [(draft, "template", relevance) for draft, relevance in rest[:fill]]


def _made(bench: _Bench, draft: Draft, origin: str, relevance: float) -> Proposal:
    feasibility = fit(draft, bench.limits)
    task = _task(draft, bench.topic)
    filled = draft.filled(feasibility.model, task)
    bench.progress.note(filled.title)
    clean, grounds = ground(filled, feasibility.model, bench.corpus, bench.ledger)
    return Proposal.model_validate(
        {
            "id": identify(clean, feasibility.model, task),
            "origin": origin,
            "author": bench.asker.name if bench.asker and origin == "model" else "the bank",
            "draft": clean,
            "task": task,
            "days": bench.limits.days,
            "relevance": relevance,
            "grounds": grounds,
            "feasibility": feasibility,
            "stages": stages(clean, bench.limits.days),
            "pilot": bench.pilots.run(clean.pilot)
            if bench.pilots
            else unpiloted(clean.pilot, "left out, as asked"),
            "scores": rubric.judge(clean, feasibility),
        }
    )


def _left_out(topic: str, best: list[Proposal], rest: list[Proposal]) -> list[str]:
    """What the researcher asked for and does not see, and what is shown without having been asked for."""
    least = min((p.relevance for p in best), default=0.0)
    told = [
        f"left out {p.draft.title!r}: its pilot said {p.pilot.state} on {p.pilot.model} (run {p.pilot.run}); "
        "with --model it runs elsewhere"
        for p in rest
        if p.pilot.run and not p.pilot.present and p.relevance > least
    ]
    strangers = sum(p.relevance == 0 for p in best)
    if topic and strangers:
        told.append(f"{strangers} of these do not speak of {topic!r}: nothing nearer fits the days")
    return told


def _task(draft: Draft, topic: str) -> str:
    """The task that the topic names, else the draft's first."""
    asked = set(words(topic))
    return next((task for task in draft.tasks if set(words(task)) <= asked), draft.tasks[0])


def _attacked(made: list[Proposal], asker: Asker, progress: Progress) -> list[Proposal]:
    from gadfly.agent.jobs.propose.opposed import attack

    progress.start("The red team reads", len(made))
    done: list[Proposal] = []
    try:
        for proposal in made:
            done.append(attack(proposal, asker))
            progress.advance()
    finally:
        progress.finish()
    return done


def _asker(llm: str | ChatModel | None, progress: Progress) -> Asker | None:
    chat = choose(llm) if llm is None or isinstance(llm, str) else llm
    if chat is None:
        return None
    from gadfly.agent.llm.asking import Asker

    if isinstance(chat, Choice):
        from gadfly.agent.llm.provider import Provider

        chat = Provider(chat, on_retry=progress.note)
    return Asker(chat)


def _limits(days: int, gpu: str | None, budget: float, n: int) -> Limits:
    if not 1 <= days <= 5:
        raise UsageError(f"a mini-project takes 1 to 5 days, not {days}")
    if not 1 <= n <= _MOST:
        raise UsageError(f"between 1 and {_MOST} proposals can be asked for, not {n}")
    if not 0 <= budget < 1e6:
        raise UsageError(f"a budget of {budget:g} dollars? Give 0 or more")
    return Limits(machine(gpu or ASSUMED_GPU), days, budget)


def _level(level: str | None) -> Level | None:
    found = next((each for each in LEVELS if each == level), None)
    if level is not None and found is None:
        raise UsageError(f"no level {level!r}; there are: {', '.join(LEVELS)}")
    return found
