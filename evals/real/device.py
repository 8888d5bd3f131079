"""Memory: work that halves itself when it runs out, and the forecast of it.

Without a GPU the bytes of tensors are counted, and memory runs out at a count, so that these rows are tried where there
is none. Leaves out what a device's own allocator and kernels take.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gadfly.evals.real.asking import Answer, Row, Rows, Subject

_PAIRS = "indirect_object_pairs.report.jsonl"
_SLACK = 1.25  # memory is handed out in blocks
_TOKENS = 2048


def memory(s: Subject) -> Rows:
    from gadfly.tools.model import load

    load(str(s.folder), device=s.device, dtype=s.dtype)  # the weights do not count
    yield from _halving(s)
    yield from _forecast(s)


def _halving(s: Subject) -> Rows:
    """A sweep in one batch, then with less memory than that takes: the same numbers, in parts."""
    last = len(s.plain.blocks) - 1
    asked: dict[str, Any] = {"direction": "denoising", "layers": [last - 1, last], "max_rows": 4096}
    fact = f"with half of the memory{_how(s)} the same effects, in smaller batches"
    answers: list[Answer] = []
    peak = _peak(s, lambda: answers.append(s.ask("patch", _PAIRS, **asked)))
    (whole,) = answers
    if whole.error:
        yield s.refused(whole, fact)
        return
    with _at_most(s, peak // 2):
        parts = s.ask("patch", _PAIRS, **asked)
    if parts.error:
        yield s.refused(parts, fact)
        return
    before, after = _numbers(whole), _numbers(parts)
    apart = max(abs(one - other) for one, other in zip(before, after, strict=True))
    notes = [note for note in parts.result.notes if "memory ran out" in note]
    agreed = bool(notes) and apart <= s.near and whole.verdict == parts.verdict
    told = notes[-1] if notes else "no note that memory ran out"
    yield s.row(parts, fact, f"{len(after)} cells within {apart:.0e}; {told}", agreed)


def _numbers(got: Answer) -> list[float]:
    return [cell for row in got.result.table.rows for cell in row if isinstance(cell, float)]


def _forecast(s: Subject) -> Rows:
    """The memory that one forward really takes beside the weights is no more than what is announced for it."""
    from gadfly.tools.forecast import gib
    from gadfly.tools.model import load

    model = load(str(s.folder), device=s.device, dtype=s.dtype)
    batch = model.batch_of([[*range(300, 364)]] * (_TOKENS // 64))

    def forward() -> None:
        with model.working():
            model.forward(batch)

    took, told = _peak(s, forward) / 2**30, gib(model, _TOKENS)
    ran, fact = f"one forward over {_TOKENS} tokens", f"takes {took:.2f} GiB{_how(s)}"
    agreed = took <= _SLACK * told
    yield Row("memory", s.name, ran, fact, f"{told:.2f} GiB announced", "", agreed, 0.0)


def _how(s: Subject) -> str:
    return "" if s.device.startswith("cuda") else " (tensors counted, no GPU)"


def _peak(s: Subject, work: Callable[[], object]) -> int:
    """The most bytes that tensors took during ``work``, beside those that were there before."""
    import torch

    if s.device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return torch.cuda.max_memory_allocated() - before
    with _counted() as most:
        work()
    return most[0]


@contextmanager
def _at_most(s: Subject, size: int) -> Iterator[None]:
    """Work gets no more than ``size`` bytes beside what is there."""
    import torch

    if not s.device.startswith("cuda"):
        with _counted(size):
            yield
        return
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    allowed = torch.cuda.memory_allocated() + size
    torch.cuda.set_per_process_memory_fraction(min(1.0, allowed / total))
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


@contextmanager
def _counted(limit: int | None = None) -> Iterator[list[int]]:
    """Bytes of the tensors that are made here and still there: the most so far, in a list of one.

    Args:
        limit: memory runs out above so many bytes.
    """
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    now, most, seen = 0, [0], set[int]()

    def freed(key: int, size: int) -> None:
        nonlocal now
        now -= size
        seen.discard(key)

    class Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            nonlocal now
            out = func(*args, **(kwargs or {}))
            for each in tree_leaves(out):
                if not isinstance(each, torch.Tensor):
                    continue
                storage = each.untyped_storage()
                key = storage._cdata
                if key in seen or any(
                    isinstance(given, torch.Tensor) and given.untyped_storage()._cdata == key
                    for given in tree_leaves((args, kwargs))
                ):
                    continue  # a view of what was there
                seen.add(key)
                now += storage.nbytes()
                weakref.finalize(storage, freed, key, storage.nbytes())
            most[0] = max(most[0], now)
            if limit is not None and now > limit:
                raise torch.cuda.OutOfMemoryError(f"more than {limit} bytes")
            return out

    with Counting():  # type: ignore[no-untyped-call]
        yield most
