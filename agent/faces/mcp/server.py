"""The server, put together: every tool and job, the ledger, work that outlives a call, prompts, resources.

Building it loads no torch, no litellm and no chromadb; a call loads what it needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from mcp.server.mcpserver import Context, MCPServer
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, GetPromptResult, InputRequiredResult, Resource

from gadfly import __version__
from gadfly.agent.faces.mcp import ledger, prompts, resources
from gadfly.agent.faces.mcp.calls import Workers
from gadfly.agent.faces.mcp.declared import from_engine, served
from gadfly.agent.faces.mcp.jobs import Jobs
from gadfly.agent.faces.mcp.permits import Permits
from gadfly.agent.faces.mcp.results import Pages
from gadfly.agent.jobs.propose.job import propose
from gadfly.agent.jobs.review import review
from gadfly.agent.llm.prompting import prompt
from gadfly.tools.contract import Tool
from gadfly.tools.registry import all_tools

JOBS = (served(review), served(propose))


class Gadfly(MCPServer[Any]):
    """The SDK's server. Its list of resources is made when it is asked for; a wrong prompt is the caller's error."""

    async def list_resources(self) -> list[Resource]:
        return [*await super().list_resources(), *await asyncio.to_thread(resources.entries)]

    async def get_prompt(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        context: Context[Any, Any] | None = None,
    ) -> GetPromptResult | InputRequiredResult:
        if name not in prompts.TITLES:
            known = ", ".join(prompts.TITLES)
            raise MCPError(INVALID_PARAMS, f"no prompt {name!r}; there are: {known}")
        for each in prompts.taken(name):
            if prompts.ARGUMENTS[each].default is None and each not in (arguments or {}):
                about = prompts.ARGUMENTS[each].about
                raise MCPError(INVALID_PARAMS, f"prompt {name} needs {each}: {about}")
        return await super().get_prompt(name, arguments, context)


class Built(NamedTuple):
    """A server, and the workers that its owner closes at the end."""

    server: Gadfly
    workers: Workers


def build(
    tools: Sequence[Tool[Any, Any]] | None = None, *, permits: Permits | None = None
) -> Built:
    """A server over the registry, or over the given tools. Without ``permits`` it keeps to its folder."""
    listed = [
        *(all_tools() if tools is None else tools),
        *JOBS,
        ledger.runs,
        ledger.show_run,
        ledger.rerun,
    ]
    engine = {each.name: each for each in listed}  # a job does what its tool does, and more
    workers, pages = Workers(permits), Pages()
    jobs = Jobs(engine, workers, pages)
    server = Gadfly(
        "gadfly",
        title="Gadfly",
        version=__version__,
        description="Mechanistic interpretability: a corpus to quote, experiments with controls, a code review",
        instructions=prompt("mcp_instructions").render(),
        tools=[*(from_engine(each, workers, pages) for each in engine.values()), *jobs.tools()],
        log_level="WARNING",
    )
    prompts.add(server)
    resources.add(server)
    resources.add_completion(server)
    return Built(server, workers)
