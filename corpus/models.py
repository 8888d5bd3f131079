"""What leaves the package: search results, filters and reports, as pydantic models.

Leaves out :class:`gadfly.corpus.documents.Document`, which is the same outside and inside.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Mode = Literal["hybrid", "lexical", "dense", "exact"]


class Filters(BaseModel):
    """Which documents a search may return. Empty fields do not restrict; years are inclusive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    documents: tuple[str, ...] = Field(
        default=(), description="document ids, or prefixes ending in /"
    )
    year_from: int | None = None
    year_to: int | None = None
    version: str | None = Field(
        default=None,
        description="of an installed package; documents of other versions are left out",
    )

    def active(self) -> bool:
        return self != Filters()


class Passage(BaseModel):
    """A passage as found: ``text`` is exactly ``document.text[start:end]``."""

    id: str
    document: str
    title: str
    heading: str = Field(description="titles from the outermost heading inwards, joined by ' > '")
    text: str
    start: int
    end: int
    score: float = Field(description="comparable within one answer only; higher is better")
    tokens: int = Field(description="cl100k_base tokens of the text")
    kind: str
    source: str
    year: int | None = None
    url: str | None = None
    version: str | None = Field(
        default=None, description="of the installed package the text describes"
    )


class SearchResults(BaseModel):
    """The answer to one query. ``answerability`` is a probability-like number in [0, 1]."""

    query: str
    mode: Mode
    results: list[Passage]
    answerable: bool
    answerability: float
    notices: list[str] = Field(
        default_factory=list, description="what was missing, with the way to add it"
    )


class DocumentInfo(BaseModel):
    """A document without its text, for lists."""

    id: str
    title: str
    kind: str
    source: str
    year: int | None
    authors: tuple[str, ...]
    url: str | None
    licence: str | None
    version: str | None
    tokens: int


class Stats(BaseModel):
    """What the index holds."""

    documents: int
    chunks: int
    tokens: int
    embedded: int
    embedder: str | None
    generation: int
    path: str
    sources: dict[str, int] = Field(description="documents by source")
    kinds: dict[str, int] = Field(description="documents by kind")
    notices: list[str] = Field(
        default_factory=list, description="what is missing, with the way to add it"
    )


class SyncReport(BaseModel):
    """What one sync did. ``failures`` maps a source or document to the reason it was left out."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    skipped_sources: int = Field(default=0, description="sources whose fingerprint had not changed")
    embedded: int = Field(default=0, description="chunks embedded now")
    gone: list[str] = Field(
        default_factory=list, description="documents that their source no longer has, kept so far"
    )
    failures: dict[str, str] = Field(default_factory=dict)
    notices: list[str] = Field(default_factory=list)


class Plan(BaseModel):
    """What a sync would do: ids of documents. ``failures`` as in :class:`SyncReport`."""

    added: list[str] = Field(default_factory=list)
    changed: list[str] = Field(default_factory=list)
    removed: list[str] = Field(default_factory=list)
    unchanged: int = 0
    failures: dict[str, str] = Field(default_factory=dict)
