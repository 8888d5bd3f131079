"""The house rules: who may import whom, and what must not load early."""

from __future__ import annotations

import ast
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
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
FLOOR = {
    "__version__",
    "errors",
    "files",
    "home",
    "surroundings",
}  # src/gadfly itself: everyone may stand on it
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


def test_reading_and_doing_never_meet_an_llm() -> None:
    for owner, path in modules():
        if owner in ("corpus", "tools"):
            found = {name.split(".")[0] for name in imports(path)} & set(LLM)
            assert not found, f"{path.relative_to(ROOT)} imports {found}"


def test_nothing_imports_a_face_but_the_face() -> None:
    for _, path in modules():
        own = path.relative_to(ROOT).parts[1]
        for name in imports(path):
            parts = name.split(".")
            if parts[:2] == ["gadfly", "agent"] and len(parts) > 2 and parts[2] in FACES:
                assert parts[2] == own, f"{path.relative_to(ROOT)} imports {name}"


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from gadfly.agent.cli.main import run\n"
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
        assert isinstance(getattr(gadfly.tools, name), Tool)
