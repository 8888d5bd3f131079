"""A shelf of documents in memory, for tests that need a library and no index."""

from __future__ import annotations

from dataclasses import dataclass

from gadfly.errors import CorpusError


@dataclass(frozen=True)
class Page:
    title: str
    text: str


class Shelf:
    """Fits the ``Library`` protocol of ``gadfly.agent.answers.receipts``."""

    def __init__(self, **pages: str) -> None:
        self._pages = {
            name.replace("__", "/").replace("_", "-"): text for name, text in pages.items()
        }

    def document(self, document_id: str) -> Page:
        if document_id not in self._pages:
            raise CorpusError(f"no document {document_id!r}")
        return Page(document_id, self._pages[document_id])


def patch_run(run_id: str = "r0a1b2c3d", **values: float) -> object:
    """A finished run with these values."""
    from gadfly.tools.contract import Control, Result, Verdict
    from gadfly.tools.ledger import Run, now

    return Run(
        id=run_id,
        tool="patch",
        status="done",
        started=now(),
        seconds=1.0,
        arguments={},
        environment={},
        result=Result(
            headline="h",
            verdict=Verdict.SUPPORTED,
            why="w",
            values=values,
            controls=[Control(name="placebo", value=0.0123, meaning="m")],
        ),
    )
