"""For each tool a truth planted in the very model that is tested, input on which the tool must find it, and how to tell
that it did. At strength 0 nothing is planted, and the same input must not make the tool say so.

Prompts are filler words around two or three words with a part: a *mark* (which answer, or which class), the word that
*asks* (what is planted is written there), and for states that are read elsewhere the word that *tells*.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gadfly.tools.arrays import Tensor
from gadfly.tools.contract import Result, Verdict
from gadfly.tools.model import LocalModel
from gadfly.tools.selftesting import dictionaries, directions, noise
from gadfly.tools.selftesting.planting import Attend, Plant, Relay, Write

Arguments = dict[str, Any]
_MARKS = 12
_STEERED = 10  # prompts, each of which is run with every control at every dose
_CLASSED = 192  # texts with a class


@dataclass(frozen=True)
class Trial:
    """Arguments of a tool, what is planted while it runs, and what its result must name where it says ``supported``."""

    arguments: Arguments
    plants: tuple[Plant, ...] = ()
    named: Callable[[Result], bool] = lambda _: True

    def found(self, result: Result) -> bool:
        """Whether the tool found what was planted, where it was planted."""
        return result.verdict is Verdict.SUPPORTED and self.named(result)


@dataclass(frozen=True)
class Lexicon:
    """Words of the model's own vocabulary, one token each within a text, by their part."""

    marks: list[str]
    answers: list[str]
    fillers: list[str]
    ask: str
    tell: str


