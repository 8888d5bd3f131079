"""Work that outlives one call: start, status, result, cancel; and the pages of long results.

A job lives in this server's memory and ends with it; an experiment that it finished, failed or was stopped in is in
the ledger all the same. MCP's own tasks are not in the SDK yet; four tools work with every client.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping
from concurrent.futures import CancelledError
from typing import Any, Literal, NamedTuple

from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, Field

from gadfly.agent.faces.mcp.calls import Running, Workers
from gadfly.agent.faces.mcp.declared import Declared, face_tool, unquoted
from gadfly.agent.faces.mcp.results import Pages, rendered
from gadfly.errors import Cancelled, GadflyError, UsageError
from gadfly.tools.contract import Tool, ToolArgs

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
_KEPT = 200
_LONGEST_WAIT = 50.0  # seconds: below the minute after which some clients give a call up


class StartArgs(ToolArgs):
    tool: str = Field(description="a tool of this server, such as selftest")
    arguments: dict[str, Any] = Field(default={}, description="its arguments")


class JobArgs(ToolArgs):
    job: str = Field(description="job id, as start gave it")


class ResultArgs(JobArgs):
    wait: float = Field(
        default=0, ge=0, le=_LONGEST_WAIT, description="seconds to wait for the end"
    )


class MoreArgs(ToolArgs):
    result: str = Field(description="the name that the first page gave")
    page: int = Field(ge=1, description="from 1")


class Job(BaseModel):
    """A job as it stands. ``run`` is its ledger id, once an experiment is done."""

    job: str
    tool: str
    state: JobState
    seconds: float
    step: str = Field(default="", description="what it is doing")
    steps: int = 0
    expected: int | None = Field(default=None, description="steps in all, where known")
    run: str = ""
    error: str = ""


class JobResult(Job):
    result: dict[str, Any] = Field(
        default={}, description="the tool's own result; empty until done"
    )


class Page(BaseModel):
    result: str
    page: int
    pages: int
    text: str


class _Entry(NamedTuple):
    tool: str
    running: Running
    started: float
    ended: list[float]
    """Holds the moment of its end, once there is one."""


class Jobs:
    """The jobs of one server."""

    def __init__(self, tools: Mapping[str, Tool[Any, Any]], workers: Workers, pages: Pages) -> None:
        self._tools = tools
        self._workers = workers
        self._pages = pages
        self._jobs: dict[str, _Entry] = {}

    def tools(self) -> list[Declared]:
        """The tools that a client sees."""
        leaves = any(map(self._workers.permits.leaves, self._tools.values()))
        return [
            face_tool(self.start, self._pages, reads=False, leaves=leaves),
            face_tool(self.status, self._pages),
            face_tool(self.result, self._pages),
            face_tool(self.cancel, self._pages, reads=False),
            face_tool(self.more, self._pages),
        ]

    async def start(self, args: StartArgs) -> Job:
        """Start a tool and return a job id at once. For whatever takes longer than a minute: then status, result."""
        tool = self._tools.get(args.tool)
        if tool is None:
            raise UsageError(f"start: no tool {args.tool!r}; there are: {', '.join(self._tools)}")
        running = self._workers.run(tool, unquoted(tool.args, args.arguments))
        name = "j" + secrets.token_hex(3)
        ended: list[float] = []
        running.future.add_done_callback(lambda _: ended.append(time.monotonic()))
        self._jobs[name] = _Entry(tool.name, running, time.monotonic(), ended)
        self._forget_old()
        return self._seen(name)

    async def status(self, args: JobArgs) -> Job:
        """How far a job is: queued, running with its step, done, failed or cancelled."""
        return self._seen(args.job)

    async def result(self, args: ResultArgs) -> JobResult:
        """The result of a job, after waiting for it up to 50 seconds if asked. Until it is done, its status."""
        running = self._entry(args.job).running
        if args.wait and not running.future.done():
            await asyncio.wait({running.here()}, timeout=args.wait)
        seen = JobResult(**self._seen(args.job).model_dump())
        if seen.state != "done":
            return seen
        inner = await asyncio.to_thread(rendered, running.future.result(), self._pages)
        seen.result = inner.structured_content
        whole = {"structured_content": seen.model_dump(mode="json")}
        return inner.model_copy(update=whole)  # type: ignore[return-value]

    async def cancel(self, args: JobArgs) -> Job:
        """Stop a job. Experiments are recorded in the ledger as cancelled."""
        running = self._entry(args.job).running
        running.cancel()
        await asyncio.wait({running.here()}, timeout=5)
        return self._seen(args.job)

    async def more(self, args: MoreArgs) -> Page:
        """Another page of a result that was too long for one answer."""
        text, pages = self._pages.page(args.result, args.page)
        seen = Page(result=args.result, page=args.page, pages=pages, text=text)
        told = f"Page {args.page} of {pages}."
        return CallToolResult(  # type: ignore[return-value]
            content=[TextContent(text=text), TextContent(text=told)],
            structured_content=seen.model_dump(mode="json"),
        )

    def _entry(self, name: str) -> _Entry:
        if name not in self._jobs:
            known = ", ".join(list(self._jobs)[-5:]) or "none since the server started"
            raise UsageError(f"no job {name!r}; there are: {known}. Finished runs: the tool runs")
        return self._jobs[name]

    def _seen(self, name: str) -> Job:
        entry = self._entry(name)
        future, watch = entry.running
        seconds = (entry.ended[0] if entry.ended else time.monotonic()) - entry.started
        job = Job(
            job=name,
            tool=entry.tool,
            state="queued",
            seconds=round(seconds, 1),
            step=watch.state.label,
            steps=watch.state.steps,
            expected=watch.state.expected,
        )
        if not future.done():
            job.state = "running" if watch.begun.is_set() else "queued"
            return job
        try:
            job.run = getattr(future.result(), "run", "") or ""
            job.state = "done"
        except (Cancelled, CancelledError):
            job.state = "cancelled"
        except GadflyError as error:
            job.state, job.error = "failed", str(error)
        except Exception as error:
            job.state, job.error = "failed", f"{type(error).__name__}: {error}"
        return job

    def _forget_old(self) -> None:
        done = [name for name, entry in self._jobs.items() if entry.running.future.done()]
        for name in done[: max(0, len(self._jobs) - _KEPT)]:
            del self._jobs[name]
