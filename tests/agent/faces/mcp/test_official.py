"""Clients that nobody here wrote: the official inspector's CLI and the official conformance suite, from npm.

They are fetched once for the session; where npm or a registry is missing the tests are skipped and say so.
``GADFLY_TEST_NPM`` names a folder that keeps them between sessions.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.mcp import command

pytestmark = pytest.mark.slow

PACKAGES = (
    "node@24",  # the inspector needs 22.19 or newer
    "@modelcontextprotocol/inspector@2.12.0",
    "@modelcontextprotocol/conformance@0.2.0-alpha.12",
)
NEED_A_TOOL_OF_THE_SUITE = {  # they call test_missing_capability, which asks for sampling
    "sep-2575-server-rejects-undeclared-capability",
    "sep-2575-missing-capability-http-400",
}
TOKEN = "a-token-of-the-tests"
ERAS = ("legacy", "modern")
# Scenarios that ask nothing of the server but the protocol. The others call tools, prompts or resources that
# only the suite's own example server has, or need sampling, elicitation, logging or subscriptions.
SCENARIOS = {
    "2025-11-25": {
        "server-initialize",
        "server-session-lifecycle",
        "ping",
        "completion-complete",
        "tools-list",
        "tools-call-error",
        "tools-call-with-progress",
        "server-sse-multiple-streams",
        "resources-list",
        "prompts-list",
        "dns-rebinding-protection",
    },
    "2026-07-28": {
        "completion-complete",
        "tools-list",
        "tools-call-error",
        "tools-call-with-progress",
        "server-sse-multiple-streams",
        "resources-list",
        "sep-2164-resource-not-found",
        "prompts-list",
        "dns-rebinding-protection",
        "caching",
        "server-stateless",
        "http-header-validation",
        "input-required-result-unsupported-methods",
    },
}


@pytest.fixture(scope="session")
def npm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages installed."""
    kept = os.environ.get("GADFLY_TEST_NPM")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("npm")
    if (folder / "node_modules" / ".bin" / "conformance").exists():
        return folder
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}')
    done = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", *PACKAGES],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=400,
    )
    if done.returncode:
        pytest.skip(f"npm could not fetch the packages: {done.stderr.strip().splitlines()[-1:]}")
    return folder


def run(npm: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    programs = npm / "node_modules" / ".bin"
    return subprocess.run(
        [str(programs / "node"), str(programs / program), *arguments],
        capture_output=True,
        text=True,
        timeout=200,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(npm)},
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def over_http(home: Path) -> Iterator[str]:
    yield from _served(home, "-m", "gadfly", "mcp", "--http")


@pytest.fixture(scope="module")
def without_token(home: Path) -> Iterator[str]:
    """The suite cannot send a token, so the application is served without one, with the test's own tools beside."""
    code = (
        "import sys, uvicorn\n"
        "from support.mcp import SUITE\n"
        "from gadfly.agent.faces.mcp.server import build\n"
        "from gadfly.agent.faces.mcp.serving import app\n"
        "from gadfly.tools.registry import all_tools\n"
        "uvicorn.run(app(build([*all_tools(), *SUITE]), None), port=int(sys.argv[2]), log_level='error')\n"
    )
    yield from _served(home, "-c", code)


def _served(home: Path, *arguments: str) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    tests = str(Path(__file__).parents[3])
    environment = {**(command(home).env or {}), "GADFLY_MCP_TOKEN": TOKEN, "PYTHONPATH": tests}
    process = subprocess.Popen(
        [sys.executable, *arguments, "--port", str(port)],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}/mcp"
    process.terminate()
    process.wait(20)


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_inspector(npm: Path, home: Path, over_http: str, transport: str, era: str) -> None:
    def inspected(*asked: str) -> Any:
        if transport == "http":
            place = ["--server-url", over_http, "--transport", "http"]
            place += ["--header", f"Authorization: Bearer {TOKEN}"]
            after: list[str] = []
        else:
            place = ["-e", f"GADFLY_HOME={home}", "-e", "GADFLY_EMBEDDER=none"]
            after = ["--", sys.executable, "-m", "gadfly", "mcp"]
        options = ["--protocol-era", era, "--format", "json", *asked]
        done = run(npm, "mcp-inspector", "--cli", *place, *options, *after)
        assert done.returncode == 0, (asked, done.returncode, done.stderr[-2000:])
        return json.loads(done.stdout)["result"], done.stderr

    listed, said = inspected("--method", "tools/list", "--strict")
    assert len(listed["tools"]) > 20
    assert "warning" not in said.replace("0 warnings", ""), said
    found, _ = inspected("--method", "tools/call", "--tool-name", "runs", "--tool-args-json", "{}")
    assert found["structuredContent"] == {"runs": []}
    prompt = ["--prompt-name", "friend_bugged", "--prompt-args", "material=x"]
    got, _ = inspected("--method", "prompts/get", *prompt)
    assert "I think it's bugged" in got["messages"][0]["content"]["text"]
    card = "gadfly://cards/techniques/activation-patching"
    read, _ = inspected("--method", "resources/read", "--uri", card)
    assert len(read["contents"][0]["text"]) > 1000


@pytest.mark.parametrize("revision", SCENARIOS)
def test_conformance(npm: Path, without_token: str, revision: str, tmp_path: Path) -> None:
    """Every check of every scenario, from the suite's own files. A scenario that wrote none counts as failed."""
    failed: dict[str, list[str]] = {}
    for scenario in sorted(SCENARIOS[revision]):
        folder = tmp_path / scenario
        asked = ["--scenario", scenario, "--spec-version", revision, "-o", str(folder)]
        done = run(npm, "conformance", "server", "--url", without_token, *asked)
        checks = [
            each for file in folder.rglob("checks.json") for each in json.loads(file.read_text())
        ]
        wrong = [each["id"] for each in checks if each["status"] == "FAILURE"]
        wrong = [name for name in wrong if name not in NEED_A_TOOL_OF_THE_SUITE]
        if wrong or "SUCCESS" not in [each["status"] for each in checks]:
            failed[scenario] = wrong or [done.stdout[-500:] + done.stderr[-500:]]
    assert failed == {}
