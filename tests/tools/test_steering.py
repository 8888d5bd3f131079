"""Steering: cached generation equals full recomputation, noise is not supported, a planted direction is, bad input."""

from __future__ import annotations

import contextlib
import io
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from support.models import local  # noqa: E402

from gadfly.corpus.progress import Silent  # noqa: E402
from gadfly.errors import ToolInputError  # noqa: E402
from gadfly.tools import records, vectors  # noqa: E402
from gadfly.tools.again import rerun  # noqa: E402
from gadfly.tools.contract import Verdict  # noqa: E402
from gadfly.tools.demo.behaviours import BEHAVIOURS  # noqa: E402
from gadfly.tools.generating import decode, generate, stop_ids, texts  # noqa: E402
from gadfly.tools.ledger import Ledger  # noqa: E402
from gadfly.tools.model import LocalModel  # noqa: E402
from gadfly.tools.stats import Interval  # noqa: E402
from gadfly.tools.steering import neutral, steer, task  # noqa: E402
from gadfly.tools.steering.analysis import BESIDE, choose, family, grow  # noqa: E402
from gadfly.tools.steering.arguments import SteerArgs  # noqa: E402
from gadfly.tools.steering.engine import Positions, adding, continuations, next_token  # noqa: E402
from gadfly.tools.steering.report import given_neutral  # noqa: E402
from gadfly.tools.steering.source import half_signs, isotropic, mixed  # noqa: E402
from gadfly.tools.steering.task import told  # noqa: E402
from gadfly.tools.steering.verdict import PERPLEXITY_LIMIT, PERPLEXITY_MILD, Evidence, Family, judge  # noqa: E402
from gadfly.tools.steering.working import GRID, Range, search, share, unit, within_bounds  # noqa: E402

PROMPTS = ["w1 w2 w3 w4 w5 w6 w7", "w9 w8", "w20 w21 w22 w23"]
NEW = 6


def plain(
    model: LocalModel, ids: list[int], prompt: int, step: Any, layer: int, positions: str
) -> Any:
    """Last-position logits of one unpadded text, nothing cached, a plain hook: what cached steering must equal."""
    first = {"all": 0, "last": prompt - 1, "generated": prompt}[positions]

    def add(module: Any, args: Any, out: Any) -> Any:
        hidden = (out[0] if isinstance(out, tuple) else out).clone()
        hidden[0, first:] += step
        return (hidden, *out[1:]) if isinstance(out, tuple) else hidden

    handle = model.blocks[layer].register_forward_hook(add)
    try:
        with torch.no_grad():
            return model.module(torch.tensor([ids]), use_cache=False).logits[0, -1]
    finally:
        handle.remove()


@pytest.mark.parametrize("architecture", ["Qwen3", "GPT2", "Gemma3", "GPTNeoX", "Mistral", "Phi3"])
@pytest.mark.parametrize("positions", ["all", "last", "generated"])
def test_cached_steering_equals_full_recomputation(architecture: str, positions: Positions) -> None:
    model = local(architecture)
    layer = 1
    steps = torch.cat([torch.zeros(1, 32), 4 * isotropic(32, 2, 0)])
    seen: list[Any] = []
    batch = model.batch(PROMPTS)
    for step in steps:
        seen.clear()
        watch = model.unembedding.register_forward_hook(lambda m, a, out: seen.append(out[:, -1]))
        with adding(model, layer, step.expand(3, -1), positions, batch.ids.shape[1]):
            found = decode(model, batch, NEW)
        watch.remove()
        for row, prompt in enumerate(PROMPTS):
            ids = model.ids(prompt)
            length = len(ids)
            for number in range(NEW):
                logits = plain(model, ids, length, step, layer, positions)
                if number < len(seen):
                    assert (seen[number][row] - logits).abs().max() <= 1e-4
                token = int(logits.argmax())
                if token in stop_ids(model):
                    break
                assert found[row][number] == token
                ids.append(token)
            assert len(found[row]) == len(ids) - length


