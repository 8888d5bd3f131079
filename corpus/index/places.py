"""Where Chroma keeps the vectors: in the index's own folder, or on a server that ``GADFLY_CHROMA`` names.

    GADFLY_CHROMA=http://127.0.0.1:8000                      a server of one's own
    GADFLY_CHROMA=https://api.trychroma.com/TENANT/DATABASE  Chroma Cloud
    GADFLY_CHROMA_TOKEN=...                                  sent with every request, never shown

The folder holds either the vectors or a note of the collection that holds them. So it always says where they are,
and a setting that was changed is seen: the next sync embeds anew in the other place. The texts stay in the folder.
"""

from __future__ import annotations

import json
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gadfly import files
from gadfly.errors import CorpusError, UsageError
from gadfly.settings import CHROMA, CHROMA_TOKEN
from gadfly.surroundings import sealed

VARIABLE, TOKEN = CHROMA.variable, CHROMA_TOKEN.variable
_NOTE = "server.json"
_SUSPECT = "damaged"
_HNSW = {"space": "cosine", "ef_search": 400, "ef_construction": 200}
"""``ef_search`` bounds how many neighbours can be asked for with good recall."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PATIENCE = 10.0  # seconds until a server that does not answer counts as absent


def place(folder: Path) -> Folder | Server:
    """The place that the environment asks for: one collection of Chroma's."""
    address = CHROMA.value()
    return Server(folder, address, CHROMA_TOKEN.value()) if address else Folder(folder)


class Folder:
    """Embedded: files in the index's folder, one process writing at a time. ``page``: rows that one call may carry."""

    page = 2000

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self) -> Any:
        """The collection, made if the place is empty."""
        chromadb = _chromadb()
        client = chromadb.PersistentClient(path=str(self._folder), settings=_settings())
        return client.get_or_create_collection(
            "passages", embedding_function=None, configuration={"hnsw": _HNSW}
        )

    def exists(self) -> bool:
        """Whether the vectors of this index were put here, and are whole as far as a glance tells. Asks no network."""
        return _whole(self._folder / "chroma.sqlite3") and not (self._folder / _SUSPECT).exists()

    def suspect(self) -> None:
        """They could not be read, or some are gone: the next sync makes them anew."""
        with suppress(OSError):
            (self._folder / _SUSPECT).touch()

    def refresh(self) -> None:
        """Make the next ``open`` see what other processes wrote."""
        with sealed():
            from chromadb.api.shared_system_client import SharedSystemClient

        SharedSystemClient.clear_system_cache()

    def reset(self) -> None:
        """Empty the place."""
        self.refresh()
        shutil.rmtree(self._folder, ignore_errors=True)

    def told(self, error: Exception) -> str:
        """What went wrong, in a line that may be shown."""
        return f"the vectors in {self._folder} cannot be read ({error}); run: gadfly corpus rebuild"


class Server:
    """A Chroma server: a collection of its own for every index, so that users never mix theirs.

    Raises:
        UsageError: the address is not one, or would carry the token in the open.
    """

    page = 300  # Chroma Cloud takes and gives no more in one call

    def __init__(self, folder: Path, address: str, token: str) -> None:
        self._folder = folder
        self._token = token
        if "@" in address:
            raise UsageError(f"{VARIABLE} must hold no password; put the token into {TOKEN}")
        try:
            parts = urlsplit(address)
            port = parts.port
        except ValueError as error:
            raise UsageError(f"{VARIABLE} is {address!r}: {error}") from None
        path = [part for part in parts.path.split("/") if part]
        if parts.scheme not in ("http", "https") or not parts.hostname or len(path) not in (0, 2):
            raise UsageError(
                f"{VARIABLE} is {address!r}; give http(s)://HOST[:PORT] or https://HOST/TENANT/DATABASE"
            )
        if token and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise UsageError(f"{VARIABLE} must begin with https:// when {TOKEN} is set")
        self._host, self._secure = parts.hostname, parts.scheme == "https"
        self._port = port or (443 if self._secure else 8000)
        self._tenant, self._database = path or ("default_tenant", "default_database")
        shown = f"[{self._host}]" if ":" in self._host else self._host
        self._url = f"{parts.scheme}://{shown}:{self._port}"
        self.address = "/".join((self._url, self._tenant, self._database))

    def open(self) -> Any:
        """The collection. One that was here and is gone is an error, not an empty index."""
        client, name = self._client(), self._noted()
        if name is not None:
            return client.get_collection(name, embedding_function=None)
        name = f"gadfly-{secrets.token_hex(6)}"
        made = client.create_collection(
            name, embedding_function=None, configuration={"hnsw": _HNSW}
        )
        self._folder.mkdir(parents=True, exist_ok=True)
        note = json.dumps({"address": self.address, "collection": name})
        files.write(self._folder / _NOTE, note + "\n")
        return made

    def exists(self) -> bool:
        return self._noted() is not None

    def suspect(self) -> None:
        """Nothing: a server that is away has lost nothing."""

    def refresh(self) -> None:
        """Nothing: a server shows every reader the same."""

    def reset(self) -> None:
        """Forget, then delete: a kill in between leaves a collection behind, never a wrong note."""
        with sealed():
            from chromadb.errors import NotFoundError

        client, name = self._client(), self._noted()  # a server that is away costs nothing here
        shutil.rmtree(self._folder, ignore_errors=True)
        if name is not None:
            with suppress(NotFoundError):
                client.delete_collection(name)

    def told(self, error: Exception) -> str:
        text = " ".join(str(error).split())[:300] or type(error).__name__
        text = text.replace(self._token, "***") if self._token else text
        return (
            f"the vectors on {self._url} cannot be used ({text}); start the server or unset {VARIABLE}; "
            "where it lost them, run: gadfly corpus rebuild"
        )

    def _noted(self) -> str | None:
        """The collection that holds the vectors of this index, if it is on this server."""
        try:
            note = json.loads((self._folder / _NOTE).read_text(encoding="utf-8"))
            return str(note["collection"]) if note["address"] == self.address else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _client(self) -> Any:
        import httpx

        headers = {}
        if self._token:  # Chroma Cloud reads the first, a proxy before one's own server the second
            headers = {"x-chroma-token": self._token, "Authorization": f"Bearer {self._token}"}
        # Chroma's own client waits for ever.
        answer = httpx.get(f"{self._url}/api/v2/heartbeat", headers=headers, timeout=_PATIENCE)
        if answer.status_code >= 400:
            raise CorpusError(f"it answered {answer.status_code} {answer.reason_phrase}")
        return _chromadb().HttpClient(
            host=self._host,
            port=self._port,
            ssl=self._secure,
            headers=headers,
            settings=_settings(),
            tenant=self._tenant,
            database=self._database,
        )


def _whole(file: Path) -> bool:
    """Whether a file begins as SQLite's do and has as many pages as it says."""
    try:
        with file.open("rb") as stream:
            head = stream.read(100)
        size = file.stat().st_size
    except OSError:
        return False
    if len(head) < 100 or not head.startswith(b"SQLite format 3\0"):
        return False
    page = int.from_bytes(head[16:18], "big")
    return size >= int.from_bytes(head[28:32], "big") * (65_536 if page == 1 else page)


def _chromadb() -> Any:
    with sealed():
        import chromadb

    return chromadb


def _settings() -> Any:
    """Chroma's settings, without the ``.env`` of the working folder that it would read."""
    return _chromadb().Settings(_env_file=None, anonymized_telemetry=False)
