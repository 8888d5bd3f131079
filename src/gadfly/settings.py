"""Every setting of Gadfly: what it means, what it takes, its default, and where its value comes from; and the folder
that the first of them names, where all data are.

A setting is an environment variable; some can be written into ``config.toml`` of the data folder too, where the
variable wins. Everything reads through :class:`Setting`; ``gadfly doctor`` shows each with its value.

    [llm]
    main = "openrouter/anthropic/claude-sonnet-5.5"
    fallbacks = ["anthropic/claude-sonnet-5-5"]

``model`` is always the model that is studied, ``llm`` the one that talks. Leaves out the keys of providers and the
variables of other programs. Adding one: an entry in ``settings.toml``, its name below, a row in ``docs/settings.md``.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, NamedTuple

from gadfly.errors import HomeError, UsageError

FILE = "config.toml"
# Who logs in where, with or without a scheme before it; a password may hold a slash.
_LOGIN = re.compile(r"(?<=//)\S+(?=@)|^[^\s/:]+:(?!//)\S+(?=@)")


class Found(NamedTuple):
    """A setting's value (empty where it is not set), and where it comes from: its variable, the file, or nowhere."""

    value: str
    source: str


@dataclass(frozen=True)
class Setting:
    """One setting.

    Args:
        variable: of the environment; none: it stands in the file alone.
        default: what happens without it, in words.
        accepts: what it takes, in words.
        pattern: what its value must match as a whole, whatever its case.
        key: its place in the file, as ``table.key``.
        kind: how it is written in the file; several texts are parted by commas in the variable.
        was: the variable that had this meaning before; it is refused.
    """

    meaning: str
    default: str
    accepts: str
    variable: str = ""
    pattern: str = ".*"
    key: str = ""
    kind: Literal["text", "texts", "flag"] = "text"
    secret: bool = False
    was: str = ""

    @property
    def name(self) -> str:
        return self.variable or f"{self.key} in {FILE}"

    def value(self, environment: Mapping[str, str] | None = None) -> str:
        """As :meth:`found`, without where it comes from."""
        return self.found(environment).value

    def on(self) -> bool:
        """Whether a flag is set."""
        return self.value() == "1"

    def texts(self) -> list[str]:
        """A value with commas in its parts."""
        return [part for part in map(str.strip, self.value().split(",")) if part]

    def found(self, environment: Mapping[str, str] | None = None) -> Found:
        """The value, checked.

        Args:
            environment: in place of this process's.

        Raises:
            UsageError: it is not what the setting takes, its old name is used, or the file cannot be used.
        """
        given = self.given(environment)
        here = os.environ if environment is None else environment
        if not given.value and here.get(self.was, "").strip():
            raise UsageError(
                f"{self.was} is not read any more; set {self.variable} instead "
                "(the model that is studied is named by --model)"
            )
        if given.value and not re.fullmatch(self.pattern, given.value, re.DOTALL | re.IGNORECASE):
            shown = "what it is set to" if self.secret else repr(_without_login(given.value))
            raise UsageError(f"{self.name} takes {self.accepts}, not {shown}; change or unset it")
        return given

    def given(self, environment: Mapping[str, str] | None = None) -> Found:
        """The value as it is written, right or wrong. Raises UsageError if the file cannot be used."""
        here = os.environ if environment is None else environment
        if self.variable and (told := here.get(self.variable, "").strip()):
            return Found(told, self.variable)
        told = _config().get(self.key, "") if self.key else ""
        return Found(told, FILE) if told else Found("", "default")

    def shown(self) -> Found:
        """The value for people: of a secret only that it is set, and no password of an address."""
        value, source = self.given()
        if not value:
            return Found(self.default, source)
        return Found("set" if self.secret else _without_login(value), source)


def _without_login(value: str) -> str:
    return _LOGIN.sub("***", value)


