"""Where each client keeps its MCP servers and its rules."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from gadfly.home import expanded

Form = Literal["json", "toml"]


class Client(NamedTuple):
    """One client. Paths of a project are below the working folder."""

    name: str
    form: Form
    key: str
    """The table of servers in its configuration."""
    user_config: Callable[[], Path]
    project_config: str
    user_rules: Callable[[], Path] | None
    project_rules: str
    text: str
    """The shipped rules, a file of ``gadfly.agent.faces.mcp.clients``."""
    shares_rules: bool = False
    """Its rules file holds other people's rules too: ours are a marked block."""
    more: dict[str, Any] = {}  # noqa: RUF012  # never changed

    def config(self, scope: str) -> Path:
        return self.user_config() if scope == "user" else Path.cwd() / self.project_config

    def rules(self, scope: str) -> Path | None:
        if scope == "project":
            return Path.cwd() / self.project_rules
        return self.user_rules() if self.user_rules else None


def _claude(name: str) -> Path:
    """Below CLAUDE_CONFIG_DIR where it is set: then the state file lies inside it, else beside ``.claude``."""
    named = os.environ.get("CLAUDE_CONFIG_DIR")
    folder = expanded(named) if named else Path.home()
    return folder / name if named or name == ".claude.json" else folder / ".claude" / name


def _codex(name: str) -> Path:
    return expanded(os.environ.get("CODEX_HOME") or Path.home() / ".codex") / name


def _vscode() -> Path:
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    elif os.name == "nt":
        base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "Code" / "User" / "mcp.json"


CLIENTS = {
    each.name: each
    for each in (
        Client(
            "claude-code",
            "json",
            "mcpServers",
            lambda: _claude(".claude.json"),
            ".mcp.json",
            lambda: _claude("skills/gadfly/SKILL.md"),
            ".claude/skills/gadfly/SKILL.md",
            "claude_code.md",
        ),
        Client(
            "cursor",
            "json",
            "mcpServers",
            lambda: Path.home() / ".cursor" / "mcp.json",
            ".cursor/mcp.json",
            None,
            ".cursor/rules/gadfly.mdc",
            "cursor.md",
        ),
        Client(
            "vscode",
            "json",
            "servers",
            _vscode,
            ".vscode/mcp.json",
            None,
            ".github/instructions/gadfly.instructions.md",
            "vscode.md",
        ),
        Client(
            "codex",
            "toml",
            "mcp_servers",
            lambda: _codex("config.toml"),
            ".codex/config.toml",
            lambda: _codex("AGENTS.md"),
            "AGENTS.md",
            "codex.md",
            shares_rules=True,
            # Codex gives a call up after a minute unless told otherwise.
            more={"startup_timeout_sec": 30, "tool_timeout_sec": 600},
        ),
    )
}
