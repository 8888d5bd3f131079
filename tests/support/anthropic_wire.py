"""A server on loopback that speaks Anthropic's messages stream: text, citations, tool use, errors, broken streams.

Each request takes the next script: a list of blocks, or a dict with ``blocks``, ``usage``, ``drop`` or ``status``.
A block is ``("text", text, citations)`` or ``("tool", name, pieces_of_json)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from support.serving import Handler, listening


def citation(document: int, words: str) -> dict[str, Any]:
    about = {"document_index": document, "document_title": "t", "cited_text": words}
    span = {"start_char_index": 0, "end_char_index": len(words)}
    return {"type": "char_location", **about, **span}


@contextmanager
def serve_anthropic(scripts: list[Any]) -> Iterator[Any]:
    queue, requests = list(scripts), list[dict[str, Any]]()

    class Messages(Handler):
        def answer(self) -> None:
            requests.append(self.body())
            script = queue.pop(0)
            script = {"blocks": script} if isinstance(script, list) else script
            if "status" in script:
                kind = {"type": "invalid_request_error", "message": script["message"]}
                self.tell(script["status"], {"type": "error", "error": kind})
                return
            self.stream()
            usage = {"input_tokens": 11, "output_tokens": 7, **script.get("usage", {})}
            message = {
                "id": "m",
                "type": "message",
                "role": "assistant",
                "model": "m",
                "content": [],
            }
            message |= {"stop_reason": None, "stop_sequence": None, "usage": usage}
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
                start = {"type": "text", "text": ""}
                deltas = [{"type": "text_delta", "text": content}]
                deltas += [{"type": "citations_delta", "citation": each} for each in rest]
            else:
                start = {"type": "tool_use", "id": f"toolu_{index}", "name": content, "input": {}}
                deltas = [{"type": "input_json_delta", "partial_json": each} for each in rest]
            self._event("content_block_start", index=index, content_block=start)
            for delta in deltas:
                self._event("content_block_delta", index=index, delta=delta)
            self._event("content_block_stop", index=index)

        def _event(self, name: str, **data: Any) -> None:
            self.event({"type": name, **data}, name)

    with listening(Messages) as url:
        yield SimpleNamespace(url=url, requests=requests)
