"""Over HTTP: loopback, token, Host, Origin, size; the SDK's client in both eras."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from support.mcp import ERAS, command

TOKEN = "a-token-of-the-tests"
JSON = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


class Server(NamedTuple):
    url: str
    said: str
    process: subprocess.Popen[str]


def started(home: Path, **environment: str) -> Server:
    parameters = command(home, "--http", "--port", "0")
    process = subprocess.Popen(
        [parameters.command, *parameters.args],
        stderr=subprocess.PIPE,
        text=True,
        env={**(parameters.env or {}), **environment},
    )
    assert process.stderr
    said = process.stderr.readline()
    if "GADFLY_MCP_TOKEN" not in environment:
        said += process.stderr.readline()
    return Server(said.split(" at ")[1].split()[0], said, process)


def stopped(server: Server) -> None:
    server.process.terminate()
    server.process.wait(10)
    assert server.process.stderr
    server.process.stderr.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = started(tmp_path_factory.mktemp("http"), GADFLY_MCP_TOKEN=TOKEN)
    yield running
    stopped(running)


def post(server: Server, **headers: str) -> httpx.Response:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    sent = {**JSON, "Authorization": f"Bearer {TOKEN}", **headers}
    return httpx.post(server.url, json=body, headers=sent)


@pytest.mark.parametrize("mode", ERAS)
def test_the_sdks_client(server: Server, mode: str) -> None:
    async def conversation() -> Any:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with asyncio.timeout(60), httpx2.AsyncClient(headers=headers, timeout=60) as web:
            transport = streamable_http_client(server.url, http_client=web)
            async with Client(transport, mode=mode) as client:
                tools = (await client.list_tools()).tools
                calls = [client.call_tool("runs", {"n": i + 1}) for i in range(50)]
                return client.protocol_version, tools, await asyncio.gather(*calls)

    version, tools, done = asyncio.run(conversation())
    assert version == {"legacy": "2025-11-25"}.get(mode, mode)
    assert len(tools) > 20
    assert all(each.structured_content == {"runs": []} for each in done)


def test_without_the_token_nothing_is_said(server: Server) -> None:
    for given in ("", "Bearer", "Bearer wrong", TOKEN, f"Bearer {TOKEN}x", f"Basic {TOKEN}"):
        refused = post(server, Authorization=given)
        assert refused.status_code == 401, given
        assert refused.headers["www-authenticate"] == "Bearer"
        assert TOKEN not in refused.text


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("Origin", "https://evil.example", 403),
        ("Origin", "null", 403),
        ("Origin", "http://localhost.evil.example", 403),
        ("Origin", "http://127.0.0.1.evil.example:80", 403),
        ("Host", "evil.example", 421),
        ("Host", "localhost.evil.example:8712", 421),
    ],
)
def test_a_web_page_cannot_reach_it(server: Server, header: str, value: str, status: int) -> None:
    assert post(server, **{header: value}).status_code == status


def test_a_body_of_100_mb_is_refused(server: Server) -> None:
    headers = {**JSON, "Authorization": f"Bearer {TOKEN}"}
    assert httpx.post(server.url, content=b"x" * 100_000_000, headers=headers).status_code == 413
    assert post(server, Origin="https://evil.example").status_code == 403  # alive


def test_it_is_bound_to_loopback(server: Server) -> None:
    assert server.url.startswith("http://127.0.0.1:")
    port = int(server.url.split(":")[2].split("/")[0])
    found = Path(f"/proc/{server.process.pid}/net/tcp")
    if not found.exists():
        pytest.skip("no /proc here")
    listening = [
        line.split()[1]
        for line in found.read_text().splitlines()
        if f":{port:04X} " in line and " 0A " in line
    ]
    assert listening == [f"0100007F:{port:04X}"]


def test_a_token_is_made_and_printed_once(tmp_path: Path) -> None:
    server = started(tmp_path)
    try:
        token = re.search(r"lasting one\): (\S{32})", server.said)
        assert token
        assert post(server, Authorization=f"Bearer {token[1]}").status_code != 401
        assert post(server).status_code == 401
    finally:
        stopped(server)
    assert server.process.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("environment", "port", "said"),
    [
        ({"GADFLY_MCP_TOKEN": "short"}, "0", "16 or more characters"),
        ({}, "taken", "cannot listen on port"),
    ],
)
def test_a_wrong_start_is_one_line(
    environment: dict[str, str], port: str, said: str, tmp_path: Path, server: Server
) -> None:
    if port == "taken":
        port = server.url.split(":")[2].split("/")[0]
    done = subprocess.run(
        [sys.executable, "-m", "gadfly", "mcp", "--http", "--port", port],
        capture_output=True,
        text=True,
        env={**os.environ, "GADFLY_HOME": str(tmp_path), **environment},
        timeout=60,
    )
    assert done.returncode == 2
    assert said in done.stderr and "Traceback" not in done.stderr and not done.stdout
