"""The house rules: who may import whom, and what must not load early."""

from __future__ import annotations

import ast
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "corpus": {"corpus"},
    "tools": {"tools", "corpus"},
    "agent": {"agent", "tools", "corpus", "prompts"},
    "evals": {"evals", "agent", "tools", "corpus", "prompts"},
    "prompts": set(),
}
# src/gadfly itself: everyone may stand on it
FLOOR = {
    "__version__",
    "background",
    "errors",
    "files",
    "folders",
    "leaving",
    "settings",
    "surroundings",
    "tables",
    "visible",
}
FACES = {"cli", "chat", "mcp", "github"}
HEAVY = ("torch", "nnterp", "litellm", "chromadb", "langgraph", "transformers")
LLM = ("litellm", "openai", "anthropic", "langgraph")


# By these alone a module is imported that is named by a text: a driver that may be missing, and what lies in a folder.
BY_NAME = {"agent/sessions/postgres.py", "src/gadfly/folders.py"}


def modules() -> Iterator[tuple[str, Path]]:
    for folder in ALLOWED:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield folder, path


def imports(text: str) -> Iterator[str]:
    """Every module that a text imports, anywhere in it, with the name taken from it: that may be a module too."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def misplaced(where: str, text: str) -> list[str]:
    """What a file at ``where`` may not import: another floor, a face, an LLM, or a module by a text."""
    owner, *below = Path(where).parts
    found = []
    for name in imports(text):
        first, *rest = name.split(".")
        if owner in ("corpus", "tools", "src") and first in LLM:
            found.append(f"{name} is an LLM")
        if first != "gadfly" or not rest or rest[0] in FLOOR:
            continue
        if where == "src/gadfly/__main__.py":
            allowed = rest[:3] == ["agent", "faces", "cli"]
        else:
            allowed = rest[0] in ALLOWED.get(owner, set())
        if rest[:2] == ["agent", "faces"]:
            own = below[1] if owner == "agent" and below[0] == "faces" else ""
            # the command line is the door to the other faces
            open_to = FACES | {"door"} if own == "cli" else {own, "door"} if own else set()
            allowed &= where == "src/gadfly/__main__.py" or bool({*rest[2:3]} & open_to)
        if not allowed:
            found.append(f"{name} is out of its reach")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and re.match(
            r"gadfly\.(corpus|tools|agent|evals)\b", ast.unparse(node)
        ):
            found.append(f"{ast.unparse(node)} is reached without an import of its own")
        named = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if named.rpartition(".")[2] in ("import_module", "__import__") and where not in BY_NAME:
            found.append(f"{ast.unparse(node)} hides what it imports")
    return found


@pytest.mark.parametrize("folder", [*ALLOWED, "src"])
def test_arrows(folder: str) -> None:
    """Arrows point down, reading and doing never meet an LLM, and nothing imports a face but the face."""
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        if folder == "src" and path.parent.resolve() != ROOT / "src" / "gadfly":
            continue  # the links to the folders
        where = path.relative_to(ROOT).as_posix()
        found += [f"{where}: {each}" for each in misplaced(where, path.read_text(encoding="utf-8"))]
    assert found == [], "\n".join(found)


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("corpus/x.py", "from gadfly.tools.base import X"),
        ("corpus/x.py", "from gadfly import tools"),
        ("corpus/x.py", "from gadfly import *"),
        ("tools/x.py", "def f():\n    from gadfly.agent.turn import loop"),
        ("tools/x.py", "import gadfly.agent.jobs"),
        ("tools/x.py", "import gadfly\ngadfly.agent.jobs.ask"),
        ("tools/x.py", "import importlib\nimportlib.import_module('gadfly.agent')"),
        ("tools/x.py", "from importlib import import_module\nimport_module('litellm')"),
        ("tools/x.py", "__import__('litellm')"),
        ("tools/x.py", "def f():\n    import litellm.utils"),
        ("agent/turn/x.py", "from gadfly.agent.faces import chat"),
        ("agent/turn/x.py", "from gadfly.agent.faces.door import say"),
        ("agent/turn/x.py", "from gadfly.agent import faces"),
        ("agent/faces/chat/x.py", "from gadfly.agent.faces.cli import console"),
        ("evals/x.py", "from gadfly.agent.faces.cli import main"),
        ("src/gadfly/x.py", "from gadfly.tools import base"),
        ("src/gadfly/x.py", "def f():\n    import openai"),
    ],
)
def test_what_points_elsewhere_is_found(where: str, text: str) -> None:
    assert misplaced(where, text)


@pytest.mark.parametrize(
    ("where", "text"),
    [
        (
            "tools/x.py",
            "from gadfly import visible\nfrom gadfly.corpus import quotes\nimport torch",
        ),
        ("agent/faces/cli/x.py", "from gadfly.agent.faces.chat import talk"),
        ("agent/faces/mcp/x.py", "from gadfly.agent.faces.door import say\nimport litellm"),
        ("src/gadfly/__main__.py", "from gadfly.agent.faces.cli import main"),
    ],
)
def test_what_points_down_is_let_be(where: str, text: str) -> None:
    assert misplaced(where, text) == []


def test_no_circle_of_modules() -> None:
    """Imports inside functions and those for types count as well: a circle is one whenever it closes."""
    paths = {}
    for _, path in modules():
        parts = path.relative_to(ROOT).with_suffix("").parts
        paths[".".join(parts).removesuffix(".__init__")] = path
    arrows = {name: set(_targets(path, paths)) - {name} for name, path in paths.items()}
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        pytest.fail(" ← ".join(error.args[1]))


def _targets(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """The modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("gadfly.") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = (node.module or "").removeprefix("gadfly.")
            for alias in node.names:
                whole = f"{module}.{alias.name}"
                yield whole if whole in known else module


