"""Python files: which of four styles a file is written in."""

from __future__ import annotations

from gadfly.corpus.readers import arena, code, literate, percent
from gadfly.corpus.readers.page import Page


def read(text: str, name: str) -> Page:
    """The page of one Python file: ARENA's cells, jupytext's cells, prose in bare strings, or plain code."""
    if arena.is_master(text):
        return arena.read(text)
    if percent.is_percent(text):
        return percent.read(text)
    return literate.read(text) or code.read(text, name)
