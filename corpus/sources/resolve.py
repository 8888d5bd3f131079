"""From what a user types to a :class:`Source`: a path, an address, or a short form such as ``arxiv:2301.05217``.

Asks neither the network nor the disk for more than whether a path exists. What the modules of this folder declare as
their ``ORIGIN`` is found here; an address that none of them owns is a web page.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from gadfly import folders
from gadfly.corpus.fetch.addresses import check_url
from gadfly.corpus.fetch.client import Client, Fetching
from gadfly.corpus.sources.base import Origin, Source
from gadfly.corpus.sources.files import FilesSource
from gadfly.corpus.sources.html import WebSource
from gadfly.corpus.sources.library import LibrarySource, is_library
from gadfly.errors import CorpusError
from gadfly.settings import expanded

_BARE = re.compile(r"(?:www\.)?(?:[a-z0-9-]+\.)+[a-z]{2,10}/\S*", re.IGNORECASE)


@cache
def origins() -> tuple[Origin, ...]:
    """What the modules of this folder declare."""
    found = folders.modules("gadfly.corpus.sources")
    return tuple(module.ORIGIN for module in found if hasattr(module, "ORIGIN"))


def forms() -> list[str]:
    """The valid forms of a target, as messages list them."""
    own = [origin.form for origin in origins() if origin.form]
    return ["a file or folder", "a library's export (.bib, .ris)", "an http(s) address", *own]


def resolve(target: str, *, client: Client | None = None, refresh: bool = False) -> Source:
    """The source of a target. ``refresh`` asks its server again, whatever is kept of it.

    Raises:
        CorpusError: no such file, or none of the valid forms; the message lists them.
    """
    text = target.strip()
    fetching = Fetching(client, refresh)
    if "://" in text and not _exists(Path(text)):
        return _address(text, fetching)
    short, _, rest = text.lower().partition(":")
    for origin in origins() if rest else ():
        if short in (origin.form.partition(":")[0], *origin.aliases):
            return origin.opens(text, fetching)
    path = expanded(text)
    if text and _exists(path):
        if path.is_file() and is_library(path):
            return LibrarySource(
                path, lambda target: resolve(target, client=client, refresh=refresh)
            )
        return FilesSource(path)
    if _BARE.fullmatch(text):  # an address as people say it
        return _address(f"https://{text}", fetching)
    shown = repr(text if len(text) <= 120 else text[:120] + "…")
    if path.suffix or path.is_absolute() or text.startswith((".", "~")) or text.endswith("/"):
        raise CorpusError(f"no such file or folder: {shown}")
    raise CorpusError(f"cannot tell what {shown} is; valid: {', '.join(forms())}")


def _address(url: str, fetching: Fetching) -> Source:
    check_url(url)
    origin = next((each for each in origins() if each.owns(url)), None)
    return origin.opens(url, fetching) if origin else WebSource(url, fetching=fetching)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long for a file name, or with characters that none may have
        return False
