"""The reading tools: search the corpus, read a document, check a quote. They call ``gadfly.corpus`` and no more."""

from __future__ import annotations

from pydantic import BaseModel, Field

from gadfly.corpus.models import SearchResults
from gadfly.tools.contract import Context, ToolArgs, tool


class SearchArgs(ToolArgs):
    query: str = Field(min_length=1, description="what to look for, in the field's own terms")
    k: int = Field(default=6, ge=1, le=30, description="how many passages")
    token_budget: int = Field(default=3000, ge=100, le=20000, description="tokens of text in all")


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
    return context.corpus().search(args.query, k=args.k, token_budget=args.token_budget)


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
