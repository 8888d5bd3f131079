"""What a server may reach: the folder it was started in, and what the person who started it added.

A client's user allows a tool by its name, once and for all. So a call may read below those folders alone, and fetching
from the hub and sending content to a provider are off unless the server was started with the option. Which argument
reaches what is told by ``tools.reach``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gadfly.errors import UsageError
from gadfly.settings import expanded
from gadfly.tools.contract import Tool, ToolArgs
from gadfly.tools.reach import ON_HUB, SENDS, declared
from gadfly.tools.reached import home_ground, reached

_ADDS = {
    "read": "a folder with: gadfly mcp --allow FOLDER",
    "fetch": "that with: gadfly mcp --allow-fetch",
    "send": "that with: gadfly mcp --allow-send",
}


@dataclass(frozen=True)
class Permits:
    """The options of ``gadfly mcp``. ``models`` are those that it was told to load."""

    folders: tuple[Path, ...] = ()
    fetch: bool = False
    send: bool = False
    models: frozenset[str] = frozenset()

    def check(self, tool: Tool[Any, Any], arguments: ToolArgs) -> None:
        """Let a call pass.

        Raises:
            UsageError: it reaches what this server may not; says which option adds it.
        """
        inside = (*home_ground(), *(expanded(each).resolve() for each in self.folders))
        for each in reached(arguments, inside, known=self.models):
            if (each.kind == "fetch" and self.fetch) or (each.kind == "send" and self.send):
                continue
            way_out = f"this server may not. Whoever starts it adds {_ADDS[each.kind]}"
            raise UsageError(f"{tool.name}: {each}; {way_out}")

    def leaves(self, tool: Tool[Any, Any]) -> bool:
        """Whether a call of the tool can fetch or send at all here."""
        kinds = set(declared(tool.args).values())
        return bool((self.fetch and kinds & ON_HUB) or (self.send and kinds & SENDS))
