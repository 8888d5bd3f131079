"""What a conversation runs with."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from gadfly.agent.llm.model import ChatModel
from gadfly.agent.turn.budget import Budget

Window = Literal["auto", "rag", "full"]


@dataclass(frozen=True)
class Settings:
    """All of it but a ChatModel object is kept with the session."""

    llm: str | ChatModel | None = None
    """A litellm model name, ``offline``, ``local`` (the experiment model talks), a ChatModel, or None: by what is
    configured."""
    model: str = "demo"
    """The local model that experiments run on."""
    experiments: bool = True
    context: Window = "rag"
    """Whether the corpus is retrieved from (``rag``), put into the prompt (``full``), or what costs less (``auto``)."""
    skeptic: bool = True
    """Whether drafts face refutation and opposed framings (up to five more LLM calls a turn)."""
    side_effects: bool = True
    """Whether tools with side effects are offered where somebody can approve; each call waits for approval."""
    budget: Budget = field(default_factory=Budget)

    def kept(self) -> dict[str, Any]:
        """As plain data for the disk."""
        llm = self.llm if isinstance(self.llm, str) else None
        return asdict(replace(self, llm=llm))

    @classmethod
    def read(cls, data: dict[str, Any]) -> Settings:
        """Back from the disk; what an older or newer version wrote and this one does not know is left out."""
        known = {f.name for f in fields(cls)}
        limits = {f.name for f in fields(Budget)}
        budget = Budget(**{k: v for k, v in data.get("budget", {}).items() if k in limits})
        return cls(**{**{k: v for k, v in data.items() if k in known}, "budget": budget})
