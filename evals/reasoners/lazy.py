"""The lazy reasoner: one sentence from memory, no tool, no receipt; a judgement without reading."""

from __future__ import annotations

import re
from typing import Any

from gadfly.evals.reasoners.base import Reasoner, Turn


class Lazy(Reasoner):
    """What a model does that wants to be done."""

    name = "lazy"

    def turn(self, turn: Turn) -> str | tuple[str, dict[str, Any]]:
        about = re.sub(r"[^\w ]", "", turn.question)[:60].strip() or "this"
        return f"It is well known that {about} depends on the middle layers, in about 80% of the cases."

    def judge(self, framing: str, material: str, evidence: str) -> tuple[str, str]:
        return "Looks good to me!", ""
