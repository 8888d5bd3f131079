"""Which LLM answers, judges and does the small work: by argument, environment, config file, then by the keys found.

Reads the environment and ``config.toml`` of the data folder and nothing else; no client is loaded. Three roles:
``main`` thinks and writes, ``fast`` does small work (splitting a message), ``judge`` refutes in a fresh context.

    [models]                              # GADFLY_HOME/config.toml; each has an environment variable too
    main = "openrouter/anthropic/claude-sonnet-5.5"      # GADFLY_MODEL
    fast = "openrouter/anthropic/claude-haiku-5.5"       # GADFLY_FAST_MODEL
    judge = "openrouter/openai/gpt-5.6"                  # GADFLY_JUDGE_MODEL
    fallbacks = ["anthropic/claude-sonnet-5-5"]          # GADFLY_FALLBACKS, separated by commas
    api_base = "http://127.0.0.1:8000/v1"                # GADFLY_API_BASE, any OpenAI-compatible server
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

from gadfly.errors import UsageError
from gadfly.home import home

OFFLINE = "offline"
LOCAL = "local"


@dataclass(frozen=True)
class Choice:
    """A model to talk to, and why it was chosen. ``model`` is a litellm name, ``local`` or ``local/NAME``."""

    model: str
    because: str
    api_base: str | None = None


@dataclass(frozen=True)
class Roles:
    """A model for each role; ``fallbacks`` take over, in order, where the main one fails for good."""

    main: Choice
    fast: Choice
    judge: Choice
    fallbacks: tuple[Choice, ...] = ()


# The first key found decides. OpenRouter leads: one key reaches every model.
_PROVIDERS = (
    (
        "openrouter",
        "OPENROUTER_API_KEY",
        "openrouter/anthropic/claude-sonnet-5.5",
        "openrouter/anthropic/claude-haiku-5.5",
    ),
    (
        "anthropic",
        "ANTHROPIC_API_KEY",
        "anthropic/claude-sonnet-5-5",
        "anthropic/claude-haiku-5-5",
    ),
    ("openai", "OPENAI_API_KEY", "openai/gpt-5.6", "openai/gpt-5.4-mini"),
    ("gemini", "GEMINI_API_KEY", "gemini/gemini-3.8-flash", "gemini/gemini-3.5-flash-lite"),
)
_KEY_OF = {provider: key for provider, key, _, _ in _PROVIDERS}
_FAST_OF = {provider: fast for provider, _, _, fast in _PROVIDERS}
KEYS = tuple(_KEY_OF.values())

NO_KEY = (
    "No LLM key found: the offline engine answers (quotes and experiments, no free text). "
    "Set OPENROUTER_API_KEY to add a model."
)


def choose(name: str | None = None) -> Choice | None:
    """The main model, or None for the offline engine.

    Args:
        name: a litellm model name, ``local``, ``offline``, or None to decide by ``GADFLY_MODEL`` (or ``GADFLY_LLM``),
            the config file, ``GADFLY_API_BASE`` and the keys, in this order.

    Raises:
        UsageError: the named model's key is not set; says which one.
    """
    config = _config()
    base = os.environ.get("GADFLY_API_BASE") or config.get("api_base") or None
    wanted, because = next(
        (
            (value, source)
            for value, source in (
                (name, "--llm"),
                (os.environ.get("GADFLY_MODEL"), "GADFLY_MODEL"),
                (os.environ.get("GADFLY_LLM"), "GADFLY_LLM"),
                (config.get("main"), "config.toml"),
            )
            if value
        ),
        (None, ""),
    )
    if wanted == OFFLINE:
        return None
    if wanted:
        return _named(wanted, because, base)
    if base:
        raise UsageError(
            "GADFLY_API_BASE is set: name the model there too, e.g. GADFLY_LLM=openai/qwen3"
        )
    for _, key, model, _ in _PROVIDERS:
        if os.environ.get(key):
            return Choice(model, key)
    return None


def roles(name: str | None = None) -> Roles | None:
    """The model of each role, or None for the offline engine. Unset roles: ``fast`` is the provider's small model,
    ``judge`` the main model in a fresh context.

    Raises:
        UsageError: a named model is malformed or its key is not set.
    """
    main = choose(name)
    if main is None:
        return None
    config = _config()
    fast = os.environ.get("GADFLY_FAST_MODEL") or config.get("fast")
    judge = os.environ.get("GADFLY_JUDGE_MODEL") or config.get("judge")
    told = os.environ.get("GADFLY_FALLBACKS")
    others = [each.strip() for each in told.split(",")] if told else config.get("fallbacks", [])
    small = _FAST_OF.get(main.model.split("/", 1)[0]) if main.api_base is None else None
    return Roles(
        main=main,
        fast=_named(fast, "fast", main.api_base)
        if fast
        else (Choice(small, main.because) if small else main),
        judge=_named(judge, "judge", main.api_base)
        if judge
        else replace(main, because="same as main"),
        fallbacks=tuple(_named(each, "fallback", main.api_base) for each in others if each),
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
    provider = model.split("/", 1)[0]
    key = _KEY_OF.get(provider)
    if "/" not in model:
        raise UsageError(
            f"{model!r} names no provider; write it as PROVIDER/MODEL, "
            f"e.g. {_PROVIDERS[0][2]}, or 'local' or 'offline'"
        )
    if base is not None and provider == "openai":
        return
    if key is not None and not os.environ.get(key):
        raise UsageError(f"{model} needs the environment variable {key}, which is not set")


def _config() -> dict[str, Any]:
    """The ``[models]`` table of config.toml; empty where there is none."""
    import tomllib

    path = home() / "config.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    models = data.get("models", {})
    known = {"main": str, "fast": str, "judge": str, "api_base": str, "fallbacks": list}
    if not isinstance(models, dict):
        raise UsageError(f"{path}: [models] must be a table")
    for key, value in models.items():
        if key not in known:
            raise UsageError(f"{path}: unknown key {key!r} in [models]; valid: {', '.join(known)}")
        if not isinstance(value, known[key]):
            raise UsageError(
                f"{path}: {key} in [models] must be a {known[key].__name__}, not {value!r}"
            )
    return models


def redacted(text: str) -> str:
    """Without the keys of the environment, whatever file, command or error shows them."""
    for secret in _secrets():
        text = text.replace(secret, "***")
    return text


def _secrets() -> list[str]:
    return [
        value
        for name, value in os.environ.items()
        if name.endswith(("_API_KEY", "_TOKEN", "_SECRET")) and len(value) >= 6
    ]
