"""``# gadfly: ignore`` and ``# gadfly: ignore[rule, rule]``: on a line, above a line, or for a whole file.

A comment alone on its line before the first statement is for the file; alone elsewhere, for the next line.
"""

from __future__ import annotations

import re

_IGNORE = re.compile(r"#\s*gadfly:\s*ignore(?:\[([\w\-, ]*)\])?", re.IGNORECASE)


class Suppressions:
    """What the comments of one text switch off."""

    def __init__(self, lines: list[str], first_statement: int) -> None:
        self._whole: set[str] = set()
        self._by_line: dict[int, set[str]] = {}
        for number, line in enumerate(lines, start=1):
            found = _IGNORE.search(line) if "gadfly" in line else None
            if found is None:
                continue
            listed = {each.strip() for each in (found[1] or "").split(",") if each.strip()}
            names = listed or {"*"}
            alone = line.lstrip().startswith("#")
            if alone and number < first_statement:
                self._whole |= names
            else:
                self._by_line.setdefault(number + 1 if alone else number, set()).update(names)

    def covers(self, rule: str, start: int, end: int) -> bool:
        """Whether a finding of this rule on these lines is switched off."""
        if self._whole & {rule, "*"}:
            return True
        return any(
            self._by_line[line] & {rule, "*"}
            for line in range(start, end + 1)
            if line in self._by_line
        )
