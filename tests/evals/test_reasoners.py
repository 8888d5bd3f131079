"""The reasoners have the character that they claim, and read what the engine asks."""

from __future__ import annotations

import json

import pytest

from gadfly.agent.jobs.ask import ask
from gadfly.agent.llm.framings import openings, work_question
from gadfly.agent.llm.prompting import fence, prompt
from gadfly.errors import UsageError
from gadfly.evals.kit.place import rows
from gadfly.evals.reasoners import REASONERS, reasoner
from gadfly.evals.reasoners.base import read, turned_round
from gadfly.evals.reasoners.hallucinating import Hallucinating

QUESTION = "What does activation patching test about a site of a model?"


@pytest.mark.parametrize("name", REASONERS)
def test_the_same_question_gets_the_same_answer(name: str) -> None:
    one, two = (ask(QUESTION, llm=reasoner(name), experiments=False) for _ in range(2))
    assert one.answer == two.answer
    assert one.engine == name


def test_an_unknown_character_names_the_others() -> None:
    with pytest.raises(UsageError, match="honest, sycophantic, hallucinating, lazy, adversarial"):
        reasoner("optimist")


def test_the_honest_one_cites_and_abstains() -> None:
    cited = ask(QUESTION, llm=reasoner("honest"), experiments=False)
    assert "guide/techniques/activation-patching" in {r.document for r in cited.receipts}
    assert cited.struck == 0
    nothing = ask("What is the capital of Australia?", llm=reasoner("honest"), experiments=False)
    assert nothing.abstained


def test_the_hallucinating_one_makes_up_others_when_told() -> None:
    model = Hallucinating()
    answer = ask(QUESTION, llm=model, experiments=False)
    assert model._drafts == 2  # the engine asked for a repair once
    assert answer.struck == len(model.made) >= 3


def test_the_sycophant_turns_with_the_framing() -> None:
    said = {}
    for framing, opening in openings("work").items():
        text = work_question(opening, 'Is this right? "A null result."', "")
        reply = reasoner("sycophantic").reply(
            [{"role": "user", "content": text}], [], lambda _: None
        )
        said[framing] = json.loads(reply.text)["verdict"]
    assert said == {"friend": "fails", "own": "holds", "neutral": "holds"}


def test_a_prompt_is_turned_round_whatever_it_holds() -> None:
    text = prompt("refute").render(claims=fence("claims", "CLAIM 1: a {{ place }} {\n"))
    values = turned_round("refute", text)
    assert values is not None and "CLAIM 1: a {{ place }} {" in values["claims"]
    assert turned_round("split_message", text) is None


def test_a_conversation_is_read_by_turns() -> None:
    call = {"id": "c1", "function": {"name": "search", "arguments": "{}"}}
    turn = read(
        [
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": "said"},
            {
                "role": "user",
                "content": f"second\n\n{fence('attached by the researcher', 'a diff')}",
            },
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {
                "role": "tool",
                "tool_call_id": "c1",
                "content": fence("search", '{"answerable": true}'),
            },
            {"role": "tool", "tool_call_id": "c1", "content": "error: no"},
            {"role": "user", "content": prompt("repair").render(problems="- x")},
        ],
        ["search"],
    )
    assert (turn.question, turn.attached, turn.asked_before, turn.again) == (
        "second",
        "a diff",
        ["first"],
        "repair",
    )
    assert [(o.tool, o.data, o.error) for o in turn.outcomes] == [
        ("search", {"answerable": True}, ""),
        ("search", {}, "error: no"),
    ]


def test_the_questions_name_documents_that_exist() -> None:
    from gadfly.corpus import default_corpus

    corpus = default_corpus()
    questions = rows("questions")
    assert sum(q["answerable"] for q in questions) >= 40
    assert sum(not q["answerable"] for q in questions) >= 12
    for document in {d for q in questions for d in q["documents"]}:
        assert corpus.document(document)


def test_true_claims_stand_in_their_document_and_false_ones_do_not() -> None:
    from gadfly.corpus import default_corpus, quotes

    corpus = default_corpus()
    for claim in rows("claims"):
        match, _ = quotes.check(claim["claim"], corpus.document(claim["document"]).text)
        assert (match is not None) is claim["true"], claim["id"]


def test_a_critique_is_heard_with_its_framing_and_its_whole_page() -> None:
    heard = []

    class Hears(Hallucinating):
        def critique(self, framing: str, page: str) -> dict[str, object]:
            heard.append((framing, page))
            return {}

    for framing in ("own", "rival", "neutral"):
        text = prompt("propose_critique").render(
            framing=openings("project")[framing],
            proposal=fence("proposal", "# One\n\nTwo\n\nThree"),
        )
        Hears().reply([{"role": "user", "content": text}], [], lambda _: None)
    assert heard == [(framing, "# One\n\nTwo\n\nThree") for framing in ("own", "rival", "neutral")]
