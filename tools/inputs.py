"""Which files a call's arguments name, as they are now: a run that is repeated says which of them changed since.

Data and vectors alone: a model and an autoencoder are large and have their own fingerprint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from pydantic import BaseModel

from gadfly.settings import expanded
from gadfly.tools.reach import TASK, Names, declared


def hashes(arguments: BaseModel) -> dict[str, str]:
    """The first 16 digits of each file's SHA-256, by its path as it was given. What cannot be read is left out: the
    tool says why."""
    found = {}
    for path in _named(arguments):
        try:
            file = expanded(path)
            if file.is_file():
                with file.open("rb") as stream:
                    found[path] = hashlib.file_digest(stream, "sha256").hexdigest()[:16]
        except (OSError, ValueError):
            continue
    return found


def _named(arguments: BaseModel) -> Iterator[str]:
    for name, what in declared(type(arguments)).items():
        if what not in (Names.DATA, Names.VECTOR, Names.FILE):
            continue
        value = getattr(arguments, name)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str) and not each.startswith(TASK):
                yield each
