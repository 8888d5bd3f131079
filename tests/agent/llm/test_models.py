"""Roles, keys, fallbacks, the local chat model and the anthropic SDK with its citations."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.anthropic_wire import citation, serve_anthropic
from support.loopback import error, serve, text

from gadfly.agent.llm.anthropic_format import marked, quotable, translate
from gadfly.agent.llm.chatformat import Stream, parse
from gadfly.agent.llm.choose import Choice, roles
from gadfly.agent.llm.facts import facts
from gadfly.agent.llm.model import Message, Reply
from gadfly.agent.llm.native import Native
from gadfly.agent.llm.provider import Provider
from gadfly.agent.llm.road import Fallbacks, Road
from gadfly.agent.llm.scripted import ScriptedModel, says
from gadfly.errors import Cancelled, LLMError, UsageError

TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {"name": "search", "description": "d", "parameters": {"type": "object"}},
    }
]


def _config(home: str, body: str) -> None:
    Path(home).mkdir(parents=True, exist_ok=True)
    (Path(home) / "config.toml").write_text(body)


# -- who plays which role ------------------------------------------------------------------------


def test_one_key_fills_every_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "x")
    found = roles()
    assert found is not None
    assert found.main.model == found.judge.model == "openrouter/anthropic/claude-sonnet-5.5"
    assert found.fast.model == "openrouter/anthropic/claude-haiku-5.5"


def test_every_default_is_in_the_price_list_and_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("OPENROUTER_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(key, "x")
        found = roles()
        assert found is not None
        for choice in (found.main, found.fast):
            known = facts(choice.model)
            assert known.known, choice.model
            assert known.reasoning, choice.model
        monkeypatch.delenv(key)


def test_environment_goes_before_the_config_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _config(
        str(tmp_path / "home"),
        '[llm]\nmain = "ollama_chat/qwen3"\njudge = "ollama_chat/judge"\nfallbacks = ["ollama_chat/small"]\n',
    )
    found = roles()
    assert found is not None
    assert (found.main.model, found.judge.model) == ("ollama_chat/qwen3", "ollama_chat/judge")
    assert [c.model for c in found.fallbacks] == ["ollama_chat/small"]
    monkeypatch.setenv("GADFLY_LLM", "ollama_chat/other")
    monkeypatch.setenv("GADFLY_JUDGE_LLM", "ollama_chat/j2")
    again = roles()
    assert again is not None
    assert (again.main.model, again.judge.model) == ("ollama_chat/other", "ollama_chat/j2")


@pytest.mark.parametrize(
    ("body", "says_"),
    [
        ("[llm]\nmian = 'x/y'\n", "unknown key 'mian'"),
        ("[llm]\nmain = 3\n", "must be a text"),
        ("[llm\n", "cannot read"),
    ],
)
def test_a_wrong_config_is_one_line(tmp_path: Path, body: str, says_: str) -> None:
    _config(str(tmp_path / "home"), body)
    with pytest.raises(UsageError, match=says_) as caught:
        roles()
    assert "\n" not in str(caught.value)


def test_an_own_server_serves_every_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GADFLY_API_BASE", "http://127.0.0.1:1/v1")
    found = roles("openai/qwen3")
    assert found is not None
    assert {found.main.model, found.fast.model, found.judge.model} == {"openai/qwen3"}
    assert found.judge.api_base == "http://127.0.0.1:1/v1"


def test_local_needs_no_key() -> None:
    found = roles("local")
    assert found is not None
    assert found.main.model == found.fast.model == "local"


# -- prices --------------------------------------------------------------------------------------


def test_prices_are_known_through_openrouters_spelling() -> None:
    one, two = facts("openrouter/anthropic/claude-sonnet-5.5"), facts("anthropic/claude-sonnet-5-5")
    assert one == two
    assert one.dollars(1_000_000, 0) == pytest.approx(2.0)
    assert facts("openai/nobodys-model").dollars(1, 1) is None


def test_reasoning_is_not_asked_of_a_model_known_to_have_none() -> None:
    with serve([text("ok"), text("ok")]) as server:
        for model in ("openai/gpt-4o-mini", "openai/gpt-5.6"):
            Provider(Choice(model, "t", server.url)).reply(
                [{"role": "user", "content": "x"}], [], lambda _: None
            )
    assert "reasoning_effort" not in server.requests[0]
    assert server.requests[1]["reasoning_effort"] == "medium"


def test_an_option_of_every_model_is_sent_on_both_roads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Road, "_options", lambda self: {"temperature": 0.25})
    with serve([text("ok")]) as server:
        asked = [{"role": "user", "content": "x"}]
        Provider(Choice("openai/gpt-4o-mini", "t", server.url)).reply(asked, [], lambda _: None)
    _, own, _ = native(monkeypatch, [[("text", "ok", [])]], QUESTION)
    assert server.requests[0]["temperature"] == own.requests[0]["temperature"] == 0.25


SPOKEN: list[Message] = [
    {"role": "system", "content": "s"},
    {"role": "user", "content": "q"},
    {"role": "assistant", "content": "a"},
    {"role": "tool", "tool_call_id": "c", "content": "t"},
]


@pytest.mark.parametrize(
    ("model", "marks"),
    [
        ("openai/gpt-5.6", []),
        ("openrouter/anthropic/claude-sonnet-5.5", ["system", "user"]),
        ("anthropic/claude-sonnet-5-5", ["system", "tool"]),
    ],
)
def test_what_is_said_again_each_round_is_cached(model: str, marks: list[str]) -> None:
    out = marked(SPOKEN, model)
    assert [m["role"] for m in out if isinstance(m["content"], list)] == marks
    assert SPOKEN[0]["content"] == "s"  # the conversation itself is not touched


# -- fallbacks and stopping ----------------------------------------------------------------------


def test_the_next_model_takes_over_and_stays() -> None:
    told: list[str] = []
    models = Fallbacks([ScriptedModel([]), ScriptedModel([says("a"), says("b")])], told.append)
    assert [models.reply([], [], lambda _: None).text for _ in range(2)] == ["a", "b"]
    assert len(told) == 1


def test_the_last_models_failure_is_raised() -> None:
    with pytest.raises(LLMError):
        Fallbacks([ScriptedModel([]), ScriptedModel([])]).reply([], [], lambda _: None)


def test_stopping_inside_a_stream_is_neither_an_error_nor_tried_again() -> None:
    def stop(_: str) -> None:
        raise Cancelled("stopped")

    with serve([text("a", "b"), text("c")]) as server:
        provider = Provider(Choice("openai/m", "t", server.url), wait=lambda _: None)
        with pytest.raises(Cancelled):
            provider.reply([{"role": "user", "content": "x"}], [], stop)
    assert len(server.requests) == 1


# -- the anthropic SDK ---------------------------------------------------------------------------


class Doc:
    def __init__(self, id: str, text: str) -> None:  # noqa: A002
        self.id, self.title, self.text = id, id.title(), text


DOCS = [Doc("guide/lens", "The logit lens applies the unembedding to the residual stream.")]


def native(
    monkeypatch: pytest.MonkeyPatch, scripts: list[Any], messages: list[Message]
) -> tuple[Reply, Any, list[str]]:
    pieces: list[str] = []
    with serve_anthropic(scripts) as server:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-test-000000")
        monkeypatch.setenv("ANTHROPIC_API_BASE", server.url)
        model = Native(Choice("anthropic/claude-sonnet-5-5", "t"), DOCS, wait=lambda _: None)
        reply = model.reply(messages, TOOLS, pieces.append)
    return reply, server, pieces


QUESTION: list[Message] = [
    {"role": "system", "content": "be right"},
    {"role": "user", "content": "what?"},
]


def test_a_native_citation_becomes_a_marker_that_our_own_check_verifies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from support.shelf import Shelf

    from gadfly.agent.answers.receipts import verify
    from gadfly.tools.ledger import Ledger

    cited = citation(0, "applies the unembedding to the residual stream")
    made_up = citation(0, "applies the embedding to every attention head")
    reply, server, pieces = native(
        monkeypatch,
        [
            [
                ("text", "It projects each layer.", [cited]),
                ("text", " It reads heads.", [made_up]),
                ("text", " No more.", [citation(7, "of no document")]),
            ]
        ],
        QUESTION,
    )
    assert "".join(pieces) == reply.text
    checked = verify(reply.text, Shelf(guide__lens=DOCS[0].text), Ledger())
    assert [[r.state for r in claim.receipts] for claim in checked.claims] == [
        ["verified"],
        ["struck"],
        [],
    ]
    sent = server.requests[0]
    block = sent["messages"][0]["content"][0]
    assert block["citations"] == {"enabled": True}
    assert block["cache_control"] == {"type": "ephemeral"}
    assert sent["thinking"] == {"type": "adaptive"}
    assert sent["system"] == "be right"


def test_cached_documents_are_priced_as_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = {"input_tokens": 100, "cache_read_input_tokens": 500_000, "output_tokens": 10}
    reply, _, _ = native(monkeypatch, [{"blocks": [("text", "ok", [])], "usage": usage}], QUESTION)
    assert reply.input_tokens == 500_100
    assert reply.dollars == pytest.approx(100 * 2e-6 + 500_000 * 1e-7 + 10 * 1e-5)


def test_tool_use_arrives_in_pieces_and_goes_back_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    reply, _, _ = native(monkeypatch, [[("tool", "search", ['{"que', 'ry": "lens"}'])]], QUESTION)
    assert json.loads(reply.tool_calls[0].arguments) == {"query": "lens"}
    result = {"role": "tool", "tool_call_id": reply.tool_calls[0].id, "content": "found"}
    _, talk = translate([*QUESTION, reply.message, result, {"role": "user", "content": "more"}])
    assert [message["role"] for message in talk] == ["user", "assistant", "user"]
    assert [block["type"] for block in talk[2]["content"]] == ["tool_result", "text"]


def test_a_native_stream_that_breaks_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    reply, server, _ = native(
        monkeypatch,
        [{"blocks": [("text", "ha", [])], "drop": True}, [("text", "whole", [])]],
        QUESTION,
    )
    assert reply.text == "whole"
    assert len(server.requests) == 2


def test_a_native_refusal_is_one_line_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LLMError) as caught:
        native(monkeypatch, [{"status": 401, "message": "invalid sk-ant-test-000000"}], QUESTION)
    assert "sk-ant" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_cited_stretch_cannot_end_its_marker() -> None:
    assert quotable("short\n\nthe longer ]] part with words [[x") == "part with words"


# -- the local model -----------------------------------------------------------------------------

TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|> {{ m.content }}"
    "{% for c in m.tool_calls or [] %} <tool_call>{{ c.function | tojson }}</tool_call>{% endfor %} {% endfor %}"
    "{% if tools %}tools {% for t in tools %}{{ t.function.name }} {% endfor %}{% endif %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def test_the_loaded_model_talks_through_its_template(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    from support.models import local

    from gadfly.agent.llm.local import LocalChat

    model = local("Llama")
    monkeypatch.setattr(model.tokenizer, "chat_template", TEMPLATE)
    function = {"name": "search", "arguments": '{"query": "w3"}'}
    talk: list[Message] = [
        {"role": "user", "content": "w1 w2"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "w4"},
    ]
    written = (
        '<|user|> w1 w2 <|assistant|>  <tool_call>{"name": "search", "arguments": {"query": "w3"}}</tool_call> '
        "<|tool|> w4 tools search <|assistant|>"
    )
    pieces: list[str] = []
    reply = LocalChat(model, max_tokens=12).reply(talk, TOOLS, pieces.append)
    ids = model.ids(written)
    greedy = _greedy(model, ids, 12)
    assert reply.input_tokens == len(ids)
    assert reply.output_tokens == len(greedy) > 1
    assert "".join(pieces).strip() == reply.text == model.tokenizer.decode(greedy).strip()
    assert reply.dollars == 0.0


def _greedy(model: Any, ids: list[int], count: int) -> list[int]:
    """The likeliest tokens one by one, without a cache: the slow and certain way."""
    import torch

    made: list[int] = []
    for _ in range(count):
        with torch.no_grad():
            token = int(model.module(torch.tensor([[*ids, *made]])).logits[0, -1].argmax())
        if token == model.tokenizer.eos_token_id:
            break
        made.append(token)
    return made


def test_a_model_without_a_template_cannot_talk() -> None:
    pytest.importorskip("torch")
    from support.models import local

    from gadfly.agent.llm.local import LocalChat

    with pytest.raises(LLMError, match="no chat template"):
        LocalChat(local("Qwen3")).reply([{"role": "user", "content": "w1"}], [], lambda _: None)


@pytest.mark.parametrize(
    ("raw", "visible", "called"),
    [
        ("Just text.", "Just text.", []),
        (
            'Let me look. <tool_call>\n{"name": "search", "arguments": {"query": "x"}}\n</tool_call>',
            "Let me look.",
            [("search", {"query": "x"})],
        ),
        ('<think>call <tool_call>{"name": "no"}</tool_call></think>Fine.', "Fine.", []),
        (
            "".join(f'<tool_call>{{"name": "{n}", "arguments": {{}}}}</tool_call>' for n in "ab"),
            "",
            [("a", {}), ("b", {})],
        ),
        (
            '[TOOL_CALLS] [{"name": "search", "arguments": {"query": "x"}}]',
            "",
            [("search", {"query": "x"})],
        ),
        ('{"name": "search", "parameters": {"query": "x"}}', "", [("search", {"query": "x"})]),
    ],
)
def test_calls_are_read_out_of_text(
    raw: str, visible: str, called: list[tuple[str, dict[str, str]]]
) -> None:
    found = parse(raw)
    assert found.text == visible
    assert [(c.name, json.loads(c.arguments)) for c in found.calls] == called
    stream = Stream()
    shown = "".join(stream.feed(letter) for letter in raw)
    assert shown.strip() == visible


def test_a_malformed_call_is_told_to_the_model_as_any_other() -> None:
    call = parse('<tool_call>{"name": "search", "arguments": {"query": </tool_call>').calls[0]
    assert (call.name, call.arguments) == ("search", '{"name": "search", "arguments": {"query":')


def test_an_error_of_the_server_moves_on_to_the_fallback() -> None:
    waits: list[float] = []
    told: list[str] = []

    def provider(url: str) -> Provider:
        return Provider(Choice("openai/m", "t", url), wait=waits.append)

    on_text: Callable[[str], None] = lambda _: None  # noqa: E731
    messages: Sequence[Message] = [{"role": "user", "content": "x"}]
    with serve([error(500)] * 4) as down, serve([text("fine")]) as up:
        both = Fallbacks([provider(down.url), provider(up.url)], told.append)
        assert both.reply(messages, [], on_text).text == "fine"
    assert len(waits) == 3
    assert "going on with" in told[0]
