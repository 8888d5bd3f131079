"""From a choice to the model that talks: over litellm, the anthropic SDK, or the local weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gadfly.agent.llm.anthropic_format import Document
from gadfly.agent.llm.choose import LOCAL, Choice, choose
from gadfly.agent.llm.model import ChatModel


def connected(
    llm: str | ChatModel | None, on_retry: Callable[[str], None] = lambda _: None
) -> ChatModel | None:
    """The model that a job asks: as given, by name, or by what is configured; None for the offline engine.

    Raises:
        UsageError: the named model is malformed or its key is not set.
    """
    if llm is not None and not isinstance(llm, str):
        return llm
    choice = choose(llm)
    return connect(choice, on_retry) if choice else None


def connect(
    choice: Choice,
    on_retry: Callable[[str], None] = lambda _: None,
    *,
    documents: Sequence[Document] = (),
    model: str = "demo",
) -> ChatModel:
    """The model of a choice.

    Args:
        documents: what the provider's own SDK carries before the conversation, for citations.
        model: the local model that talks where the choice is ``local`` without a name.
    """
    if choice.model.split("/")[0] == LOCAL:
        from gadfly.agent.llm.local import LocalChat

        return LocalChat(choice.model.partition("/")[2] or model)
    if documents:
        from gadfly.agent.llm.native import Native

        return Native(choice, documents, on_retry=on_retry)
    from gadfly.agent.llm.provider import Provider

    return Provider(choice, on_retry=on_retry)
