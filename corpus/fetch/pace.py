"""How often a host may be asked. Counts within one process; the clock is handed in for tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import Lock

# arXiv's terms of use allow one request every three seconds, over all of its hosts together.
INTERVALS = {"arxiv.org": 3.0}
POLITE = 0.2


class Pace:
    """Waits until a host may be asked again."""

    def __init__(
        self,
        intervals: Mapping[str, float] = INTERVALS,
        *,
        default: float = POLITE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._intervals = dict(intervals)
        self._default = default
        self._clock = clock
        self._sleep = sleep
        self._free_at: dict[str, float] = {}
        self._lock = Lock()

    def wait(self, host: str) -> None:
        """Returns when it is this request's turn; sub-domains share their parent's interval."""
        name = next(
            (each for each in self._intervals if host == each or host.endswith(f".{each}")), host
        )
        with self._lock:
            now = self._clock()
            turn = max(now, self._free_at.get(name, now))
            self._free_at[name] = turn + self._intervals.get(name, self._default)
        if turn > now:
            self._sleep(turn - now)
