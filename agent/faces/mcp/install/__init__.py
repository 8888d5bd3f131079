"""Gadfly's entry in a client's configuration, and the rules shipped for that client: put in, taken out again.

- ``clients``  where each client keeps what        - ``entries``  the entry in JSON or TOML text
- ``change``   one file before and after: shown, backed up, written whole or not at all; the rules are one
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gadfly.agent.faces.mcp.install import entries
from gadfly.agent.faces.mcp.install.change import Change, backup_of, read, with_rules, without_rules
from gadfly.agent.faces.mcp.install.clients import CLIENTS, Client
from gadfly.errors import UsageError
from gadfly.settings import HOME, home


def installing(
    client: str, scope: str, *, skill: bool = False, options: Sequence[str] = ()
) -> list[Change]:
    """The changes that let ``client`` start the server with these options. Nothing is written yet.

    Raises:
        UsageError: a configuration that cannot be edited safely; the message has the entry to add by hand.
    """
    found = CLIENTS[client]
    path = _own(found.config(scope), scope)
    before = read(path)
    entry = _entry(found, scope, options)
    what = f"{found.key}.gadfly = {json.dumps(entry, ensure_ascii=False, indent=2)}"
    after, had, dropped = entries.added(
        found.form, before, found.key, entry, path, keep=scope == "user"
    )
    if dropped:
        what += f"\nno longer in it: {', '.join(dropped)}; add what you know by hand"
    changes = [Change(path, before, after, what, keep=not had)]
    if skill:
        changes.append(with_rules(found, _own(_rules_path(found, scope), scope)))
    return changes


def uninstalling(client: str, scope: str) -> list[Change]:
    """The changes that take the server and its rules out of ``client`` again."""
    found = CLIENTS[client]
    path = _own(found.config(scope), scope)
    before, backup = read(path), read(backup_of(path))
    after = entries.removed(found.form, before, found.key, path)
    if backup is not None and entries.same(found.form, after or b"", backup):
        after = backup  # byte for byte as it was
    changes = [Change(path, before, after, f"without {found.key}.gadfly", drop=before != after)]
    place = found.rules(scope)
    if place is not None:
        changes.append(without_rules(found, _own(place, scope)))
    return changes


def _entry(client: Client, scope: str, options: Sequence[str]) -> dict[str, Any]:
    command, arguments = _command(scope)
    entry: dict[str, Any] = {"command": command, "args": [*arguments, "mcp", *options]}
    if client.form == "json":
        entry = {"type": "stdio", **entry}
    entry |= client.more
    if HOME.value():
        entry["env"] = {HOME.variable: str(home())}
    return entry


def _command(scope: str) -> tuple[str, list[str]]:
    """This installation's own command. A project's file is shared, so there the bare name where it leads here."""
    beside = Path(sys.executable).parent / ("gadfly.exe" if os.name == "nt" else "gadfly")
    on_path = shutil.which("gadfly")
    if scope == "project" and on_path and Path(on_path).resolve() == beside.resolve():
        return "gadfly", []
    if beside.exists():
        return str(beside), []
    # -P: no module of a working folder.
    return sys.executable, ["-P", "-m", "gadfly"]


def _rules_path(client: Client, scope: str) -> Path:
    path = client.rules(scope)
    if path is None:
        raise UsageError(
            f"{client.name} reads rules from files of a project only; add --scope project, or leave --skill out"
        )
    return path


def _own(path: Path, scope: str) -> Path:
    """A project's file, unless it is a link out of the project: a checkout could have the user's own files changed."""
    if scope == "project" and not path.resolve().is_relative_to(Path.cwd().resolve()):
        raise UsageError(f"{path} is a link that leads out of this folder; nothing was changed")
    return path
