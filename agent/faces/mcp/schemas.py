"""Pydantic's JSON schemas in the form that every client reads: no titles, no tuples, object roots."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


def arguments(model: type[BaseModel]) -> dict[str, Any]:
    """What a tool takes."""
    schema: dict[str, Any] = _plain(model.model_json_schema(), finite=False)
    return schema


def output(model: type[BaseModel]) -> dict[str, Any]:
    """What a tool gives. A number that is not finite has no JSON: it is null, and the schema says so."""
    schema: dict[str, Any] = _plain(model.model_json_schema(mode="serialization"), finite=True)
    return schema


_NULL = {"type": "null"}


def _optional(node: dict[str, Any]) -> dict[str, Any]:
    """An argument that may be left out says so by not being required; "or null" would be said a hundred times."""
    others = node["anyOf"][:-1]
    kept = {key: value for key, value in node.items() if key not in ("anyOf", "default")}
    return {**kept, **(others[0] if len(others) == 1 else {"anyOf": others})}


def _plain(node: Any, *, finite: bool) -> Any:
    if isinstance(node, list):
        return [_plain(each, finite=finite) for each in node]
    if not isinstance(node, dict):
        return node
    # Pydantic titles every field with its own name in capitals: a quarter of the schema, and no news.
    kept = {
        key: _plain(value, finite=finite)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str))
    }
    if not finite and kept.get("default", "") is None and kept.get("anyOf", [None])[-1] == _NULL:
        kept = _optional(kept)
    members = kept.pop("prefixItems", None)
    if members is not None:  # a tuple; clients read its items as one type or not at all
        distinct = [each for i, each in enumerate(members) if each not in members[:i]]
        if distinct != [{}]:
            kept["items"] = distinct[0] if len(distinct) == 1 else {"anyOf": distinct}
    if finite and kept.get("type") == "number":
        bounds = {key: kept.pop(key) for key in list(kept) if key not in ("description", "default")}
        kept["anyOf"] = [bounds, _NULL]
    return kept
