"""Shortening a long conversation, mechanically and without losing a receipt.

Tokens are counted with tiktoken. Oldest first, as far as needed: the reasoning of earlier turns goes; tool results
shrink to what may still be cited (a run's id, values, controls and verdict; of documents the passages that were quoted,
with their ids); answers of earlier turns shrink to their sentences with receipts; what was attached to earlier
questions shrinks to its beginning. Every run id and every quote marker of the conversation is still there afterwards.
The newest round is left whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from gadfly.agent.answers.markers import Marker, markers, replaced
from gadfly.agent.answers.sentences import prose, split
from gadfly.agent.llm.model import Message, text_of
from gadfly.corpus import quotes, tokens

_FENCED = re.compile(
    r'^<data-(?P<nonce>\w+) source="(?P<label>[^"]*)">\n(?P<body>.*)\n</data-', re.S
)
_ATTACHED = re.compile(
    r'<data-(?P<nonce>\w+) source="[^"]*">\n(?P<body>.*)\n</data-(?P=nonce)>', re.S
)
_ATTACHED_KEPT = 1_000  # characters
_KEEP = ("run", "tool", "headline", "verdict", "why", "values", "controls", "notes")
_REASONING = ("thinking_blocks", "reasoning_content", "provider_specific_fields")
_OVERHEAD = 6  # tokens that a message's frame takes


def size(messages: Sequence[Message]) -> int:
    """Tokens of a conversation, as cl100k_base counts them."""
    return sum(_size(_text(message) + _reasoning(message)) + _OVERHEAD for message in messages)


def compact(messages: Sequence[Message], limit: int) -> list[Message]:
    """The conversation in at most ``limit`` tokens where that can be had without dropping a receipt."""
    out = list(messages)
    total = size(out)
    quoted = _quoted(out)
    newest = max((i for i, m in enumerate(out) if m["role"] == "assistant"), default=0)
    asked = max((i for i, m in enumerate(out) if m["role"] == "user"), default=0)
    for role, shorten, until in (
        ("assistant", _thoughts, asked),
        ("tool", _tool_result, newest),
        ("assistant", _answer, newest),
        ("user", _attachment, asked),
    ):
        for index in range(until):
            if total <= limit:
                return out
            if out[index]["role"] != role:
                continue
            shorter = shorten(out[index], quoted)
            total -= size([out[index]]) - size([shorter])
            out[index] = shorter
    return out


def _thoughts(message: Message, quoted: dict[str, list[str]]) -> Message:
    """Without its reasoning, which providers want back only within the turn that it belongs to."""
    return {k: v for k, v in message.items() if k not in _REASONING}


def _tool_result(message: Message, quoted: dict[str, list[str]]) -> Message:
    text = _text(message)
    match = _FENCED.match(text)
    if match is None:
        short = text if len(text) < 400 else text[:400] + " …"
        return {**message, "content": short}
    try:
        data = json.loads(match["body"])
    except ValueError:
        data = None
    kept = _essence(data, quoted) if isinstance(data, dict) else match["body"][:400]
    body = kept if isinstance(kept, str) else json.dumps(kept, ensure_ascii=False)
    frame = f'<data-{match["nonce"]} source="{match["label"]}">\n{body}\n</data-{match["nonce"]}>'
    return {**message, "content": frame if len(frame) < len(text) else text}


def _essence(data: dict[str, Any], quoted: dict[str, list[str]]) -> dict[str, Any]:
    """What may still be cited of a result."""
    if data.get("run"):
        return {
            "shortened": True,
            **{name: data[name] for name in _KEEP if data.get(name) not in (None, [], {})},
        }
    passages = data.get("results") if isinstance(data.get("results"), list) else [data]
    documents: dict[str, list[str]] = {}
    for passage in passages or []:
        if not isinstance(passage, dict) or not isinstance(passage.get("document"), str):
            continue
        text = str(passage.get("text", ""))
        words = [
            q
            for q in quoted.get(passage["document"], [])
            if quotes.check(q, text).match is not None
        ]
        documents.setdefault(passage["document"], []).extend(words)
    return {"shortened": True, "documents": documents, "read_again_with": "read or search"}


def _answer(message: Message, quoted: dict[str, list[str]]) -> Message:
    """An assistant's text as its sentences with markers; a text without any keeps its first sentence."""
    text = _text(message)
    if not text or message.get("tool_calls"):
        return message
    # A marker may hold a full stop, which must not cut it: markers step aside while sentences are told apart.
    held: list[str] = []

    def aside(marker: Marker) -> str:
        held.append(text[marker.start : marker.end])
        return f"\ue000{len(held) - 1}\ue001"

    stepped = replaced(text, markers(text), aside)
    sentences = [s for block in prose(stepped) for s in split(block)]
    kept = [s for s in sentences if "\ue000" in s] or sentences[:1]
    short = re.sub("\ue000(\\d+)\ue001", lambda m: held[int(m[1])], " ".join(kept))
    if any(each not in short for each in dict.fromkeys(held)):
        return message
    return {**message, "content": short}


def _attachment(message: Message, quoted: dict[str, list[str]]) -> Message:
    """A question with the beginning of what was attached to it. Questions themselves are never cut."""
    text = _text(message)
    match = _ATTACHED.search(text)
    if match is None or len(match["body"]) <= _ATTACHED_KEPT:
        return message
    cut = f"{match['body'][:_ATTACHED_KEPT]}\n[shortened: attach it again to look at the rest]"
    return {**message, "content": text[: match.start("body")] + cut + text[match.end("body") :]}


def _quoted(messages: Sequence[Message]) -> dict[str, list[str]]:
    """Document id → words quoted from it anywhere in the conversation."""
    found: dict[str, list[str]] = {}
    for message in messages:
        if message["role"] == "assistant":
            for marker in markers(_text(message)):
                if marker.kind == "quote":
                    found.setdefault(marker.target, []).append(marker.body.strip())
    return found


def _text(message: Message) -> str:
    if message.get("tool_calls") and not message.get("content"):
        return json.dumps(message["tool_calls"])
    return text_of(message)


def _reasoning(message: Message) -> str:
    blocks = message.get("thinking_blocks")
    return json.dumps(blocks) if blocks else str(message.get("reasoning_content") or "")


@lru_cache(maxsize=1024)
def _size(text: str) -> int:
    return tokens.count(text)
