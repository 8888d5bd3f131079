"""No file of a working folder sets an endpoint, a key, a guard or a proxy, or is run; what the user set counts."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.hostile_checkout import KEY, ROOT, Checkout, checkout
from support.loopback import serve, text
from test_architecture import imports, modules

from gadfly import surroundings
from gadfly.agent.faces.chat import shell

ASK = ["--llm", "openai/own", "--no-experiment"]
ANSWERING = {
    "ask": ["ask", *ASK, "what is activation patching?"],
    "chat": ["chat", *ASK, "-p", "what is activation patching?"],
}
OFFLINE = {
    "corpus search": ["corpus", "search", "activation patching"],
    "review": ["review", "--rules-only", "study.py"],
    "doctor": ["doctor"],
    "experiment": ["lens", "--behaviour", "capital-of", "--n", "8"],
}
STARTS = [
    (how, command)
    for command in OFFLINE
    for how in ("script", "-m")
    if (how, command) != ("script", "experiment")
]
HELLO = (
    json.dumps(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "t", "version": "1"},
            },
        }
    )
    + "\n"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    with checkout(tmp_path_factory.mktemp("hostile")) as made:
        (made.work / "study.py").write_text("import torch\n\ny = model(x)[:, -1]\n")
        yield made


def script(place: Checkout) -> str:
    return str(place.python.with_name("gadfly"))


@pytest.mark.slow
@pytest.mark.parametrize("command", ANSWERING)
def test_the_key_goes_to_the_users_own_endpoint_alone(command: str, place: Checkout) -> None:
    """Every reply is asked for over plain HTTP, so that a proxy of the ``.env`` would have it all."""
    with serve(lambda _: text("It is causal.")) as own:
        done = place.run(
            script(place), *ANSWERING[command], OPENAI_API_KEY=KEY, OPENAI_API_BASE=own.url
        )
    assert done.returncode == 0, done.stderr
    assert set(own.keys) == {f"Bearer {KEY}"}
    assert place.arrived() == []


@pytest.mark.slow
def test_the_users_own_proxy_is_the_way_out(place: Checkout) -> None:
    place.proxied.clear()
    code = (
        "from gadfly.agent.jobs.ask import ask\nfrom gadfly.errors import LLMError\n"
        "from gadfly.agent.llm import road; road._FIRST_WAIT = 0\n"
        "try: ask('what is activation patching?', experiments=False)\n"
        "except LLMError: pass\n"
        "import os; assert os.environ.get('GADFLY_ALLOW_PRIVATE') is None"
    )
    (place.python.parent / "own.py").write_text(code)
    done = place.run(str(place.python.parent / "own.py"))
    assert done.returncode == 0, done.stderr
    assert set(place.proxied) == {"CONNECT openrouter.ai:443"}
    assert place.arrived() == []


@pytest.mark.slow
@pytest.mark.parametrize(("how", "command"), STARTS)
def test_nothing_of_the_folder_arrives(how: str, command: str, place: Checkout) -> None:
    start = [script(place)] if how == "script" else ["-m", "gadfly"]
    done = place.run(*start, *OFFLINE[command], "--json")
    assert done.returncode == 0, done.stderr
    assert place.arrived(named=["study.py"]) == []


@pytest.mark.slow
@pytest.mark.parametrize("how", ["script", "-m"])
def test_nor_at_a_server_that_a_client_starts(how: str, place: Checkout) -> None:
    start = [script(place)] if how == "script" else ["-m", "gadfly"]
    done = place.run(*start, "mcp", stdin=HELLO)
    assert '"serverInfo"' in done.stdout, done.stderr
    assert place.arrived() == []


@pytest.mark.slow
def test_nor_in_a_users_own_program(place: Checkout) -> None:
    """The vectors, a figure, the price list and pip's index, with nothing set up before."""
    code = """
import os, sys
from pathlib import Path
before = dict(os.environ)
home = Path(os.environ["GADFLY_HOME"])
from gadfly.corpus.index.places import Folder
Folder(home / "vectors").open()
from gadfly.agent.llm.provider import preload
preload()
from gadfly.tools.figures import Chart, Line, draw
draw(home, "a", Chart("t", "x", "y", [Line("l", [0, 1], [0, 1])]))
from gadfly.corpus.sources.pypi import _configured
_configured()
changed = {n for n in {*before, *os.environ} if before.get(n) != os.environ.get(n)}
sys.exit(f"changed: {changed}" if changed else 0)
"""
    (place.python.parent / "own.py").write_text(code)
    done = place.run(str(place.python.parent / "own.py"))
    assert done.returncode == 0, done.stderr
    assert place.arrived() == []


