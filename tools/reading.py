"""The reading tools: search the corpus, read a document, check a quote. They call ``gadfly.corpus`` and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from gadfly.corpus.models import Filters, SearchResults
from gadfly.tools.base import Commas, Identifier
from gadfly.tools.contract import Context, ToolArgs, tool
from gadfly.tools.reach import PlainText

if TYPE_CHECKING:
    from gadfly.corpus import Corpus


class SearchArgs(ToolArgs):
    query: PlainText = Field(min_length=1, description="what to look for, in the field's own terms")
    k: int = Field(default=8, ge=1, le=100, description="how many passages")
    mode: Literal["hybrid", "lexical", "dense", "exact"] = Field(
        default="hybrid", description="exact: identifiers and /regexes/"
    )
    token_budget: int | None = Field(default=None, ge=1, description="tokens of text in all")
    # Every argument costs an LLM tokens at each question: of these it is not told.
    kind: SkipJsonSchema[list[Identifier]] = Field(
        default=[], description="only documents of these kinds"
    )
    since: SkipJsonSchema[int | None] = Field(
        default=None, description="only works from this year on"
    )
    until: SkipJsonSchema[int | None] = Field(
        default=None, description="only works up to this year"
    )
    document: SkipJsonSchema[list[Annotated[PlainText, Commas]]] = Field(
        default=[], description="only these documents, or ids that start with PREFIX/"
    )
    source: SkipJsonSchema[list[Annotated[PlainText, Commas]]] = Field(
        default=[], description="only these sources, such as installed:nnsight"
    )
    installed: SkipJsonSchema[str | None] = Field(
        default=None, description="only passages on this version of a package"
    )
    around: SkipJsonSchema[int] = Field(
        default=0, ge=0, le=5, description="so many passages before and after each"
    )

    def filters(self) -> Filters:
        """The documents that may be found."""
        return Filters(
            kinds=tuple(self.kind),
            documents=tuple(self.document),
            sources=tuple(self.source),
            year_from=self.since,
            year_to=self.until,
            version=self.installed,
        )


class ReadArgs(ToolArgs):
    document: str = Field(description="document id, as search returns it")
    start: int = Field(default=0, ge=0, description="character to start at")
    characters: int = Field(default=8000, ge=100, le=40000, description="how much to read")


class Reading(BaseModel):
    """A stretch of a document. ``next`` is where to go on, or None at the end."""

    document: str
    title: str
    text: str
    start: int
    next: int | None
    total: int


class CheckQuoteArgs(ToolArgs):
    document: str = Field(description="document id")
    quote: str = Field(description="words that should stand there verbatim")


class QuoteCheck(BaseModel):
    """Whether a quote stands in a document, and where. ``nearest`` helps to correct it and proves nothing."""

    verified: bool
    reason: str
    start: int | None = None
    end: int | None = None
    nearest: str | None = None


@tool(name="search", cost="milliseconds")
def search(args: SearchArgs, context: Context) -> SearchResults:
    """Search the corpus of interpretability papers, guides and library documentation. Returns passages with the
    document id to quote from, and whether the corpus seems to hold an answer at all."""
    return found(context.corpus(), args)


def found(index: Corpus, args: SearchArgs) -> SearchResults:
    """What the index holds."""
    results = index.search(
        args.query,
        k=args.k,
        mode=args.mode,
        filters=args.filters(),
        token_budget=args.token_budget,
        condense=not args.around,  # neighbours are asked for by passage
    )
    return widened(index, results, args.around)


def widened(index: Corpus, results: SearchResults, around: int) -> SearchResults:
    """Each passage with so many neighbours in reading order, none twice."""
    if around:
        wide = {
            each.id: each.model_copy(update={"score": passage.score})
            for passage in results.results
            for each in index.neighbours(passage.id, around, around)
        }
        results.results = list(wide.values())
    return results


@tool(name="read", cost="milliseconds")
def read(args: ReadArgs, context: Context) -> Reading:
    """Read a document of the corpus around a passage, in pages."""
    document = context.corpus().document(args.document)
    end = args.start + args.characters
    return Reading(
        document=document.id,
        title=document.title,
        text=document.text[args.start : end],
        start=args.start,
        next=end if end < len(document.text) else None,
        total=len(document.text),
    )


@tool(name="check_quote", cost="milliseconds")
def check_quote(args: CheckQuoteArgs, context: Context) -> QuoteCheck:
    """Check that words stand verbatim in a document, before citing them."""
    from gadfly.corpus import quotes

    document = context.corpus().document(args.document)
    match, reason = quotes.check(args.quote, document.text)
    if match is not None:
        return QuoteCheck(verified=True, reason=reason, start=match.start, end=match.end)
    near = quotes.nearest(args.quote, document.text)
    return QuoteCheck(verified=False, reason=reason, nearest=near.text if near else None)
