"""What a draft says of prior work, held to the corpus: quotes verified, neighbours shown, the reading list resolved.

A sentence of "why it matters" stays only with a verified quote; elsewhere a sentence that cites somebody is taken out,
because nothing there can be checked. Novelty is only ever what was not found in this corpus.
"""

from __future__ import annotations

import re

from gadfly.agent.answers.answer import Claim, Grade
from gadfly.agent.answers.receipts import Runs, verify
from gadfly.agent.answers.sentences import split
from gadfly.agent.jobs.propose.draft import Draft
from gadfly.agent.jobs.propose.proposal import Grounds, Neighbour, Reference
from gadfly.corpus.index import Corpus
from gadfly.errors import CorpusError

_CITES = re.compile(
    r"\bet al\b|\(\s*(?:19|20)\d\d\s*\)|\b(?:19|20)\d\d[a-z]?\)|arxiv|doi\.org|\[\d+\]|https?://",
    re.IGNORECASE,
)
_PROSE = "question hypothesis positive negative simplest baseline data differs"
_LISTS = ("wrong", "plan", "kill")
_FOUND = 24  # passages looked at for neighbours
_SHOWN = 4


def ground(draft: Draft, model: str, corpus: Corpus, runs: Runs) -> tuple[Draft, Grounds]:
    """The draft without what cannot be checked, and what could be."""
    checked = verify(draft.why, corpus, runs)
    kept = [claim for claim in checked.claims if _verified(claim)]
    struck = [claim.text for claim in checked.claims if not _verified(claim)]
    clean, cited = _without_citations(draft)
    nearest = _nearest(draft, model, corpus)
    documents = len(corpus.documents())
    return clean, Grounds(
        why=" ".join(claim.text for claim in kept),
        claims=kept,
        quotes=sum(r.state == "verified" for claim in kept for r in claim.receipts),
        struck=[*struck, *cited],
        nearest=nearest,
        documents=documents,
        novelty=_novelty(nearest, model, documents),
        reading=_reading(draft, corpus),
    )


def _verified(claim: Claim) -> bool:
    """Partly verified is not enough: a number of its own, or a second quote that is not there, is a claim too."""
    return claim.grade == Grade.VERIFIED


def _without_citations(draft: Draft) -> tuple[Draft, list[str]]:
    """The draft without sentences that cite somebody outside of "why it matters", and those sentences."""
    taken: list[str] = []

    def clean(text: str) -> str:
        sentences = split(text)
        bad = [sentence for sentence in sentences if _CITES.search(sentence)]
        taken.extend(bad)
        return " ".join(s for s in sentences if s not in bad) if bad else text

    cleaned = {name: clean(getattr(draft, name)) for name in _PROSE.split()}
    listed = {name: [clean(item) for item in getattr(draft, name)] for name in _LISTS}
    return draft.model_copy(update={**cleaned, **listed}), taken


def _nearest(draft: Draft, model: str, corpus: Corpus) -> list[Neighbour]:
    """Documents near the question, libraries' manuals left out, each with the section that is near."""
    found = corpus.search(f"{draft.title} {draft.question}"[:600], k=_FOUND)
    short = model.split("/")[-1].lower()
    family = re.split(r"[-_]\d*\.?\d+[bm]", short)[0]
    out: dict[str, Neighbour] = {}
    for passage in found.results:
        if passage.version is not None or passage.document in out:
            continue
        text = corpus.document(passage.document).text.lower()
        out[passage.document] = Neighbour(
            document=passage.document,
            title=passage.title,
            heading=passage.heading.split(" > ")[-1],
            names_model=short in text or family in text.replace(" ", "-"),
        )
        if len(out) == _SHOWN:
            break
    return list(out.values())


def _novelty(nearest: list[Neighbour], model: str, documents: int) -> str:
    where = f"in this corpus of {documents} documents"
    if not nearest:
        return f"Nothing near the question was found {where}, which says little about the field."
    naming = [each for each in nearest if each.names_model]
    if naming:
        return (
            f"{naming[0].title!r} is near and names this family of models: read it first. "
            f"An answer to this very question was not found {where}; search the literature before starting."
        )
    return (
        f"A result on this question in {model} was not found {where}; that is all this program can say. "
        "Search the literature before starting."
    )


def _reading(draft: Draft, corpus: Corpus) -> list[Reference]:
    """The draft's documents in its order of use, then the works that the first of them was checked against."""
    documents = []
    for identifier in draft.reading:
        try:
            documents.append(corpus.document(identifier))
        except CorpusError:
            continue  # an id that is not there must not stand as a source
    found = [Reference(title=d.title, document=d.id) for d in documents]
    for document in documents[:1]:
        found += [
            Reference(title=str(source["title"]), url=source.get("url"))
            for source in document.meta.get("sources", [])[:3]
            if isinstance(source, dict) and source.get("title")
        ]
    return found
