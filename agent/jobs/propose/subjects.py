"""Current open models by the numbers of their configurations, (``subjects.csv``), for estimates without a download.

Parameters are counted from the numbers, not copied: a test holds the counts against the published sizes. Vision towers
are left out. Names are those of the hub.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gadfly.tables import rows

Kind = Literal["base", "chat"]
OLD = ("gpt2", "gpt-2", "gpt-neo", "gpt-j", "opt-", "bert")


@dataclass(frozen=True)
class Subject:
    """A dense decoder. ``gated``: the MLP has three matrices. ``tied``: the unembedding is the embedding."""

    name: str
    family: str
    kind: Kind
    layers: int
    width: int
    inner: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    tied: bool
    gated: bool = True
    resources: str = ""

    @property
    def blocks(self) -> int:
        """Parameters of all blocks without norms and biases: what a forward multiplies by, for each token."""
        attention = self.width * self.head_size * (2 * self.heads + 2 * self.kv_heads)
        mlp = (3 if self.gated else 2) * self.width * self.inner
        return self.layers * (attention + mlp)

    @property
    def parameters(self) -> int:
        """All parameters, to within a percent."""
        return self.blocks + self.vocabulary * self.width * (1 if self.tied else 2)

    def forward_flops(self, tokens: int, logits: int = 1) -> float:
        """Operations of one forward over ``tokens`` tokens, unembedding ``logits`` of them."""
        mixing = 4.0 * self.layers * self.heads * self.head_size * tokens**2
        return 2.0 * self.blocks * tokens + mixing + 2.0 * logits * self.vocabulary * self.width

    def cache_bytes(self, tokens: int, size: float) -> float:
        """Bytes of keys and values for ``tokens`` tokens of ``size`` bytes a number."""
        return 2.0 * self.layers * self.kv_heads * self.head_size * tokens * size


SUBJECTS = rows(__file__, Subject)
_BY_NAME = {subject.name.lower(): subject for subject in SUBJECTS}


def find(name: str) -> Subject | None:
    """The subject with this hub name, or with this name behind the slash."""
    key = name.strip().lower()
    if key in _BY_NAME:
        return _BY_NAME[key]
    short = [s for full, s in _BY_NAME.items() if full.split("/")[-1] == key.split("/")[-1]]
    return short[0] if short else None


def smaller(than: Subject) -> list[Subject]:
    """Others of the same family and kind with fewer parameters, largest first."""
    alike = [
        s
        for s in SUBJECTS
        if s.family == than.family and s.kind == than.kind and s.parameters < than.parameters
    ]
    return sorted(alike, key=lambda s: -s.parameters)


def warning(name: str) -> str:
    """A word of caution on a subject of the GPT-2 era; empty otherwise."""
    short = name.split("/")[-1].lower()
    if short.startswith(OLD):
        return (
            f"{name} is of the GPT-2 era: much studied, weak at facts and useless for chat behaviour. What holds in it "
            "need not hold in a current model; take it for a replication, and repeat the end result in Qwen3 or Gemma 3"
        )
    return ""