def test_a_tool_is_one_line_of_the_registry() -> None:
    """Adding one touches its own folder, this line, and its case of the self-test: every face derives the rest."""
    from gadfly.tools.registry import all_tools, names

    text = (ROOT / "tools" / "registry.py").read_text(encoding="utf-8")
    for tool in all_tools():
        module = tool.function.__module__
        assert text.count(f"from {module} import {tool.name} as {tool.name}\n") == 1
        naming = [
            path.relative_to(ROOT)
            for owner, path in modules()
            if owner in ("tools", "agent")
            and re.search(
                rf"from {re.escape(module)} import .*\b{tool.name}\b", path.read_text("utf-8")
            )
        ]
        assert len(naming) <= 2, f"{tool.name} is imported by {naming}"
    assert len(names()) == len(set(names()))


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from gadfly.agent.faces.cli.main import run\n"
        "try: run(['--help'])\n"
        "except SystemExit as e: assert not e.code\n"
        f"loaded = [m for m in {HEAVY!r} if m in sys.modules]\n"
        "sys.exit(f'loaded: {loaded}' if loaded else 0)"
    )
    bare = min(_cpu_seconds("pass") for _ in range(3))
    helped = min(_cpu_seconds(code) for _ in range(3))
    assert helped - bare < 0.5


@pytest.mark.parametrize(
    "name", ["corpus", "tools", "agent", "evals", "tools.registry", "agent.jobs.ask"]
)
def test_importing_a_package_loads_nothing_heavy(name: str) -> None:
    code = f"import sys, gadfly.{name}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_env()
    )
    assert done.stdout.strip() == "[]"


def test_the_links_lead_to_the_root_folders() -> None:
    for folder in ALLOWED:
        assert (ROOT / "src" / "gadfly" / folder).resolve() == ROOT / folder