def test_every_row_gets_its_own_vector_at_the_next_token() -> None:
    model = local("Qwen3")
    steps = torch.cat([torch.zeros(1, 32), 3 * isotropic(32, 4, 1)])
    found = next_token(
        model, PROMPTS, steps, 2, "all", lambda logits, which: logits[:, 11] + which, max_rows=4
    )
    for c, step in enumerate(steps):
        for p, prompt in enumerate(PROMPTS):
            ids = model.ids(prompt)
            expected = plain(model, ids, len(ids), step, 2, "all")[11] + p
            assert float(found[c, p]) == pytest.approx(float(expected), abs=1e-5)


def test_the_bound_on_rows_changes_no_text_even_when_sampling() -> None:
    model = local("GPT2")
    steps = torch.cat([torch.zeros(1, 32), 3 * isotropic(32, 2, 1)])
    wide, narrow = (
        continuations(model, PROMPTS, steps, 1, "all", 5, temperature=1.0, seed=3, max_rows=rows)
        for rows in (64, 2)
    )
    assert wide == narrow


def test_memory_that_runs_out_halves_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    model = local("Qwen3")
    forward = LocalModel.forward

    def tight(self: LocalModel, batch: Any) -> Any:
        if len(batch) > 3:
            raise torch.cuda.OutOfMemoryError("no room")
        return forward(self, batch)

    score = lambda logits, which: logits[:, 5]  # noqa: E731
    steps = isotropic(32, 4, 1)
    wide = next_token(model, PROMPTS, steps, 1, "all", score, max_rows=64)
    monkeypatch.setattr(LocalModel, "forward", tight)
    told: list[int] = []
    narrow = next_token(model, PROMPTS, steps, 1, "all", score, max_rows=64, on_halved=told.append)
    assert told == [6, 3]
    assert torch.allclose(wide, narrow, atol=1e-5)


def test_norm_and_side_effects_equal_plain_forwards() -> None:
    model = local("Qwen3")
    norms, layer = [], 2
    for prompt in PROMPTS:
        kept: list[Any] = []
        handle = model.blocks[layer].register_forward_hook(lambda m, a, out: kept.append(out))  # noqa: B023
        with torch.no_grad():
            model.module(torch.tensor([model.ids(prompt)]))
        handle.remove()
        norms += kept[0][0].norm(dim=-1).tolist()[1:]  # the first token is <bos>
    found_unit = unit(model, PROMPTS, [], layer, 2)
    assert found_unit.size == pytest.approx(np.median(norms), rel=1e-5)
    assert found_unit.texts == []

    step = 3 * isotropic(32, 1, 2)[0]
    found = neutral.side_effects(model, PROMPTS, torch.stack([step, 0 * step]), layer, Silent())
    kl, loss, before, count = 0.0, 0.0, 0.0, 0
    for prompt in PROMPTS:
        ids = model.ids(prompt)
        for end in range(1, len(ids)):
            p = plain(model, ids[:end], 0, 0 * step, layer, "all").log_softmax(-1)
            q = plain(model, ids[:end], 0, step, layer, "all").log_softmax(-1)
            kl += float((p.exp() * (p - q)).sum())
            loss, before, count = loss - float(q[ids[end]]), before - float(p[ids[end]]), count + 1
    assert found.kl == pytest.approx([kl / count, 0], abs=1e-4)
    assert found.perplexity[0] == pytest.approx(np.exp(loss / count), rel=1e-4)
    assert found.unsteered == pytest.approx(np.exp(before / count), rel=1e-4)
    assert found.perplexity[1] == pytest.approx(found.unsteered)


def test_the_working_range_ends_where_perplexity_doubles() -> None:
    model = local("Qwen3")
    vector = unit(model, PROMPTS, [], 2, 8).size * isotropic(32, 1, 2)[0]
    found = search(model, PROMPTS, vector, 2, Silent())
    assert found.mild is not None and found.largest is not None and found.breaks is not None
    assert GRID.index(found.breaks) == GRID.index(found.largest) + 1
    for last, limit in ((found.mild, PERPLEXITY_MILD), (found.largest, PERPLEXITY_LIMIT)):
        steps = torch.tensor([last, GRID[GRID.index(last) + 1]])[:, None] * vector
        on_neutral = neutral.side_effects(model, PROMPTS, steps, 2, Silent())
        assert within_bounds(on_neutral, limit) == [True, False]
    assert found.doses[3:] == [pytest.approx(found.mild / 2, rel=0.05), found.mild, found.largest]
    assert found.doses[:3] == [-dose for dose in found.doses[:2:-1]]
    assert f"doubles at dose {found.breaks:g}" in str(found)
    assert search(model, PROMPTS, 0 * vector, 2, Silent()) == Range(GRID[-1], GRID[-1], None)
    assert "not doubled" in str(Range(GRID[-1], GRID[-1], None))
    assert search(model, PROMPTS, 1e6 * vector, 2, Silent()) == Range(None, None, GRID[0])
    assert "smallest tried" in str(Range(None, None, GRID[0]))
    assert Range(None, None, GRID[0]).doses == [-0.01, -0.005, 0.005, 0.01]


