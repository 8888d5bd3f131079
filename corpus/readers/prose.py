"""Markdown, reStructuredText and plain text: the text itself, with its front matter taken off."""

from __future__ import annotations

from gadfly.corpus.markup import split_front_matter
from gadfly.corpus.readers.page import Page


def read(text: str) -> Page:
    fields, body = split_front_matter(text)
    return Page(body, fields, removed=text[: len(text) - len(body)] if fields else "")
