"""The offline engine's choice of an experiment, and that all it says of one can be traced to the run."""

from __future__ import annotations

from typing import Any

import pytest

from gadfly.agent.answers.offline.experiment import claims, plan
from gadfly.agent.answers.receipts import verify
from gadfly.tools.ledger import Ledger


@pytest.mark.parametrize(
    ("question", "tool", "argument"),
    [
        ("How do I train a linear probe for truth?", "probe", "truth"),
        ("Should I probe for subject-verb agreement?", "probe", "agreement"),
        ("Can I probe capitals?", "probe", "truth"),  # capitals have no labels
        ("How do steering vectors work?", "steer", "sentiment"),
        ("What does the logit lens show of indirect objects?", "lens", "indirect-object"),
        ("Is direct logit attribution reliable?", "attribute", "capital-of"),
        ("What are induction heads?", "attention", "induction"),
        ("Which are the previous-token heads?", "attention", "previous"),
        ("What is activation patching?", "patch", "capital-of"),
        ("Where does the model recall capitals of countries?", "patch", "capital-of"),
        ("Before steering, should I try a logit lens?", "steer", "sentiment"),
    ],
)
def test_the_method_that_is_named_is_run(question: str, tool: str, argument: str) -> None:
    found = plan(question)
    assert found.tool == tool
    assert argument in found.arguments.values()


@pytest.mark.parametrize(
    "question", ["Who wrote Hamlet?", "Does steering work on Llama-3-8B?", "What is a transcoder?"]
)
def test_no_experiment_where_none_fits(question: str) -> None:
    assert plan(question).tool is None


class NoDocuments:
    def document(self, document_id: str) -> Any:
        raise AssertionError(document_id)


@pytest.mark.parametrize(
    "question",
    [
        "What does a linear probe for sentiment find?",
        "Does steering work?",
        "What does the logit lens show?",
        "What does logit attribution show?",
        "Where are the induction heads?",
        "What does activation patching show?",
    ],
)
def test_every_number_of_an_experiment_is_in_its_run(question: str) -> None:
    pytest.importorskip("torch")
    from gadfly.tools.registry import by_name
    from gadfly.tools.runner import execute

    fitting = plan(question)
    assert fitting.tool is not None
    result = execute(by_name(fitting.tool), fitting.arguments)
    checked = verify("\n\n".join(claims(result)), NoDocuments(), Ledger(), given=question)
    assert [c.loose_numbers for c in checked.claims if c.loose_numbers] == []
    assert all(r.state == "verified" for c in checked.claims for r in c.receipts)
