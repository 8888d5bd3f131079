"""Where one document stands inside a dump."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """One document inside a dump. ``head`` is where its separator begins, ``start`` to ``end`` its text."""

    name: str
    head: int
    start: int
    end: int
    fields: tuple[tuple[str, str], ...] = ()
