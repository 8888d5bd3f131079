"""Serving one client over stdio, or clients of this machine over HTTP; and going away when they do.

Over stdio the protocol alone is on standard output: the SDK sends everything else there to standard error. HTTP is
bound to loopback, wants a bearer token, and checks Host and Origin, so that no web page can reach it.
"""

from __future__ import annotations

import contextlib
import hmac
import logging
import os
import secrets
import socket
from typing import TYPE_CHECKING

from gadfly import leaving
from gadfly.agent.faces.door import tell
from gadfly.errors import UsageError
from gadfly.settings import MCP_TOKEN

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from gadfly.agent.faces.mcp.server import Built

TOKEN = MCP_TOKEN.variable
HOST = "127.0.0.1"
PORT = 8712


def log_to_stderr() -> None:
    """Before the server is built: one line for each message, where the SDK would draw boxes 80 columns wide."""
    logging.basicConfig(level=logging.WARNING, format="gadfly mcp: %(levelname)s %(message)s")


def stdio(built: Built) -> None:
    """Serve until standard input ends or a signal comes. Ends the process: a worker that is deep in a computation
    must not outlive its client."""
    import anyio

    _leave_with(built)
    code = 1
    try:
        anyio.run(built.server.run_stdio_async)
        code = 0
    except BaseExceptionGroup as group:
        gone, other = group.split((BrokenPipeError, ConnectionError))
        code = 0 if gone and not other else 1
        if other:
            tell(f"gadfly: {other!r}")
    finally:
        os.dup2(2, 1)  # what tools printed and nobody flushed is no protocol
        leaving.leave(code)


def http(built: Built, port: int = PORT) -> None:
    """Serve on loopback until Ctrl-C.

    Raises:
        UsageError: the port is taken, or the token of the environment is too short.
    """
    import uvicorn

    token = MCP_TOKEN.value()
    try:
        listening = socket.create_server((HOST, port))
    except OSError as error:
        raise UsageError(
            f"cannot listen on port {port} ({error.strerror}); give another --port"
        ) from None
    port = listening.getsockname()[1]
    tell(f"Gadfly serves MCP at http://{HOST}:{port}/mcp")
    if not token:
        token = secrets.token_urlsafe(24)
        tell(f"Token, for this process only ({TOKEN} sets a lasting one): {token}")
    _leave_with(built)
    config = uvicorn.Config(app(built, token), log_level="warning")
    server = uvicorn.Server(config)
    # Its own handlers would wait for every open connection.
    server.capture_signals = contextlib.nullcontext  # type: ignore
    server.run(sockets=[listening])
    leaving.leave(0)


def app(built: Built, token: str | None) -> ASGIApp:
    """The web application: the SDK's, which checks Host, Origin and size, behind the token (None: no token)."""
    return _Guard(built.server.streamable_http_app(host=HOST), token)


class _Guard:
    """Lets a request pass that carries the bearer token. Blanks around a header's value are no part of it, which
    the HTTP parser leaves to others."""

    def __init__(self, inner: ASGIApp, token: str | None) -> None:
        self._inner = inner
        self._expected = None if token is None else f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
            scope = {**scope, "headers": headers}
            if not self._allowed(dict(headers)):
                await self._refuse(scope, receive, send)
                return
        await self._inner(scope, receive, send)

    def _allowed(self, headers: dict[bytes, bytes]) -> bool:
        given = headers.get(b"authorization", b"")
        return self._expected is None or hmac.compare_digest(given, self._expected)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.responses import JSONResponse

        message = f"a bearer token is needed: the server printed it when it started, or took it from {TOKEN}"
        asked = {"WWW-Authenticate": "Bearer"}
        await JSONResponse({"error": message}, 401, asked)(scope, receive, send)


def _leave_with(built: Built) -> None:
    """At the end, by a signal too: stop the workers, let them write themselves down, and go, whatever computes."""
    leaving.closing(built.workers.close)
    leaving.at_once()
