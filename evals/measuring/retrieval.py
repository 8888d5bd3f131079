"""How well search finds the passage that answers: recall, MRR, recall within a token budget, abstention, speed.

    python -m gadfly.evals.measuring.retrieval [--corpus ../shared/corpus_real] [--questions FILE] [--index FOLDER]
        [--alone] [--json]

The documents of the folder are searched beside what every user has, the guide and the installed documentation; with
``--alone`` by themselves. Hybrid, words alone and vectors alone run over the same questions in the same process. A
result is a hit when it comes from the gold document and holds the gold span (white space apart); a question whose
gold is ``all`` counts only when every part was found. Intervals are bootstrap percentiles over questions. Search was
tuned on questions of our own (``--questions tests/corpus/data/tuning_questions.jsonl`` holds some of them), so neither
half of the folder's (by a hash of the id) was fitted to; both were looked at, which is why a third set decides. Leaves
out answers: this measures reading alone, and no LLM takes part.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from gadfly.corpus.documents import packaged
from gadfly.corpus.index import Corpus
from gadfly.corpus.models import Mode, Passage
from gadfly.corpus.packaged import packaged_sources
from gadfly.corpus.progress import Silent
from gadfly.corpus.sources.base import Source
from gadfly.corpus.sources.files import FilesSource
from gadfly.errors import UsageError
from gadfly.evals.kit.rates import quantile
from gadfly.evals.kit.script import known, script
from gadfly.evals.kit.timing import took
from gadfly.evals.report.sections import columns

MODES: tuple[Mode, ...] = ("hybrid", "lexical", "dense")
DEPTH = 10
BUDGET = 4000
IN_BUDGET = 50  # results at most; the tokens end first
RESAMPLES = 2000


class Question(NamedTuple):
    """A question and, for each part of its answer, the (document file, span) pairs that hold it."""

    id: str
    text: str
    type: str
    answerable: bool
    parts: list[list[tuple[str, str]]]

    @property
    def half(self) -> int:
        return int(hashlib.sha256(self.id.encode()).hexdigest(), 16) % 2


class Outcome(NamedTuple):
    """What one search gave for one question."""

    question: Question
    rank: float
    in_budget: bool
    certainty: float
    milliseconds: float
    cpu: float  # milliseconds: what a busy machine does not add to
    packaged: float


def read_questions(path: Path) -> list[Question]:
    """Questions from a JSON-lines file."""
    found = []
    for line in filter(str.strip, path.read_text(encoding="utf-8").splitlines()):
        row = json.loads(line)
        parts: dict[int, list[tuple[str, str]]] = {}
        for gold in row["gold"]:
            part = gold.get("part", 1) if row.get("gold_mode") == "all" else 1
            parts.setdefault(part, []).append((gold["doc"], " ".join(gold["span"].split())))
        about = row["id"], row["question"], row["type"], row["answerable"]
        found.append(Question(*about, list(parts.values())))
    return found


def run(corpus: Corpus, questions: Sequence[Question], mode: Mode) -> list[Outcome]:
    """Search for every question."""
    files = {each.id: str(corpus.document(each.id).meta.get("file")) for each in corpus.documents()}
    outcomes = []
    for question in questions:
        search = partial(corpus.search, question.text, k=DEPTH, mode=mode)
        spent = time.process_time()
        found, taken = took(search)
        spent = time.process_time() - spent
        filling = corpus.search(question.text, k=IN_BUDGET, mode=mode, token_budget=BUDGET)
        within = _rank(question, filling.results, files) < float("inf")
        rank = _rank(question, found.results, files)
        others = sum(packaged(each.source) for each in found.results)
        share = others / len(found.results) if found.results else 0.0
        certainty = found.answerability
        outcomes.append(
            Outcome(question, rank, within, certainty, 1000 * taken, 1000 * spent, share)
        )
    return outcomes


def holds(part: Sequence[tuple[str, str]], file: str, text: str) -> bool:
    """Whether a passage of a file holds one of the gold spans of a part; ``text`` without line breaks."""
    return any(file == document and span in text for document, span in part)


def _rank(question: Question, passages: Sequence[Passage], files: dict[str, str]) -> float:
    """The place (from 1) at which the last missing part of the answer is found, or infinity."""
    texts = [(files[each.document], " ".join(each.text.split())) for each in passages]
    places = [
        next((at for at, each in enumerate(texts, 1) if holds(part, *each)), float("inf"))
        for part in question.parts
    ]
    return max(places, default=float("inf"))


MEASURES: dict[str, Callable[[Outcome], float]] = {
    "recall@5": lambda each: float(each.rank <= 5),
    "recall@10": lambda each: float(each.rank <= 10),
    f"MRR@{DEPTH}": lambda each: 1 / each.rank,
    f"recall@{BUDGET // 1000}k tokens": lambda each: float(each.in_budget),
    "packaged": lambda each: each.packaged,  # share of the results that is from what every user has
}


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Every measure with its 95 % interval, over the answerable questions; AUC over all."""
    answerable = [each for each in outcomes if each.question.answerable]
    measured: dict[str, Any] = {"questions": len(answerable)}
    for name, measure in MEASURES.items():
        measured[name] = _with_interval([measure(each) for each in answerable])
    measured["abstention AUC"] = auc(
        [each.certainty for each in answerable],
        [each.certainty for each in outcomes if not each.question.answerable],
    )
    return measured


