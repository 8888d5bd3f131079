"""Over stdio, with the SDK's client and with raw bytes: only protocol on standard output, and a clean end."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from support.mcp import ERAS, command, made_command, talk

from gadfly.tools.ledger import Ledger

_MOST_GROWN = (
    3.0  # MB that 300 calls may keep: 0.3 were measured, and 9 where each left its index open
)
_NOISE = 1.0  # MB by which the allocator alone moves

HELLO = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "raw", "version": "1"},
    },
}


class Raw:
    """A server process, spoken to line by line."""

    def __init__(self, parameters: Any) -> None:
        self.process = subprocess.Popen(
            [parameters.command, *parameters.args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=parameters.env,
        )
        self.send(HELLO)
        assert self.answer()["result"]["protocolVersion"] == "2025-11-25"
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def send(self, message: Any) -> None:
        data = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def call(self, number: int, name: str, **arguments: Any) -> None:
        params = {"name": name, "arguments": arguments}
        self.send({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})

    def answer(self) -> Any:
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def to(self, number: int) -> Any:
        while (answer := self.answer()).get("id") != number:
            assert answer["jsonrpc"] == "2.0"
        return answer["result"]


@contextmanager
def raw(parameters: Any) -> Iterator[Raw]:
    server = Raw(parameters)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()
        for stream in (server.process.stdin, server.process.stdout, server.process.stderr):
            assert stream
            try:
                stream.close()
            except BrokenPipeError:
                continue


@pytest.mark.parametrize("mode", ERAS)
def test_both_eras_over_stdio(mode: str, tmp_path: Path) -> None:
    async def conversation(client: Client) -> tuple[Any, Any]:
        assert client.protocol_version == {"legacy": "2025-11-25"}.get(mode, mode)
        return await client.list_tools(), await client.call_tool("runs", {})

    tools, runs = talk(command(tmp_path), conversation, mode)
    assert len(tools.tools) > 20
    assert runs.structured_content == {"runs": []}


def test_the_start_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from gadfly.agent.faces.mcp.server import build\n"
        "import asyncio; asyncio.run(build().server.list_tools())\n"
        "heavy = 'torch nnterp transformers litellm openai anthropic chromadb langgraph numpy'.split()\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_start_takes_less_than_two_seconds_of_one_core(tmp_path: Path) -> None:
    def spent() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with raw(command(tmp_path)) as server:
            server.send({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
            assert len(server.to(1)["tools"]) > 20
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(spent() for _ in range(2)) < 2


def test_only_protocol_on_standard_output(tmp_path: Path) -> None:
    with raw(made_command(tmp_path)) as server:
        server.call(1, "echo", text="aloud")
        assert server.to(1)["structuredContent"]["text"] == "aloud"  # each line before was JSON
        server.process.stdin.close()  # type: ignore[union-attr]
        assert server.process.wait(10) == 0
        assert server.process.stdout and server.process.stdout.read() == b""
        said = server.process.stderr.read()  # type: ignore[union-attr]
        for each in (b"printed aloud", b"written", b"from a child"):
            assert each in said


GARBAGE = (
    b"\n",
    b"hello\n",
    b"{\n",
    b"[]\n",
    b'{"jsonrpc":"2.0"}\n',
    b'{"jsonrpc":"1.0","id":5,"method":"tools/list"}\n',
    b"\xff\xfe\x00\x80\n",
    b'{"jsonrpc":"2.0","id":6,"method":"no/such"}\n',
    b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":[1]}\n',
    b"[" * 100_000 + b"\n",
    b'{"jsonrpc":"2.0","id":8,"result":{}}\n',
)


def test_garbage_does_not_stop_it(tmp_path: Path) -> None:
    with raw(made_command(tmp_path)) as server:
        for number, each in enumerate(GARBAGE, 100):
            server.send(each)
            server.call(number, "echo", text="still here")
            assert server.to(number)["structuredContent"]["text"] == "still here", each


def test_an_argument_of_100_mb_is_refused_in_words(tmp_path: Path) -> None:
    with raw(made_command(tmp_path)) as server:
        server.call(1, "echo", text="x" * 100_000_000)
        refused = server.to(1)
        assert refused["isError"]
        assert "the arguments take 100 MB; at most 4 MB are taken" in refused["content"][0]["text"]
        server.call(2, "echo", text="still here")
        assert server.to(2)["structuredContent"]["text"] == "still here"


@pytest.mark.parametrize("how", ["end of input", signal.SIGTERM, signal.SIGINT])
def test_the_end_stops_the_work_and_writes_it_down(
    how: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw(made_command(tmp_path)) as server:
        server.call(1, "wait", seconds=3600)
        time.sleep(0.5)
        started = time.monotonic()
        if isinstance(how, signal.Signals):
            server.process.send_signal(how)
        else:
            server.process.stdin.close()  # type: ignore[union-attr]
        assert server.process.wait(10) == (128 + how if isinstance(how, signal.Signals) else 0)
        assert time.monotonic() - started < 5
    monkeypatch.setenv("GADFLY_HOME", str(tmp_path))
    assert [run.status for run in Ledger().recent()] == ["cancelled"]


def test_a_killed_client_leaves_no_process_and_no_lock(tmp_path: Path) -> None:
    client = (
        "import subprocess, sys, time, json\n"
        f"p = subprocess.Popen({[made_command(tmp_path).command, *made_command(tmp_path).args]!r},"
        " stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        f"p.stdin.write({json.dumps(HELLO)!r}.encode() + b'\\n'); p.stdin.flush(); p.stdout.readline()\n"
        "p.stdin.write(json.dumps({'jsonrpc': '2.0', 'id': 1, 'method': 'tools/call', 'params':"
        " {'name': 'wait', 'arguments': {}}}).encode() + b'\\n'); p.stdin.flush()\n"
        "print(p.pid, flush=True); time.sleep(600)\n"
    )
    environment = made_command(tmp_path).env
    held = subprocess.Popen(
        [sys.executable, "-c", client], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert held.stdout
    pid = int(held.stdout.readline())
    time.sleep(0.3)
    held.kill()
    held.wait()
    held.stdout.close()
    for _ in range(100):
        if not _alive(pid):
            break
        time.sleep(0.1)
    assert not _alive(pid)

    async def conversation(client: Client) -> Any:
        await client.call_tool("made", {})
        return (await client.call_tool("runs", {})).structured_content["runs"]

    assert [run["status"] for run in talk(made_command(tmp_path), conversation)] == [
        "done",
        "cancelled",
    ]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")  # an orphan that nobody waits for stays as a zombie
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def _megabytes(process: int) -> float:
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no memory told")


def _files(process: int) -> int:
    return sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())


def _search(server: Raw, numbers: range, *, at_once: int = 1) -> None:
    for first in numbers[::at_once]:
        waiting = set(range(first, first + at_once))
        for number in waiting:
            server.call(number, "search", query=f"activation patching {number % 50}")
        while waiting:
            answer = server.answer()
            assert not answer["result"].get("isError"), answer
            waiting.remove(answer["id"])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_300_mcp_calls_keep_no_memory_and_no_file(ready: Path) -> None:
    with raw(command(ready)) as server:
        # Ten at once start every worker: each has an arena of the allocator's for its own.
        _search(server, range(1, 101), at_once=10)
        memory, files = [_megabytes(server.process.pid)], [_files(server.process.pid)]
        for first in (101, 401):
            _search(server, range(first, first + 300))
            memory.append(_megabytes(server.process.pid))
            files.append(_files(server.process.pid))
    early, late = memory[1] - memory[0], memory[2] - memory[1]
    assert early < _MOST_GROWN, f"{early:.1f} MB"
    assert late < max(early, _NOISE), f"{early:.1f} MB, then {late:.1f} MB"
    assert max(files) <= files[0] + 2, files  # the last call's own, where it is not quite over
