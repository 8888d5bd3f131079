"""Search quality on real documents, by words alone: embedding them takes minutes, so `gadfly.evals.measuring.retrieval`
measures the rest. The bounds are a few questions below what was measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gadfly.corpus.index import Corpus
from gadfly.corpus.sources.files import FilesSource
from gadfly.evals.measuring.retrieval import Question, auc, read_questions, run, summary

TUNING = Path(__file__).parents[1] / "data" / "tuning_questions.jsonl"


@pytest.fixture(scope="module")
def real_corpus(real_docs: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    corpus = Corpus.open(tmp_path_factory.mktemp("real"), embedder=None)
    corpus.sync([FilesSource(real_docs)])
    return corpus


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tuning", "recall", "abstention"), [(False, 0.64, 0.80), (True, 0.70, 0.85)]
)
def test_words_alone(
    real_corpus: Corpus, real_docs: Path, tuning: bool, recall: float, abstention: float
) -> None:
    path = TUNING if tuning else real_docs.parent / "questions_dev.jsonl"
    measured = summary(run(real_corpus, read_questions(path), "lexical"))
    assert measured["recall@10"][0] >= recall
    assert measured["abstention AUC"] >= abstention


def test_every_tuning_question_has_its_answer_in_a_passage(
    real_corpus: Corpus, real_docs: Path
) -> None:
    for question in read_questions(TUNING):
        for part in question.parts:
            for file, span in part:
                text = " ".join((real_docs / file).read_text(encoding="utf-8").split())
                assert span in text, question.id


def test_no_tuning_question_is_among_the_reported_ones(real_docs: Path) -> None:
    def texts(path: Path) -> set[str]:
        return {each.text.lower() for each in read_questions(path)}

    assert not texts(TUNING) & texts(real_docs.parent / "questions_dev.jsonl")


def test_measures(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "question": "q", "type": "t", "answerable": True, "gold_mode": "all"}
        | {"gold": [{"doc": "d", "span": "x  y", "part": 1}, {"doc": "e", "span": "z", "part": 2}]},
        {"id": "b", "question": "q", "type": "t", "answerable": False, "gold": []},
    ]
    path = tmp_path / "q.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    both, none = read_questions(path)
    assert both.parts == [[("d", "x y")], [("e", "z")]]
    assert none.parts == []
    assert isinstance(both, Question)
    assert auc([0.9, 0.5], [0.5, 0.1]) == 0.875
    assert auc([], [1.0]) is None
