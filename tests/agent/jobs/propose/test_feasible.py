"""The calculators against known configurations and the field guide's own worked examples."""

from __future__ import annotations

import pytest

from gadfly.agent.jobs.propose.draft import Draft, Judge, Work
from gadfly.agent.jobs.propose.feasible import Limits, fit, memory_bytes, seconds_of, work_flops
from gadfly.agent.jobs.propose.machines import MACHINES, machine
from gadfly.agent.jobs.propose.subjects import SUBJECTS, Subject, find, smaller, warning
from gadfly.errors import UsageError

# Sizes as their authors publish them, in billions.
PUBLISHED = {
    "Qwen/Qwen3-0.6B": 0.596,
    "Qwen/Qwen3-8B": 8.19,
    "Qwen/Qwen3-32B": 32.8,
    "google/gemma-3-270m-it": 0.268,
    "google/gemma-3-1b-it": 1.0,
    "meta-llama/Llama-3.2-1B": 1.24,
    "meta-llama/Llama-3.1-8B": 8.03,
    "meta-llama/Llama-3.3-70B-Instruct": 70.6,
    "allenai/OLMo-2-1124-7B": 7.3,
    "allenai/Olmo-3-1125-32B": 32.2,
    "EleutherAI/pythia-410m": 0.405,
    "EleutherAI/pythia-6.9b": 6.86,
    "openai-community/gpt2": 0.124,
}


