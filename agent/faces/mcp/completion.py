"""Completion of arguments: documents, cards, runs, figures, models. Nothing is built or loaded for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp_types import Completion, CompletionArgument, CompletionContext

from gadfly.agent.faces.mcp import resources
from gadfly.tools.checkpoints import BUILT_IN

_MOST = 100  # values that one answer may hold, by the protocol


def add(server: MCPServer[Any]) -> None:
    """Register the one handler; an argument's name says what it is, in prompts and templates alike."""

    @server.completion()  # type: ignore[no-untyped-call, untyped-decorator]
    async def complete(
        ref: Any, argument: CompletionArgument, context: CompletionContext | None
    ) -> Completion | None:
        values = _VALUES.get(argument.name)
        if values is None:
            return None
        known = (context.arguments if context else None) or {}
        fitting = matching(argument.value, await asyncio.to_thread(lambda: list(values(known))))
        return Completion(values=fitting[:_MOST], total=len(fitting), has_more=len(fitting) > _MOST)


def matching(typed: str, values: Iterable[str]) -> list[str]:
    """What begins with the typed text, then what holds it, each once and in order."""
    typed = typed.lower()
    found = [each for each in dict.fromkeys(values) if typed in each.lower()]
    return sorted(found, key=lambda each: not each.lower().startswith(typed))


def _models(_: dict[str, str]) -> list[str]:
    used = [str(each.arguments.get("model", "")) for each in resources.latest(200)]
    return [each for each in [*BUILT_IN, *used] if each]


def _figures(known: dict[str, str]) -> list[str]:
    run = next((each for each in resources.latest(200) if each.id == known.get("run")), None)
    count = len(run.result.figures) if run and run.result else 0
    return [str(number + 1) for number in range(count)]


_VALUES: dict[str, Callable[[dict[str, str]], Iterable[str]]] = {
    "document": lambda _: resources.document_ids(),
    "card": lambda _: resources.cards(),
    "run": lambda _: [each.id for each in resources.latest(200)],
    "number": _figures,
    "model": _models,
    "interest": lambda _: [
        each.title for place, each in resources.cards().items() if place.startswith("problems/")
    ],
    "days": lambda _: ["1", "2", "3", "5", "10"],
}
