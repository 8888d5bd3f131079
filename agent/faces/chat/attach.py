"""``@file``, ``@run`` and ``@paste1`` in a message: material that goes along with it, as data.

A file is read when the message is sent and travels beside it, never inside it. What is no text, too large or looks
like a key is refused before anything is sent. An ``@word`` that is no file (a decorator in pasted code) stays a word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gadfly.agent.llm.choose import redacted
from gadfly.errors import CorpusError, UsageError
from gadfly.settings import expanded

MOST_CHARACTERS = 150_000  # of one file; a turn takes 200,000 in all
_AT = re.compile(r'(?<!\S)@(?:"([^"\n]+)"|(\S+))')
_RUN = re.compile(r"r[0-9a-f]{8}")
_TAIL = ".,;:!?)]}"
_SECRET = re.compile(
    r"^\.env(\..+)?$|^\.netrc$|^\.pypirc$|^\.git-credentials$|^credentials(\..+)?$|^id_(rsa|dsa|ecdsa|ed25519)$"
    r"|\.(pem|key|p12|pfx|kdbx)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Attachment:
    """A piece of material: what it is called, and its text."""

    label: str
    text: str


def attachments(message: str, pastes: Mapping[str, str] | None = None) -> list[Attachment]:
    """What the message attaches, in its order.

    Args:
        pastes: long texts that were pasted, by the name that stands for each in the message.

    Raises:
        UsageError: a file is missing, unreadable, too large, no text, or looks like a secret.
    """
    found: dict[str, Attachment] = {}
    for quoted, bare in _AT.findall(message):
        name = quoted or _bare(bare)
        if pastes and name in pastes:
            found[name] = Attachment(name, redacted(pastes[name]))
        elif _RUN.fullmatch(name) and not Path(name).exists():
            found[name] = run(name)
        elif path := _path(name, surely=bool(quoted) or "/" in name):
            found[str(path)] = file(path, name)
    return list(found.values())


def file(path: Path, name: str) -> Attachment:
    """A text file or notebook as material."""
    if path.is_dir():
        raise UsageError(f"{name} is a folder; attach its files one by one, or use /review {name}")
    if not path.is_file():
        raise UsageError(f"{name} is no regular file")
    if _SECRET.search(path.name) or ".ssh" in path.resolve().parts:
        raise UsageError(f"{name} looks like a secret and is not attached; rename it if it is none")
    try:
        if path.stat().st_size > 40 * MOST_CHARACTERS:  # no need to read it: only outputs shrink so
            raise UsageError(_too_large(name, path.stat().st_size))
        text = _text(path, name)
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror or error}") from None
    except CorpusError as error:
        raise UsageError(f"{error} (papers: gadfly corpus add {name})") from None
    if len(text) > MOST_CHARACTERS:
        raise UsageError(_too_large(name, len(text)))
    return Attachment(name, redacted(text))


def run(run_id: str) -> Attachment:
    """An experiment of the ledger as material: arguments and result, without its script."""
    from gadfly.tools.ledger import Ledger

    found = Ledger().get(run_id)
    data = found.model_dump(mode="json", exclude={"environment": True, "result": {"reproduce"}})
    return Attachment(f"run {found.id}", json.dumps(data, ensure_ascii=False))


def context(material: list[Attachment]) -> str:
    """Everything in one text, each piece under its name."""
    return "\n\n".join(f"--- {each.label} ---\n{each.text}" for each in material)


def _text(path: Path, name: str) -> str:
    from gadfly.corpus.readers import notebook
    from gadfly.corpus.readers.encoding import decode, text_of

    if path.suffix != ".ipynb":
        return text_of(path, name)
    return notebook.read(decode(path.read_bytes()), name).body  # text_of would break its long lines


def _bare(token: str) -> str:
    """An unquoted name ends before the punctuation of its sentence, unless a file is really called so."""
    while token and token[-1] in _TAIL and not expanded(token).exists():
        token = token[:-1]
    return token


def _path(name: str, *, surely: bool) -> Path | None:
    try:
        path = expanded(name)
        if name and path.exists():
            return path
    except (OSError, RuntimeError, ValueError):  # too long, or no such user's home
        pass
    if surely:
        raise UsageError(f"no file {name!r}; nothing was sent. Tab after @ completes names")
    return None


def _too_large(name: str, size: int) -> str:
    return (
        f"{name} has {size:,} characters, and at most {MOST_CHARACTERS:,} are attached; "
        f"cut it, or make it searchable: gadfly corpus add {name}"
    )
