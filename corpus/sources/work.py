"""A work of the packaged list (``manifest``) by its id: read from where the list says, with the facts of the list."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gadfly.corpus.documents import Document
from gadfly.corpus.fetch.client import Fetching
from gadfly.corpus.manifest import Work, works
from gadfly.corpus.sources.base import Origin, Source
from gadfly.errors import CorpusError

Resolve = Callable[[str], Source]


@dataclass(frozen=True)
class WorkSource:
    """A work of the manifest: its documents, with the manifest's facts on them."""

    work: Work
    resolve: Resolve

    @property
    def name(self) -> str:
        return f"work:{self.work.id}"

    @property
    def target(self) -> str:
        return self.name

    def fingerprint(self) -> str:
        """Of the manifest's line alone: asking the network would not be cheap."""
        return hashlib.sha256(f"work 1 {self.work.model_dump_json()}".encode()).hexdigest()

    def documents(self) -> Iterator[Document]:
        inner = self.resolve(self.work.target)
        found = False
        for document in inner.documents():
            if not document.text.strip():
                continue
            yield self._named(document, alone=not found and self.work.kind != "documentation")
            found = True
        if not found:
            raise CorpusError(f"{self.work.target} holds no text")

    def _named(self, document: Document, *, alone: bool) -> Document:
        work = self.work
        own = document.id.rsplit("/", 1)[-1]
        facts = {"tier": work.tier, "topic": work.topic, "why": work.why}
        return document.model_copy(
            update={
                "id": f"works/{work.id}" if alone else f"works/{work.id}/{own}",
                "title": work.title if alone else f"{work.title}: {document.title}",
                "kind": work.kind,
                "year": work.year or document.year,
                "authors": document.authors or (work.authors,),
                "meta": {**document.meta, **facts},
            }
        )


def _opened(target: str, fetching: Fetching) -> WorkSource:
    from gadfly.corpus.sources.resolve import resolve

    identifier = target.partition(":")[2].strip()
    work = next((each for each in works() if each.id == identifier), None)
    if work is None:
        raise CorpusError(
            f"no work {identifier!r} in the packaged list; see: gadfly corpus build --dry-run"
        )
    return WorkSource(
        work, lambda place: resolve(place, client=fetching.client, refresh=fetching.refresh)
    )


ORIGIN = Origin(_opened, "work:ID")
