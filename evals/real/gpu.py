"""What only a GPU shows: work that halves itself when memory runs out, the forecast of memory, and verdicts in
bfloat16 beside those in float32. The rest of the rows runs there as it does anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gadfly.evals.real.asking import Row, Rows, Subject
from gadfly.evals.real.rows import rows_of

_PAIRS = "indirect_object_pairs.report.jsonl"
_SLACK = 1.25  # memory is handed out in blocks


def rows(s: Subject, measured: Sequence[Row], tools: Sequence[str]) -> list[Row]:
    """Rows about the device.

    Args:
        measured: what the tools said there; a model in another dtype is asked again in float32.
    """
    found = [*_halving(s), *_forecast(s)]
    if s.dtype != "float32":
        found += _verdicts(s, measured, tools)
    return found


def _verdicts(s: Subject, measured: Sequence[Row], tools: Sequence[str]) -> Rows:
    whole = Subject(s.name, s.folder, s.device, "float32")
    exact = [row for tool in tools for row in rows_of(whole, tool)]
    for here, there in zip(measured, exact, strict=True):
        if there.verdict:
            fact = f"{there.verdict}, as in float32"
            yield here._replace(fact=fact, said=here.verdict, agreed=here.verdict == there.verdict)


def _halving(s: Subject) -> Rows:
    """A sweep in one batch, then with less memory than that takes: the same numbers, in parts."""
    import torch

    asked: dict[str, Any] = {"direction": "denoising", "layers": [0, 1], "max_rows": 4096}
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    whole = s.ask("patch", _PAIRS, **asked)
    peak = torch.cuda.max_memory_allocated()
    with _at_most(before + (peak - before) // 2):
        parts = s.ask("patch", _PAIRS, **asked)
    fact = "with half of the memory the same effect, in smaller batches"
    if whole.error or parts.error:
        yield s.refused(parts if parts.error else whole, fact)
        return
    one, other = whole.value("mediator_effect"), parts.value("mediator_effect")
    agreed = s.agree(other, one) and whole.verdict == parts.verdict
    yield s.row(parts, f"{fact}: {one:.3f}", f"{other:.3f}", agreed)


@contextmanager
def _at_most(size: int) -> Iterator[None]:
    """This process gets no more of the device's memory than ``size`` bytes."""
    import torch

    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, size / total))
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def _forecast(s: Subject) -> Rows:
    """The memory that one forward really takes beside the weights is no more than what is announced for it."""
    import torch

    from gadfly.tools.forecast import _gib
    from gadfly.tools.model import load

    model, tokens = load(str(s.folder), device=s.device, dtype=s.dtype), 8192
    batch = model.batch_of([[*range(300, 364)]] * (tokens // 64))
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    with model.working():
        model.forward(batch)
    took = (torch.cuda.max_memory_allocated() - before) / 2**30
    told = _gib(model, tokens)
    yield Row(
        "forecast",
        s.name,
        f"one forward over {tokens} tokens",
        f"takes {took:.2f} GiB",
        f"{told:.2f} GiB announced",
        "",
        took <= _SLACK * told,
        0.0,
    )
