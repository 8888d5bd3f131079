"""What every road to a provider shares: who is talked to, trying again, errors in one line; and falling back.

A road says how one attempt is made (:class:`Road`). The SDKs' own retries are off: a stream that breaks half-way is
retried here as a whole, which they cannot do.
"""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from gadfly.agent.llm.choose import Choice, redacted
from gadfly.agent.llm.facts import facts
from gadfly.agent.llm.model import ChatModel, Messages, OnText, Reply, Tools
from gadfly.errors import GadflyError, LLMError

_ATTEMPTS = 4
_FIRST_WAIT = 1.0  # seconds; doubled at each attempt, unless the provider says how long
_LONGEST_WAIT = 60.0


class Dropped(Exception):
    """The stream ended without saying that it was complete."""

    def __init__(self) -> None:
        super().__init__("the connection dropped before the reply was complete")


class Road(ABC):
    """A :class:`~gadfly.agent.llm.model.ChatModel` behind a provider.

    Args:
        choice: the model, where it is served, and its options.
        timeout: seconds without a byte before the connection counts as dead.
        wait: sleeps between attempts (tests pass their own).
    """

    def __init__(
        self,
        choice: Choice,
        *,
        timeout: float = 120.0,
        on_retry: Callable[[str], None] = lambda _: None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._choice = choice
        self._reasons = facts(choice.model).reasoning is not False
        self._timeout = timeout
        self._on_retry = on_retry
        self._wait = wait

    @property
    def name(self) -> str:
        return self._choice.model

    def reply(self, messages: Messages, tools: Tools, on_text: OnText) -> Reply:
        """The reply of the first attempt that succeeds. Raises LLMError: a final error, or too many attempts."""
        delay = _FIRST_WAIT
        for number in range(1, _ATTEMPTS + 1):
            try:
                return self._attempt(messages, tools, on_text)
            except GadflyError:
                raise
            except Exception as error:
                if not (isinstance(error, (Dropped, OSError)) or self._passing(error)):
                    raise LLMError(self._explain(error)) from None
                if number == _ATTEMPTS:
                    raise LLMError(
                        f"{self.name} failed {_ATTEMPTS} times, last: {line(error)}; "
                        "try again later, or use --llm offline"
                    ) from None
                pause = min(_retry_after(error) or delay, _LONGEST_WAIT)
                self._on_retry(f"{self.name}: {line(error)}; again in {pause:.0f} s")
                self._wait(pause)
                delay *= 2
        raise AssertionError("unreachable")

    def _options(self) -> dict[str, Any]:
        """Settings that go into the request on every road, by the name that providers know."""
        return {}

    @abstractmethod
    def _attempt(self, messages: Messages, tools: Tools, on_text: OnText) -> Reply:
        """One streamed reply. Raises what the SDK raises, or Dropped."""

    @abstractmethod
    def _passing(self, error: Exception) -> bool:
        """Whether trying again may help."""

    @abstractmethod
    def _explain(self, error: Exception) -> str:
        """One line for an error that is final."""


class Fallbacks:
    """A ChatModel that stays with the first of several that answers: where one fails for good the next takes over, and
    that is told. A refused key or a missing model moves on too: to the researcher both mean that it does not answer."""

    def __init__(
        self, models: Sequence[ChatModel], on_switch: Callable[[str], None] = lambda _: None
    ) -> None:
        self._models = list(models)
        self._at = 0
        self._on_switch = on_switch

    @property
    def name(self) -> str:
        return self._models[self._at].name

    def reply(self, messages: Messages, tools: Tools, on_text: OnText) -> Reply:
        while True:
            try:
                return self._models[self._at].reply(messages, tools, on_text)
            except LLMError as error:
                if self._at + 1 == len(self._models):
                    raise
                self._at += 1
                self._on_switch(f"{error}; going on with {self.name}")


def _retry_after(error: Exception) -> float | None:
    headers: Any = getattr(error, "litellm_response_headers", None)
    if headers is None:
        headers = getattr(getattr(error, "response", None), "headers", None) or {}
    header = headers.get("retry-after")
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None


def line(error: Exception) -> str:
    """An error on one line, without litellm's prefixes and without any secret."""
    text = " ".join(str(error).split())
    text = redacted(re.sub(r"^(?:litellm\.\w+: ?)+(?:\w+(?:Error|Exception) - )?", "", text))
    text = re.sub(r"\b(?:sk|pk|rk|key)-[\w\-*]{6,}", "***", text)
    return (text[:300] + "…") if len(text) > 300 else text or type(error).__name__
