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
    "home",
    "leaving",
    "settings",
    "surroundings",
    "tables",
    "visible",
}
FACES = {"cli", "chat", "mcp", "github"}
HEAVY = ("torch", "nnterp", "litellm", "chromadb", "langgraph", "transformers")
LLM = ("litellm", "openai", "anthropic", "langgraph")


def modules() -> Iterator[tuple[str, Path]]:
    for folder in ALLOWED:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield folder, path


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            if module == "gadfly":
                yield from (f"gadfly.{alias.name}" for alias in node.names)
            else:
                yield module


@pytest.mark.parametrize("folder", ALLOWED)
def test_arrows(folder: str) -> None:
    for owner, path in modules():
        if owner != folder:
            continue
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "gadfly" and len(parts) > 1 and parts[1] not in FLOOR:
                assert parts[1] in ALLOWED[folder], f"{path.relative_to(ROOT)} imports {name}"


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


def test_reading_and_doing_never_meet_an_llm() -> None:
    for owner, path in modules():
        if owner in ("corpus", "tools"):
            found = {name.split(".")[0] for name in imports(path)} & set(LLM)
            assert not found, f"{path.relative_to(ROOT)} imports {found}"


def test_nothing_imports_a_face_but_the_face() -> None:
    for _, path in modules():
        within = path.relative_to(ROOT).parts
        own = within[2] if within[:2] == ("agent", "faces") else ""
        for name in imports(path):
            parts = name.split(".")
            if parts[:3] == ["gadfly", "agent", "faces"] and len(parts) > 3:
                allowed = {own, "door"} if own else set()
                # the command line is the door to the other faces
                allowed |= FACES if own == "cli" else set()
                assert parts[3] in allowed, f"{path.relative_to(ROOT)} imports {name}"


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
    "sys.stdout.write",
    "sys.stderr.write",
    "sys.stdout.writelines",
    "sys.stderr.writelines",
    "stdout.buffer.write",
    "console.file.write",
    "print_formatted_text",
    "create_output",
    "from_pty",
    "StreamHandler",
}
# They make the demo model and print their own figures; no command runs them.
_MAKERS = {ROOT / "tools" / "demo" / "evaluate.py", ROOT / "tools" / "demo" / "train.py"}
_OWN_PROMPT = {"PromptSession"}  # takes the door's output


def test_nothing_prints_but_the_door() -> None:
    """``console.print`` is a method of the door's console; all else that writes to a terminal is called there."""
    found = []
    for owner, path in modules():
        if owner == "evals" or path.is_relative_to(_DOOR) or path in _MAKERS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (reason := _prints(node)):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno} {reason}")
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rich"):
                taken = {"print", "Markdown"} & {each.name for each in node.names}
                found += [f"{path.relative_to(ROOT)}:{node.lineno} rich's {each}" for each in taken]
    assert found == [], "\n".join(found)


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
