"""Current open models by the numbers of their configurations, for estimates without a download.

Parameters are counted from the numbers, not copied: a test holds the counts against the published sizes. Vision towers
are left out. Names are those of the hub.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gadfly.errors import UsageError

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


_QWEN = (
    (0.6, 28, 1024, 3072, 16, 8, True),
    (1.7, 28, 2048, 6144, 16, 8, True),
    (4, 36, 2560, 9728, 32, 8, True),
    (8, 36, 4096, 12288, 32, 8, False),
    (14, 40, 5120, 17408, 40, 8, False),
)
_GEMMA = (
    ("270m", 18, 640, 2048, 4, 1, 256),
    ("1b", 26, 1152, 6912, 4, 1, 256),
    ("4b", 34, 2560, 10240, 8, 4, 256),
    ("12b", 48, 3840, 15360, 16, 8, 256),
    ("27b", 62, 5376, 21504, 32, 16, 128),
)
_PYTHIA = (
    ("70m", 6, 512, 8, 50304),
    ("160m", 12, 768, 12, 50304),
    ("410m", 24, 1024, 16, 50304),
    ("1b", 16, 2048, 8, 50304),
    ("1.4b", 24, 2048, 16, 50304),
    ("2.8b", 32, 2560, 32, 50304),
    ("6.9b", 32, 4096, 32, 50432),
)
_SCOPE = "Gemma Scope 2: SAEs and transcoders on every layer"
_CHECKPOINTS = "154 training checkpoints; for training dynamics, not for chat behaviour"


def _all() -> tuple[Subject, ...]:
    found: list[Subject] = []
    for size, layers, width, inner, heads, kv, tied in _QWEN:
        for suffix, kind in (("-Base", "base"), ("", "chat")):
            name = f"Qwen/Qwen3-{size:g}B{suffix}"
            found.append(
                Subject(name, "Qwen3", kind, layers, width, inner, heads, kv, 128, 151936, tied)  # type: ignore[arg-type]
            )
    found.append(
        Subject("Qwen/Qwen3-32B", "Qwen3", "chat", 64, 5120, 25600, 64, 8, 128, 151936, False)
    )
    for label, layers, width, inner, heads, kv, head_size in _GEMMA:
        for suffix, kind in (("pt", "base"), ("it", "chat")):
            name = f"google/gemma-3-{label}-{suffix}"
            found.append(
                Subject(
                    name, "Gemma 3", kind, layers, width, inner, heads, kv, head_size, 262144, True,  # type: ignore[arg-type]
                    resources=_SCOPE,
                )
            )  # fmt: skip
    found += [
        Subject("meta-llama/Llama-3.2-1B", "Llama 3", "base", 16, 2048, 8192, 32, 8, 64, 128256, True),
        Subject("meta-llama/Llama-3.2-1B-Instruct", "Llama 3", "chat", 16, 2048, 8192, 32, 8, 64, 128256, True),
        Subject("meta-llama/Llama-3.2-3B", "Llama 3", "base", 28, 3072, 8192, 24, 8, 128, 128256, True),
        Subject("meta-llama/Llama-3.2-3B-Instruct", "Llama 3", "chat", 28, 3072, 8192, 24, 8, 128, 128256, True),
        Subject("meta-llama/Llama-3.1-8B", "Llama 3", "base", 32, 4096, 14336, 32, 8, 128, 128256, False),
        Subject("meta-llama/Llama-3.1-8B-Instruct", "Llama 3", "chat", 32, 4096, 14336, 32, 8, 128, 128256, False),
        Subject("meta-llama/Llama-3.3-70B-Instruct", "Llama 3", "chat", 80, 8192, 28672, 64, 8, 128, 128256, False),
        Subject("allenai/OLMo-2-0425-1B", "OLMo 2", "base", 16, 2048, 8192, 16, 16, 128, 100352, False,
                resources="training data and checkpoints are public"),
        Subject("allenai/OLMo-2-1124-7B", "OLMo 2", "base", 32, 4096, 11008, 32, 32, 128, 100352, False,
                resources="training data and checkpoints are public"),
        Subject("allenai/Olmo-3-1025-7B", "OLMo 3", "base", 32, 4096, 11008, 32, 32, 128, 100278, False,
                resources="training data and checkpoints are public"),
        Subject("allenai/Olmo-3-1125-32B", "OLMo 3", "base", 64, 5120, 27648, 40, 8, 128, 100278, False,
                resources="training data and checkpoints are public"),
        Subject("openai-community/gpt2", "GPT-2", "base", 12, 768, 3072, 12, 12, 64, 50257, True, gated=False),
    ]  # fmt: skip
    for label, layers, width, heads, vocabulary in _PYTHIA:
        found.append(
            Subject(
                f"EleutherAI/pythia-{label}", "Pythia", "base", layers, width, 4 * width, heads, heads,
                width // heads, vocabulary, False, gated=False, resources=_CHECKPOINTS,
            )
        )  # fmt: skip
    return tuple(found)


SUBJECTS = _all()
_BY_NAME = {subject.name.lower(): subject for subject in SUBJECTS}


def find(name: str) -> Subject | None:
    """The subject with this hub name, or with this name behind the slash."""
    key = name.strip().lower()
    if key in _BY_NAME:
        return _BY_NAME[key]
    short = [s for full, s in _BY_NAME.items() if full.split("/")[-1] == key.split("/")[-1]]
    return short[0] if short else None


def subject(name: str) -> Subject:
    """As :func:`find`. Raises UsageError, naming the families there are."""
    found = find(name)
    if found is None:
        families = ", ".join(dict.fromkeys(s.family for s in SUBJECTS))
        raise UsageError(
            f"no configuration of {name!r} here; known families: {families}. "
            "'gadfly model_info --model NAME' reads one"
        )
    return found


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