def test_random_directions_are_as_long_as_harms_no_more() -> None:
    model = local("Qwen3")
    far = unit(model, PROMPTS, [], 2, 8).size * 3 * isotropic(32, 3, 2)

    def median(part: float) -> float:
        found = neutral.side_effects(model, PROMPTS, part * far, 2, Silent())
        return float(np.median(found.perplexity))

    assert share(model, PROMPTS, far, 1.01 * median(1.0), 2) == 1.0
    worst = 0.9 * median(1.0)
    found = share(model, PROMPTS, far, worst, 2)
    assert 0.01 < found < 1
    assert median(found) <= worst < median(GRID[GRID.index(found) + 1])
    assert share(model, PROMPTS, far, 0.0, 2) == GRID[0]
    assert "same norm" in Family("random", 20, 0, 1.0).size
    assert "0.1 of its norm" in Family("random", 20, 0, 1.0, 0.1).size


def test_the_effect_is_read_at_the_largest_mild_dose() -> None:
    def on(*ratios: float) -> neutral.SideEffects:
        return neutral.SideEffects([0.0] * len(ratios), [10 * r for r in ratios], 10.0)

    doses = [-0.1, 0.1, 0.2, 0.4]
    assert choose(doses, on(1, 1.1, 1.25, 1.26)) == 2
    assert choose(doses, on(1, 1.1, 1.26, 1.9)) == 1
    assert choose(doses, on(1, 1.3, 1.5, 1.9)) == 1  # none is mild: the smallest
    assert within_bounds(on(2.0, 2.01)) == [True, False]


def test_controls_grow_until_p_is_known() -> None:
    asked: list[int] = []

    def run(effects: Any) -> Any:
        def more(members: Any) -> Any:
            asked.append(len(members))
            return effects[members[:, 0].long().numpy()]

        return more

    members = torch.arange(100)[:, None].float()
    for late, ran in (
        (4, 100),
        (5, 2 * BESIDE),
    ):  # as strong as the vector, among the second twenty
        effects = np.zeros(100)
        effects[BESIDE : BESIDE + late] = -1.0
        asked.clear()
        found = grow(effects[:BESIDE], members, 1.0, 0.0, run(effects))
        assert len(found) == ran == BESIDE + sum(asked)
        assert (family("random", 1.0, found, 0.0).p <= 0.05) is (late == 4)
    assert len(grow(np.zeros(20), members[:20], 1.0, 0.0, run(np.zeros(20)))) == 20


def test_prompts_of_one_token_take_their_unit_from_the_neutral_texts() -> None:
    model = local("Qwen3")
    rows = {"<bos>": [1], "a": [1, 9, 8, 7]}
    bare = type("Bare", (), {"__getattr__": lambda _, name: getattr(model, name)})()
    bare.batch = lambda texts: model.batch_of([rows[text] for text in texts])
    found = unit(bare, ["<bos>"], ["a"], 1, 8)
    assert found.texts == ["a"]
    assert found.size == unit(bare, ["a"], [], 1, 8).size
    with pytest.raises(ToolInputError, match="no unit"):
        unit(bare, ["<bos>"], ["<bos>"], 1, 8)


def test_a_text_too_long_as_a_whole_is_compared_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    model, steps = local("Qwen3"), 2 * isotropic(32, 2, 1)
    whole = neutral.side_effects(model, PROMPTS, steps, 1, Silent())
    monkeypatch.setattr(neutral, "_LOGITS", 2 * 96)
    pieces = neutral.side_effects(model, PROMPTS, steps, 1, Silent())
    assert pieces.kl == pytest.approx(whole.kl, abs=1e-5)
    assert pieces.perplexity == pytest.approx(whole.perplexity, rel=1e-5)