_TABLE = resources.files("gadfly").joinpath("settings.toml").read_text(encoding="utf-8")
NAMED = {name: Setting(**fields) for name, fields in tomllib.loads(_TABLE).items()}
ALL = tuple(NAMED.values())
HOME = NAMED["home"]
LLM = NAMED["llm"]
FAST_LLM = NAMED["fast_llm"]
JUDGE_LLM = NAMED["judge_llm"]
FALLBACKS = NAMED["fallbacks"]
API_BASE = NAMED["api_base"]
API_KEY = NAMED["api_key"]
EMBEDDER = NAMED["embedder"]
CHROMA = NAMED["chroma"]
CHROMA_TOKEN = NAMED["chroma_token"]
CHECKPOINTS = NAMED["checkpoints"]
ALLOW_PRIVATE = NAMED["allow_private"]
MCP_TOKEN = NAMED["mcp_token"]
IMAGES = NAMED["images"]
SHELL = NAMED["shell"]
_ONCE = {"models": "llm"}  # tables by the name that they had
_IN_FILE = {setting.key: setting for setting in ALL if setting.key}


@contextmanager
def instead(values: Mapping[Setting, str]) -> Iterator[None]:
    """While the block runs, this process and what it starts have these values."""
    before = {setting: os.environ.get(setting.variable) for setting in values}
    os.environ.update({setting.variable: value for setting, value in values.items()})
    try:
        yield
    finally:
        for setting, value in before.items():
            os.environ.pop(setting.variable, None)
            if value is not None:
                os.environ[setting.variable] = value


def expanded(path: str | Path) -> Path:
    """A path as its user wrote it: ``~`` is his home, and a ``~name`` that nobody has is a name like any other."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 (pathlib's own raises there)


def home() -> Path:
    """The data folder that :data:`HOME` names, else the platform's own; not yet created.

    Raises:
        UsageError: the name is a link that leads back to itself.
    """
    if named := HOME.value():
        try:
            return expanded(named).resolve()
        except (OSError, RuntimeError) as error:
            raise UsageError(f"{HOME.name} cannot be {named!r}: {error}; name a folder") from error
    from platformdirs import user_data_path

    return user_data_path("gadfly", appauthor=False)


def folder(*parts: str) -> Path:
    """A folder below :func:`home`, created if missing and checked to be writable.

    Raises:
        HomeError: if it cannot be created or written.
    """
    path = home().joinpath(*parts)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HomeError(_unwritable(path, error.strerror or str(error))) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise HomeError(_unwritable(path, "permission denied"))
    return path


def _unwritable(path: Path, reason: str) -> str:
    return f"cannot write to {path} ({reason}); set {HOME.variable} to a folder you can write to"


def _config() -> dict[str, str]:
    """The file's settings by ``table.key``, as a variable would hold them.

    Raises:
        UsageError: it cannot be read, or holds an unknown table or key, or a value of the wrong kind.
    """
    path = home() / FILE
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    tables = list(dict.fromkeys(key.partition(".")[0] for key in _IN_FILE))
    found = {}
    for written, entries in data.items():
        table = _ONCE.get(written, written)
        if table not in tables or not isinstance(entries, dict):
            raise UsageError(
                f"{path}: {written!r} is no table of settings; valid: [{'], ['.join(tables)}]"
            )
        for key, value in entries.items():
            found[f"{table}.{key}"] = _as_told(f"{table}.{key}", value, str(path))
    return found


def _as_told(key: str, value: Any, path: str) -> str:
    table, _, name = key.partition(".")
    if key not in _IN_FILE:
        known = ", ".join(each.partition(".")[2] for each in _IN_FILE if each.startswith(table))
        raise UsageError(f"{path}: unknown key {name!r} in [{table}]; valid: {known}")
    kind = _IN_FILE[key].kind
    if kind == "flag" and isinstance(value, bool):
        return "1" if value else ""
    if kind == "text" and isinstance(value, str):
        return value
    if kind == "texts" and isinstance(value, list) and all(isinstance(t, str) for t in value):
        return ",".join(value)
    must = {"flag": "true or false", "texts": "a list of texts", "text": "a text"}[kind]
    raise UsageError(f"{path}: {name} in [{table}] must be {must}, not {value!r}")
