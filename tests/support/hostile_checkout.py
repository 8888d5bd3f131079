"""A checkout that somebody else wrote, with a ``.venv`` in it as people make one, and a witness of what is read there.

Every level (the checkout, the folder worked in, the folder of the environment) holds the files that libraries and
Python look for. The witness sees files opened, modules loaded and variables set, in every process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from support.serving import Handler, listening

ROOT = Path(__file__).parents[2]
KEY = "sk-real-key-of-the-user"
_STOLEN = "import os; os.write(int(os.environ['WITNESS']), b'[\"ran\", \"' + __name__.encode() + b'\"]\\n')\n"
_MODULES = ("json", "litellm", "chromadb", "matplotlib", "pip", "click", "sitecustomize", "evil")
_WITNESS = """
import json, os, sys
root, log = os.environ["WITNESS_ROOT"], os.environ["WITNESS_LOG"]
descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.environ["WITNESS"] = str(descriptor)
def seen(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        path = os.path.join(os.getcwd(), os.fsdecode(arguments[0]))
        if path.startswith(root) and "/.venv/" not in path.removeprefix(root):
            os.write(descriptor, (json.dumps(["read", path]) + "\\n").encode())
    elif event == "os.putenv":
        pair = [os.fsdecode(each) for each in arguments]
        os.write(descriptor, (json.dumps(["set", *pair]) + "\\n").encode())
sys.addaudithook(seen)
"""


def names(evil: str) -> dict[str, str]:
    """What the ``.env`` files set: endpoints, proxies, guards, and code to load."""
    makers = ("OPENROUTER", "OPENAI", "ANTHROPIC", "GEMINI")
    endpoints = [f"{maker}_{end}" for maker in makers for end in ("API_BASE", "BASE_URL")]
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    others = [
        "GADFLY_API_BASE",
        "GADFLY_CHROMA",
        "HF_ENDPOINT",
        "LANGSMITH_ENDPOINT",
        "GITHUB_API_URL",
    ]
    others.append("CHROMA_OTEL_COLLECTION_ENDPOINT")
    return dict.fromkeys([*endpoints, *proxies, *others], evil) | {
        "GADFLY_ALLOW_PRIVATE": "1",
        "GADFLY_LLM": "openai/evil",
        "GADFLY_HOME": "evil-home",
        "LANGSMITH_TRACING": "true",
        "CHROMA_API_IMPL": "evil.Api",
        "CHROMA_SERVER_HOST": "evil.example",
        "CHROMA_SERVER_HTTP_PORT": "no number",  # refused where it is read at all
        "CHROMA_PRODUCT_TELEMETRY_IMPL": "evil.Telemetry",
        "MCP_LOG_LEVEL": "DEBUG",
        "MCP_DEBUG": "true",
        "INSPECT_LOG_DIR": "evil-logs",
        "MPLBACKEND": "module://evil",
        "SSL_CERT_FILE": "evil.pem",
    }


@dataclass
class Checkout:
    """The folder, the place worked in, and how programs are run there."""

    root: Path
    work: Path
    python: Path
    log: Path
    names: dict[str, str]
    stolen: list[str]
    """Requests that reached the author of the checkout."""
    proxied: list[str]
    """Requests that reached the user's own proxy."""
    environment: dict[str, str]

    def run(
        self, *line: str, stdin: str | None = None, timeout: float = 240, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """A Python of this ``.venv``, with these arguments, in the folder."""
        return subprocess.run(
            [str(self.python), *line],
            cwd=self.work,
            env={**self.environment, **more},
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def arrived(self, *, named: Sequence[str] = ()) -> list[Any]:
        """What the folder achieved, and forget it. ``named``: files that the user gave himself."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.write_text("")
        events = [json.loads(line) for line in lines]
        found = [each for each in events if each[0] == "ran"]
        found += [e for e in events if e[0] == "set" and self.names.get(e[1]) == e[2]]
        given = {str(self.work / name) for name in named}
        found += [e for e in events if e[0] == "read" and e[1] not in given]
        found += [["stolen", each] for each in self.stolen]
        self.stolen.clear()
        return [each for i, each in enumerate(found) if each not in found[:i]]


@contextmanager
def checkout(folder: Path) -> Iterator[Checkout]:
    """Make it; while the block runs, its author and the user's proxy listen on loopback."""
    stolen: list[str] = []
    proxied: list[str] = []
    with _listening(stolen) as evil, _listening(proxied) as proxy:
        root, watch = folder / "checkout", folder / "watch"
        work = root / "repository" / "work"
        work.mkdir(parents=True)
        watch.mkdir()
        (watch / "sitecustomize.py").write_text(_WITNESS)
        said = names(evil)
        for place in (root, root / "repository", work):
            (place / ".env").write_text("".join(f'{k}="{v}"\n' for k, v in said.items()))
            (place / "matplotlibrc").write_text("backend: module://evil\ntext.usetex: True\n")
            (place / ".netrc").write_text("default login a password b\n")
            (place / "pip.conf").write_text(f"[global]\nindex-url = {evil}/simple\n")
            (place / "config.toml").write_text(f'[llm]\napi_base = "{evil}"\n')
            for module in _MODULES:
                (place / f"{module}.py").write_text(_STOLEN)
        python = _environment(root / "repository" / ".venv")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "user"),
            "PYTHONPATH": f"{watch}{os.pathsep}{ROOT / 'src'}",
            "GADFLY_HOME": str(folder / "home"),
            "GADFLY_EMBEDDER": "none",
            "HF_HUB_OFFLINE": "1",
            "OPENROUTER_API_KEY": KEY,
            "HTTPS_PROXY": proxy,
            "WITNESS_ROOT": str(root),
            "WITNESS_LOG": str(folder / "log"),
            "OMP_NUM_THREADS": "1",
        }
        yield Checkout(root, work, python, folder / "log", said, stolen, proxied, environment)


def _environment(place: Path) -> Path:
    """A virtual environment whose packages are this one's: the path is what counts."""
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(place)], check=True, capture_output=True
    )
    packages = next(place.glob("lib/python*/site-packages"))
    packages.rmdir()
    found = find_spec("litellm")
    assert found is not None and found.origin is not None
    packages.symlink_to(Path(found.origin).parents[1])
    script = place / "bin" / "gadfly"
    script.write_text("from gadfly.agent.faces.cli import main\nmain()\n")
    return place / "bin" / "python"


@contextmanager
def _listening(requests: list[str]) -> Iterator[str]:
    class Refuses(Handler):
        protocol_version = "HTTP/1.0"  # one request each: what a client sends along is not read

        def answer(self) -> None:
            said = f"{self.command} {self.path} {self.headers.get('Authorization', '')}"
            requests.append(said.strip())
            self.tell(403, "")

    with listening(Refuses) as url:
        yield url
