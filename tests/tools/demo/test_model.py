"""The packaged demo model and its training script, really loaded and really run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from gadfly.tools.demo import demo_path  # noqa: E402
from gadfly.tools.demo.behaviours import BEHAVIOURS  # noqa: E402
from gadfly.tools.demo.evaluate import evaluate, last_logits, load, score  # noqa: E402
from gadfly.tools.demo.language import vocabulary  # noqa: E402

FRESH_SEED = 77  # neither the card's nor the one that training reports on
FILES = {
    "README.md",
    "config.json",
    "evaluation.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
}


@pytest.fixture(scope="module")
def loaded() -> tuple[Any, Any]:
    return load(demo_path())


def _card() -> dict[str, Any]:
    return json.loads((demo_path() / "evaluation.json").read_text("utf-8"))


def test_the_folder_is_complete_and_small() -> None:
    files = {file.name: file for file in demo_path().iterdir()}
    assert set(files) == FILES
    assert files["model.safetensors"].stat().st_size < 5_000_000
    # A path of the machine that trained it would be noise in everyone's copy.
    header = files["model.safetensors"].read_bytes()[:200]
    for text in (header, *(f.read_bytes() for n, f in files.items() if n.endswith(".json"))):
        assert b"/work" not in text and b"/tmp" not in text and b"/home" not in text


@pytest.mark.parametrize("name", sorted(BEHAVIOURS))
def test_pairs_line_up_under_the_packaged_tokenizer(loaded: tuple[Any, Any], name: str) -> None:
    _, tokenizer = loaded
    for pair in BEHAVIOURS[name].pairs(50, FRESH_SEED):
        clean, corrupt = tokenizer(pair.clean)["input_ids"], tokenizer(pair.corrupt)["input_ids"]
        assert len(clean) == len(corrupt)
        assert tokenizer.unk_token_id not in clean + corrupt
        inside = {i for start, end in pair.spans.values() for i in range(start, end)}
        assert {i for i in range(len(clean)) if clean[i] != corrupt[i]} <= inside
        for answer in (pair.answer, pair.wrong):
            assert len(tokenizer(answer, add_special_tokens=False)["input_ids"]) == 1


def test_tokenizer_reads_natural_text(loaded: tuple[Any, Any]) -> None:
    _, tokenizer = loaded
    assert tokenizer.convert_ids_to_tokens(tokenizer("The capital of France?")["input_ids"]) == [
        "<bos>",
        "the",
        "capital",
        "of",
        "france",
        "?",
    ]
    assert tokenizer("zyzzyva")["input_ids"] == [tokenizer.bos_token_id, tokenizer.unk_token_id]
    assert tokenizer.convert_tokens_to_ids(vocabulary()) == list(range(len(vocabulary())))
    batch = tokenizer(["after monday comes", "mary said that mary"], padding=True)
    assert batch["input_ids"][0][0] == tokenizer.pad_token_id  # padding on the left
    assert batch["attention_mask"][0] == [0, 1, 1, 1, 1]
    assert len({tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.unk_token_id}) == 3


@pytest.mark.parametrize("name", sorted(BEHAVIOURS))
def test_fresh_prompts_reach_the_accuracy_on_the_card(loaded: tuple[Any, Any], name: str) -> None:
    model, tokenizer = loaded
    fresh = score(model, tokenizer, BEHAVIOURS[name].pairs(400, FRESH_SEED))
    claimed = _card()["held_out"][name]
    assert fresh.accuracy >= claimed["accuracy"] - 0.02
    assert fresh.logit_difference >= 0.9 * claimed["logit_difference"]


def test_the_card_can_be_measured_again(loaded: tuple[Any, Any]) -> None:
    card = _card()
    scores = evaluate(*loaded, n=card["held_out"]["truth"]["n"], seed=card["prompt_seed"])
    for name, measured in scores.items():
        assert measured.accuracy == pytest.approx(card["held_out"][name]["accuracy"], abs=0.005)
        assert f"| {name} | {measured.n} |" in (demo_path() / "README.md").read_text("utf-8")


def test_padding_changes_nothing(loaded: tuple[Any, Any]) -> None:
    model, tokenizer = loaded
    prompts = [example.prompt for example in BEHAVIOURS["capital-of"].examples(20, FRESH_SEED)]
    alone = last_logits(model, tokenizer, prompts)
    batch = tokenizer(prompts, padding=True, return_tensors="pt")
    with torch.no_grad():
        together = model(**batch).logits[:, -1]
    assert torch.allclose(alone, together, atol=1e-3)


def test_generation_continues_text(loaded: tuple[Any, Any]) -> None:
    model, tokenizer = loaded
    inputs = tokenizer("The capital of France is", return_tensors="pt")
    ids = model.generate(**inputs, max_new_tokens=2, do_sample=False)
    assert tokenizer.decode(ids[0], skip_special_tokens=True) == "the capital of france is paris ."


@pytest.mark.slow
def test_nnterp_loads_it_and_agrees(loaded: tuple[Any, Any]) -> None:
    nnterp = pytest.importorskip("nnterp")
    model, tokenizer = loaded
    prompt = "when mary and john went to the shop , john gave a book to"
    wrapped = nnterp.StandardizedTransformer(str(demo_path()), device_map="cpu")
    assert wrapped.num_layers == model.config.num_hidden_layers
    with wrapped.trace(prompt), torch.no_grad():
        residual = wrapped.layers_output[2].save()
        logits = wrapped.logits.save()
    assert residual.shape == (1, len(tokenizer(prompt)["input_ids"]), model.config.hidden_size)
    expected = last_logits(model, tokenizer, [prompt])[0]
    assert torch.allclose(logits[0, -1], expected, atol=1e-3)
    assert tokenizer.decode(int(logits[0, -1].argmax())) == "mary"


@pytest.mark.slow
def test_three_steps_of_training_write_a_loadable_folder(tmp_path: Path) -> None:
    out = tmp_path / "made" / "model"
    out.mkdir(parents=True)
    (out / "stale").write_text("from before", "utf-8")
    command = [
        sys.executable,
        "-m",
        "gadfly.tools.demo.train",
        "--out",
        str(out),
        "--steps",
        "3",
        "--layers",
        "2",
        "--prompts",
        "20",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "step 3/3" in done.stderr
    assert {file.name for file in out.iterdir()} == FILES  # replaced whole, nothing left over
    assert [file.name for file in out.parent.iterdir()] == ["model"]
    model, tokenizer = load(out)
    assert last_logits(model, tokenizer, ["the capital of france is"]).isfinite().all()
