"""How well search finds the passage that answers: recall, MRR, recall within a token budget, abstention.

    python -m gadfly.evals.retrieval [--corpus ../shared/corpus_real] [--index FOLDER] [--json]

Hybrid, words alone and vectors alone run over the same questions in the same process. A passage is a
hit when it comes from the gold document and holds the gold span (white space apart); a question whose
gold is ``all`` counts only when every part was found. Intervals are bootstrap percentiles over
questions. Search was tuned on questions of our own (``--questions tests/corpus/data/
tuning_questions.jsonl``), so neither half of the others (by a hash of the id) was fitted to; both were
looked at, which is why a third set decides. Leaves out answers: this measures reading alone, and no
LLM takes part.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

from gadfly.corpus.index import Corpus
from gadfly.corpus.models import Mode, Passage
from gadfly.corpus.sources.files import FilesSource

MODES: tuple[Mode, ...] = ("hybrid", "lexical", "dense")
DEPTH = 50
BUDGET = 4000
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


def read_questions(path: Path) -> list[Question]:
    """Questions from a JSON-lines file."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        parts: dict[int, list[tuple[str, str]]] = {}
        for gold in row["gold"]:
            part = gold.get("part", 1) if row.get("gold_mode") == "all" else 1
            parts.setdefault(part, []).append((gold["doc"], " ".join(gold["span"].split())))
        found.append(
            Question(
                row["id"], row["question"], row["type"], row["answerable"], list(parts.values())
            )
        )
    return found


def run(corpus: Corpus, questions: Sequence[Question], mode: Mode) -> list[Outcome]:
    """Search for every question."""
    files = {each.id: str(corpus.document(each.id).meta.get("file")) for each in corpus.documents()}
    outcomes = []
    for question in questions:
        begun = time.perf_counter()
        found = corpus.search(question.text, k=DEPTH, mode=mode)
        milliseconds = 1000 * (time.perf_counter() - begun)
        within = corpus.search(question.text, k=DEPTH, mode=mode, token_budget=BUDGET).results
        outcomes.append(
            Outcome(
                question,
                _rank(question, found.results, files),
                _rank(question, within, files) < float("inf"),
                found.answerability,
                milliseconds,
            )
        )
    return outcomes


def _rank(question: Question, passages: Sequence[Passage], files: dict[str, str]) -> float:
    """The place (from 1) at which the last missing part of the answer is found, or infinity."""
    texts = [(files[each.document], " ".join(each.text.split())) for each in passages]
    places = [
        next(
            (
                place
                for place, (file, text) in enumerate(texts, start=1)
                if any(file == document and span in text for document, span in part)
            ),
            float("inf"),
        )
        for part in question.parts
    ]
    return max(places, default=float("inf"))


MEASURES: dict[str, Callable[[Outcome], float]] = {
    "recall@5": lambda each: float(each.rank <= 5),
    "recall@10": lambda each: float(each.rank <= 10),
    "MRR": lambda each: 1 / each.rank,
    f"recall@{BUDGET // 1000}k tokens": lambda each: float(each.in_budget),
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
    times = sorted(each.milliseconds for each in outcomes[1:])  # the first one loads things
    return {
        "all": summary(outcomes),
        **{
            f"half {half}": summary([o for o in outcomes if o.question.half == half])
            for half in (0, 1)
        },
        **{name: summary([o for o in outcomes if o.question.type == name]) for name in types},
        "milliseconds": {"median": _at(times, 0.5), "p95": _at(times, 0.95)},
    }


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
    dice = random.Random(0)
    means = sorted(sum(dice.choices(values, k=len(values))) / len(values) for _ in range(RESAMPLES))
    return [
        round(sum(values) / len(values), 3),
        round(_at(means, 0.025), 3),
        round(_at(means, 0.975), 3),
    ]


def _at(ordered: Sequence[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3) if ordered else 0.0


def table(reports: dict[Mode, dict[str, Any]]) -> Iterable[str]:
    """The lines that a person reads."""
    names = list(MEASURES)
    yield f"{'':32}{'n':>4}  " + "".join(f"{name:>22}" for name in [*names, "abstention AUC"])
    for mode, groups in reports.items():
        for group, measured in groups.items():
            if group == "milliseconds":
                yield f"{mode:8} speed: median {measured['median']:.0f} ms, p95 {measured['p95']:.0f} ms"
                continue
            cells = "".join(f"{_cell(measured[name]):>22}" for name in names)
            yield f"{mode:8} {group:23}{measured['questions']:>4}  {cells}{measured['abstention AUC'] or '':>22}"


def _cell(value: list[float]) -> str:
    return f"{value[0]:.3f} [{value[1]:.2f}, {value[2]:.2f}]" if value else "-"


def main(arguments: Sequence[str] | None = None) -> int:
    """Build or reuse the index of the evaluation corpus, then measure."""
    parser = argparse.ArgumentParser(
        prog="python -m gadfly.evals.retrieval", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus_real"))
    parser.add_argument(
        "--questions", type=Path, help="default: questions_dev.jsonl in the corpus folder"
    )
    parser.add_argument("--index", type=Path, help="keep the index here (default: the data folder)")
    parser.add_argument(
        "--mode", choices=get_args(Mode), action="append", help="default: all three"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    documents = options.corpus / "docs"
    if not documents.is_dir():
        print(f"no such folder: {documents}; give --corpus", file=sys.stderr)
        return 2
    from gadfly import home

    corpus = Corpus.open(options.index or home.folder("evals", "retrieval"))
    done = corpus.sync([FilesSource(documents)], _Lines())
    for notice in done.notices:
        print(notice, file=sys.stderr)
    questions = read_questions(options.questions or options.corpus / "questions_dev.jsonl")
    reports = {mode: report(run(corpus, questions, mode)) for mode in options.mode or MODES}
    if options.json:
        print(json.dumps({"corpus": corpus.stats().model_dump(), "modes": reports}, indent=1))
    else:
        print("\n".join(table(reports)))
    return 0


class _Lines:
    """Progress as a line to stderr for each task."""

    def start(self, label: str, total: int | None = None) -> None:
        print(f"{label} ({total})" if total else label, file=sys.stderr)

    def advance(self, n: int = 1) -> None: ...

    def finish(self) -> None: ...

    def note(self, message: str) -> None:
        print(message, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
