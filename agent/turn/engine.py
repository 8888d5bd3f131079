"""Putting the parts together: models by their roles, the toolbox, the corpus, the ledger, the skeptic, the window.

An engine is made once for a conversation and lends a :class:`Loop` to each turn. Leaves out turns (``session``) and
which models are configured (``llm.choose``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gadfly.agent.llm.choose import LOCAL, NO_KEY, OFFLINE, Choice, Roles, roles
from gadfly.agent.llm.connect import connect
from gadfly.agent.llm.facts import facts
from gadfly.agent.llm.model import ChatModel
from gadfly.agent.turn.events import DraftDropped, Event, Notice
from gadfly.agent.turn.settings import Settings
from gadfly.corpus.progress import Silent
from gadfly.errors import UsageError

if TYPE_CHECKING:
    from gadfly.agent.answers.answer import Answer
    from gadfly.agent.turn.loop import Loop
    from gadfly.corpus import Corpus

_RESERVE = 0.6  # share of a window that the conversation may fill before it is shortened
_MOST = 200_000  # tokens of conversation worth paying for, whatever the window
_LEAST = 4_000


class Engine:
    """The parts of one conversation, opened when they are first needed.

    Args:
        interactive: whether a researcher is there to approve calls.

    Raises:
        UsageError: the LLM named in ``settings`` is malformed or has no key.
    """

    def __init__(self, settings: Settings, *, interactive: bool = False) -> None:
        self.settings = settings
        self._interactive = interactive
        self._emit: Callable[[Event], None] = lambda _: None
        llm = settings.llm
        self._roles: Roles | None = roles(llm) if llm is None or isinstance(llm, str) else None
        self._given = None if llm is None or isinstance(llm, str) else llm
        self._made: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """The main model's name, or ``offline``."""
        if self._given is not None:
            return self._given.name
        return self._roles.main.model if self._roles else OFFLINE

    def loop(
        self, emit: Callable[[Event], None], stopped: Callable[[], bool], checkpointer: Any = None
    ) -> Loop:
        """A loop for one turn, whose events go to ``emit``."""
        from gadfly.agent.turn.context.whole import Preamble
        from gadfly.agent.turn.loop import Loop
        from gadfly.agent.turn.skeptic.skeptic import Skeptic
        from gadfly.tools.ledger import Ledger

        self._emit = emit
        corpus = self._once("corpus", self._corpus)
        toolbox = self._once("toolbox", self._toolbox)
        online = self.name != OFFLINE
        preamble = self._once("preamble", lambda: Preamble(self.settings, corpus, self.name))
        if online and (notice := preamble.news()):
            emit(Notice("context", notice))
        if online and (notice := self._once("prices", self._unpriced)):
            self._made["prices"] = ""
            emit(Notice("budget", notice))
        main = self._once("main", lambda: self._main(preamble)) if online else None
        judging = online and self.settings.skeptic
        return Loop(
            main,
            toolbox,
            corpus,
            Ledger(),
            budget=self.settings.budget,
            skeptic=Skeptic(
                self._once("judge", lambda: self._role("judge")) if judging else None,
                self._once("fast", lambda: self._role("fast")) if judging else None,
            ),
            preamble=preamble.messages,
            window=self._window(preamble.tokens),
            offline=None if online else self._answer_offline,
            emit=emit,
            stopped=stopped,
            checkpointer=checkpointer,
        )

    # -- the parts -------------------------------------------------------------------------------

    def _once(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    def _corpus(self) -> Corpus:
        from gadfly.corpus import default_corpus

        return default_corpus(_Notes(lambda text: self._emit(Notice("corpus", text))))

    def _toolbox(self) -> Any:
        from gadfly.agent.turn.toolbox import Toolbox
        from gadfly.tools.registry import all_tools

        tools = [t for t in all_tools() if self.settings.experiments or not t.is_experiment]
        if self._interactive and self.settings.side_effects and self.settings.experiments:
            from gadfly.tools.kernel import python

            tools.append(python)
        return Toolbox(
            tools,
            model=self.settings.model,
            approvals=self._interactive and self.settings.side_effects,
        )

    def _main(self, preamble: Any) -> ChatModel:
        if self._given is not None:
            return self._given
        assert self._roles is not None
        documents = preamble.documents() if preamble.native else []
        choices = [self._roles.main, *self._roles.fallbacks]
        if documents:  # a model that does not get them must not be told of them
            choices = [choice for choice in choices if choice.model.startswith("anthropic/")]
        models = [self._connect(choice, documents) for choice in choices]
        if len(models) == 1:
            return models[0]
        from gadfly.agent.llm.road import Fallbacks

        return Fallbacks(models, lambda text: self._again("fallback", text))

    def _role(self, role: str) -> ChatModel:
        if self._given is not None:
            return self._given
        return self._connect(getattr(self._roles, role), [])

    def _connect(self, choice: Choice, documents: list[Any]) -> ChatModel:
        def on_retry(text: str) -> None:
            self._again("retry", text)

        return connect(choice, on_retry, documents=documents, model=self.settings.model)

    def _unpriced(self) -> str:
        """Told once: a limit in dollars that cannot be held. OpenRouter bills with each reply."""
        if self._roles is None or self._roles.main.model.startswith((LOCAL, "openrouter/")):
            return ""
        if facts(self.name).price_in is not None:
            return ""
        limit = self.settings.budget
        return (
            f"no price is known for {self.name}, so the limit of ${limit.dollars:.2f} cannot be held; "
            f"those of {limit.tokens:,} tokens, {limit.tool_calls} tool calls and {limit.seconds:.0f} s are"
        )

    def _again(self, kind: Any, text: str) -> None:
        self._emit(Notice(kind, text))
        self._emit(DraftDropped(text))

    def _window(self, preamble: int) -> int:
        known = facts(self.name)
        room = (known.window or _LEAST * 2) - preamble
        return max(_LEAST, min(_MOST, int(room * _RESERVE)))

    def _answer_offline(self, question: str, context: str) -> Answer:
        from gadfly.agent.answers.offline.engine import answer

        result = answer(
            f"{question}\n{context}".strip(),
            self._made["corpus"],
            model=self.settings.model,
            experiments=self.settings.experiments,
            progress=_Notes(lambda text: self._emit(Notice("corpus", text))),
        )
        if self.settings.llm != OFFLINE:
            result.notices.insert(0, NO_KEY)
        return result


class _Notes(Silent):
    """Progress told in single lines."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def start(self, label: str, total: int | None = None) -> None:
        self._tell(label)

    def note(self, message: str) -> None:
        self._tell(message)


def check_question(question: str, context: str = "") -> str:
    """The question, stripped.

    Raises:
        UsageError: it is empty, or it or its context is too long.
    """
    question = question.strip()
    if not question:
        raise UsageError('the question is empty; try: gadfly ask "What is activation patching?"')
    if len(question) > LONGEST_QUESTION or len(context) > LONGEST_CONTEXT:
        raise UsageError(
            f"the question has {len(question):,} and its context {len(context):,} characters; "
            f"at most {LONGEST_QUESTION:,} and {LONGEST_CONTEXT:,} are taken"
        )
    return question


LONGEST_QUESTION = 8_000  # characters
LONGEST_CONTEXT = 200_000
