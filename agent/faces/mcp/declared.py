"""An MCP tool whose schemas come from a declaration, not from a Python signature.

The SDK builds tools from functions. Here the pydantic models of the engine are the declaration, so its class is
kept and only what it would derive is given. Only a ToolError's text reaches a client: every error becomes one.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Any, get_args, get_origin

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool as SdkTool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import BaseModel, BeforeValidator, Field, create_model

from gadfly.agent.faces.mcp.calls import Running, Workers
from gadfly.agent.faces.mcp.results import Pages, rendered
from gadfly.agent.jobs.job import Job
from gadfly.agent.llm.choose import OFFLINE
from gadfly.errors import GadflyError
from gadfly.tools.contract import Tool
from gadfly.tools.contract import tool as declare
from gadfly.tools.reach import LlmName
from gadfly.tools.runner import validate

MOST_ARGUMENTS = 4 * 1024 * 1024  # characters of JSON, as the SDK's own limit on an HTTP body
_NULL = {"type": "null"}
_TELL_EVERY = 0.25  # seconds between reports of progress

Answer = Callable[[dict[str, Any], Context[Any, Any]], Awaitable[CallToolResult]]
log = logging.getLogger(__name__)


class Declared(SdkTool):
    """A tool of the server: its declaration, and the coroutine that answers a call."""

    answer: Answer = Field(exclude=True)

    async def run(
        self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False
    ) -> CallToolResult:
        """Answer a call. Raises ToolError with one line that says what to do instead."""
        size = _size(arguments)
        if size > MOST_ARGUMENTS:
            raise ToolError(
                f"{self.name}: the arguments take {size / 1e6:,.0f} MB; at most "
                f"{MOST_ARGUMENTS / 1e6:,.0f} MB are taken. Put the data in a file and give its path"
            )
        try:
            return await self.answer(arguments, context)
        except GadflyError as error:
            raise ToolError(" ".join(str(error).split())) from error
        except (ToolError, MCPError):
            raise
        except Exception as error:
            log.exception("%s broke", self.name)
            raise ToolError(
                f"{self.name} broke ({type(error).__name__}: {' '.join(str(error).split())[:300]}). "
                "This is a bug of Gadfly, not of the call; the server's log has the traceback"
            ) from error


def from_engine(tool: Tool[Any, Any], workers: Workers, pages: Pages) -> Declared:
    """A tool or job of the engine, run on the workers with progress and cancellation."""

    async def answer(arguments: dict[str, Any], context: Context[Any, Any]) -> CallToolResult:
        running = workers.run(tool, unquoted(tool.args, arguments))
        result = await finished(running, context)
        if tool.is_experiment:
            await context.notify_resources_changed()  # its run is one more
        return await asyncio.to_thread(rendered, result, pages)

    description = f"{tool.description} Cost: {tool.cost}."
    # An experiment adds a run to the ledger, so it is not read-only.
    leaves = workers.permits.leaves(tool)
    reads = tool.read_only and not tool.is_experiment and not leaves
    return _declared(tool, description, answer, reads=reads, leaves=leaves)


def face_tool(
    function: Callable[[Any], Awaitable[BaseModel]],
    pages: Pages,
    *,
    reads: bool = True,
    leaves: bool = False,
) -> Declared:
    """A tool of the server itself: ``async (args: Model) -> Model``, described by its docstring."""
    made: Tool[Any, Any] = declare(name=function.__name__, cost="")(function)  # type: ignore[arg-type]

    async def answer(arguments: dict[str, Any], context: Context[Any, Any]) -> CallToolResult:
        result = await function(validate(made, unquoted(made.args, arguments)))
        if isinstance(result, CallToolResult):
            return result
        return await asyncio.to_thread(rendered, result, pages)

    return _declared(made, made.description, answer, reads=reads, leaves=leaves)


def served(job: Job[Any, Any]) -> Tool[Any, Any]:
    """A job as a client calls it. The client brings the LLM, so none of Gadfly's own speaks unless it is named: what is
    configured here is no permission to send."""
    described = job.args.model_fields["llm"].description
    llm = Field(default=OFFLINE, description=described)
    args = create_model(job.args.__name__, __base__=job.args, llm=(_Named, llm))
    return replace(job, args=args)


_Named = Annotated[LlmName, BeforeValidator(lambda given: given or OFFLINE)]


def _declared(
    tool: Tool[Any, Any], description: str, answer: Answer, *, reads: bool, leaves: bool
) -> Declared:
    """A tool from its parts; nothing here destroys. ``leaves``: it may fetch or send here, so it is neither read-only
    nor closed."""
    output = _plain(tool.result.model_json_schema(mode="serialization"), finite=True)
    return Declared(
        title=None,
        context_kwarg=None,
        fn=answer,
        answer=answer,
        name=tool.name,
        description=description,
        parameters=_plain(tool.args.model_json_schema(), finite=False),
        fn_metadata=FuncMetadata(arg_model=ArgModelBase, output_schema=output),
        is_async=True,
        annotations=ToolAnnotations(
            read_only_hint=reads,
            destructive_hint=False,
            idempotent_hint=reads,
            open_world_hint=leaves,
        ),
    )


async def finished(running: Running, context: Context[Any, Any]) -> BaseModel:
    """The result of a call, told of its progress meanwhile. A client that cancels stops the work."""
    waiting = running.here()
    told = 0
    try:
        while not (await asyncio.wait({waiting}, timeout=_TELL_EVERY))[0]:
            state = running.watch.state
            if state.steps > told:
                told = state.steps
                await context.report_progress(told, state.expected, state.label)
        return waiting.result()
    except BaseException:
        running.cancel()
        raise


def unquoted(model: type[BaseModel], arguments: dict[str, Any]) -> dict[str, Any]:
    """Lists and objects that a client sent as a string of JSON, which some do."""

    def value(name: str, given: Any) -> Any:
        field = model.model_fields.get(name)
        if field is None or not isinstance(given, str) or given[:1] not in ("[", "{"):
            return given
        if _is_text(field.annotation):
            return given  # a text that happens to begin like that
        try:
            return json.loads(given)
        except ValueError:
            return given

    return {name: value(name, given) for name, given in arguments.items()}


def _is_text(annotation: Any) -> bool:
    """Whether it takes a plain text: ``str``, one that says what it names, or either of them or None."""
    if get_origin(annotation) in (list, dict):
        return False
    return annotation is str or any(map(_is_text, get_args(annotation)))


def _size(value: Any) -> int:
    """Characters of the texts in it, near enough to its JSON and without writing that out."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(str(key)) + _size(item) for key, item in value.items())
    if isinstance(value, list):
        return len(value) + sum(map(_size, value))
    return 8


