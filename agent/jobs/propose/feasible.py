"""Whether a draft fits a machine, by calculation; and what was changed where it did not.

Operations come from the model's configuration; time from the slowest of arithmetic, reading the weights and launching
layers; memory from weights, cache, activations and logits. What does not fit is changed in this order: a smaller model,
8-bit weights, fewer prompts, fewer judge calls. Estimates are meant to be right within a factor of three. Leaves out
training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pydantic import BaseModel, computed_field

from gadfly.agent.jobs.propose.draft import Draft, Judge, Work
from gadfly.agent.jobs.propose.machines import Machine
from gadfly.agent.jobs.propose.subjects import Subject, find, smaller, warning

HOURS = 8.0  # of work in a day
_SHARE = 0.5  # of the working hours that the machine may be busy: a plan needs time to think
_BUSY = 0.3  # of the peak throughput that batched forwards with hooks reach
_SURPRISES = 1.3
_LAYER_SECONDS = 1e-3  # Python, hooks and kernel launches of a layer in a forward, of any size
_BATCH = 16
_SPARE = 1.5e9  # bytes that the driver, the context and fragmentation take
_KEPT = 0.5  # share of the prompts worth keeping a larger model for
_FEWEST = 50  # prompts below which nothing can be said
_DOLLARS_IN, _DOLLARS_OUT = 3.0, 15.0  # a million tokens; an assumption that is printed
_FALLBACK = "Qwen/Qwen3-1.7B"
_DTYPES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "int8": 1.0}


class Item(BaseModel):
    """One piece of work, counted."""

    what: str
    passes: float
    tokens: float
    flops: float
    seconds: float


class Feasibility(BaseModel):
    """The estimate of the plan as it was made to fit. Memory in GB (10^9 bytes), time in seconds."""

    model: str
    dtype: str
    machine: str
    machine_source: str
    parameters: float
    weights_gb: float
    memory_gb: float
    memory_limit_gb: float
    flops: float
    seconds: float
    limit_seconds: float
    api_dollars: float
    budget_dollars: float
    items: list[Item]
    prompts_factor: float = 1.0
    changes: list[str] = []
    warnings: list[str] = []

    @computed_field  # type: ignore[prop-decorator]
    @property
    def fits(self) -> bool:
        """Whether memory, time and money suffice."""
        enough = self.memory_gb <= self.memory_limit_gb and self.seconds <= self.limit_seconds
        return enough and self.api_dollars <= self.budget_dollars


@dataclass(frozen=True)
class Limits:
    """What there is: a machine, days of work, dollars for an API."""

    machine: Machine
    days: int
    dollars: float

    @property
    def seconds(self) -> float:
        return self.days * HOURS * 3600 * _SHARE


def fit(draft: Draft, limits: Limits) -> Feasibility:
    """The draft on this machine: the first of its models that fits, changed where it must be."""
    changes: list[str] = []
    unknown = [name for name in draft.models if find(name) is None]
    if unknown:
        changes.append(f"no configuration of {', '.join(unknown)} is known here: left out")
    names = [name for name in draft.models if name not in unknown] or [_FALLBACK]
    wanted = [found for name in names if (found := find(name))]
    trial = _choose(wanted, draft.work, limits, changes)
    model, dtype, factor = trial.model, trial.dtype, _factor(trial, changes)
    items = [_item(model, dtype, _fewer(work, factor), limits.machine) for work in draft.work]
    seconds = _SURPRISES * sum(item.seconds for item in items)
    dollars = _judged(draft.judge, limits.dollars, changes)
    notes = [note for note in (warning(model.name), limits.machine.note) if note]
    if dtype == "int8":
        notes.append(
            "8-bit weights change activations, and the tools here load 16-bit models: repeat one cell in 16 bits on a "
            "smaller model before believing any of it"
        )
    return Feasibility(
        model=model.name,
        dtype=dtype,
        machine=limits.machine.name,
        machine_source=limits.machine.source,
        parameters=float(model.parameters),
        weights_gb=model.parameters * _DTYPES[dtype] / 1e9,
        memory_gb=trial.gigabytes,
        memory_limit_gb=limits.machine.memory,
        flops=sum(item.flops for item in items),
        seconds=seconds,
        limit_seconds=limits.seconds,
        api_dollars=dollars,
        budget_dollars=limits.dollars,
        items=items,
        prompts_factor=factor,
        changes=changes,
        warnings=notes,
    )


def memory_bytes(model: Subject, dtype: str, work: list[Work]) -> float:
    """Peak memory: weights, then the widest piece of work at a batch of 16 (gradients keep every layer)."""
    size = max(_DTYPES[dtype], 2.0)  # activations stay 16-bit under 8-bit weights
    widest = 0.0
    for piece in work:
        tokens = _BATCH * (piece.tokens + piece.new_tokens)
        layer = tokens * (4 * model.width + 3 * model.inner) * size
        held = layer * (model.layers if piece.backward else 2)
        scores = _BATCH * model.heads * (piece.tokens + piece.new_tokens) ** 2 * 4.0
        logits = _BATCH * model.vocabulary * 4.0
        cache = model.cache_bytes(tokens, size) if piece.new_tokens else 0.0
        widest = max(widest, held + scores + logits + cache)
    return model.parameters * _DTYPES[dtype] + widest + _SPARE


def work_flops(model: Subject, work: Work) -> tuple[float, float]:
    """Operations and passes of one piece of work."""
    sites = {
        "prompt": 1,
        "layer": model.layers,
        "layer-position": model.layers * work.tokens,
        "head": model.layers * model.heads,
    }[work.per]
    passes = float(work.prompts) * work.times * sites
    one = model.forward_flops(work.tokens) * (3 if work.backward else 1)
    # A generated token mixes with all before it; the mean context is the prompt and half of what is new.
    new = work.new_tokens
    if new:
        context = work.tokens + new / 2
        mixing = 4.0 * model.layers * model.heads * model.head_size * context
        one += new * (2.0 * (model.blocks + model.vocabulary * model.width) + mixing)
    return passes * one, passes


def seconds_of(model: Subject, dtype: str, work: Work, machine: Machine) -> float:
    """The slowest of arithmetic, reading the weights and launching layers; the last two once for each batch, and once
    for each new token when generating."""
    flops, passes = work_flops(model, work)
    arithmetic = flops / (machine.teraflops * 1e12 * _BUSY)
    reads = passes / _BATCH * (1 + work.new_tokens)
    reading = reads * model.parameters * _DTYPES[dtype] / (machine.bandwidth * 1e9)
    return max(arithmetic, reading, reads * model.layers * _LAYER_SECONDS)


class _Trial(NamedTuple):
    """A model in a number format, for this work within these limits."""

    model: Subject
    dtype: str
    work: list[Work]
    limits: Limits

    @property
    def gigabytes(self) -> float:
        return memory_bytes(self.model, self.dtype, self.work) / 1e9

    @property
    def seconds(self) -> float:
        machine = self.limits.machine
        return _SURPRISES * sum(seconds_of(self.model, self.dtype, w, machine) for w in self.work)

    @property
    def share(self) -> float:
        """The share of the prompts that the time is enough for; it may be more than 1."""
        return self.limits.seconds / max(self.seconds, 1e-9)

    def against(self, least: float) -> str:
        """Why it does not fit, even with this share of the prompts; empty if it does."""
        room = self.limits.machine.memory
        if self.gigabytes > room:
            return f"needs {self.gigabytes:.0f} GB in {self.dtype}, there are {room:g}"
        if self.share < min(1.0, least):
            hours, there = self.seconds / 3600, self.limits.seconds / 3600
            return f"would run for {hours:,.0f} hours, there are {there:.0f}"
        return ""


def _choose(wanted: list[Subject], work: list[Work], limits: Limits, changes: list[str]) -> _Trial:
    """The first that fits in memory and, with most of its prompts, in time; after the wanted, smaller relatives.

    Where none does, the first that fits with the fewest prompts that still say something; then the smallest, in 8 bits
    where memory was the reason.
    """
    dtype = {"CPU": "float32", "T4": "float16"}.get(limits.machine.name, "bfloat16")
    models = dict.fromkeys([*wanted, *(s for one in wanted[:1] for s in smaller(one))])
    tried = [_Trial(model, dtype, work, limits) for model in models]
    for least in (max(_KEPT, _least(work)), _least(work)):
        reasons: list[str] = []
        for trial in tried:
            reason = trial.against(least)
            if not reason:
                changes += reasons
                return trial
            reasons.append(f"{trial.model.name} {reason}: a smaller model")
    smallest = min(tried, key=lambda trial: trial.model.parameters)
    in_8_bits = smallest._replace(dtype="int8")
    if smallest.gigabytes > limits.machine.memory >= in_8_bits.gigabytes:
        changes.append(f"{smallest.model.name} fits only with 8-bit weights")
        return in_8_bits
    return smallest


def _least(work: list[Work]) -> float:
    """The smallest factor on prompts that leaves something to say."""
    return _FEWEST / max(piece.prompts for piece in work)


def _factor(trial: _Trial, changes: list[str]) -> float:
    if trial.share >= 1:
        return 1.0
    work = trial.work
    factor = max(trial.share * 0.95, min(1.0, _least(work)))
    if factor < 1:
        counts = ", ".join(f"{w.what}: {w.prompts:,} → {_fewer(w, factor).prompts:,}" for w in work)
        changes.append(f"fewer prompts, to fit the time ({counts})")
    return factor


def _fewer(work: Work, factor: float) -> Work:
    if factor >= 1:
        return work
    least = min(work.prompts, _FEWEST)
    return work.model_copy(update={"prompts": max(least, int(work.prompts * factor))})


def _item(model: Subject, dtype: str, work: Work, machine: Machine) -> Item:
    flops, passes = work_flops(model, work)
    return Item(
        what=work.what,
        passes=passes,
        tokens=passes * (work.tokens + work.new_tokens),
        flops=flops,
        seconds=seconds_of(model, dtype, work, machine),
    )


def _judged(judge: Judge | None, budget: float, changes: list[str]) -> float:
    """Dollars of the judge's calls, cut to the budget."""
    if judge is None:
        return 0.0
    each = (judge.input_tokens * _DOLLARS_IN + judge.output_tokens * _DOLLARS_OUT) / 1e6
    cost = judge.calls * each
    if cost <= budget:
        return cost
    calls = int(budget / each)
    changes.append(
        f"{judge.calls:,} judge calls would cost ${cost:,.0f}: {calls:,} calls for ${calls * each:,.2f} instead"
    )
    return calls * each


def price_note() -> str:
    """The assumption behind dollars, for the page."""
    return f"at ${_DOLLARS_IN:g} and ${_DOLLARS_OUT:g} a million tokens in and out (assumed)"