def test_controls_are_what_they_say() -> None:
    signs = half_signs(9, 20, np.random.default_rng(0))
    assert signs.shape == (20, 9)
    assert (signs.sum(1) == 1).all()  # nine pairs, four exchanged
    assert len({tuple(row * row[0]) for row in signs}) == 20
    assert len(half_signs(4, 20, np.random.default_rng(0))) == 3
    x = torch.randn(30, 16, generator=torch.Generator().manual_seed(3))
    x[:, 0] *= 20
    drawn = mixed(x, 10, np.random.default_rng(0))
    assert drawn is not None
    assert drawn[:, 0].abs().mean() > 0.5  # along what varies most
    assert drawn.norm(dim=-1) == pytest.approx(np.ones(10), abs=1e-5)
    assert mixed(torch.ones(9, 4), 3, np.random.default_rng(0)) is None
    assert neutral.distinct([1, 2, 1, 2, 1]) == 0.5
    assert neutral.distinct([1]) == 1.0


TRUE = Evidence(
    prompts=24,
    usable=True,
    searched=False,
    dose=0.67,
    effect=2.0,
    interval=Interval(1.0, 3.0),
    perplexity_ratio=1.2,
    random=Family("random directions", 100, 4, 0.9),
    in_distribution=Family("directions from exchanged labels", 19, 0, -1.1),
)


@pytest.mark.parametrize(
    ("changed", "verdict", "because"),
    [
        ({}, Verdict.SUPPORTED, "exceeds random directions"),
        ({"prompts": 7}, Verdict.INCONCLUSIVE, "at least 8"),
        ({"prompts": 8}, Verdict.SUPPORTED, "exceeds"),
        ({"usable": False, "perplexity_ratio": 9.0}, Verdict.NOT_SUPPORTED, "leave out doses"),
        ({"usable": False, "searched": True}, Verdict.NOT_SUPPORTED, "no smaller dose"),
        ({"interval": Interval(-0.1, 3.0)}, Verdict.NOT_SUPPORTED, "reaches 0"),
        ({"interval": Interval(-3.0, -1.0)}, Verdict.NOT_SUPPORTED, "other way"),
        ({"random": Family("random directions", 100, 6, 2.5)}, Verdict.NOT_SUPPORTED, "random"),
        ({"random": Family("random directions", 100, 5, 2.5)}, Verdict.INCONCLUSIVE, "too few"),
        (
            {"in_distribution": Family("directions from exchanged labels", 35, 2, 2.5)},
            Verdict.NOT_SUPPORTED,
            "exchanged labels",
        ),
        (
            {"in_distribution": Family("directions from exchanged labels", 35, 1, 2.5)},
            Verdict.INCONCLUSIVE,
            "1 of 35 do as much",
        ),
        ({"in_distribution": None}, Verdict.INCONCLUSIVE, "nothing in-distribution"),
    ],
)
def test_each_rule_decides_where_it_should(
    changed: dict[str, Any], verdict: Verdict, because: str
) -> None:
    found, why = judge(Evidence(**{**TRUE.__dict__, **changed}))
    assert found is verdict
    assert because in why


def test_a_control_that_moves_the_metric_either_way_counts() -> None:
    assert family("random", 1.0, np.array([0.1, -2.0, 0.3]), 0.0).p == 0.5
    assert family("random", -1.0, np.array([0.1, -0.2, 0.3]), 0.0).p == 1.0


def test_an_instruction_goes_before_the_words_of_a_prompt() -> None:
    class Chat:
        bos_token, chat_template = "<s>", "yes"

        def apply_chat_template(self, messages: Any, tokenize: bool) -> str:
            return "<s>" + "".join(f"[{m['role']}] {m['content']} [end]" for m in messages)

    model: Any = type("Model", (), {"tokenizer": Chat()})()
    assert told(model, "Be kind.", "Once") == "Be kind. Once"
    assert told(model, "Be kind.", "<s>Once") == "<s>Be kind. Once"
    assert told(model, "Be kind.", "<s>[user] Hi [end]") == "<s>[user] Be kind. Hi [end]"
    system = "<s>[system] You are. [end][user] Hi [end]"
    assert told(model, "Be kind.", system) == system.replace("You", "Be kind. You")
    model.tokenizer.chat_template = None
    assert told(model, "Be kind.", "<s>[user] Hi") == "<s>Be kind. [user] Hi"