def _optional(node: dict[str, Any]) -> dict[str, Any]:
    """An argument that may be left out says so by not being required; "or null" would be said a hundred times."""
    others = node["anyOf"][:-1]
    kept = {key: value for key, value in node.items() if key not in ("anyOf", "default")}
    return {**kept, **(others[0] if len(others) == 1 else {"anyOf": others})}


def _plain(node: Any, *, finite: bool) -> Any:
    """Pydantic's schema in the form that every client reads: no titles, no tuples, object roots.

    Args:
        finite: of a result: a number that is not finite has no JSON: it is null, and the schema says so.
    """
    if isinstance(node, list):
        return [_plain(each, finite=finite) for each in node]
    if not isinstance(node, dict):
        return node
    # Pydantic titles every field with its own name in capitals: a quarter of the schema, and no news.
    kept = {
        key: _plain(value, finite=finite)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str))
    }
    if not finite and kept.get("default", "") is None and kept.get("anyOf", [None])[-1] == _NULL:
        kept = _optional(kept)
    members = kept.pop("prefixItems", None)
    if members is not None:  # a tuple; clients read its items as one type or not at all
        distinct = [each for i, each in enumerate(members) if each not in members[:i]]
        if distinct != [{}]:
            kept["items"] = distinct[0] if len(distinct) == 1 else {"anyOf": distinct}
    if finite and kept.get("type") == "number":
        bounds = {key: kept.pop(key) for key in list(kept) if key not in ("description", "default")}
        kept["anyOf"] = [bounds, _NULL]
    return kept
