"""Prior work: invented quotes struck, citations elsewhere taken out, novelty never claimed."""

from __future__ import annotations

from gadfly.agent.jobs.propose.draft import Draft
from gadfly.agent.jobs.propose.ground import ground
from gadfly.corpus.index import Corpus
from gadfly.tools.ledger import Ledger

REAL = "[[quote guide/problems/attention-sinks | Attention mass is not influence]]"


def grounded(draft: Draft, corpus: Corpus, **changed: object) -> tuple[Draft, object]:
    return ground(draft.model_copy(update=changed), "Qwen/Qwen3-1.7B-Base", corpus, Ledger())


def test_an_invented_quote_takes_its_sentence_out(draft: Draft, corpus: Corpus) -> None:
    why = (
        f"Weights mislead. {REAL} Everybody agrees on sinks. "
        "[[quote guide/problems/attention-sinks | sinks were solved for good by everybody in 2031]]"
    )
    _, grounds = grounded(draft, corpus, why=why)
    assert grounds.quotes == 1
    assert grounds.why == "Weights mislead."
    assert grounds.struck == ["Everybody agrees on sinks."]


def test_an_invented_document_and_a_bare_claim_are_out(draft: Draft, corpus: Corpus) -> None:
    why = (
        "Nobody has tried this. It was shown. [[quote smith-2029 | heads are all you need to know]]"
    )
    _, grounds = grounded(draft, corpus, why=why)
    assert grounds.quotes == 0
    assert len(grounds.struck) == 2


def test_a_number_beside_a_real_quote_is_held_to_it(draft: Draft, corpus: Corpus) -> None:
    _, grounds = grounded(draft, corpus, why=f"In 87 % of heads, weights mislead. {REAL}")
    assert grounds.quotes == 0


def test_a_citation_outside_of_why_is_taken_out(draft: Draft, corpus: Corpus) -> None:
    data = "Use 100 texts. Miller et al. (2027) released 10,000 of them. Keep half held out."
    clean, grounds = grounded(draft, corpus, data=data, wrong=["See arXiv:2901.00001.", "Padding."])
    assert clean.data == "Use 100 texts. Keep half held out."
    assert clean.wrong == ["", "Padding."]
    assert len(grounds.struck) == 2


def test_neighbours_are_shown_and_novelty_is_only_what_was_not_found(
    draft: Draft, corpus: Corpus
) -> None:
    _, grounds = grounded(draft, corpus)
    assert grounds.nearest[0].document == "guide/problems/attention-sinks"
    assert "not found in this corpus of" in grounds.novelty
    assert "novel" not in grounds.novelty


def test_reading_that_is_not_there_is_left_out(draft: Draft, corpus: Corpus) -> None:
    _, grounds = grounded(
        draft, corpus, reading=["guide/problems/attention-sinks", "guide/made/up", "/etc/passwd"]
    )
    assert [r.document for r in grounds.reading if r.document] == ["guide/problems/attention-sinks"]
    assert any(r.url for r in grounds.reading)
