"""A diff, or the work since a git base, turned into material. Nothing outside the folder is read.

A diff may come from anyone: a path in it that leads out of the folder, or a file there that is neither the
diff's old nor its new side, is not opened further; then only what the diff itself shows is reviewed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gadfly.errors import UsageError
from gadfly.tools.review.reading.diff import (
    FileChange,
    applied,
    as_it_stands,
    is_new_side,
    parse,
    unapplied,
)
from gadfly.tools.review.reading.material import SUFFIXES, File, Material, fits, text_file
from gadfly.tools.review.reading.repository import opened

_MNEMONIC = ("i/", "w/", "c/", "o/")
_COLOUR = re.compile(r"\x1b\[[0-9;]*[mK]")
_COLOURED = re.compile(r"(?:\x1b\[[0-9;]*[mK])+(?:diff|---)")


def from_diff(diff: str, *, root: Path | None = None, only: Sequence[str] = ()) -> Material:
    """The Python files and notebooks that a unified diff touches.

    Args:
        diff: as git or ``diff -u`` write it.
        root: where the files lie; None: the working folder.
        only: paths that the review is limited to.

    Raises:
        UsageError: the text is no diff.
    """
    return _material("the diff", diff, root or Path.cwd(), only)


def from_base(base: str, *, folder: Path | None = None, only: Sequence[str] = ()) -> Material:
    """What changed since the work left a branch or commit: committed, staged, unstaged and new files.

    Raises:
        UsageError: no git repository, or no such commit.
    """
    folder = folder or Path.cwd()
    with opened(folder) as repository:
        root = repository.root
        here = [
            str((folder / each).resolve().relative_to(root))
            for each in only
            if _inside(root, folder / each)
        ]
        start = repository.start_of_work(base)
        diff, rest = repository.changes(start, SUFFIXES)
        untracked = repository.untracked()

    def asked_for(name: str) -> bool:
        return not here or any(fits(name, each) for each in here)

    others = sum(asked_for(each.decode("utf-8", "replace")) for each in rest)
    material = _material(f"changes since {base}", diff, root, here, empty=True, others=others)
    for each in untracked:
        name = each.decode("utf-8", "replace")
        if name.endswith(SUFFIXES) and asked_for(name):
            text = _read(root, os.fsdecode(each))
            if text is not None:
                material.files.append(text_file(name, text))
    return material


def _material(
    what: str, diff: str, root: Path, only: Sequence[str], empty: bool = False, others: int = 0
) -> Material:
    material = Material(what)
    diff = diff.removeprefix("\ufeff")
    if _COLOURED.match(diff):
        diff = _COLOUR.sub("", diff)
    changes = parse(diff)
    for change in changes:
        _settle_prefix(change, root)
    if not changes and not empty:
        found = (
            "it is empty"
            if not diff.strip()
            else "no file header (---, +++ or diff --git) is in it"
        )
        raise UsageError(
            f"that is not a unified diff: {found}; make one with: git diff > change.diff"
        )
    for change in changes:
        if only and not any(fits(change.path, each) for each in only):
            continue
        if not change.path.endswith(SUFFIXES):
            others += 1
        elif change.hunks and not change.deleted:
            material.files.append(_file(change, root))
    if others:
        material.notices.append(
            f"{others} changed files are neither Python nor notebooks; not read"
        )
    for file in material.files:
        if file.partial:
            material.notices.append(
                f"{file.path} is not here as the diff knows it: only the lines that the diff shows were read"
            )
    return material


def _file(change: FileChange, root: Path) -> File:
    hunks = change.hunks
    more: dict[str, Any] = {
        "changed": change.added,
        "shown": change.commentable,
        "old_path": change.old_path,
    }
    for name in dict.fromkeys((change.path, _without_prefix(change.old_path) or change.path)):
        text = _read(root, name)
        if text is None:
            continue
        text = text.replace("\r\n", "\n")
        if name == change.path and is_new_side(text, hunks):
            return text_file(change.path, text, before=unapplied(text, hunks), **more)
        new = applied(text, hunks)
        if new is not None:
            return text_file(change.path, new, before=text, **more)
    text, whole = as_it_stands(hunks)
    return text_file(change.path, text, partial=not whole, **more)


def _settle_prefix(change: FileChange, root: Path) -> None:
    """Git's diff.mnemonicPrefix writes i/, w/, c/ and o/ where a/ and b/ stand else; folders may have such names."""
    if change.path[:2] in _MNEMONIC and not (root / change.path).exists():
        change.path = change.path[2:]
        if change.old_path and change.old_path[:2] in _MNEMONIC:
            change.old_path = change.old_path[2:]


def _without_prefix(path: str | None) -> str | None:
    return path.removeprefix("a/") if path else None


def _read(root: Path, name: str) -> str | None:
    path = root / name
    try:
        if not _inside(root, path) or not path.is_file():
            return None
        return path.read_bytes().decode("utf-8-sig", "replace")
    except (OSError, ValueError):
        return None


def _inside(root: Path, path: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError):
        return False
