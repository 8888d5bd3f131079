"""A server with tools made for tests, and clients to talk to it or to the real one."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel, Field

from gadfly.errors import ModelError
from gadfly.tools.contract import Context, ExperimentArgs, Figure, Result, ToolArgs, Verdict, tool

T = TypeVar("T")
ERAS = ("legacy", "2026-07-28")
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)


class WaitArgs(ToolArgs):
    seconds: float = Field(default=3600, description="how long")


class EchoArgs(ToolArgs):
    text: str = ""
    words: list[str] | None = None


class Echo(BaseModel):
    text: str
    number: float = 0.5


class MadeArgs(ExperimentArgs):
    rows: int = 1


@tool(name="wait", cost="hours", extra="interp")
def wait(args: WaitArgs, context: Context) -> Result:
    """Do nothing for a long time, reporting each step."""
    steps = int(args.seconds * 20)
    context.progress.start("waiting", steps)
    for _ in range(steps):
        time.sleep(0.05)
        context.progress.advance()
    return Result(headline="waited", verdict=Verdict.INCONCLUSIVE, why="it is a test")


@tool(name="echo", cost="nothing")
def echo(args: EchoArgs, context: Context) -> Echo:
    """Say it again, and say it on standard output too, by every road."""
    print("printed", args.text[:20])  # noqa: T201
    os.write(1, b"written\n")
    os.system("echo from a child")
    return Echo(text=args.text + " ".join(args.words or []))


@tool(name="made", cost="nothing", extra="interp")
def made(args: MadeArgs, context: Context) -> Result:
    """An experiment with a figure, a number that is none, and as many rows as asked."""
    (context.artifacts() / "a.png").write_bytes(PIXEL)
    return Result(
        headline="made",
        verdict=Verdict.NOT_SUPPORTED,
        why="by construction",
        values={"effect": 0.123456789, "ratio": float("nan")},
        figures=[Figure(title="one", png="a.png"), Figure(title="out", png="../../../secret.png")],
        table={"columns": ["row"], "rows": [[f"row {i} " + "x" * 90] for i in range(args.rows)]},
        reproduce="print('the same')",
    )


@tool(name="breaks", cost="nothing")
def breaks(args: EchoArgs, context: Context) -> Echo:
    """Refuse, or fall over."""
    if args.text == "refuse":
        raise ModelError("no model here; use demo")
    raise RuntimeError("a bug")


@tool(name="test_tool_with_progress", cost="seconds")
def progressing(args: ToolArgs, context: Context) -> Echo:
    """What the conformance suite calls to see progress."""
    context.progress.start("progressing", 4)
    for _ in range(4):
        time.sleep(0.4)
        context.progress.advance()
    return Echo(text="done")


@tool(name="test_error_handling", cost="nothing")
def failing(args: ToolArgs, context: Context) -> Echo:
    """What the conformance suite calls to see an error."""
    raise ModelError("this tool fails on purpose")


TOOLS = (wait, echo, made, breaks)
SUITE = (progressing, failing)


def talk(server: Any, conversation: Callable[[Client], Awaitable[T]], mode: str = "auto") -> T:
    """Hold a conversation with a server: one in this process, a command, or a transport."""

    async def held() -> T:
        async with asyncio.timeout(240), Client(server, mode=mode) as client:
            return await conversation(client)

    return asyncio.run(held())


async def refusal(request: Awaitable[Any]) -> MCPError:
    """The protocol error that a request must end in."""
    try:
        done = await request
    except MCPError as error:
        return error
    raise AssertionError(f"not refused: {done}")


def command(home: Path, *arguments: str) -> StdioServerParameters:
    """``gadfly mcp`` as a client starts it."""
    return _started(home, "-m", "gadfly", "mcp", *arguments)


def made_command(home: Path) -> StdioServerParameters:
    """The server with the tools above."""
    parameters = _started(home, "-c", "from support.mcp import serve; serve()")
    assert parameters.env is not None
    parameters.env["PYTHONPATH"] = str(Path(__file__).parents[1])
    return parameters


def _started(home: Path, *arguments: str) -> StdioServerParameters:
    environment = {**os.environ, "GADFLY_HOME": str(home), "GADFLY_EMBEDDER": "none"}
    return StdioServerParameters(command=sys.executable, args=list(arguments), env=environment)


def serve() -> None:
    """The server of ``made_command``."""
    from gadfly.agent.faces.mcp.server import build
    from gadfly.agent.faces.mcp.serving import log_to_stderr, stdio
    from gadfly.leaving import program

    log_to_stderr()
    program(lambda: stdio(build(TOOLS)))
