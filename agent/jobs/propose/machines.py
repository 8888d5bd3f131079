"""GPUs that researchers have (``machines.csv``): memory, dense throughput, bandwidth. A measurement beats this table.

Throughput is the vendor's figure for dense bfloat16 with float32 accumulation, without sparsity.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gadfly.errors import UsageError
from gadfly.tables import rows


@dataclass(frozen=True)
class Machine:
    """``memory`` in GB (10^9 bytes), ``teraflops`` dense bfloat16, ``bandwidth`` in GB/s."""

    name: str
    memory: float
    teraflops: float
    bandwidth: float
    source: str
    note: str = ""


MACHINES = rows(__file__, Machine)
_SIZE = re.compile(r"^(\d+(?:\.\d+)?)\s*(?:GB|GiB|G)$", re.IGNORECASE)


def machine(text: str) -> Machine:
    """The machine that ``text`` names: ``RTX 4090``, ``a100-80gb``, ``none``, or a size such as ``24GB``.

    A size stands for the slowest machine of the table with at most that memory, at that size: the plan must fit the
    slowest.

    Raises:
        UsageError: nothing fits; the message lists the names.
    """
    wanted = text.strip()
    if _plain(wanted) in ("none", "cpu", ""):
        return MACHINES[0]
    sized = _SIZE.match(wanted)
    if sized:
        size = float(sized[1])
        if not 2 <= size <= 4096:
            raise UsageError(
                f"a GPU of {wanted}? Give its memory between 2GB and 4096GB, or a name"
            )
        gpus = MACHINES[1:]
        alike = [m for m in gpus if 0.8 * size <= m.memory <= size]
        alike = alike or [min(gpus, key=lambda m: abs(m.memory - size))]
        base = min(alike, key=lambda m: (m.teraflops, m.bandwidth))
        note = f"taken as a {base.name} of that size; name the GPU for a closer estimate"
        return Machine(f"{size:g}GB GPU", size, base.teraflops, base.bandwidth, base.source, note)
    exact = [m for m in MACHINES if _plain(m.name) == _plain(wanted)]
    near = exact or [m for m in MACHINES if _plain(wanted) in _plain(m.name)]
    within = [m for m in MACHINES if _plain(m.name) in _plain(wanted)]
    near = near or sorted(within, key=lambda m: -len(m.name))[:1]
    if not near:
        listed = ", ".join(m.name for m in MACHINES)
        raise UsageError(
            f"no GPU {text!r} in the table; give its memory (24GB), none, or: {listed}"
        )
    # "A100" alone may be either: the smaller must do.
    return min(near, key=lambda m: m.memory)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower()).removeprefix("nvidia").removeprefix("geforce")
