"""The rules shipped for a client: a file of their own, or a marked block in a file that others share."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from gadfly.agent.faces.mcp.install.change import Change, backup_of, read
from gadfly.agent.faces.mcp.install.clients import Client

MARK = "<!-- written by: gadfly mcp install -->"
_BEGIN, _END = "<!-- gadfly: begin -->", "<!-- gadfly: end -->"


def shipped(client: Client) -> str:
    """The rules as they are packaged."""
    place = resources.files("gadfly.agent.faces.mcp.clients").joinpath(client.text)
    return place.read_text(encoding="utf-8")


def written(client: Client, path: Path) -> Change:
    """The change that puts the rules at ``path``."""
    before = read(path)
    text = shipped(client)
    if client.shares_rules:
        others = _outside(_text(before))
        block = f"{_BEGIN}\n{text.strip()}\n{_END}\n"
        after = f"{others.rstrip()}\n\n{block}" if others.strip() else block
        ours = _BEGIN in _text(before)
    else:
        after = f"{text.rstrip()}\n\n{MARK}\n"
        ours = MARK in _text(before)
    what = f"rules for {client.name}, {len(text.splitlines())} lines"
    return Change(path, before, after.encode("utf-8"), what, keep=not ours)


def removed(client: Client, path: Path) -> Change:
    """The change that takes them out; a file that is not ours stays."""
    before, backup = read(path), read(backup_of(path))
    text = _text(before)
    after = before
    if client.shares_rules and _BEGIN in text:
        others = _outside(text)
        after = others.encode("utf-8") if others.strip() else None
        if backup is not None and others.strip() == _text(backup).strip():
            after = backup
    elif not client.shares_rules and MARK in text:
        after = backup
    return Change(path, before, after, f"without the rules for {client.name}", drop=before != after)


def _outside(text: str) -> str:
    """What is not ours in a shared file."""
    head, begun, rest = text.partition(_BEGIN)
    if not begun:
        return text
    tail = rest.partition(_END)[2].lstrip("\n")
    return head.rstrip() + ("\n\n" if head.strip() and tail.strip() else "\n") + tail


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "replace")