def lexicon(model: LocalModel, seed: int, most: int = _MARKS, *, answers: bool = True) -> Lexicon:
    """Words dealt out by chance, ``most`` marks at most; no word has two parts. Without ``answers`` most are marks."""
    known = noise.vocabulary(model)
    drawn = [str(each) for each in np.random.default_rng(seed + 31).permutation(known)]
    ask, tell, *rest = drawn
    if not answers:
        most = len(rest) * 2 // 3
        return Lexicon(rest[:most], [], rest[most:], ask, tell)
    each = min(most, len(rest) // 3)
    return Lexicon(rest[:each], rest[each : 2 * each], rest[2 * each :], ask, tell)


def head_words(model: LocalModel, seed: int) -> Lexicon:
    """With no more answers than a head can write apart, with room: half of what it has numbers."""
    room = directions.head_size(model, layer_of(model, seed)) // 2
    return lexicon(model, seed, max(2, min(_MARKS, room)))


def layer_of(model: LocalModel, seed: int) -> int:
    """Where the answer is written: at two thirds of the depth or a little later, never in the last layer if there are
    two."""
    layers = model.num_layers
    return max(0, min(layers - 2, layers * 2 // 3 + seed % max(1, layers // 6)))


def _id(model: LocalModel, word: str) -> int:
    """The token that a word is within a text."""
    return model.ids(f"{word} {word}")[-1]


def _answer(model: LocalModel, word: str) -> str:
    """An answer as it follows a prompt: with its space, where that is one token."""
    spaced = f" {word}"
    one = model.tokenizer(spaced, add_special_tokens=False)["input_ids"]
    return spaced if one == [_id(model, word)] else word


def _prompts(words: Lexicon, marks: list[str], seed: int) -> list[str]:
    """A prompt for each mark: ``filler mark filler filler ask``, the mark second or third."""
    rng = np.random.default_rng(seed)
    out = []
    for mark in marks:
        one, two, three = (str(each) for each in rng.choice(words.fillers, 3))
        middle = f"{mark} {two}" if rng.integers(2) else f"{two} {mark}"
        out.append(f"{one} {middle} {three} {words.ask}")
    return out


def _chosen(words: Lexicon, n: int, seed: int) -> list[tuple[int, int]]:
    """``n`` times the numbers of two different marks."""
    rng = np.random.default_rng(seed + 1)
    count = len(words.marks)
    return [(int(a), int(b)) for a, b in (rng.choice(count, 2, replace=False) for _ in range(n))]


def pairs(model: LocalModel, words: Lexicon, n: int, seed: int) -> list[dict[str, str]]:
    """Clean and corrupt prompts that differ in their mark, with the marks' answers."""
    out = []
    for number, (one, other) in enumerate(_chosen(words, n, seed)):
        (clean,) = _prompts(words, [words.marks[one]], seed * 1000 + number)
        corrupt = " ".join(
            words.marks[other] if word == words.marks[one] else word for word in clean.split()
        )
        answer, wrong = (_answer(model, words.answers[i]) for i in (one, other))
        out.append({"clean": clean, "corrupt": corrupt, "answer": answer, "wrong": wrong})
    return out


def _answered(model: LocalModel, words: Lexicon, n: int, seed: int) -> list[dict[str, str]]:
    return [
        {"prompt": each["clean"], "answer": each["answer"], "wrong": each["wrong"]}
        for each in pairs(model, words, n, seed)
    ]


def _without_wrong(prompts: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{name: each[name] for name in ("prompt", "answer")} for each in prompts]


def _reading(model: LocalModel, words: Lexicon) -> Tensor:
    return directions.readable(model, [_id(model, word) for word in words.answers])


def _marks(model: LocalModel, words: Lexicon) -> list[int]:
    return [_id(model, word) for word in words.marks]


def head_writes(model: LocalModel, words: Lexicon, layer: int, head: int, strength: float) -> Write:
    """The head writes the answer of the row's mark where the prompt asks."""
    handed = directions.by_head(model, layer, head, _reading(model, words))
    size = strength * directions.lasting(model, layer)
    return Write(layer, _marks(model, words), size * handed, _id(model, words.ask), head)


def spot(model: LocalModel, seed: int) -> tuple[int, int]:
    """A layer and one of its heads that writes anything."""
    layer = layer_of(model, seed)
    heads = directions.writing_heads(model, layer)
    return layer, heads[(seed * 5 + 1) % len(heads)]


def patch(model: LocalModel, seed: int, strength: float, _: Path) -> Trial:
    """A head writes the answer."""
    words, (layer, head) = head_words(model, seed), spot(model, seed)
    others = {max(0, layer - 1), layer, min(model.num_layers - 1, layer + 1)}
    return Trial(
        {
            "pairs": pairs(model, words, 16, seed),
            "site": "head",
            "direction": "denoising",
            "layers": sorted(others),
        },
        (head_writes(model, words, layer, head, strength),),
        lambda r: r.table.rows[0][:2] == [layer, f"head {head}"],
    )


def ablate(model: LocalModel, seed: int, strength: float, _: Path) -> Trial:
    """A head writes the answer, and nothing else does."""
    words, (layer, head) = head_words(model, seed), spot(model, seed)
    return Trial(
        {"pairs": pairs(model, words, 16, seed), "component": "head", "heads": [f"{layer}.{head}"]},
        (head_writes(model, words, layer, head, strength),),
    )


def attribute(model: LocalModel, seed: int, strength: float, _: Path) -> Trial:
    """A head writes the answer directly."""
    words, (layer, head) = head_words(model, seed), spot(model, seed)
    return Trial(
        {"prompts": _answered(model, words, 24, seed)},
        (head_writes(model, words, layer, head, strength),),
        lambda r: (r.values["layer"], r.values.get("head")) == (layer, head),
    )


def lens(model: LocalModel, seed: int, strength: float, _: Path) -> Trial:
    """The answer is in the stream from a layer on."""
    words, layer = lexicon(model, seed), layer_of(model, seed)
    size = strength * directions.lasting(model, layer)
    values = size * _reading(model, words)
    return Trial(
        {"prompts": _without_wrong(_answered(model, words, 24, seed))},
        (Write(layer, _marks(model, words), values, _id(model, words.ask)),),
        lambda r: r.values["layer"] >= layer,
    )


def patchscope(model: LocalModel, seed: int, strength: float, _: Path) -> Trial:
    """From one layer on the last state holds which mark there was; before another it is turned into the answer, where
    the word that tells stands. The token that is read says nothing: it is the same in all prompts."""
    words, late = lexicon(model, seed), layer_of(model, seed)
    early = min(model.num_layers // 3, late)
    marks = [str(each) for each in np.random.default_rng(seed).permutation(words.marks)]
    prompts = [
        {"prompt": prompt, "answer": _answer(model, words.answers[words.marks.index(mark)])}
        for mark, prompt in zip(marks, _prompts(words, marks, seed), strict=True)
    ]
    code = directions.random(model, len(words.marks), seed)
    held = directions.norms(model)[early]
    size = strength * directions.lasting(model, late)
    return Trial(
        {"prompts": prompts, "target": f"{words.fillers[0]} {{}} {words.fillers[1]} {words.tell}"},
        (
            Write(early, _marks(model, words), strength * held * code, _id(model, words.ask)),
            Relay(
                late + 1,
                code,
                size * _reading(model, words),
                _id(model, words.tell),
                floor=0.3 * held,
                full=0.7 * held,
                earlier=True,
            ),
        ),
        lambda r: early <= r.values["layer"] <= late,
    )


def _classes(words: Lexicon) -> Tensor:
    """+1 and -1 by turns, [marks, 1]."""
    import torch

    return torch.tensor([[1.0 if i % 2 else -1.0] for i in range(len(words.marks))])


def _along(axis: Tensor, least: float) -> Callable[[Result], bool]:
    """Whether the direction that a run wrote is this one, up to its sign."""

    def holds(result: Result) -> bool:
        from gadfly.tools import vectors

        found = vectors.load(str(getattr(result, "direction", ""))).direction.float().cpu()
        return abs(float(found @ axis)) / float(found.norm()) >= least

    return holds


def probe(model: LocalModel, seed: int, strength: float, _: Path) -> Trial:
    """From a layer on, the class of the mark is one direction; marks of the test part were never seen. There are many:
    with two of each class in the test part, one in six ways to deal the labels out tells them apart as well."""
    words, layer = lexicon(model, seed, answers=False), layer_of(model, seed)
    rng = np.random.default_rng(seed)
    numbers = [int(i) for i in rng.permutation(np.arange(_CLASSED) % len(words.marks))]
    prompts = _prompts(words, [words.marks[i] for i in numbers], seed)
    (axis,) = directions.random(model, 1, seed)
    values = strength * directions.norms(model)[layer] * _classes(words) * axis
    along = _along(axis, 0.2)
    return Trial(
        {
            "texts": [
                {"text": prompt, "label": "plus" if i % 2 else "minus", "group": i}
                for prompt, i in zip(prompts, numbers, strict=True)
            ],
            "shuffles": 40,
            "random_model": False,
        },
        (Write(layer, _marks(model, words), values, _id(model, words.ask)),),
        lambda r: r.values["layer"] >= layer and along(r),
    )


def steer(model: LocalModel, seed: int, strength: float, _: Path) -> Trial:
    """One direction holds the class, and what the model says follows it."""
    import torch

    words, layer = lexicon(model, seed), layer_of(model, seed)
    prompts = _prompts(words, words.fillers[:_STEERED], seed + 2)
    # Where the prompts hold much of it already, adding some changes little.
    axis = directions.unheld(model, layer, prompts, seed)
    unit = directions.norms(model)[layer]
    plus, minus = words.answers[:2]
    (said,) = directions.orthogonal(
        torch.stack([a - b for a, b in [directions.readable(model, _ids(model, plus, minus))]])
    ).to(model.device)
    odd, even = words.marks[1::2], words.marks[::2]
    size = strength * directions.lasting(model, layer)
    return Trial(
        {
            "positive": _prompts(words, [odd[i % len(odd)] for i in range(32)], seed),
            "negative": _prompts(words, [even[i % len(even)] for i in range(32)], seed + 1),
            "layer": layer,
            "prompts": prompts,
            "towards": [_answer(model, plus)] * _STEERED,
            "away": [_answer(model, minus)] * _STEERED,
            "max_tokens": 1,
            "doses": [0.1, 0.2],
            "neutral": noise.texts(model, 16, seed),
        },
        (
            Write(
                layer,
                _marks(model, words),
                0.4 * strength * unit * _classes(words) * axis,
                _id(model, words.ask),
            ),
            Relay(
                layer + 1,
                torch.stack([axis, -axis]),
                size * torch.stack([said, -said]),
                _id(model, words.ask),
                floor=0.05 * unit,
                full=0.25 * unit,
                earlier=False,
            ),
        ),
        _along(axis, 0.7),
    )


def _ids(model: LocalModel, *words: str) -> list[int]:
    return [_id(model, word) for word in words]


def attention(model: LocalModel, seed: int, strength: float, _: Path) -> Trial:
    """A head that looks at what followed the last occurrence of its token, and at nothing else."""
    layer, head = spot(model, seed)
    return Trial(
        {"kind": "induction"},
        (Attend(layer, head, strength),),
        # No head of a trained model gives all of its attention there: one that was chosen by chance may give most.
        lambda r: (
            (r.values["induction_layer"], r.values["induction_head"]) == (layer, head)
            and r.values["induction_score"] > 0.99
        ),
    )


def sae(
    model: LocalModel, seed: int, strength: float, folder: Path, layer: int | None = None
) -> Trial:
    """Each state holds which word follows, as one of a few directions; the dictionary is of these directions."""
    words = lexicon(model, seed)
    layer = layer_of(model, seed) if layer is None else layer
    rng = np.random.default_rng(seed)
    known = [*words.marks]
    texts = [" ".join(str(each) for each in rng.choice(known, 8)) for _ in range(24)]
    size = 4 * directions.lasting(model, layer)
    first, middle = directions.around(model, layer, texts)
    code = directions.readable(model, _ids(model, *known))
    code = directions.orthogonal(code - (code @ first)[:, None] * first).to(code)
    made = dictionaries.sparse_dictionary(folder, code, size, first, middle, layer)
    return Trial(
        {"sae": str(made), "texts": texts},
        (Write(layer, _ids(model, *known), strength * size * code, None),),
        lambda r: r.values["fvu"] < 0.5,
    )


Maker = Callable[[LocalModel, int, float, Path], Trial]
PLANTS: dict[str, tuple[Maker, str]] = {
    "patch": (patch, "a head writes the answer"),
    "probe": (probe, "the class is one direction from a layer on"),
    "steer": (steer, "what is said follows one direction"),
    "ablate": (ablate, "a head writes the answer"),
    "lens": (lens, "the answer is in the stream from a layer on"),
    "attribute": (attribute, "a head writes the answer"),
    "attention": (attention, "a head looks at what followed its token before"),
    "patchscope": (patchscope, "middle layers hold which word there was"),
    "sae": (sae, "states hold which word follows, as the dictionary has it"),
}
"""By tool: a trial for a model, a seed, a strength (1 is whole, 0 is none) and a folder; and the truth in words."""
