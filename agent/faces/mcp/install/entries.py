"""The entry ``gadfly`` in a configuration's text. What cannot be edited safely is refused, with the entry to add.

JSON is read and written again in its own indentation. TOML has no writer in the standard library, and people's
comments in it matter: it is edited as text, and read again to see that only our entry moved.
"""

from __future__ import annotations

import copy
import json
import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from gadfly.agent.faces.mcp.install.clients import Form
from gadfly.errors import UsageError

NAME = "gadfly"
_LAST_COMMENTS = re.compile(r"(?:^[ \t]*(?:#.*)?(?:\n|\Z))*\Z", re.MULTILINE)
_HEADER = re.compile(r"^[ \t]*\[\[?([^\]\n]+)\]", re.MULTILINE)


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
    text = (before or b"").decode("utf-8")
    bare = _without_tables(text, key) if had else text
    block = _toml(key, entry)
    new = f"{bare.rstrip()}\n\n{block}" if bare.strip() else block
    return Added(_checked(new, data, key, path, entry), had, dropped)


def removed(form: Form, before: bytes | None, key: str, path: Path) -> bytes | None:
    """The text without our entry; None where nothing else was in it."""
    if before is None:
        return None
    data = _parsed(form, before, key, path, {})
    if NAME not in data.get(key, {}):
        return before
    del data[key][NAME]
    if not data[key]:
        del data[key]
    if not data:
        return None
    if form == "json":
        return _json(data, before)
    return _checked(_without_tables(before.decode("utf-8"), key), data, key, path, {})


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
    text = json.dumps({key: {NAME: entry}}) if form == "json" else _toml(key, entry)
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


def _toml(key: str, entry: dict[str, Any]) -> str:
    lines = [f"[{key}.{NAME}]"]
    lines += [
        f"{_word(name)} = {_value(v)}" for name, v in entry.items() if not isinstance(v, dict)
    ]
    for name, value in entry.items():
        if isinstance(value, dict):
            lines += ["", f"[{key}.{NAME}.{_word(name)}]"]
            lines += [f"{_word(inner)} = {_value(v)}" for inner, v in value.items()]
    return "\n".join(lines) + "\n"


def _word(name: str) -> str:
    return name if re.fullmatch(r"[\w-]+", name, re.ASCII) else json.dumps(name)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_word(k)} = {_value(v)}" for k, v in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def _without_tables(text: str, key: str) -> str:
    """The text without the tables of our entry. Comments above the next header belong to that one."""
    ours = re.compile(rf"\s*{re.escape(key)}\s*\.\s*[\"']?{NAME}[\"']?\s*(\..*)?")
    headers = list(_HEADER.finditer(text))
    kept, at = [], 0
    for index, header in enumerate(headers):
        if ours.fullmatch(header[1]):
            kept.append(text[at : header.start()])
            end = headers[index + 1].start() if index + 1 < len(headers) else len(text)
            at = end - len(_LAST_COMMENTS.search(text[header.start() : end])[0])  # type: ignore[index]
    return "".join([*kept, text[at:]])


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
