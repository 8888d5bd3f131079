"""The one exception tree. Everything Gadfly raises on purpose is a :class:`GadflyError`.

A message says what was wrong, with which value, and the way out (valid values, or a command).
Faces turn it into an exit code and one line, an MCP ``ToolError``, or a review note.

    GadflyError
    ├── UsageError          the request itself is malformed (exit code 2)
    ├── MissingExtraError   an optional dependency is not installed
    ├── HomeError           the data folder cannot be read or written
    ├── CorpusError         a document, index or search that cannot be used
    │   └── IndexBusyError  another process is writing the index
    ├── ModelError          a model that cannot be loaded or measured
    ├── ToolInputError      arguments a tool refuses (exit code 2)
    ├── LedgerError         a run that is unknown or unreadable
    ├── LLMError            the language-model provider failed
    ├── GitHubError         github refused, or cannot be reached (agent/faces/github)
    └── Cancelled           the user stopped it (exit code 130)
"""

from __future__ import annotations


class GadflyError(Exception):
    """Base of every error that Gadfly raises on purpose."""

    exit_code = 1


class UsageError(GadflyError):
    """The request is malformed: an empty question, an unknown option value."""

    exit_code = 2


class MissingExtraError(GadflyError):
    """An optional part is not installed; the message names the pip command that adds it."""

    def __init__(self, need: str, extra: str) -> None:
        super().__init__(f"{need} needs the [{extra}] extra: pip install 'gadfly-interp[{extra}]'")
        self.need = need
        self.extra = extra


class HomeError(GadflyError):
    """The data folder cannot be created, read or written."""


class CorpusError(GadflyError):
    """A document, index or query that the corpus cannot use."""


class IndexBusyError(CorpusError):
    """Another process holds the write lock of the index."""


class ModelError(GadflyError):
    """A model that cannot be loaded, or that fails its self-check."""


class ToolInputError(GadflyError):
    """Arguments that a tool refuses, with the reason and the valid values."""

    exit_code = 2


class LedgerError(GadflyError):
    """A run that the ledger does not hold or cannot read."""


class LLMError(GadflyError):
    """The language-model provider failed after retries, or answered nonsense."""


class Cancelled(GadflyError):
    """The user stopped the work; what was complete is kept."""

    exit_code = 130
