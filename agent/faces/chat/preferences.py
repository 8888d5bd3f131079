"""The ``[chat]`` table of config.toml in the data folder."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields

from gadfly.errors import UsageError
from gadfly.home import home


@dataclass(frozen=True)
class Preferences:
    """What a user may set once for every chat."""

    shell: bool = False
    """Whether ``!command`` runs a shell command."""


def preferences() -> Preferences:
    """As the file says; the defaults where there is none.

    Raises:
        UsageError: the file cannot be read, or holds an unknown key or a value of the wrong kind.
    """
    path = home() / "config.toml"
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8")).get("chat", {})
    except FileNotFoundError:
        return Preferences()
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    known = [each.name for each in fields(Preferences)]
    if not isinstance(told, dict) or set(told) - set(known):
        raise UsageError(f"{path}: [chat] is a table with these keys: {', '.join(known)}")
    if not isinstance(told.get("shell", False), bool):
        raise UsageError(f"{path}: shell in [chat] must be true or false, not {told['shell']!r}")
    return Preferences(**told)
