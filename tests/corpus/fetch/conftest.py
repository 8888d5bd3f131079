"""A web site on loopback whose every answer is scripted, and a client that may ask it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from gadfly.corpus.fetch.client import Client
from gadfly.corpus.fetch.network import Limits
from gadfly.corpus.fetch.pace import Pace


@dataclass
class Answer:
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    """The Content-Length to claim; -1 sends none and ends with the connection."""
    pause: float = 0.0
    """Seconds before the body."""


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Site:
    """Answers by path (the query included); a list of answers is used up from the front."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[Asked] = []
        self.url = ""

    def add(
        self,
        path: str,
        body: bytes | str = b"",
        status: int = 200,
        kind: str = "text/html",
        **more: Any,
    ) -> str:
        data = body.encode() if isinstance(body, str) else body
        headers = {"Content-Type": kind, **more.pop("headers", {})}
        self.answers.setdefault(path, []).append(Answer(data, status, headers, **more))
        return self.url + path

    def move(self, path: str, target: str, status: int = 302) -> str:
        return self.add(path, status=status, headers={"Location": target})

    def paths(self) -> list[str]:
        return [each.path for each in self.asked]

    def take(self, path: str) -> Answer:
        queue = self.answers.get(path) or self.answers.get(path.partition("?")[0])
        if not queue:
            return Answer(b"<html><body>nothing here</body></html>", 404)
        return queue.pop(0) if len(queue) > 1 else queue[0]


@pytest.fixture
def site() -> Iterator[Site]:
    held = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            asked = Asked(self.command, self.path, dict(self.headers), self.rfile.read(length))
            held.asked.append(asked)
            answer = held.take(self.path)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.length != -1:
                length = len(answer.body) if answer.length is None else answer.length
                self.send_header("Content-Length", str(length))
            if answer.length is not None:
                self.close_connection = True
                self.send_header("Connection", "close")
            self.end_headers()
            time.sleep(answer.pause)
            self.wfile.write(answer.body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Quiet."""

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # the client hung up, as it should in several tests
                return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    held.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    yield held
    server.shutdown()
    server.server_close()


@pytest.fixture
def slept() -> list[float]:
    """The waits that the client asked for; none of them is served."""
    return []


@pytest.fixture
def make_client(slept: list[float]) -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def make(**more: Any) -> Client:
        settings: dict[str, Any] = {
            "allow_private": True,
            "pace": Pace({}, default=0, sleep=slept.append),
            "limits": Limits(read=2.0, connect=2.0),
            "sleep": slept.append,
        }
        made.append(Client(**{**settings, **more}))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def client(make_client: Callable[..., Client]) -> Client:
    return make_client()


@pytest.fixture
def make_pdf() -> Callable[..., bytes]:
    return _pdf


def _pdf(*pages: str, title: str = "", ligatures: bool = False) -> bytes:
    """A PDF whose pages show these lines, in Helvetica; byte 1 is the glyph fi where ligatures are on."""
    encoding = "<</Type/Encoding/BaseEncoding/WinAnsiEncoding/Differences[1/fi 2/fl]>>"
    font = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding %s>>" % (
        encoding if ligatures else "/WinAnsiEncoding"
    )
    count = len(pages)
    kids = " ".join(f"{4 + 2 * index} 0 R" for index in range(count))
    objects = ["<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Kids[{kids}]/Count {count}>>", font]
    for index, text in enumerate(pages):
        shown = "".join(
            "(" + line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") + ") Tj T*\n"
            for line in text.split("\n")
        )
        stream = f"BT /F1 10 Tf 12 TL 50 780 Td\n{shown}ET"
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 842]/Contents {5 + 2 * index} 0 R"
            "/Resources<</Font<</F1 3 0 R>>>>>>"
        )
        objects.append(f"<</Length {len(stream)}>>stream\n{stream}\nendstream")
    objects.append(
        f"<</Title({title})/Author(Ada One and Ben Two)/CreationDate(D:20240512000000Z)>>"
    )
    out = b"%PDF-1.4\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    return (
        out
        + (
            f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
            f"trailer<</Size {len(objects) + 1}/Root 1 0 R/Info {len(objects)} 0 R>>\n"
            f"startxref\n{len(out)}\n%%EOF\n"
        ).encode()
    )