def report(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Summaries over all questions, over either half and by question type, and the speed."""
    types = sorted({each.question.type for each in outcomes if each.question.answerable})
    timed = outcomes[1:]  # the first one loads things
    speeds = {
        "milliseconds": sorted(each.milliseconds for each in timed),
        "CPU milliseconds": sorted(each.cpu for each in timed),
    }
    groups = {"all": outcomes}
    groups |= {f"half {half}": [o for o in outcomes if o.question.half == half] for half in (0, 1)}
    groups |= {name: [o for o in outcomes if o.question.type == name] for name in types}
    found = {name: summary(some) for name, some in groups.items()}
    told = {
        name: {"median": _at(times, 0.5), "p95": _at(times, 0.95)} for name, times in speeds.items()
    }
    return {**found, **told}


def auc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """Probability that an answerable question scores above an unanswerable one."""
    if not positive or not negative:
        return None
    wins = sum((a > b) + 0.5 * (a == b) for a in positive for b in negative)
    return round(wins / (len(positive) * len(negative)), 3)


def _with_interval(values: Sequence[float]) -> list[float]:
    """Mean and the 2.5 % and 97.5 % bootstrap percentiles."""
    if not values:
        return []
    dice, n = random.Random(0), len(values)
    means = [sum(dice.choices(values, k=n)) / n for _ in range(RESAMPLES)]
    return [round(sum(values) / n, 3), _at(means, 0.025), _at(means, 0.975)]


def _at(values: Sequence[float], share: float) -> float:
    return round(quantile(values, share), 3) if values else 0.0


def table(found: dict[str, Any]) -> str:
    """The measures as text."""
    rows, speeds = [], []
    for mode, groups in found["modes"].items():
        for group, each in groups.items():
            if group.endswith("milliseconds"):
                speed = f"median {each['median']:.0f}, p95 {each['p95']:.0f}"
                speeds.append(f"{mode}, {group} a query: {speed}")
            else:
                cells = [_cell(each[name]) for name in MEASURES]
                auc_ = each["abstention AUC"] or ""
                rows.append([mode, group, each["questions"], *cells, auc_])
    return "\n".join([columns(["", "", "n", *MEASURES, "abstention AUC"], rows), *speeds])


def _cell(value: list[float]) -> str:
    return f"{value[0]:.3f} [{value[1]:.2f}, {value[2]:.2f}]" if value else "-"


def measure(
    corpus: Path = Path("../shared/corpus_real"),
    questions: Path | None = None,
    index: Path | None = None,
    mode: tuple[str, ...] = (),
    alone: bool = False,
) -> dict[str, Any]:
    """Build or reuse the index of the evaluation corpus, then measure.

    Args:
        questions: default: questions_dev.jsonl in the corpus folder
        index: keep the index here (default: the data folder)
        mode: hybrid, lexical, dense; default: all three
        alone: without the guide and the installed documentation

    Raises:
        UsageError: the corpus or the questions are not there, or there is no such mode.
    """
    from gadfly import settings

    modes: list[Any] = known(mode, MODES, "mode")
    documents = corpus / "docs"
    if not documents.is_dir():
        raise UsageError(f"no such folder: {documents}; give --corpus")
    file = questions or corpus / "questions_dev.jsonl"
    if not file.is_file():
        raise UsageError(f"no questions at {file}; give --questions")
    asked = read_questions(file)
    name = "retrieval_alone" if alone else "retrieval"
    held = Corpus.open(index or settings.folder("evals", name))
    sources: list[Source] = [] if alone else packaged_sources()
    for notice in held.sync([*sources, FilesSource(documents)], _Lines()).notices:
        print(notice, file=sys.stderr)
    reports = {each: report(run(held, asked, each)) for each in modes}
    return {"corpus": held.stats().model_dump(), "modes": reports}


class _Lines(Silent):
    """Progress as a line to stderr for each task."""

    def start(self, label: str, total: int | None = None) -> None:
        print(f"{label} ({total})" if total else label, file=sys.stderr)

    def note(self, message: str) -> None:
        print(message, file=sys.stderr)


if __name__ == "__main__":
    script(measure, table)
