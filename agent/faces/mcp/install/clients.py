"""Where each client keeps its MCP servers and its rules (``clients.toml``)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Literal, NamedTuple

from gadfly.settings import expanded
from gadfly.tables import table

Form = Literal["json", "toml"]


class Client(NamedTuple):
    """One client. Paths of a project are below the working folder; those of a user begin with one of its folders."""

    name: str
    form: Form
    key: str
    """The table of servers in its configuration."""
    user_config: str
    project_config: str
    project_rules: str
    text: str
    """The shipped rules, a file of ``gadfly.agent.faces.mcp.clients``."""
    user_rules: str = ""
    shares_rules: bool = False
    """Its rules file holds other people's rules too: ours are a marked block."""
    more: dict[str, Any] = {}  # noqa: RUF012  # never changed

    def config(self, scope: str) -> Path:
        return _users(self.user_config) if scope == "user" else Path.cwd() / self.project_config

    def rules(self, scope: str) -> Path | None:
        if scope == "project":
            return Path.cwd() / self.project_rules
        return _users(self.user_rules) if self.user_rules else None


def _users(path: str) -> Path:
    """A path of the user's, whose first part names a folder."""
    name, _, rest = path.partition("/")
    claude = os.environ.get("CLAUDE_CONFIG_DIR")
    match name:
        case "claude-state":  # inside that folder where it is set, else beside ``.claude``
            folder = expanded(claude) if claude else Path.home()
        case "claude":
            folder = expanded(claude) if claude else Path.home() / ".claude"
        case "codex":
            folder = expanded(os.environ.get("CODEX_HOME") or Path.home() / ".codex")
        case "vscode":
            folder = _vscode()
        case _:
            folder = Path.home()
    return folder / rest


def _vscode() -> Path:
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    elif os.name == "nt":
        base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "Code" / "User"


CLIENTS = {name: Client(name, **fields) for name, fields in table(__file__).items()}
