"""What a source yields: a :class:`Document`, its normalised text and its readable id.

Covers the record itself, slugs and the one text normalisation that every source goes through
(quotes and offsets refer to its result). Leaves out where documents come from (``sources/``),
their inner structure (``markup``) and how they are kept (``store``).
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_INVISIBLE = dict.fromkeys(map(ord, "\ufeff\u00ad\u200b\u2060\x00\x0c"))
_SPACES_AT_END = re.compile(r"(?<![ \t])[ \t]++$", re.MULTILINE)
_MANY_BLANKS = re.compile(r"\n{4,}")


class Document(BaseModel):
    """One work that can be searched and quoted.

    ``id`` is stable and readable (``guide/techniques/activation-patching``); ``text`` is the
    normalised text that every offset and every quote refers to; ``version`` is set where the text
    describes an installed package.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    title: str
    text: str
    kind: str
    source: str
    year: int | None = None
    authors: tuple[str, ...] = ()
    url: str | None = None
    licence: str | None = None
    version: str | None = None
    meta: dict[str, Any] = Field(default_factory=dict)

    def sha256(self) -> str:
        """Hash of everything that a reader can see, so that any change of it is noticed."""
        record = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(record.encode("utf-8", "replace")).hexdigest()


def packaged(source: str) -> bool:
    """Whether every user has this source: the guide, an installed package's documentation."""
    return source == "guide" or source.startswith("installed:")


def normalise(text: str) -> str:
    """Text as it is stored: NFC, ``\\n`` line ends, no invisible characters, no trailing blanks.

    Words, case, punctuation and indentation stay as they are, so a quote of the result is a quote
    of the source.
    """
    text = (
        text.replace("\r\n", "\n")
        .replace("\r", "\n")
        .replace("\u2028", "\n")
        .replace("\u2029", "\n")
    )
    # Lone surrogates come from wrongly decoded files; SQLite and UTF-8 refuse them.
    text = text.encode("utf-8", "replace").decode("utf-8")
    text = unicodedata.normalize("NFC", text.translate(_INVISIBLE))
    text = _SPACES_AT_END.sub("", text)
    return _MANY_BLANKS.sub("\n\n\n", text).strip("\n")


def slug(text: str, longest: int = 80) -> str:
    """A lower-case ASCII name for ids: ``Activation Patching (2nd ed.)`` → ``activation-patching-2nd-ed``."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", ascii_text.lower()).strip("-")
    if not words:  # a title without any Latin letter still needs a name of its own
        words = "x" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
    return words[:longest].strip("-")


def slugs(path: str) -> str:
    """A path for ids: the slug of each part, the last one without its suffix."""
    return "/".join(slug(part) for part in re.sub(r"\.\w+$", "", path).split("/"))


def year_of(value: Any) -> int | None:
    """A year from front matter (``2023``, ``"2023"``, ``"2023-05-01"``), or None."""
    found = re.search(r"\b(1[89]\d\d|20\d\d)\b", str(value or ""))
    return int(found.group(1)) if found else None
