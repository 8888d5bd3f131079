"""What long work will take, said before it begins; work that would not end is refused.

The time is that of one measured forward, scaled by tokens: right within a factor of two, which is what one needs in
order to decide. Short work is not forecast at all, since measuring would cost as much.
"""

from __future__ import annotations

import time

from gadfly.corpus.progress import Progress
from gadfly.errors import ToolInputError
from gadfly.tools.model import LocalModel

# Floating-point operations below which nothing is said: some seconds of work on each kind of device.
_SHORT = {"cpu": 5e11, "cuda": 5e14, "mps": 2e13}
_WORTH_SAYING = 10.0  # seconds
LONGEST = 7 * 86_400.0  # seconds
_PACES: dict[int, float] = {}


def forecast(
    model: LocalModel, what: str, tokens: int, progress: Progress, *, at_once: int | None = None
) -> float | None:
    """Announce the time and memory of work that runs ``tokens`` tokens through the model.

    Args:
        what: the work, as a noun: "the sweep".
        at_once: the most tokens of one forward; bounds the memory that is named.

    Returns:
        The expected seconds; None if the work is short.

    Raises:
        ToolInputError: it would take longer than a week.
    """
    parameters = sum(p.numel() for p in model.module.parameters())
    if 2.0 * parameters * tokens < _SHORT.get(model.device.type, 5e11):
        return None
    seconds = tokens * _pace(model)
    if seconds > LONGEST:
        raise ToolInputError(
            f"{what} would take about {_span(seconds)} on {model.device}: {tokens:,} tokens through {model.name}. "
            "Take fewer prompts, layers, positions or controls, or a faster device"
        )
    if seconds >= _WORTH_SAYING:
        memory = (
            "" if at_once is None else f", up to {gib(model, at_once):.1f} GiB beside the weights"
        )
        progress.note(f"{what}: about {_span(seconds)} on {model.device}{memory}. Ctrl-C stops it")
    return seconds


def _pace(model: LocalModel) -> float:
    """Seconds a token, from the faster of two forwards."""
    if id(model) not in _PACES:
        longest = getattr(model.module.config, "max_position_embeddings", None) or 64
        batch = model.batch_of([[1] * min(64, int(longest))] * 8)
        taken = []
        for _ in range(2):
            with model.working():
                started = time.monotonic()
                model.forward(batch).float().sum().item()  # waits for the device
                taken.append(time.monotonic() - started)
        _PACES[id(model)] = min(taken) / batch.ids.numel()
    return _PACES[id(model)]


def gib(model: LocalModel, tokens: int) -> float:
    """GiB that one forward over ``tokens`` tokens takes beside the weights: activations of one layer at its widest,
    the MLP's two inner streams beside the residual's."""
    config = model.module.config
    inner = getattr(config, "intermediate_size", None) or 4 * model.hidden_size
    size = next(model.module.parameters()).element_size()
    return float(tokens * (4 * model.hidden_size + 3 * inner) * size) / 2**30


def _span(seconds: float) -> str:
    for name, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} seconds"
