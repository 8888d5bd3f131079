"""A server on loopback that speaks the chat-completions wire format: SSE chunks, errors, broken streams.

Each request takes the next of its scripted behaviours. It records what it was sent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from support.serving import Handler, listening


@dataclass
class Script:
    """How the server answers one request."""

    deltas: list[dict[str, Any]] = field(default_factory=list)
    finish: str | None = "stop"
    status: int = 200
    body: dict[str, Any] | str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    """Close the connection after the deltas, without a finish reason or [DONE]."""
    usage: dict[str, Any] | None = None


def text(*pieces: str, **more: Any) -> Script:
    return Script(
        deltas=[{"role": "assistant", "content": ""}, *({"content": p} for p in pieces)], **more
    )


def tool_call(name: str, *argument_pieces: str, call_id: str = "call_a", index: int = 0) -> Script:
    """A tool call whose arguments arrive in pieces, as providers split them."""
    head = {
        "index": index,
        "id": call_id,
        "type": "function",
        "function": {"name": name, "arguments": ""},
    }
    tail = [{"index": index, "function": {"arguments": piece}} for piece in argument_pieces]
    return Script(
        deltas=[
            {"role": "assistant", "content": None, "tool_calls": [head]},
            *({"tool_calls": [t]} for t in tail),
        ],
        finish="tool_calls",
    )


def error(status: int, message: str = "no", **headers: str) -> Script:
    return Script(
        status=status,
        body={"error": {"message": message, "type": "x", "code": status}},
        headers=headers,
    )


@dataclass
class Server:
    url: str
    requests: list[dict[str, Any]]
    keys: list[str]


@contextmanager
def serve(scripts: Iterable[Script] | Callable[[dict[str, Any]], Script]) -> Iterator[Server]:
    """Run the server while the block runs. ``scripts`` are taken in order, or chosen by the request."""
    queue = [] if callable(scripts) else list(scripts)
    requests: list[dict[str, Any]] = []
    keys: list[str] = []
    lock, choosing = threading.Lock(), threading.Lock()

    class Chat(Handler):
        def answer(self) -> None:
            body = self.body()
            with lock:
                requests.append(body)
                keys.append(self.headers.get("Authorization", ""))
            with choosing:  # a script may take its time; the next request is counted all the same
                if callable(scripts):
                    script = scripts(body)
                else:
                    script = queue.pop(0) if queue else error(500, "script exhausted")
            if script.status != 200:
                self.tell(script.status, script.body, _headers(script))
            else:
                self._stream(script, body["model"])

        def _stream(self, script: Script, model: str) -> None:
            self.stream()
            for delta in script.deltas:
                self.event(_chunk(model, delta))
            if script.drop:
                return
            self.event(_chunk(model, {}, script.finish))
            counts = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
            self.event({**_chunk(model, None), "usage": script.usage or counts})
            self.event("[DONE]")

    with listening(Chat) as url:
        yield Server(f"{url}/v1", requests, keys)


def _headers(script: Script) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in script.headers.items()}


def _chunk(model: str, delta: dict[str, Any] | None, finish: str | None = None) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": model,
        "choices": choices,
    }
