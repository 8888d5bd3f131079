"""Tables that a reStructuredText file has in CSV files beside it, written into it: pandoc opens no files.

Leaves out what other directives draw in (``include``, ``literalinclude``): such files are documents of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from gadfly.corpus.readers.encoding import decode

_TABLE = re.compile(
    r"^([ \t]*)\.\. csv-table::[ \t]*([^\n]*)\n((?:[ \t]+:[\w-]+:[^\n]*\n?)+)", re.M
)
_OPTION = re.compile(r"^[ \t]+:([\w-]+):[ \t]*([^\n]*)$", re.M)
_ELSEWHERE = ("file", "url", "encoding")
_MOST = 200_000  # characters of a table that anybody reads


def drawn_in(text: str, opened: Callable[[str], bytes | None]) -> tuple[str, list[str]]:
    """The text with the tables' rows in it, and what is said of those that cannot be had."""
    missed: list[str] = []

    def filled(found: re.Match[str]) -> str:
        indent, title, options = found.groups()
        told = dict(_OPTION.findall(options))
        name = told.get("file", "").strip() or told.get("url", "").strip()
        if not name:
            return found.group()
        data = opened(name.lstrip("/")) if "file" in told else None
        rows = decode(data).strip("\n") if data else ""
        if not rows or len(rows) > _MOST:
            why = "too long to be read" if rows else "not there"
            missed.append(f"the table of {name} is left out, it is {why}")
            return f"{indent}[{title or 'Table'}: {name}]\n"
        inner = f"{indent}   "
        kept = [f"{inner}:{key}: {value}" for key, value in told.items() if key not in _ELSEWHERE]
        body = [f"{inner}{row}" for row in rows.splitlines()]
        return "\n".join([f"{indent}.. csv-table:: {title}", *kept, "", *body]) + "\n"

    return _TABLE.sub(filled, text), missed
