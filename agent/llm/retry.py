"""Trying a model again: what is worth it, how long to wait, and what is told. Shared by every road to a provider."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from gadfly.agent.llm.choose import redacted
from gadfly.agent.llm.model import Reply
from gadfly.errors import GadflyError, LLMError

_ATTEMPTS = 4
_FIRST_WAIT = 1.0  # seconds; doubled at each attempt, unless the provider says how long
_LONGEST_WAIT = 60.0


class Dropped(Exception):
    """The stream ended without saying that it was complete."""


def persist(
    attempt: Callable[[], Reply],
    *,
    name: str,
    passing: Callable[[Exception], bool],
    explain: Callable[[Exception], str],
    on_retry: Callable[[str], None],
    wait: Callable[[float], None],
) -> Reply:
    """The reply of the first attempt that succeeds.

    Args:
        passing: whether trying again may help.
        explain: one line for an error that is final.

    Raises:
        LLMError: the error is final, or the attempts are used up.
        Cancelled: raised by the attempt itself; passed on.
    """
    delay = _FIRST_WAIT
    for number in range(1, _ATTEMPTS + 1):
        try:
            return attempt()
        except GadflyError:
            raise
        except Exception as error:
            if not passing(error):
                raise LLMError(explain(error)) from None
            if number == _ATTEMPTS:
                raise LLMError(
                    f"{name} failed {_ATTEMPTS} times, last: {line(error)}; "
                    "try again later, or use --llm offline"
                ) from None
            pause = min(_retry_after(error) or delay, _LONGEST_WAIT)
            on_retry(f"{name}: {line(error)}; again in {pause:.0f} s")
            wait(pause)
            delay *= 2
    raise AssertionError("unreachable")


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
