"""What is known of a model without asking anybody: window, prices, reasoning, prompt caching.

Read from the price list that litellm ships, as a file: importing litellm takes seconds. Unknown models have None.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_DEFAULT_WINDOW = 128_000


@dataclass(frozen=True)
class Facts:
    """Prices are US dollars per token; ``window`` is the most input tokens."""

    known: bool
    window: int = _DEFAULT_WINDOW
    price_in: float | None = None
    price_out: float | None = None
    price_cache_write: float | None = None
    price_cache_read: float | None = None
    reasoning: bool | None = None
    caching: bool = False

    def dollars(self, fresh: int, output: int, *, written: int = 0, read: int = 0) -> float | None:
        """What a call costs, or None without a price. Cache prices default to the plain one."""
        if self.price_in is None or self.price_out is None:
            return None
        write = self.price_cache_write if self.price_cache_write is not None else self.price_in
        reread = self.price_cache_read if self.price_cache_read is not None else self.price_in
        return fresh * self.price_in + written * write + read * reread + output * self.price_out


@cache
def facts(model: str) -> Facts:
    """The facts of a litellm model name. OpenRouter's spelling falls back to the maker's own."""
    if model == "local" or model.startswith("local/"):
        return Facts(known=False, window=0, price_in=0.0, price_out=0.0)
    found = next((entry for name in _spellings(model) if (entry := _list().get(name))), None)
    if found is None:
        return Facts(known=False)
    return Facts(
        known=True,
        window=int(found.get("max_input_tokens") or found.get("max_tokens") or _DEFAULT_WINDOW),
        price_in=found.get("input_cost_per_token"),
        price_out=found.get("output_cost_per_token"),
        price_cache_write=found.get("cache_creation_input_token_cost"),
        price_cache_read=found.get("cache_read_input_token_cost"),
        reasoning=bool(found.get("supports_reasoning", False)),
        caching=bool(found.get("supports_prompt_caching", False)),
    )


def _spellings(model: str) -> list[str]:
    parts = model.split("/")
    bare = parts[-1]
    return [model, "/".join(parts[1:]), bare, bare.replace(".", "-")]


@cache
def _list() -> dict[str, Any]:
    spec = find_spec("litellm")
    for root in (spec.submodule_search_locations or []) if spec else []:
        path = Path(root) / "model_prices_and_context_window_backup.json"
        if path.is_file():
            data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return data
    return {}
