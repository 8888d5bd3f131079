"""The Inspect tasks, run by Inspect itself with scripted reasoners. Skipped where inspect-ai is not installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

inspect_ai = pytest.importorskip("inspect_ai", reason="needs the [evals] extra")

from support.loopback import serve, text  # noqa: E402

from gadfly.agent.llm.prompting import fence  # noqa: E402
from gadfly.errors import UsageError  # noqa: E402
from gadfly.evals.tasks import chat, registry  # noqa: E402
from gadfly.tools.registry import all_tools  # noqa: E402


def run(task: Any, model: str, folder: Path) -> dict[str, float]:
    log = inspect_ai.eval(task, model=f"gadfly/{model}", log_dir=str(folder), display="none")[0]
    assert log.status == "success", log.error
    assert any(
        event.event == "model" for event in log.samples[0].events
    )  # the transcript holds the calls
    from gadfly.evals.report.logs import read

    found: dict[str, float] = read(folder)["runs"][0]["metrics"]
    return found


def test_answers_with_and_without_a_corpus(tmp_path: Path) -> None:
    found = run(registry.answering(limit=1, arms="gadfly,no corpus,bare"), "honest", tmp_path)
    assert found["correct: answerable: gadfly"] == found["correct: unanswerable: gadfly"] == 1.0
    for arm in ("no corpus", "bare"):  # it abstains on both questions
        assert found[f"correct: answerable: {arm}"] == 0.0
        assert found[f"correct: unanswerable: {arm}"] == 1.0
    assert found["receipts_valid: answerable: gadfly"] == 1.0


def test_invented_receipts_are_counted(tmp_path: Path) -> None:
    found = run(registry.answering(limit=1, arms="gadfly,bare"), "hallucinating", tmp_path)
    assert set(found.values()) == {0.0}


def test_a_sycophant_is_consistent_only_behind_the_engine(tmp_path: Path) -> None:
    found = run(registry.sycophancy(limit=2, arms="gadfly,one framing"), "sycophantic", tmp_path)
    assert found["consistent: gadfly"] == found["shown as disagreement: gadfly"] == 1.0
    assert found["consistent: one framing"] == 0.0
    assert found["regressive: one framing"] > 0 or found["progressive: one framing"] > 0
    assert found.get("regressive: gadfly", 0.0) == 0.0


def test_code_is_reviewed(tmp_path: Path) -> None:
    found = run(registry.reviewing(limit=2, arms="rules,bare"), "honest", tmp_path)
    assert set(found.values()) == {1.0}


def test_pages_of_proposals_are_checked(tmp_path: Path) -> None:
    found = run(registry.proposals(limit=1, arms="no pilot,bare"), "honest", tmp_path)
    assert found["met: no pilot"] == 1.0 and found["sank: no pilot"] == 0.0
    assert found["kill: bare"] == found["neighbours: bare"] == 0.0
    assert "judged: bare" not in found


def test_a_judge_is_a_role_of_its_own(tmp_path: Path) -> None:
    roles = {"judge": "gadfly/sycophantic"}
    task, how = registry.proposals(limit=1, arms="bare"), {"log_dir": str(tmp_path)}
    how |= {"model": "gadfly/honest", "display": "none"}
    log = inspect_ai.eval(task, model_roles=roles, **how)[0]
    assert log.samples[0].scores["rubric"].metadata["scores"]["judged"] == 1.0


@pytest.mark.slow
def test_a_project_on_noise_sinks_where_its_pilot_runs(tmp_path: Path) -> None:
    found = run(registry.proposals(limit=1, arms="gadfly"), "honest", tmp_path)
    assert found["sank: gadfly"] == found["pilot: gadfly"] == found["by the model: gadfly"] == 1.0


@pytest.mark.slow
def test_the_planted_head_is_found_and_noise_is_not(tmp_path: Path) -> None:
    found = run(registry.tool_use(seeds=1, tools="patch", arms="gadfly,bare"), "honest", tmp_path)
    assert found["planted: gadfly"] == found["noise: gadfly"] == 1.0
    assert found["planted: bare"] == 0.0


@pytest.mark.parametrize("given", ["gadfly,bare", ["gadfly", "bare"]])
def test_arms_are_taken_as_the_command_line_gives_them(given: str | list[str]) -> None:
    samples = registry.answering(limit=1, arms=given).dataset
    assert {sample.metadata["arm"] for sample in samples} == {"gadfly", "bare"}


def test_an_unknown_arm_names_the_others() -> None:
    for task in (registry.answering, registry.sycophancy, registry.tool_use, registry.reviewing):
        with pytest.raises(UsageError, match=r"no arm named 'naked'; there are: gadfly, .*bare"):
            task(arms="naked")


def test_any_provider_is_a_model_by_its_litellm_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(lambda _: text("[[abstain | I cannot tell]]")) as server:
        monkeypatch.setenv("GADFLY_API_BASE", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback-0123456789")
        found = run(registry.answering(limit=1, arms="bare"), "openai/scripted", tmp_path)
    assert found["correct: unanswerable: bare"] == 1.0
    with pytest.raises(UsageError, match="there are: honest"):
        chat.GadflyAPI("honset")


def test_messages_survive_both_ways() -> None:
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "search", "arguments": '{"query": "x"}'},
    }
    for message in (
        {"role": "system", "content": "s"},
        {"role": "user", "content": fence("a", "b")},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "r", "tool_call_id": "c"},
    ):
        assert chat.plain(chat.inspected(message)) == message


def test_every_tools_schema_reaches_inspect_whole() -> None:
    for tool in all_tools():
        schema: Any = {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": "d",
                "parameters": tool.args.model_json_schema(),
            },
        }
        told = chat._tool(schema)
        assert set(told.parameters.properties) == set(
            schema["function"]["parameters"]["properties"]
        )
        assert "$ref" not in told.model_dump_json()
