"""The packaged list of works that ``gadfly corpus build`` fetches: facts about them, never their text."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

Tier = Literal["core", "extended"]
_FILE = Path(__file__).parent / "works.jsonl"


class Work(BaseModel):
    """One work of the field. ``target`` is what ``sources.resolve`` takes (``arxiv:2202.05262``, an address)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    title: str
    authors: str
    year: int | None
    kind: Literal["paper", "article", "post", "documentation"]
    tier: Tier
    topic: str
    target: str
    why: str


@cache
def works() -> tuple[Work, ...]:
    """Every work of the manifest, in its order."""
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    return tuple(Work.model_validate(json.loads(line)) for line in lines)


def select(*, tier: Tier | None = None, only: str = "") -> tuple[Work, ...]:
    """The works of a tier, or those whose id, title, topic or authors hold all words of ``only``."""
    wanted = only.casefold().split()
    return tuple(
        work
        for work in works()
        if tier in (None, work.tier)
        and all(
            word in f"{work.id} {work.title} {work.topic} {work.authors}".casefold()
            for word in wanted
        )
    )