def subject(name: str) -> Subject:
    found = find(name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_follow_from_the_configuration(name: str) -> None:
    assert subject(name).parameters / 1e9 == pytest.approx(PUBLISHED[name], rel=0.01)


def test_the_key_value_cache_of_a_known_model() -> None:
    # 32 layers, 8 key-value heads of 128: 128 KiB a token in 16 bits.
    assert subject("meta-llama/Llama-3.1-8B").cache_bytes(1, 2.0) == 128 * 1024


def test_the_guides_example_of_patching() -> None:
    # 64,000 prompts of 20 tokens through an 8B model are about 2e16 operations; the guide counts the embedding too.
    work = Work(what="a sweep", prompts=100, tokens=20, per="layer-position")
    flops, passes = work_flops(subject("meta-llama/Llama-3.1-8B"), work)
    assert passes == 64_000
    assert flops == pytest.approx(2e16, rel=0.15)


def test_generating_is_bound_by_reading_the_weights_or_by_launching_layers() -> None:
    model, h100 = subject("meta-llama/Llama-3.1-8B"), machine("H100 SXM")
    work = Work(what="texts", prompts=16, tokens=20, new_tokens=100)
    # One batch: 101 steps of at least 16 GB over 3.35 TB/s, 4.8 ms each.
    assert seconds_of(model, "bfloat16", work, h100) >= 101 * 0.0048
    assert seconds_of(model, "bfloat16", work, h100) < 10


def test_weights_decide_the_memory_of_short_prompts() -> None:
    work = [Work(what="probe", prompts=100, tokens=32)]
    need = memory_bytes(subject("Qwen/Qwen3-8B"), "bfloat16", work) / 1e9
    assert 16.4 < need < 20
    kept = [work[0].model_copy(update={"backward": True})]
    assert memory_bytes(subject("Qwen/Qwen3-8B"), "bfloat16", kept) > need * 1e9


def test_every_machine_has_a_source() -> None:
    assert len(MACHINES) >= 12
    assert all(m.source and m.memory > 0 and m.bandwidth > 0 for m in MACHINES)


@pytest.mark.parametrize(
    ("text", "name", "memory"),
    [
        ("RTX 4090", "RTX 4090", 24),
        ("nvidia rtx4090", "RTX 4090", 24),
        ("a100-80gb", "A100 80GB", 80),
        ("A100", "A100 40GB", 40),
        ("A10", "A10", 24),
        ("NVIDIA A10 24GB", "A10", 24),
        ("none", "CPU", 16),
        ("24GB", "24GB GPU", 24),
        ("24 gb", "24GB GPU", 24),
        ("h200", "H200", 141),
    ],
)
def test_machines_are_found(text: str, name: str, memory: float) -> None:
    found = machine(text)
    assert (found.name, found.memory) == (name, memory)


def test_a_size_is_taken_as_the_slowest_of_that_size() -> None:
    slowest = min(m.teraflops for m in MACHINES if m.memory == 24)
    assert machine("24GB").teraflops <= slowest


@pytest.mark.parametrize("text", ["potato", "0.5GB", "99999GB"])
def test_no_such_machine_is_one_line(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        machine(text)
    assert "\n" not in str(caught.value)


def with_models(draft: Draft, *models: str, work: list[Work] | None = None) -> Draft:
    return draft.model_copy(update={"models": list(models), "work": work or draft.work})


def test_what_does_not_fit_becomes_a_smaller_model(draft: Draft) -> None:
    wanted = with_models(draft, "Qwen/Qwen3-14B-Base")
    found = fit(wanted, Limits(machine("24GB"), 2, 50))
    assert found.fits
    assert found.model == "Qwen/Qwen3-8B-Base"
    assert "Qwen/Qwen3-14B-Base needs" in found.changes[0]


def test_a_hopeless_model_without_small_relatives_goes_to_eight_bits(draft: Draft) -> None:
    found = fit(
        with_models(draft, "meta-llama/Llama-3.1-8B-Instruct"), Limits(machine("2GB"), 2, 50)
    )
    assert not found.fits
    lone = with_models(
        draft, "allenai/OLMo-2-0425-1B", work=[Work(what="one", prompts=60, tokens=8)]
    )
    found = fit(lone, Limits(machine("4GB"), 2, 50))
    assert (found.dtype, found.fits) == ("int8", True)
    assert any("8-bit" in change for change in found.changes)
    assert any("8-bit" in warning for warning in found.warnings)


def test_too_many_prompts_become_fewer(draft: Draft) -> None:
    heavy = [Work(what="generations", prompts=200_000, tokens=100, new_tokens=400)]
    limits = Limits(machine("RTX 4090"), 2, 50)
    found = fit(with_models(draft, "Qwen/Qwen3-0.6B", work=heavy), limits)
    assert found.fits
    assert found.prompts_factor < 1
    assert found.seconds <= found.limit_seconds
    assert any("fewer prompts" in change for change in found.changes)


def test_a_smaller_model_comes_before_losing_most_prompts(draft: Draft) -> None:
    heavy = [Work(what="generations", prompts=3000, tokens=60, new_tokens=400, times=10)]
    found = fit(with_models(draft, "Qwen/Qwen3-4B", work=heavy), Limits(machine("none"), 2, 50))
    assert found.model == "Qwen/Qwen3-0.6B"
    assert (
        any("a smaller model" in change for change in found.changes) or found.prompts_factor < 0.5
    )
    light = fit(with_models(draft, "Qwen/Qwen3-4B", work=heavy), Limits(machine("H100 SXM"), 2, 50))
    assert light.model == "Qwen/Qwen3-4B"


def test_impossible_compute_is_said(draft: Draft) -> None:
    absurd = [Work(what="everything", prompts=10**9, tokens=10**5, times=10**6, per="head")]
    found = fit(with_models(draft, "Qwen/Qwen3-0.6B", work=absurd), Limits(machine("none"), 1, 0))
    assert not found.fits


def test_judge_calls_are_cut_to_the_budget(draft: Draft) -> None:
    asked = draft.model_copy(update={"judge": Judge(calls=100_000)})
    found = fit(asked, Limits(machine("24GB"), 2, 10))
    assert found.api_dollars <= 10
    assert found.fits
    assert any("judge calls" in change for change in found.changes)


def test_the_gpt2_era_is_warned_of(draft: Draft) -> None:
    found = fit(with_models(draft, "openai-community/gpt2"), Limits(machine("24GB"), 2, 50))
    assert any("GPT-2 era" in each for each in found.warnings)
    assert not warning("Qwen/Qwen3-4B")


def test_an_unknown_model_is_left_out_and_said(draft: Draft) -> None:
    found = fit(
        with_models(draft, "acme/secret-1T", "Qwen/Qwen3-4B"), Limits(machine("24GB"), 2, 50)
    )
    assert found.model == "Qwen/Qwen3-4B"
    assert "acme/secret-1T" in found.changes[0]


def test_relatives_are_smaller_and_of_the_same_kind() -> None:
    for one in SUBJECTS:
        for other in smaller(one):
            assert other.kind == one.kind
            assert other.parameters < one.parameters