def test_neutral_texts_are_taken_as_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "neutral.txt"
    file.write_text("  a house \n\n b house\n")
    args = SteerArgs(data="task:sentiment", neutral_file=str(file))
    assert given_neutral(args) == ["  a house ", " b house"]
    file.write_text(" \n")
    with pytest.raises(ToolInputError, match="one neutral text a line"):
        given_neutral(args)
    assert neutral.packaged(demo=False) == list(neutral.ENGLISH)
    assert len(neutral.packaged(demo=True)) == 16
    with pytest.raises(ToolInputError, match="one token only"):
        bare = type("Bare", (), {"ids": lambda _, text: [1]})()
        neutral.checked(bare, ["w1"])


def test_random_labels_are_hardly_ever_supported() -> None:
    """The rate over several hundred seeds is about two in a hundred; here the same on a few."""
    supported = 0
    for seed in range(6):
        rng = random.Random(seed)
        pairs = BEHAVIOURS["sentiment"].pairs(32, seed)
        sides = [
            (p.clean, p.corrupt) if rng.random() < 0.5 else (p.corrupt, p.clean) for p in pairs[8:]
        ]
        found = steer(
            positive=[a for a, _ in sides],
            negative=[b for _, b in sides],
            prompts=[p.clean for p in pairs[:8]],
            towards=["happy"],
            away=["sad"],
            layer=seed,
            doses=[0.7],
            max_tokens=1,
            seed=seed,
        )
        supported += found.verdict is Verdict.SUPPORTED
    assert supported <= 1


def test_sentiment_in_the_demo_model() -> None:
    found = steer(data="task:sentiment", layer=3, n=10, instruction="the film was great .")
    assert found.verdict is Verdict.SUPPORTED, found.why
    assert found.values["effect_low"] > 0 < found.values["slope"]
    assert found.values["monotone"] > 0.9
    assert found.values["perplexity_ratio"] <= 1.25
    assert found.values["controls"] == 200
    assert found.values["kl"] > 0
    assert {c.name for c in found.controls} == {
        "random_directions",
        "directions_from_exchanged_labels",
        "instruction",
        "perplexity_ratio",
    }
    assert found.table.total == 7
    assert "first token and special tokens left out" in found.notes[1]
    texts = {(g["prompt"], g["dose"]): g["text"] for g in found.generations}
    assert any(str(text).startswith("happy") for (_, dose), text in texts.items() if dose > 0)
    kept = [json.loads(line) for line in Path(found.generations_file).read_text().splitlines()]
    assert all(each in kept for each in found.generations)
    direction = vectors.load(found.run)
    assert (direction.layer, direction.site) == (3, "residual")
    assert Path(found.figures[0].png or "").stat().st_size > 10_000
    done = subprocess.run([sys.executable, "-c", found.reproduce], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[1]) == pytest.approx(found.values["effect"], abs=1e-4)
    assert rerun(found.run, ledger=Ledger()).moved == []

    # The same direction as a file, on words of what is generated: other controls, the same finding.
    again = steer(
        vector=found.run,
        data="task:sentiment",
        n=8,
        words=["happy"],
        positions="all",
        max_tokens=3,
        doses=[1.0],
    )
    assert again.values["layer"] == 3
    assert again.values["effect"] > 0
    assert any(c.name == "in_distribution_directions" for c in again.controls)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(again.reproduce, {})
    assert float(printed.getvalue().split()[1]) == pytest.approx(again.values["effect"], abs=1e-6)


def test_whether_a_dose_response_is_monotonic_takes_three_points() -> None:
    for doses, defined in (([0.4], False), ([0.2, 0.4], True)):
        found = steer(data="task:sentiment", layer=3, n=8, doses=doses, controls=19, max_tokens=1)
        assert found.values["effect_low"] > 0
        assert ("monotone" in found.values) is defined
        assert "not monotonic" not in " ".join(found.notes)