@pytest.mark.slow
def test_every_library_that_reads_there_is_known(place: Checkout) -> None:
    """All that Gadfly imports, one after the other and unsealed. One more that reads belongs into ``READERS``."""
    found = {
        name.split(".")[0] for _, path in modules() for name in imports(path.read_text("utf-8"))
    }
    found -= {"gadfly", *sys.stdlib_module_names}
    wanted = sorted(name for name in found if find_spec(name))
    # torch before nnterp; then the known ones, so that what they bring along is not counted twice
    order = sorted(wanted, key=lambda n: (n != "torch", n not in surroundings.READERS, n))
    code = (
        "import importlib, os, sys\nlog = open(os.environ['WITNESS_LOG'], 'a')\n"
        f"for name in {order!r}:\n"
        '    print(f\'["import", "{name}"]\', file=log, flush=True)\n'
        "    try: importlib.import_module(name)\n"
        "    except Exception as error: print(name, error, file=sys.stderr)\n"
    )
    (place.python.parent / "own.py").write_text(code)
    done = place.run(str(place.python.parent / "own.py"))
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in place.log.read_text().splitlines()]
    assert [each[1] for each in events if each[0] == "import"] == order
    readers, importing = set(), ""
    for kind, name, *_ in events:
        if kind == "import":
            importing = name
        elif kind in ("read", "ran"):
            readers.add(importing)
    place.arrived()
    assert readers == surroundings.READERS & set(order)


def test_the_known_ones_are_imported_sealed() -> None:
    open_ = []
    for owner, path in modules():
        if (
            owner == "evals"
        ):  # programs of this repository's own, never in a checkout of somebody else
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        sealed = {
            id(inner)
            for node in ast.walk(tree)
            if (isinstance(node, ast.With) and "sealed()" in ast.unparse(node.items[0]))
            or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            reads = {name.split(".")[0] for name in names} & surroundings.READERS
            if reads and id(node) not in sealed:
                open_.append(f"{path.relative_to(ROOT)}:{node.lineno} imports {reads}")
    assert open_ == []


def test_a_python_that_is_started_looks_for_no_module_in_the_folder() -> None:
    """Whatever is run with ``-m`` is run with ``-P``."""
    for owner, path in modules():
        if owner in ("agent", "corpus", "tools"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.List):
                    parts = [each.value for each in node.elts if isinstance(each, ast.Constant)]
                    assert "-m" not in parts or "-P" in parts, f"{path}:{node.lineno}"


def test_what_is_imported_sealed_leaves_the_environment_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dotenv

    (tmp_path / ".env").write_text("GADFLY_ALLOW_PRIVATE=1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LITELLM_MODE", "DEV")
    monkeypatch.setenv("OWN", "1")
    before = dict(os.environ)
    with surroundings.sealed():
        dotenv.load_dotenv(tmp_path / ".env")
        assert dotenv.dotenv_values(tmp_path / ".env") == {}
        os.environ.update(OWN="2", STOLEN="x")
        del os.environ["GADFLY_HOME"]
    assert dict(os.environ) == before
    assert dotenv.dotenv_values(tmp_path / ".env") == {
        "GADFLY_ALLOW_PRIVATE": "1"
    }  # the user's own


def test_a_shell_command_has_the_users_environment() -> None:
    """His own programs read their ``.env`` as ever."""
    code = (
        "from gadfly import surroundings; from gadfly.agent.faces.chat import shell\n"
        "surroundings.start()\nprint(shell.run('env', lambda _: None).text)"
    )
    environment = {**surroundings.users(), "LITELLM_LOG": "DEBUG", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert "LITELLM_LOG=DEBUG" in done.stdout
    assert "PYTHON_DOTENV_DISABLED" not in done.stdout and "LITELLM_MODE" not in done.stdout
    assert shell.OFF
