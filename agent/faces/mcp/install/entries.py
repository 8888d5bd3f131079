"""The entry ``gadfly`` in a configuration's text. What cannot be edited safely is refused, with the entry to add.

JSON is read and written again in its own indentation. In TOML people's comments matter: tomlkit keeps them, and what
it wrote is read again to see that only our entry moved.
"""

from __future__ import annotations

import copy
import json
import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import tomlkit
from tomlkit.items import InlineTable, Table

from gadfly.agent.faces.mcp.install.clients import Form
from gadfly.errors import UsageError

NAME = "gadfly"
_LAST_COMMENTS = re.compile(r"(?:^[ \t]*(?:#.*)?(?:\n|\Z))*\Z", re.MULTILINE)


class Added(NamedTuple):
    """The text with our entry, whether there was one already, and which of its settings are gone."""

    text: bytes
    had: bool
    dropped: list[str]


def added(
    form: Form, before: bytes | None, key: str, entry: dict[str, Any], path: Path, *, keep: bool
) -> Added:
    """Put our entry in. With ``keep``, settings that were added to it stay: only where the file is the user's own, for
    one that came with a checkout could set endpoints and switch guards off."""
    data = _parsed(form, before, key, path, entry)
    old = data.get(key, {}).get(NAME)
    had = isinstance(old, dict)
    dropped: list[str] = []
    if isinstance(old, dict):
        environment = {**_table(old.get("env")), **_table(entry.get("env"))}
        merged = {**old, **entry, **({"env": environment} if environment else {})}
        if keep:
            entry = merged
        dropped = sorted(merged.keys() - entry.keys()) + [
            f"env.{name}" for name in sorted(environment.keys() - _table(entry.get("env")).keys())
        ]
        if entry == old:
            return Added(before or b"", True, [])
    data.setdefault(key, {})[NAME] = entry
    if form == "json":
        return Added(_json(data, before), had, dropped)
    return Added(_toml_with(before, data, key, path, entry), had, dropped)


def removed(form: Form, before: bytes | None, key: str, path: Path) -> bytes | None:
    """The text without our entry; None where nothing else was in it, not even a comment."""
    if before is None:
        return None
    data = _parsed(form, before, key, path, {})
    if NAME not in data.get(key, {}):
        return before
    del data[key][NAME]
    if not data[key]:
        del data[key]
    if form == "json":
        return _json(data, before) if data else None
    left = _toml_without(before, data, key, path)
    return left if left.strip() else None


def same(form: Form, one: bytes, other: bytes) -> bool:
    """Whether two texts hold the same, an empty table of servers aside."""
    try:
        first, second = (_loads(form, each) for each in (one, other))
    except ValueError:
        return False
    for each in (first, second):
        for key in [key for key, value in each.items() if value == {}]:
            del each[key]
    return bool(first == second)


def _loads(form: Form, text: bytes) -> Any:
    decoded = text.decode("utf-8-sig")
    return json.loads(decoded or "{}") if form == "json" else tomllib.loads(decoded)


def _parsed(
    form: Form, before: bytes | None, key: str, path: Path, entry: dict[str, Any]
) -> dict[str, Any]:
    try:
        data = _loads(form, before) if before and before.strip() else {}
    except ValueError as error:  # of JSON, of TOML, or of UTF-8
        raise _by_hand(f"{path} is not plain {form.upper()} ({error})", form, key, entry) from None
    if not isinstance(data, dict) or not isinstance(data.get(key, {}), dict):
        raise _by_hand(f"{path} has no table {key}", form, key, entry)
    return copy.deepcopy(data)


def _by_hand(problem: str, form: Form, key: str, entry: dict[str, Any]) -> UsageError:
    if not entry:
        return UsageError(f"{problem}; nothing was changed, take {key}.{NAME} out by hand")
    text = (
        json.dumps({key: {NAME: entry}}) if form == "json" else tomlkit.dumps({key: {NAME: entry}})
    )
    return UsageError(
        f"{problem}; comments would be lost, so nothing was changed. Add by hand: {text}"
    )


def _json(data: dict[str, Any], before: bytes | None) -> bytes:
    text = (before or b"").decode("utf-8-sig")
    found = re.search(r"\n([ \t]+)\"", text)
    indent = found[1] if found else "  "
    ending = "" if text and not text.endswith("\n") else "\n"
    new = json.dumps(data, ensure_ascii=False, indent=indent) + ending
    if "\r\n" in text:
        new = new.replace("\n", "\r\n")
    return new.encode("utf-8")


def _toml_with(
    before: bytes | None, wanted: dict[str, Any], key: str, path: Path, entry: dict[str, Any]
) -> bytes:
    text = (before or b"").decode("utf-8-sig")
    document = tomlkit.parse(text)
    servers = document.get(key, {})
    if NAME in servers or isinstance(servers, InlineTable):
        _become(servers.setdefault(NAME, {}), entry)
        new = document.as_string()
    else:  # at the end: comments below the last server may be about what follows it
        block = tomlkit.dumps({key: {NAME: entry}})
        new = f"{text.rstrip()}\n\n{block}" if text.strip() else block
    if "\r\n" in text:
        new = new.replace("\r\n", "\n").replace("\n", "\r\n")
    return _checked(new, wanted, key, path, entry)


def _become(table: Any, wanted: dict[str, Any]) -> None:
    """The table with these values; comments beside those that stay are kept."""
    # Blank lines and comments at its end are about what follows: they stay there.
    body = table.value.body if isinstance(table, Table) else []
    tail = []
    while body and body[-1][0] is None:
        tail.append(body.pop()[1])
    for name in set(table) - set(wanted):
        del table[name]
    for name, value in wanted.items():
        if isinstance(value, dict) and name in table:
            _become(table[name], value)
        elif name not in table or table[name] != value:
            table[name] = value
    for each in reversed(tail):
        table.add(each)


def _toml_without(before: bytes, wanted: dict[str, Any], key: str, path: Path) -> bytes:
    text = before.decode("utf-8-sig")
    document = tomlkit.parse(text)
    del document[key][NAME]
    if not document[key]:
        del document[key]
    lines, left = text.splitlines(keepends=True), document.as_string().splitlines(keepends=True)
    pairs = enumerate(zip(lines, left, strict=False))
    at = next((index for index, (one, other) in pairs if one != other), len(left))
    end = at + len(lines) - len(left)
    comments = ""
    if lines[:at] + lines[end:] == left:
        # It went in one piece; the comments at its end are about what follows.
        comments = _LAST_COMMENTS.search("".join(lines[at:end]))[0]  # type: ignore[index]
    return _checked("".join([*left[:at], comments, *left[at:]]), wanted, key, path, {})


def _checked(
    text: str, wanted: dict[str, Any], key: str, path: Path, entry: dict[str, Any]
) -> bytes:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        found = {}
    if found != wanted:
        raise _by_hand(f"{path} writes {key} in a form that is not edited here", "toml", key, entry)
    return text.encode("utf-8")


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
