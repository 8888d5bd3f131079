"""A server on loopback that speaks Anthropic's messages stream: text, citations, tool use, errors, broken streams.

Each request takes the next script: a list of blocks, or a dict with ``blocks``, ``usage``, ``drop`` or ``status``.
A block is ``("text", text, citations)`` or ``("tool", name, pieces_of_json)``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any


def citation(document: int, words: str) -> dict[str, Any]:
    return {
        "type": "char_location", "cited_text": words, "document_index": document, "document_title": "t",
        "start_char_index": 0, "end_char_index": len(words),
    }  # fmt: skip


@contextmanager
def serve_anthropic(scripts: list[Any]) -> Iterator[Any]:
    queue, requests = list(scripts), list[dict[str, Any]]()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            script = queue.pop(0)
            script = {"blocks": script} if isinstance(script, list) else script
            if "status" in script:
                kind = {"type": "invalid_request_error", "message": script["message"]}
                data = json.dumps({"type": "error", "error": kind}).encode()
                self.send_response(script["status"])
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            usage = {"input_tokens": 11, "output_tokens": 7, **script.get("usage", {})}
            message = {
                "id": "m", "type": "message", "role": "assistant", "model": "m", "content": [],
                "stop_reason": None, "stop_sequence": None, "usage": usage,
            }  # fmt: skip
            self._event("message_start", message=message)
            for index, block in enumerate(script["blocks"]):
                self._block(index, block)
            if script.get("drop"):
                return
            self._event("message_delta", delta={"stop_reason": "end_turn"}, usage=usage)
            self._event("message_stop")

        def _block(self, index: int, block: Any) -> None:
            kind, content, rest = block
            if kind == "text":
                self._event(
                    "content_block_start", index=index, content_block={"type": "text", "text": ""}
                )
                deltas = [{"type": "text_delta", "text": content}]
                deltas += [{"type": "citations_delta", "citation": each} for each in rest]
            else:
                start = {"type": "tool_use", "id": f"toolu_{index}", "name": content, "input": {}}
                self._event("content_block_start", index=index, content_block=start)
                deltas = [{"type": "input_json_delta", "partial_json": each} for each in rest]
            for delta in deltas:
                self._event("content_block_delta", index=index, delta=delta)
            self._event("content_block_stop", index=index)

        def _event(self, name: str, **data: Any) -> None:
            body = json.dumps({"type": name, **data})
            self.wfile.write(f"event: {name}\ndata: {body}\n\n".encode())
            self.wfile.flush()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}", requests=requests)
    finally:
        server.shutdown()
        server.server_close()
