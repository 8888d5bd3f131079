"""Long work: progress, cancellation within a call, jobs that outlive it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import anyio
import pytest
from mcp import Client
from support.mcp import ERAS, TOOLS, talk

from gadfly.agent.faces.mcp.calls import Watch, Workers
from gadfly.agent.faces.mcp.server import build
from gadfly.errors import Cancelled
from gadfly.tools.ledger import Ledger


def until_recorded(status: str) -> None:
    for _ in range(100):
        if [run.status for run in Ledger().recent(1)] == [status]:
            return
        time.sleep(0.05)
    raise AssertionError(f"no run is recorded as {status}")


@pytest.mark.parametrize("mode", ERAS)
def test_progress_only_grows(mode: str) -> None:
    seen: list[tuple[float, float | None, str | None]] = []

    async def note(*state: Any) -> None:
        seen.append(state)

    async def conversation(client: Client) -> None:
        await client.call_tool("wait", {"seconds": 1.5}, progress_callback=note)

    talk(build(TOOLS).server, conversation, mode)
    steps = [each[0] for each in seen]
    assert len(steps) >= 3 and steps == sorted(set(steps))
    assert seen[-1][1] == 31 and "waiting" in str(seen[-1][2])


@pytest.mark.parametrize("mode", ERAS)
def test_a_call_of_an_hour_is_cancelled_and_the_worker_is_free_again(mode: str) -> None:
    async def conversation(client: Client) -> Any:
        with anyio.move_on_after(0.6):
            await client.call_tool("wait", {"seconds": 3600})
        return await client.call_tool("made", {})  # on the same worker

    started = time.monotonic()
    assert not talk(build(TOOLS).server, conversation, mode).is_error
    assert time.monotonic() - started < 30
    assert [run.status for run in Ledger().recent()] == ["done", "cancelled"]


@pytest.mark.parametrize("mode", ERAS)
def test_a_job_of_an_hour(mode: str) -> None:
    async def conversation(client: Client) -> None:
        async def job(name: str, /, **arguments: Any) -> dict[str, Any]:
            result: dict[str, Any] = (await client.call_tool(name, arguments)).structured_content
            return result

        first = await job("start", tool="wait", arguments={"seconds": 3600})
        behind = await job("start", tool="made")
        assert (await job("result", job=first["job"], wait=0.5))["state"] == "running"
        seen = await job("status", job=first["job"])
        assert seen["steps"] > 1 and seen["expected"] == 72_001 and "waiting" in seen["step"]
        assert (await job("status", job=behind["job"]))["state"] == "queued"
        assert (await job("cancel", job=first["job"]))["state"] == "cancelled"
        done = await client.call_tool("result", {"job": behind["job"], "wait": 20})
        assert done.structured_content["state"] == "done"
        assert done.structured_content["result"]["verdict"] == "not supported"
        assert done.structured_content["run"] == Ledger().recent(1)[0].id
        assert done.content[-1].type == "image"
        cancelled = await job("result", job=first["job"])
        assert cancelled["state"] == "cancelled" and cancelled["result"] == {}

    talk(build(TOOLS).server, conversation, mode)
    assert [run.status for run in Ledger().recent()] == ["done", "cancelled"]


def test_a_queued_job_that_is_cancelled_never_runs() -> None:
    async def conversation(client: Client) -> None:
        first = (await client.call_tool("start", {"tool": "wait"})).structured_content["job"]
        second = (await client.call_tool("start", {"tool": "made"})).structured_content["job"]
        for job in (second, first):
            done = await client.call_tool("cancel", {"job": job})
            assert done.structured_content["state"] == "cancelled"

    talk(build(TOOLS).server, conversation)
    until_recorded("cancelled")
    assert [run.tool for run in Ledger().recent()] == ["wait"]


def test_a_failed_job_says_why() -> None:
    async def conversation(client: Client) -> Any:
        arguments = {"tool": "breaks", "arguments": {"text": "refuse"}}
        job = (await client.call_tool("start", arguments)).structured_content["job"]
        return (await client.call_tool("result", {"job": job, "wait": 5})).structured_content

    seen = talk(build(TOOLS).server, conversation)
    assert (seen["state"], seen["error"]) == ("failed", "no model here; use demo")


def test_fifty_calls_at_once_share_one_model_worker() -> None:
    async def conversation(client: Client) -> list[Any]:
        calls = [client.call_tool("echo", {"text": str(i)}) for i in range(40)]
        calls += [client.call_tool("made", {"seed": i}) for i in range(10)]
        return await asyncio.gather(*calls)

    done = talk(build(TOOLS).server, conversation)
    assert [each.structured_content["text"] for each in done[:40]] == [str(i) for i in range(40)]
    runs = {each.structured_content["run"] for each in done[40:]}
    assert len(runs) == 10 == len(Ledger().recent())


def test_closing_stops_what_runs() -> None:
    workers = Workers()
    running = workers.run(TOOLS[0], {"seconds": 3600})
    assert running.watch.begun.wait(5)
    started = time.monotonic()
    workers.close()
    assert time.monotonic() - started < 2
    with pytest.raises(Cancelled):
        running.future.result(0)
    until_recorded("cancelled")


def test_a_watch_adds_up_over_tasks() -> None:
    watch = Watch()
    watch.start("loading")
    watch.finish()
    watch.start("prompts", 3)
    watch.advance(2)
    assert watch.state == (4, 5, "prompts 2/3")
    watch.stop()
    with pytest.raises(Cancelled):
        watch.advance()