def test_no_head_of_the_table_of_doses_is_cut_in_a_terminal() -> None:
    from gadfly.agent.faces.door.screen import Screen, table

    found = steer(data="task:sentiment", layer=3, n=8, controls=19, max_tokens=1).table
    swapped = next(head for head in found.columns if head.startswith("swapped"))
    wide = ["-0.83", "-0.212", "-0.321 … -0.112", "-0.118 … 0.119", "-0.117 … 0.115"]
    rows = [[*wide, "1230", "0.0155", "0.933", "breaks text"]]
    for head in (swapped, "usual mixes 95 %"):
        columns = [head if each == swapped else each for each in found.columns]
        screen = Screen(width=80, file=io.StringIO())
        screen.print(table(columns, rows))
        shown = screen.file.getvalue().split()
        assert set(" ".join(columns).split()) <= set(shown)


class Chat:
    """A template that writes the BOS and, as SmolLM2's and Gemma's do, opens the model's turn."""

    chat_template = "there is one"

    def apply_chat_template(
        self, messages: Any, tokenize: bool, add_generation_prompt: bool
    ) -> str:
        assert not tokenize and add_generation_prompt
        return "<s>" + "".join(f"[{m['role']}] {m['content']} " for m in messages) + "[model]"


def test_messages_are_sides_of_a_contrast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "tokenizer_of", lambda _: Chat())
    chats = [[{"role": "user", "content": each}] for each in ("harm", "help", "hi")]
    lines: list[dict[str, Any]] = [
        {"positive": chats[0], "negative": chats[1]},
        {"positive": "as it stands", "negative": chats[1]},
        {"messages": chats[2], "answer": "no"},
    ]
    told = ["<s>[user] harm [model]", "<s>[user] help [model]", "<s>[user] hi [model]"]
    path = tmp_path / "chats.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    for data in (str(path), lines):
        pairs, asked = task.given(SteerArgs(data=data))
        assert pairs == [(told[0], told[1]), ("as it stands", told[1])]
        assert [each.prompt for each in asked] == [told[2]]
    bad = [{"positive": [{"role": "user"}], "negative": "b"}, {"positive": 3, "negative": "b"}]
    for line, message in zip(bad, ("positive: messages is", "positive is 3"), strict=True):
        path.write_text(json.dumps(line))
        with pytest.raises(ToolInputError, match=message) as caught:
            task.given(SteerArgs(data=str(path)))
        assert "messages" in str(caught.value).rpartition("; a record has")[2]


def test_a_dose_that_breaks_all_text_is_not_supported() -> None:
    found = steer(data="task:sentiment", layer=3, n=8, doses=[6.0, 12.0], max_tokens=1)
    assert found.verdict is Verdict.NOT_SUPPORTED
    assert "perplexity" in found.why
    assert found.values["dose"] == 6.0


