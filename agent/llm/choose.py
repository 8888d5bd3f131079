"""Which language model answers: the command line, then the environment, then the first key found.

Nothing is imported from a provider here, and no key is read beyond whether it is there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from gadfly.errors import UsageError

OFFLINE = "offline"


@dataclass(frozen=True)
class Choice:
    """A model to talk to, and why it was chosen. ``model`` is a litellm name."""

    model: str
    because: str
    api_base: str | None = None


# The first key found decides. OpenRouter leads: one key reaches every model.
_PROVIDERS = (
    ("openrouter", "OPENROUTER_API_KEY", "openrouter/anthropic/claude-sonnet-5.5"),
    ("anthropic", "ANTHROPIC_API_KEY", "anthropic/claude-sonnet-5-5"),
    ("openai", "OPENAI_API_KEY", "openai/gpt-5.6"),
    ("gemini", "GEMINI_API_KEY", "gemini/gemini-3.8-flash"),
)
_KEY_OF = {provider: key for provider, key, _ in _PROVIDERS}

NO_KEY = (
    "No LLM key found: the offline engine answers (quotes and experiments, no free text). "
    "Set OPENROUTER_API_KEY to add a model."
)


def choose(name: str | None = None) -> Choice | None:
    """The model to use, or None for the offline engine.

    Args:
        name: a litellm model name, ``offline``, or None to decide by ``GADFLY_LLM``,
            ``GADFLY_API_BASE`` (any OpenAI-compatible address) and the keys, in this order.

    Raises:
        UsageError: the named model's key is not set; says which one.
    """
    base = os.environ.get("GADFLY_API_BASE") or None
    wanted, because = (name, "--llm") if name else (os.environ.get("GADFLY_LLM"), "GADFLY_LLM")
    if wanted == OFFLINE:
        return None
    if wanted:
        _require_key(wanted, base)
        return Choice(wanted, because, base)
    if base:
        raise UsageError(
            "GADFLY_API_BASE is set: name the model there too, e.g. GADFLY_LLM=openai/qwen3"
        )
    for _, key, model in _PROVIDERS:
        if os.environ.get(key):
            return Choice(model, key)
    return None


def _require_key(model: str, base: str | None) -> None:
    """litellm reports a missing key late and as a server error, so it is checked here."""
    provider = model.split("/", 1)[0]
    key = _KEY_OF.get(provider)
    if "/" not in model:
        raise UsageError(
            f"{model!r} names no provider; write it as PROVIDER/MODEL, "
            f"e.g. {_PROVIDERS[0][2]}, or 'offline'"
        )
    if base is None and key is not None and not os.environ.get(key):
        raise UsageError(f"{model} needs the environment variable {key}, which is not set")


def secrets() -> list[str]:
    """The values of every key in the environment, for taking them out of messages."""
    return [
        value
        for name, value in os.environ.items()
        if name.endswith(("_API_KEY", "_TOKEN", "_SECRET")) and len(value) >= 6
    ]
