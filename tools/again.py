"""A recorded run again: its arguments as its tool takes them today, running it once more, and what moved."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from gadfly.corpus.progress import Progress
from gadfly.errors import LedgerError
from gadfly.tools.ledger import Ledger
from gadfly.tools.registry import by_name
from gadfly.tools.runner import execute


class Moved(BaseModel):
    """One number that a re-run did not reproduce within tolerance."""

    field: str
    before: float
    after: float | None


class Rerun(BaseModel):
    """A run executed again: ``moved`` is empty when everything came out the same."""

    original: str
    run: str
    compared: int
    moved: list[Moved]
    verdict_before: str
    verdict_after: str
    environment_changed: dict[str, tuple[Any, Any]]


def rerun(
    run_id: str,
    *,
    tolerance: float = 1e-4,
    progress: Progress | None = None,
    ledger: Ledger | None = None,
) -> Rerun:
    """Execute a recorded run again and say what moved.

    Args:
        tolerance: the largest difference, absolute below 1 and relative above, that counts as equal.

    Raises:
        LedgerError: the run is unknown, never finished, or its tool no longer exists.
    """
    ledger = ledger or Ledger()
    before = ledger.get(run_id)
    if before.result is None:
        raise LedgerError(f"run {before.id} was {before.status}; only finished runs can be re-run")
    result = execute(
        by_name(before.tool), before.arguments, progress=progress, ledger=ledger, rerun_of=before.id
    )
    after = ledger.get(result.run)
    old, new = before.result.values, result.values
    moved = [
        Moved(field=name, before=value, after=new.get(name))
        for name, value in old.items()
        if not _same(value, new.get(name), tolerance)
    ]
    return Rerun(
        original=before.id,
        run=after.id,
        compared=len(old),
        moved=moved,
        verdict_before=before.result.verdict,
        verdict_after=result.verdict,
        environment_changed=_changed(before.environment, after.environment),
    )


def _changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What is otherwise now, each file by itself. Of a file that the earlier run kept no hash of nothing is known."""
    old, new = dict(before), dict(after)
    once, today = old.pop("files", {}), new.pop("files", {})
    changed = {key: (old.get(key), value) for key, value in new.items() if old.get(key) != value}
    for path, value in today.items():
        if once.get(path, value) != value:
            changed[f"the file {path}"] = (once[path], value)
    return changed


def _same(before: float, after: float | None, tolerance: float) -> bool:
    if after is None:
        return False
    if before != before or after != after:
        return before != before and after != after  # NaN equals NaN here
    return abs(before - after) <= tolerance * max(1.0, abs(before))
