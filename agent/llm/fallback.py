"""Several models as one: where the first fails for good the next takes over, and that is told.

Leaves out retries of one model (``provider``). A refused key or a missing model moves on too: to the researcher
both mean that this model does not answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gadfly.agent.llm.model import ChatModel, Message, Reply
from gadfly.errors import LLMError

if TYPE_CHECKING:
    from gadfly.agent.llm.model import ToolSchema


class Fallbacks:
    """A :class:`~gadfly.agent.llm.model.ChatModel` that stays with the first model that answers."""

    def __init__(
        self, models: Sequence[ChatModel], on_switch: Callable[[str], None] = lambda _: None
    ) -> None:
        self._models = list(models)
        self._at = 0
        self._on_switch = on_switch

    @property
    def name(self) -> str:
        return self._models[self._at].name

    def reply(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema],
        on_text: Callable[[str], None],
    ) -> Reply:
        while True:
            try:
                return self._models[self._at].reply(messages, tools, on_text)
            except LLMError as error:
                if self._at + 1 == len(self._models):
                    raise
                self._at += 1
                self._on_switch(f"{error}; going on with {self.name}")
