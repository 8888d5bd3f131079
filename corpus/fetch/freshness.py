"""How long what was fetched stays fresh, as a source's cheap fingerprint has to know it without asking."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from gadfly.corpus.fetch.client import DAY, Client, default_client

WEEK = 7 * DAY
_EVER = 100 * 365 * DAY


@dataclass(frozen=True)
class Fetching:
    """How a source fetches. ``refresh`` asks the server now, whatever is kept here."""

    client: Client | None = None
    refresh: bool = False
    stamp: int = field(default_factory=time.time_ns, compare=False)

    def use(self) -> Client:
        return self.client if self.client is not None else default_client()

    def period(self, *, pinned: bool = False) -> str:
        """The part of a fingerprint that goes out of date: each week, or never for a fixed version."""
        if self.refresh:
            return f"refresh {self.stamp}"
        return "pinned" if pinned else f"week {int(time.time() // WEEK)}"

    def max_age(self, *, pinned: bool = False) -> float:
        """How old a kept copy may be."""
        if self.refresh:
            return 0.0
        return _EVER if pinned else DAY
