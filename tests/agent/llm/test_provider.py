"""The road to providers, against a loopback server that speaks the real wire format."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.loopback import Script, error, serve, text, tool_call

from gadfly.agent.llm.choose import Choice, choose
from gadfly.agent.llm.model import Reply
from gadfly.agent.llm.provider import Provider
from gadfly.errors import LLMError, UsageError

MESSAGES = [{"role": "user", "content": "hello"}]
TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {"name": "search", "description": "d", "parameters": {"type": "object"}},
    }
]


def _reply(
    scripts: list[Script], pieces: list[str] | None = None
) -> tuple[Reply, Any, list[float]]:
    waits: list[float] = []
    with serve(scripts) as server:
        provider = Provider(
            Choice("openai/test-model", "test", server.url), wait=waits.append, timeout=10
        )
        sink = pieces if pieces is not None else []
        reply = provider.reply(MESSAGES, TOOLS, sink.append)
    return reply, server, waits


def test_text_streams_in_pieces_and_usage_is_counted() -> None:
    pieces: list[str] = []
    reply, server, _ = _reply([text("The ", "residual ", "stream.")], pieces)
    assert reply.text == "The residual stream."
    assert pieces == ["The ", "residual ", "stream."]
    assert (reply.input_tokens, reply.output_tokens) == (11, 7)
    assert server.requests[0]["stream"] is True
    assert server.requests[0]["tools"][0]["function"]["name"] == "search"


def test_tool_call_split_over_deltas_is_put_together() -> None:
    reply, _, _ = _reply([tool_call("search", '{"que', 'ry": "log', 'it lens"}')])
    assert [(c.name, json.loads(c.arguments)) for c in reply.tool_calls] == [
        ("search", {"query": "logit lens"})
    ]
    assert reply.message["tool_calls"][0]["id"] == "call_a"


def test_malformed_arguments_reach_the_caller_and_go_back_as_an_object() -> None:
    reply, _, _ = _reply([tool_call("search", '{"query": ')])
    assert reply.tool_calls[0].arguments == '{"query": '
    assert reply.message["tool_calls"][0]["function"]["arguments"] == "{}"


@pytest.mark.parametrize(
    "failure", [error(429, "slow down"), error(500), error(503), text("half", drop=True)]
)
def test_passing_failures_are_tried_again(failure: Script) -> None:
    reply, server, waits = _reply([failure, text("fine")])
    assert reply.text == "fine"
    assert len(server.requests) == 2
    assert len(waits) == 1


def test_retry_after_is_obeyed() -> None:
    _, _, waits = _reply([error(429, retry_after="7"), text("fine")])
    assert waits == [7.0]


def test_gives_up_after_four_attempts_in_one_line() -> None:
    with pytest.raises(LLMError, match="failed 4 times") as caught:
        _reply([error(500, "boom")] * 5)
    assert "\n" not in str(caught.value)


def test_a_refused_key_is_not_tried_again_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GADFLY_API_KEY", "sk-very-secret-123456")
    with serve([error(401, "Incorrect API key provided: sk-very-secret-123456")]) as server:
        provider = Provider(Choice("openai/m", "test", server.url), wait=lambda _: None)
        with pytest.raises(LLMError, match="refused the key") as caught:
            provider.reply(MESSAGES, [], lambda _: None)
    assert "secret" not in str(caught.value)
    assert len(server.requests) == 1
    assert server.keys == ["Bearer sk-very-secret-123456"]


def test_openrouter_gets_reasoning_and_its_price_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-test-000000")
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8, "cost": 0.0125}
    with serve([text("ok", usage=usage)]) as server:
        monkeypatch.setenv("OPENROUTER_API_BASE", server.url)
        choice = choose()
        assert choice is not None
        assert choice.model.startswith("openrouter/")
        reply = Provider(choice).reply(MESSAGES, TOOLS, lambda _: None)
    assert server.requests[0]["reasoning_effort"] == "medium" or server.requests[0]["reasoning"]
    assert reply.dollars == pytest.approx(0.0125)


def test_choice_by_keys_and_its_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose() is None
    assert choose("offline") is None
    with pytest.raises(UsageError, match="names no provider"):
        choose("gpt-5")
    with pytest.raises(UsageError, match="OPENAI_API_KEY"):
        choose("openai/gpt-5")
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    monkeypatch.setenv("OPENROUTER_API_KEY", "y")
    first = choose()
    assert first is not None
    assert first.because == "OPENROUTER_API_KEY"
    monkeypatch.setenv("GADFLY_LLM", "offline")
    assert choose() is None
    monkeypatch.delenv("GADFLY_LLM")
    monkeypatch.setenv("GADFLY_API_BASE", "http://127.0.0.1:1/v1")
    with pytest.raises(UsageError, match="GADFLY_LLM"):
        choose()
