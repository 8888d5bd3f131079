"""What an import did: how many documents, what was mended, and the proof that no word was lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Report:
    """``characters`` counts what is not white space. ``removed`` says how much of it went as mere markup,
    by kind; ``lost`` names each word that went otherwise, and is empty unless a reader has a fault."""

    name: str
    style: str
    documents: int = 0
    mended: Counter[str] = field(default_factory=Counter)
    empty: list[str] = field(default_factory=list)
    characters_read: int = 0
    characters_kept: int = 0
    removed: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)

    def line(self) -> str:
        """The report on one line, for a person."""
        said = [f"{self.name}: {self.documents} documents ({self.style})"]
        if self.mended:
            said.append(
                "mended: "
                + ", ".join(f"{count} {kind}" for kind, count in sorted(self.mended.items()))
            )
        if self.empty:
            more = f" and {len(self.empty) - 5} more" if len(self.empty) > 5 else ""
            said.append(f"nothing in: {', '.join(self.empty[:5])}{more}")
        share = 100 * self.characters_kept / max(self.characters_read, 1)
        if self.lost:
            worst = ", ".join(word for word, _ in self.lost.most_common(5))
            said.append(
                f"{self.lost.total()} words lost ({worst}); {share:.1f} % of the characters kept"
            )
        else:
            said.append(f"no word lost, {share:.1f} % of the characters kept (the rest is markup)")
        return "; ".join(said)
