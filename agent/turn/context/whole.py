"""The corpus in the prompt, or retrieved from: which of the two, what each costs, and the messages before the talk.

Whole-corpus mode puts as many documents as fit the model's window before the conversation, in a fixed order, so that
a provider's prompt cache holds them from one question to the next. What does not fit stays within reach of the tools.
Leaves out the anthropic SDK's own documents and citations (``llm.native``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from gadfly.agent.llm.anthropic_format import CACHED, wants_marks
from gadfly.agent.llm.facts import Facts, facts
from gadfly.agent.llm.model import Message
from gadfly.agent.llm.prompting import prompt
from gadfly.agent.turn.settings import Settings, Window
from gadfly.errors import UsageError

if TYPE_CHECKING:
    from gadfly.corpus import Corpus
    from gadfly.corpus.models import DocumentInfo

_STRETCH = 1.25  # other tokenizers need up to a quarter more tokens than cl100k_base for such text
_TALK = 60_000  # tokens kept free for the conversation
_BASE = 13_000  # tokens of the instructions and the tools' schemas
_ROUNDS = 4  # replies that a question takes, typically
_RETRIEVED = 9_000  # tokens that a round of retrieval adds
_WRITTEN = 900  # tokens that a reply writes
_FIRST = ("guide",)  # sources that go in before all others but the user's own
_LAST = ("installed", "docs")


class Piece(NamedTuple):
    """A document of the prompt."""

    id: str
    title: str
    text: str


class Plan(NamedTuple):
    """What was decided. Dollars are None without a price: ``full`` for the first question, ``again`` for each after."""

    mode: Literal["full", "rag"]
    documents: tuple[str, ...]
    tokens: int
    left_out: int
    full: float | None
    again: float | None
    rag: float | None
    why: str

    def line(self) -> str:
        """Both costs and the choice, in one line."""
        return (
            f"whole corpus: {len(self.documents)} documents, {self.tokens:,} tokens"
            f"{f', {self.left_out} left out' if self.left_out else ''}, about {_dollars(self.full)} for the first "
            f"question and {_dollars(self.again)} for each one soon after; retrieval: about {_dollars(self.rag)} "
            f"a question. Using {'the whole corpus' if self.mode == 'full' else 'retrieval'}: {self.why}."
        )


def plan(wanted: Window, documents: Sequence[DocumentInfo], known: Facts, dollars: float) -> Plan:
    """Decide between the two for a model.

    Args:
        dollars: what a turn may take; ``auto`` spends at most half of it on the corpus.

    Raises:
        UsageError: ``full`` is asked for and no document fits.
    """
    room = int((known.window - _TALK) / _STRETCH)
    chosen, tokens = _fitting(documents, room)
    left_out = len(documents) - len(chosen)
    real = int(tokens * _STRETCH)
    written = _ROUNDS * _WRITTEN
    full = known.dollars(
        _ROUNDS * 2_000, written, written=real + _BASE, read=(_ROUNDS - 1) * (real + _BASE)
    )
    again = known.dollars(_ROUNDS * 2_000, written, read=_ROUNDS * (real + _BASE))
    grown = [_BASE + number * _RETRIEVED for number in range(_ROUNDS)]
    rag = (
        known.dollars(0, written, written=grown[-1], read=sum(grown[:-1]))
        if known.caching
        else known.dollars(sum(grown), written)
    )
    if wanted == "full" and not chosen:
        raise UsageError(
            f"no document fits into a window of {known.window:,} tokens; use --context rag"
        )
    mode: Literal["full", "rag"] = "rag"
    if wanted == "full":
        mode, why = "full", "as asked"
        if full is not None and full > dollars:
            why += f", though a turn may cost ${dollars:.2f} and will be cut short: raise --budget"
    elif wanted == "rag":
        why = "as asked"
    elif left_out:
        why = "the corpus does not fit into the window"
    elif full is None:
        why = "no price is known for this model"
    elif not known.caching:
        why = "this model's provider does not cache prompts"
    elif full > dollars / 2:
        why = f"the whole corpus would take more than half of the ${dollars:.2f} a turn may cost"
    else:
        mode, why = "full", "it fits the window and the budget"
    return Plan(mode, tuple(chosen), tokens, left_out, full, again, rag, why)


def _fitting(documents: Sequence[DocumentInfo], room: int) -> tuple[list[str], int]:
    """The documents that fit, the user's own first, packages' documentation last; ids in a fixed order."""

    def rank(document: DocumentInfo) -> tuple[int, str]:
        source = document.source.split(":")[0]
        return (1 if source in _FIRST else 2 if source in _LAST else 0, document.id)

    chosen: list[str] = []
    tokens = 0
    for document in sorted(documents, key=rank):
        if tokens + document.tokens + 40 <= room:
            chosen.append(document.id)
            tokens += document.tokens + 40
    return sorted(chosen), tokens


class Preamble:
    """The messages before a conversation, for one model and one corpus."""

    def __init__(self, settings: Settings, corpus: Corpus, model: str) -> None:
        self._system = prompt("system").render(experiment_model=settings.model)
        self._model = model
        self._corpus = corpus
        self.native = model.startswith("anthropic/")
        """Whether the provider's own SDK carries the documents."""
        self._told = False
        self._plan = (
            None
            if settings.context == "rag"
            else plan(settings.context, corpus.documents(), facts(model), settings.budget.dollars)
        )
        self._pieces: list[Piece] | None = None

    @property
    def tokens(self) -> int:
        """What the corpus takes of the window, in the model's own tokens as far as can be told."""
        full = self._plan is not None and self._plan.mode == "full"
        return int(self._plan.tokens * _STRETCH) if self._plan and full else 0

    def news(self) -> str:
        """The line on costs, once, before the first question."""
        if self._plan is None or self._told:
            return ""
        self._told = True
        return self._plan.line()

    def documents(self) -> list[Piece]:
        """The documents of the prompt; none in retrieval."""
        if self._plan is None or self._plan.mode == "rag":
            return []
        if self._pieces is None:
            found = [self._corpus.document(name) for name in self._plan.documents]
            self._pieces = [Piece(each.id, each.title, each.text) for each in found]
        return self._pieces

    def messages(self) -> list[Message]:
        """System prompt and, where no SDK carries them as documents, the documents."""
        pieces = self.documents()
        if not pieces:
            return [{"role": "system", "content": self._system}]
        if self.native:
            text = f"{self._system}\n\n{prompt('corpus_cited').render()}"
            return [{"role": "system", "content": text}]
        text = f"{prompt('corpus_whole').render()}\n\n{together(pieces)}"
        if not wants_marks(self._model):
            return [{"role": "system", "content": f"{self._system}\n\n{text}"}]
        marked = {"type": "text", "text": text, "cache_control": CACHED}
        return [{"role": "system", "content": [{"type": "text", "text": self._system}, marked]}]


def together(pieces: Sequence[Piece]) -> str:
    """Documents as fenced data. The tag is drawn from the text itself: the same every time, so that it is cached, and
    not to be known by whoever wrote one of the documents."""
    digest = hashlib.sha256("\0".join(f"{p.id}\0{p.text}" for p in pieces).encode()).hexdigest()[:8]
    return "\n".join(
        f'<data-{digest} source="{_plain(p.id)}" title="{_plain(p.title)}">\n{p.text}\n</data-{digest}>'
        for p in pieces
    )


def _plain(label: str) -> str:
    return re.sub(r"[^\w .,:/-]", "", label)[:120]


def _dollars(amount: float | None) -> str:
    return "an unknown price" if amount is None else f"${amount:.2f}"