_DOOR = ROOT / "agent" / "faces" / "door"
_PRINTERS = {  # what prints past the door, by the last names of a call
    "print",
    "print_exc",
    "print_exception",
    "pprint",
    "echo",
    "secho",
    "echo_via_pager",
    "input",
    "Console",
    "console.file.write",
    "print_formatted_text",
    "create_output",
    "from_pty",
    "StreamHandler",
    "basicConfig",
    "lastResort",
}
_STREAMS = re.compile(
    r"sys\.(__)?std(out|err)(__)?|os\.(write|fdopen)\([12],.*|logging\.(warning|error|critical|info)|'/dev/(tty|stdout|stderr)'"
)
# An error of click's is guarded there; what the MCP server logs goes to stderr, which no client reads as a terminal.
_GUARDED = {
    "agent/faces/cli/main.py": "sys.stderr",
    "agent/faces/mcp/serving.py": "logging.basicConfig",
}
# They make the demo model and print their own figures; no command runs them.
_MAKERS = {ROOT / "tools" / "demo" / "evaluate.py", ROOT / "tools" / "demo" / "train.py"}
_OWN_PROMPT = {"PromptSession"}  # takes the door's output


def printed(where: str, text: str) -> list[str]:
    """What a text at ``where`` writes to a terminal past the door, as ``LINE what``."""
    found = []
    tree = ast.parse(text)
    asked = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "isatty"
    }
    for node in ast.walk(tree):
        reasons: set[str] = set()
        if isinstance(node, ast.Call):
            reasons = {_prints(node)}
        if isinstance(node, ast.Attribute | ast.Call | ast.Constant) and id(node) not in asked:
            written = ast.unparse(node)
            reasons |= {written} if _STREAMS.fullmatch(written) else set()
        elif isinstance(node, ast.ImportFrom):
            taken = {each.name for each in node.names}
            if (node.module or "").startswith("rich"):
                reasons = {f"rich's {each}" for each in taken & {"print", "Markdown"}}
            elif node.module == "sys":
                reasons = {f"sys.{each}" for each in taken if _STREAMS.fullmatch(f"sys.{each}")}
        found += [f"{node.lineno} {each}" for each in reasons - {"", _GUARDED.get(where, "")}]
    return found


def test_nothing_prints_but_the_door() -> None:
    """``console.print`` is a method of the door's console; all else that writes to a terminal is called there."""
    found = []
    for owner, path in modules():
        if owner == "evals" or path.is_relative_to(_DOOR) or path in _MAKERS:
            continue
        where = path.relative_to(ROOT).as_posix()
        if where.startswith("tools/kernel/") or where == "corpus/convert/pdf/reader.py":
            continue  # a process of its own, whose pipes they are
        found += [f"{where}:{each}" for each in printed(where, path.read_text(encoding="utf-8"))]
    assert found == [], "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "print(1)",
        "import os\nos.write(1, b'x')",
        "import sys\nw = sys.stdout\nw.write('x')",
        "import sys\nsys.__stdout__.write('x')",
        "from sys import stderr",
        "open('/dev/tty', 'w').write('x')",
        "import logging\nlogging.warning('x')",
        "import click\nclick.echo('x')",
        "from rich import print",
        "PromptSession()",
    ],
)
def test_what_prints_past_the_door_is_found(text: str) -> None:
    assert printed("tools/x.py", text)


@pytest.mark.parametrize(
    "text", ["import sys\nsys.stdout.isatty()", "console.print('x')", "PromptSession(output=door)"]
)
def test_what_does_not_print_is_let_be(text: str) -> None:
    assert printed("tools/x.py", text) == []


def _prints(call: ast.Call) -> str:
    name = ast.unparse(call.func)
    if name in _PRINTERS or any(name.endswith(f".{each}") for each in _PRINTERS - {"print"}):
        return name
    prompt = name.rpartition(".")[2] in _OWN_PROMPT
    if prompt and not any(each.arg == "output" for each in call.keywords):
        return f"{name} without the door's output"
    return ""


def _cpu_seconds(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, env=_env())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _env() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "src")}


def test_every_tool_is_importable_by_its_name() -> None:
    """A package of the same name would hide the tool once it is imported."""
    import gadfly.tools
    from gadfly.tools.contract import Tool
    from gadfly.tools.registry import all_tools, names

    assert len(all_tools()) == len(names())
    for name in names():
        found = getattr(gadfly.tools, name)
        # a folder of rules is called as its tool is: tools.review.tool
        assert isinstance(found, Tool) or name == "review"
