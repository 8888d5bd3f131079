"""``.gadfly.toml``, or ``[tool.gadfly.review]`` in ``pyproject.toml``: three settings, no more.

    ignore = ["best-of-seeds-reported"]   # rules that say nothing
    exclude = ["vendored/*"]              # paths that are not read, at any depth
    fail-on = "error"                     # error, warning, note or never

Of a pull request the file of the base branch counts, so that no change can switch off its own review.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from gadfly.errors import UsageError
from gadfly.tools.review.registry import rules

FILES = (".gadfly.toml", "pyproject.toml")
_LONGEST = 1_000_000


class Config(BaseModel):
    """The settings of one repository."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ignore: list[str] = []
    exclude: list[str] = []
    fail_on: Literal["error", "warning", "note", "never"] = "never"


def load(read: Callable[[str], str | None]) -> Config:
    """The settings, from whichever file is there.

    Args:
        read: gives the text of a file at the root of the repository, or None.

    Raises:
        UsageError: a file that is no TOML, an unknown key or an unknown rule.
    """
    for name in FILES:
        text = read(name)
        if text is None:
            continue
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{name} is not valid TOML: {error}") from None
        if name == "pyproject.toml":
            tools = data.get("tool", {}).get("gadfly", {})
            data = tools.get("review", {}) if isinstance(tools, dict) else {}
        return _checked(name, data)
    return Config()


def from_folder(folder: Path) -> Config:
    """The settings of a folder, or of the nearest one above that has any, up to the root of the repository. Outside a
    repository nothing above counts: it may be anybody's, such as ``/tmp``."""
    places = [folder, *folder.parents]
    root = next((n for n, place in enumerate(places) if (place / ".git").exists()), 0)
    for place in places[: root + 1]:
        if any(os.path.lexists(place / name) for name in FILES):
            return load(lambda name, place=place: _text(place / name))  # type: ignore[misc]
    return Config()


def _checked(name: str, data: object) -> Config:
    if isinstance(data, dict):
        data = {key.replace("-", "_"): value for key, value in data.items()}
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])).replace("_", "-") or "review"
        raise UsageError(
            f"{name}: {where}: {first['msg']}; known are ignore, exclude, fail-on"
        ) from None
    for each in config.ignore:
        if each not in rules() and each != "critique":
            raise UsageError(f"{name}: ignore: no rule {each!r}; see: gadfly review --list-rules")
    return config


def _text(path: Path) -> str | None:
    """A settings file is a plain, short one: a link may lead anywhere, a pipe or device never ends."""
    try:
        kind = path.lstat()
        if not stat.S_ISREG(kind.st_mode) or kind.st_size > _LONGEST:
            raise UsageError(
                f"{path} is no plain file of at most {_LONGEST:,} bytes; put the settings into one, or take it away"
            )
        return path.read_text(encoding="utf-8")
    except OSError:
        return None
    except UnicodeDecodeError:
        raise UsageError(f"{path.name} is not UTF-8") from None
