"""Which LLM answers, judges and does the small work: by argument, by the settings, then by the keys found.

No client is loaded here. Three roles: ``main`` thinks and writes, ``fast`` does small work (splitting a message),
``judge`` refutes in a fresh context. Each provider's key and default models are in ``choose.csv``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from gadfly import settings
from gadfly.errors import UsageError
from gadfly.tables import rows

OFFLINE = "offline"
LOCAL = "local"


@dataclass(frozen=True)
class Choice:
    """A model to talk to, and why it was chosen. ``model`` is a litellm name, ``local`` or ``local/NAME``."""

    model: str
    because: str
    api_base: str | None = None
    effort: str = "medium"
    """Of reasoning; sent unless the model is known to have none."""


@dataclass(frozen=True)
class Roles:
    """A model for each role; ``fallbacks`` take over, in order, where the main one fails for good."""

    main: Choice
    fast: Choice
    judge: Choice
    fallbacks: tuple[Choice, ...] = ()


@dataclass(frozen=True)
class _Provider:
    key: str
    main: str
    fast: str


# The first key found decides. OpenRouter leads: one key reaches every model.
_PROVIDERS = {each.main.split("/", 1)[0]: each for each in rows(__file__, _Provider)}
KEYS = tuple(each.key for each in _PROVIDERS.values())

NO_KEY = (
    "No LLM key found: the offline engine answers (quotes and experiments, no free text). "
    "Set OPENROUTER_API_KEY to add a model."
)


def choose(name: str | None = None) -> Choice | None:
    """The main model, or None for the offline engine.

    Args:
        name: a litellm model name, ``local``, ``offline``, or None to decide by the settings and the keys.

    Raises:
        UsageError: the named model's key is not set; says which one.
    """
    base = settings.API_BASE.value() or None
    wanted, because = (name, "--llm") if name else settings.LLM.found()
    if wanted == OFFLINE:
        return None
    if wanted:
        return _named(wanted, because, base)
    if base:
        example = f"{settings.LLM.name}=openai/qwen3"
        raise UsageError(
            f"{settings.API_BASE.name} is set: name the model there too, e.g. {example}"
        )
    found = next((each for each in _PROVIDERS.values() if os.environ.get(each.key)), None)
    return Choice(found.main, found.key) if found else None


def roles(name: str | None = None) -> Roles | None:
    """The model of each role, or None for the offline engine. Unset roles: ``fast`` is the provider's small model,
    ``judge`` the main model in a fresh context.

    Raises:
        UsageError: a named model is malformed or its key is not set.
    """
    main = choose(name)
    if main is None:
        return None
    fast, judge = settings.FAST_LLM.value(), settings.JUDGE_LLM.value()
    provider = _PROVIDERS.get(main.model.split("/", 1)[0]) if main.api_base is None else None
    small = _named(fast, "fast", main.api_base) if fast else main
    if provider and not fast:
        small = Choice(provider.fast, main.because)
    return Roles(
        main=main,
        fast=replace(small, effort="low"),
        judge=_named(judge, "judge", main.api_base)
        if judge
        else replace(main, because="same as main"),
        fallbacks=tuple(
            _named(each, "fallback", main.api_base) for each in settings.FALLBACKS.texts()
        ),
    )


def _named(model: str, because: str, base: str | None) -> Choice:
    if model == LOCAL or model.startswith(LOCAL + "/"):
        return Choice(model, because)
    _require_key(model, base)
    # An own server serves the models addressed as its kind; a provider's name leads to the provider.
    own = base if model.startswith(("openai/", "hosted_vllm/", "ollama")) else None
    return Choice(model, because, own)


def _require_key(model: str, base: str | None) -> None:
    """litellm reports a missing key late and as a server error, so it is checked here."""
    name = model.split("/", 1)[0]
    if "/" not in model:
        raise UsageError(
            f"{model!r} names no provider; write it as PROVIDER/MODEL, "
            f"e.g. {_PROVIDERS['openrouter'].main}, or 'local' or 'offline'"
        )
    if base is not None and name == "openai":
        return
    if name in _PROVIDERS and not os.environ.get(key := _PROVIDERS[name].key):
        raise UsageError(f"{model} needs the environment variable {key}, which is not set")


def redacted(text: str) -> str:
    """Without the keys of the environment, whatever file, command or error shows them."""
    for name, value in os.environ.items():
        if name.endswith(("_API_KEY", "_TOKEN", "_SECRET")) and len(value) >= 6:
            text = text.replace(value, "***")
    return text
