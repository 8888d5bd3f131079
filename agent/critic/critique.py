"""The critique: every view read under every framing, the claims merged, each one attacked, the rest repaired.

A claim at a place where a rule spoke is not told twice: the rule's remark then carries the framings. A
provider that fails half-way costs what was not asked yet, never what was found.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from gadfly.agent.critic.claims import Asked, Claim, beside_rules, by_place
from gadfly.agent.critic.judge import Candidate, candidates, repair, replaced, verdict
from gadfly.agent.critic.price import estimate, risk
from gadfly.agent.critic.views import View, views
from gadfly.agent.llm.asking import Asker
from gadfly.agent.llm.framings import chosen, code_question
from gadfly.agent.llm.model import ChatModel
from gadfly.agent.llm.prompting import fence, prompt
from gadfly.background import side_by_side
from gadfly.corpus.progress import Progress
from gadfly.errors import LLMError
from gadfly.tools.review.reading.material import Material
from gadfly.tools.review.report import CRITIQUE, Dropped, Remark, Report, Spent, fingerprint

_MOST_VIEWS = 60  # pieces of code in one review, for models whose price is not known
_In = TypeVar("_In")
_Out = TypeVar("_Out")


class Critique:
    """A model's reading of the material.

    Args:
        chat: the model.
        framings: ways of asking; none: all.
        reproduce: let the model try a script for each claim, in the sandbox.
        budget: US dollars by the estimate; views beyond it are left out, the least risky first.
        seed: of the order of the questions.
        workers: questions under way at once.

    Raises:
        UsageError: an unknown framing.
    """

    def __init__(
        self,
        chat: ChatModel,
        *,
        framings: Sequence[str] = (),
        reproduce: bool = False,
        budget: float = 1.0,
        seed: int = 0,
        workers: int = 1,
        progress: Progress,
    ) -> None:
        self._asker = Asker(chat)
        self._framings = chosen(framings)
        self._reproduce = reproduce
        self._budget = budget
        self._seed = seed
        self._workers = workers
        self._progress = progress
        self._stopped = ""

    def add_to(self, report: Report, material: Material, found: list[Remark]) -> list[Remark]:
        """The remarks with the model's among them; what it took and what was dropped goes into the report."""
        seen = [view for file in material.files for view in views(file)]
        kept, estimated = self._affordable(seen, report)
        try:
            said, asked = self._detect(kept, report)
            answered = {way for ways in asked.values() for way in ways}
            report.read.framings = [way for way in self._framings if way in answered]
            report.read.model = self._asker.name if answered else None
            remarks, claims = beside_rules(found, by_place(said), asked)
            tried = self._each("refuting", claims, lambda each: self._survivor(each, asked, report))
        finally:
            self._progress.finish()
        report.spent = self._spent(estimated)
        if self._stopped:
            report.complete = False
            report.notices.append(f"the critique stopped early: {self._stopped}")
        return remarks + [each for each in tried if each is not None]

    def _spent(self, estimated: float | None) -> Spent:
        replies = self._asker.replies
        return Spent(
            calls=len(replies),
            input_tokens=sum(reply.input_tokens for reply in replies),
            output_tokens=sum(reply.output_tokens for reply in replies),
            dollars=self._asker.dollars,
            estimated_dollars=estimated,
        )

    def _affordable(self, seen: list[View], report: Report) -> tuple[list[View], float | None]:
        """As many views as the budget takes; what it will cost is told before anything is asked."""
        model, ways = self._asker.name, len(self._framings)
        kept = sorted(seen, key=lambda view: -risk(view.changed or view.text))
        cost = estimate(kept, ways, model)
        while kept and (len(kept) > _MOST_VIEWS or (cost.dollars or 0.0) > self._budget):
            kept.pop()
            cost = estimate(kept, ways, model)
        left = sorted({view.file.path for view in seen if not any(view is each for each in kept)})
        if left:
            report.complete = False
            report.notices.append(
                f"sampled: {model} reads the riskiest {len(kept)} of {len(seen)} pieces of code, at most "
                f"{_MOST_VIEWS} and what ${self._budget:.2f} (--budget) take; left out: {', '.join(left[:5])}"
                + (f" and {len(left) - 5} more" if len(left) > 5 else "")
            )
        self._progress.note(f"{model}: {cost}")
        return [view for view in seen if any(view is each for each in kept)], cost.dollars

    def _detect(self, seen: list[View], report: Report) -> tuple[list[Candidate], Asked]:
        """What every reading found, and for each view the framings that were answered."""
        jobs = [(view, framing) for view in seen for framing in self._framings]
        random.Random(self._seed).shuffle(jobs)
        system = prompt("review_detect").render()

        def read(job: tuple[View, str]) -> str | None:
            view, framing = job
            return self._ask(code_question(framing, view.text, view.changed), system)

        said: list[Candidate] = []
        asked: dict[int, list[str]] = {id(view): [] for view in seen}
        odd = 0
        for (view, framing), reply in zip(jobs, self._each("reading", jobs, read), strict=True):
            told = None if reply is None else candidates(reply, view, framing)
            if told is None:
                odd += reply is not None
                continue
            asked[id(view)].append(framing)
            said += told[0]
            for lost in told[1]:
                where, what = view.file.path, lost.problem
                report.dropped.append(Dropped(path=where, message=what, reason=lost.reason))
        if odd:
            report.complete = False
            report.notices.append(
                f"{odd} replies of the model were not a list and count for nothing"
            )
        return said, asked

    def _survivor(self, claim: Claim, asked: Asked, report: Report) -> Remark | None:
        """The claim as a remark, unless a fresh reader refutes it."""
        best = claim.best
        file, (cell, start, end) = best.view.file, best.spot
        quote = "\n".join(file.source.lines(cell)[start - 1 : end])
        code, told = fence("code", best.view.text), fence("claim", f"{quote}\n\n{best.problem}")
        judged = verdict(self._ask(prompt("review_refute").render(code=code, claim=told)) or "")
        if judged is not None and judged[0]:
            lost = Dropped(path=file.path, message=best.problem, reason="refuted", detail=judged[1])
            report.dropped.append(lost)
            return None
        lines = fence("lines to replace", quote)
        asks = prompt("review_fix").render(code=code, claim=told, quote=lines)
        fix, instead = repair(self._ask(asks) or "")
        remark = Remark(
            path=file.path,
            start_line=start,
            end_line=end,
            cell=cell,
            file_lines=(file.line(cell, start), file.line(cell, end)),
            rule=CRITIQUE,
            message=best.problem,
            severity=best.severity,
            evidence="argued",
            quote=quote,
            fix=fix,
            suggestion=replaced(file, best.spot, instead) if instead else None,
            framings=claim.ways(asked),
            note="" if judged else "no refuter gave a verdict on it",
            fingerprint=fingerprint(CRITIQUE, "", quote),
        )
        if self._reproduce:
            from gadfly.agent.critic.repro import reproduced

            remark = reproduced(remark, file, self._ask)
        return remark

    def _ask(self, user: str, system: str = "") -> str | None:
        """A reply; None once the provider has failed for good."""
        if self._stopped:
            return None
        try:
            return self._asker.ask(user, system)
        except LLMError as error:
            self._stopped = str(error)
            return None

    def _each(self, label: str, jobs: Sequence[_In], work: Callable[[_In], _Out]) -> list[_Out]:
        """The work on every job, in their order."""

        def one(job: _In) -> _Out:
            try:
                return work(job)
            finally:
                self._progress.advance()

        self._progress.start(label, len(jobs))
        try:
            return side_by_side(one, jobs, self._workers)
        except BaseException:
            self._stopped = "it was stopped"  # Ctrl-C: what waits is not asked any more
            raise
