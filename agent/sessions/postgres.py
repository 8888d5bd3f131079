"""Sessions in Postgres, for more than one machine.

    GADFLY_CHECKPOINTS=postgresql://USER:PASSWORD@HOST/DATABASE

The same rows and checkpoints as in the local file (``sessions``), and a session's lock is the database's, so that two
machines never take a turn of one session at once. The ledger of runs stays local. Needs a database of its own, and the
package ``langgraph-checkpoint-postgres``. Nothing of the address but host and database is ever shown.
"""

from __future__ import annotations

import atexit
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from threading import Lock
from typing import Any
from urllib.parse import unquote, urlsplit

from gadfly.errors import GadflyError, HomeError, UsageError
from gadfly.settings import CHECKPOINTS

VARIABLE = CHECKPOINTS.variable
_PACKAGES = "'langgraph-checkpoint-postgres>=3.2,<4' 'psycopg[binary]>=3.3'"
_SAVER = "langgraph.checkpoint.postgres"
_PATIENCE = 10  # seconds to connect
_MOST = 8  # connections; each is held for a statement, not for a turn
_POOLS: dict[str, Any] = {}
_MAKING = Lock()


class Postgres:
    """One pool of connections for a process, which makes anew what broke.

    Raises:
        UsageError: the address is not one.
        HomeError: the packages are missing, or the database cannot be used.
    """

    def __init__(self, address: str) -> None:
        self._address, self._secrets = address, _secrets(address)
        parts = urlsplit(address)
        self._shown = f"postgresql://{parts.hostname or ''}{parts.path}"
        try:
            self._driver = import_module("psycopg")
            for name in ("psycopg_pool", _SAVER):
                import_module(name)
        except ImportError as error:
            raise HomeError(
                f"{VARIABLE} needs packages that are not installed; run: pip install {_PACKAGES}"
            ) from error
        with self.guarded():
            self._pool = _pool(address)

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Run a statement that is written with ``?`` for its values."""
        with self.guarded(), self._pool.connection() as connection:
            cursor = connection.execute(sql.replace("?", "%s"), values)
            return list(cursor.fetchall()) if cursor.description else []

    def saver(self, serde: Any) -> Any:
        """LangGraph's checkpointer, whose failures are told in a line."""
        base: Any = import_module(_SAVER).PostgresSaver
        guarded = self.guarded

        class Saver(base):  # type: ignore[misc]  # the package is not part of the base
            @contextmanager
            def _cursor(self, *, pipeline: bool = False) -> Iterator[Any]:
                with guarded(), super()._cursor(pipeline=pipeline) as cursor:
                    yield cursor

        return Saver(self._pool, serde=serde)

    def sweep(self, session_id: str) -> None:
        """Drop the checkpoints before the newest one."""
        self.saver(None).prune([session_id], strategy="keep_latest")

    @contextmanager
    def hold(self, session_id: str) -> Iterator[bool]:
        """The lock is its connection's, so that it ends with the process, however that ends. Not one of the pool:
        many turns at once would leave none to work with."""
        with self.guarded():
            connection = self._driver.connect(self._address, **_options())
        try:
            with self.guarded():
                row = connection.execute(
                    "SELECT pg_try_advisory_lock(hashtextextended(%s, 0)) AS got", [session_id]
                ).fetchone()
            yield row["got"]
        finally:
            connection.close()

    def close(self) -> None:
        """Nothing: the pool is the process's."""

    @contextmanager
    def guarded(self) -> Iterator[None]:
        try:
            yield
        except GadflyError:
            raise
        except self._driver.Error as error:
            text = " ".join(str(error).split())[:300] or type(error).__name__
            for secret in self._secrets:
                text = text.replace(secret, "***")
            raise HomeError(
                f"the sessions in {self._shown} cannot be used ({text}); start the database, or unset {VARIABLE}"
            ) from None


def _secrets(address: str) -> list[str]:
    """The password in every form in which a driver may repeat it."""
    try:
        parts = urlsplit(address)
        password = parts.password or ""
        _ = parts.port
    except ValueError:
        parts, password = urlsplit(""), ""
    if parts.scheme not in ("postgresql", "postgres") or "password=" in parts.query:
        raise UsageError(
            f"{VARIABLE} is no address of a database; give postgresql://USER:PASSWORD@HOST/DATABASE"
        )
    return sorted({address, password, unquote(password)} - {""}, key=len, reverse=True)


def _pool(address: str) -> Any:
    """The pool of this process, made once: its threads must not be ended by whoever collects garbage."""
    saver, pools = import_module(_SAVER).PostgresSaver, import_module("psycopg_pool")
    with _MAKING:
        if address not in _POOLS:
            # First without the pool, which would try again and again.
            with import_module("psycopg").connect(address, **_options()) as connection:
                saver(connection).setup()
            _POOLS[address] = pool = pools.ConnectionPool(
                address,
                min_size=1,
                max_size=_MOST,
                open=True,
                kwargs=_options(),
                check=pools.ConnectionPool.check_connection,
                timeout=_PATIENCE,
            )
            atexit.register(pool.close)
        return _POOLS[address]


def _options() -> dict[str, Any]:
    # Without prepared statements: a pooler in between mixes them up.
    return {
        "autocommit": True,
        "prepare_threshold": None,
        "row_factory": import_module("psycopg.rows").dict_row,
        "connect_timeout": _PATIENCE,
    }
