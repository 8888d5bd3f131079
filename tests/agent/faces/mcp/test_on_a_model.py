"""Real experiments through the server: one model, loaded once, shared; a real tool stopped in its work."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from support.mcp import command, talk

from gadfly.tools.ledger import Ledger

pytestmark = pytest.mark.slow


def test_concurrent_experiments_share_one_model(tmp_path: Path) -> None:
    loads: list[str] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        if message and "Loading" in message:
            loads.append(message)

    async def conversation(client: Client) -> list[Any]:
        patched = {"behaviour": "capital-of", "n": 6}
        experiments = [client.call_tool("patch", patched, progress_callback=note) for _ in range(5)]
        reading = [client.call_tool("runs", {}) for _ in range(45)]
        return await asyncio.gather(*experiments, *reading)

    done = talk(command(tmp_path), conversation)
    assert not [each.content[0].text for each in done if each.is_error]
    headlines = {each.structured_content["headline"] for each in done[:5]}
    runs = {each.structured_content["run"] for each in done[:5]}
    assert len(headlines) == 1 and len(runs) == 5
    assert len(set(loads)) <= 1
    assert all(each.content[-1].type == "image" for each in done[:5])


def test_a_selftest_is_stopped_and_the_model_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def conversation(client: Client) -> tuple[Any, Any]:
        job = (await client.call_tool("start", {"tool": "selftest"})).structured_content["job"]
        for _ in range(100):
            seen = (await client.call_tool("status", {"job": job})).structured_content
            if seen["steps"] > 2:
                break
            await asyncio.sleep(0.5)
        await client.call_tool("cancel", {"job": job})
        after = await client.call_tool("model_info", {})
        return (await client.call_tool("status", {"job": job})).structured_content, after

    job, after = talk(command(tmp_path, "--preload", "demo"), conversation)
    assert job["state"] == "cancelled" and job["seconds"] < 100
    assert not after.is_error
    monkeypatch.setenv("GADFLY_HOME", str(tmp_path))
    assert "cancelled" in [run.status for run in Ledger().recent()]