VECTOR = {"vector": "VECTOR", "prompts": ["the capital of france is"], "towards": ["paris"]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give data: a file"),
        ({"prompts": ["b"]}, "give a vector"),
        ({"behaviour": "induction"}, "carry no label"),
        ({"behaviour": "sentiment", "layer": 99}, "no layer 99; demo has layers 0 to 5"),
        ({"behaviour": "sentiment", "doses": [-1.0, 0.0]}, "one above 0"),
        ({"behaviour": "sentiment", "doses": [1e9]}, "dose 1000000000.0"),
        ({"behaviour": "sentiment", "controls": 5}, "greater than or equal to 19"),
        ({"behaviour": "sentiment", "towards": ["happy"]}, "its own targets"),
        ({"behaviour": "sentiment", "positions": "generated"}, "before anything is added"),
        ({"behaviour": "sentiment", "metric": "words"}, "needs words"),
        ({"behaviour": "sentiment", "max_tokens": 1000}, "more than"),
        ({"behaviour": "sentiment", "neutral_file": "/no/such"}, "cannot read /no/such"),
        ({"positive": ["a"], "prompts": ["b"]}, "equally many of both"),
        ({**VECTOR, "prompts": None}, "give data"),
        ({**VECTOR, "towards": None}, "has no target"),
        ({**VECTOR, "metric": "logit_difference"}, "nothing to compare with"),
        ({**VECTOR, "towards": ["the capital"]}, "one token"),
        ({**VECTOR, "away": ["paris"]}, "share a token"),
        ({**VECTOR, "vector": "r0000000"}, "no vector file and no run"),
        ({**VECTOR, "vector": "SMALL"}, "has 16 numbers"),
        ({**VECTOR, "vector": "PLACELESS"}, "does not say its layer"),
        ({**VECTOR, "vector": "PICKLE"}, "pickles are refused"),
        (
            {"positive": ["the"], "negative": ["the"], "prompts": ["the"], "towards": ["is"]},
            "do not differ",
        ),
        (
            {"positive": ["the", "a"], "negative": ["is"], "prompts": ["the"], "towards": ["is"]},
            "equally many",
        ),
    ],
)
def test_bad_input_is_one_clear_line(
    arguments: dict[str, Any], message: str, tmp_path: Path
) -> None:
    files = {name: tmp_path / f"{name}.safetensors" for name in ("VECTOR", "SMALL", "PLACELESS")}
    vectors.save(files["VECTOR"], vectors.Vector(torch.ones(128), 2, "residual", ""))
    vectors.save(files["SMALL"], vectors.Vector(torch.ones(16), 2, "residual", ""))
    vectors.save(files["PLACELESS"], vectors.Vector(torch.ones(128), -1, "residual", ""))
    files["PICKLE"] = tmp_path / "direction.pt"
    torch.save(torch.ones(128), files["PICKLE"])
    if arguments.get("vector") in files:
        arguments = {**arguments, "vector": str(files[arguments["vector"]])}
    with pytest.raises(ToolInputError, match=message) as caught:
        steer(**arguments)
    assert "\n" not in str(caught.value)


def test_a_vector_of_other_weights_is_used_and_said(tmp_path: Path) -> None:
    path, lines = tmp_path / "v.safetensors", tmp_path / "prompts.jsonl"
    vectors.save(path, vectors.Vector(torch.randn(128), 2, "mlp", "0123456789abcdef"))
    some = BEHAVIOURS["capital-of"].pairs(4, 0)
    lines.write_text(
        "\n".join(
            json.dumps({"prompt": p.clean, "towards": p.answer, "away": [p.wrong]}) for p in some
        )
    )
    found = steer(vector=str(path), prompts_file=str(lines), layer=3, doses=[0.5], max_tokens=1)
    assert found.verdict is Verdict.INCONCLUSIVE  # four prompts
    notes = " ".join(found.notes)
    assert "transfer" in notes and "mlp output" in notes and "is added after 3" in notes
    lines.write_text('{"prompt": "a"}\n{nonsense')
    with pytest.raises(ToolInputError, match="line 2: not JSON"):
        steer(vector=str(path), prompts_file=str(lines))


def test_generate_is_greedy_seeded_and_without_the_prompt() -> None:
    found = generate(prompts=["the capital of france is", "three four five"], max_tokens=2)
    assert [g.text for g in found.generations] == ["paris .", "six ."]
    assert not found.generations[0].ended
    drawn = [
        generate(prompt="mary went to the", temperature=1.5, samples=4, seed=seed, max_tokens=6)
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len({g.text for g in drawn[0].generations}) > 1
    for arguments, message in (
        ({"prompt": "a", "samples": 2}, "temperature 0"),
        ({"prompts": []}, "empty"),
        ({}, "prompt or prompts"),
        ({"prompt": " "}, "a prompt is empty"),
        ({"prompt": "the", "max_tokens": 4000}, "more than"),
    ):
        with pytest.raises(ToolInputError, match=message):
            generate(**arguments)


@pytest.mark.parametrize("architecture", ["Qwen3", "GPT2", "Gemma3", "GPTNeoX"])
def test_greedy_texts_equal_those_of_transformers(architecture: str) -> None:
    model = local(architecture)
    found = texts(model, PROMPTS, 8, max_rows=2)
    for prompt, ids in zip(PROMPTS, found, strict=True):
        asked = torch.tensor([model.ids(prompt)])
        with torch.no_grad():
            whole = model.module.generate(
                asked, attention_mask=torch.ones_like(asked), max_new_tokens=8, do_sample=False
            )[0].tolist()
        theirs = whole[asked.shape[1] :]
        assert ids == [i for i in theirs if i not in stop_ids(model)]
