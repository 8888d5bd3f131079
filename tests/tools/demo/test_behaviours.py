"""The behaviours as data: pairs line up, splits hold, seeds decide. No torch anywhere."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from itertools import islice

import pytest

from gadfly.errors import ToolInputError
from gadfly.tools.demo import words
from gadfly.tools.demo.behaviours import BEHAVIOURS, behaviour
from gadfly.tools.demo.language import SPECIALS, Stream, vocabulary
from gadfly.tools.demo.pairs import Pair, Split

NAMES = sorted(BEHAVIOURS)
SPLITS: tuple[Split, ...] = ("train", "held_out")


def _tokens(prompt: str) -> list[str]:
    return ["<bos>", *prompt.split()]


def test_behaviours_need_no_heavy_import() -> None:
    code = (
        "import sys, gadfly.tools.demo.behaviours as b; b.BEHAVIOURS['truth'].pairs(3, 0);"
        "print([m for m in ('torch', 'transformers', 'tokenizers', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", NAMES)
def test_pairs_differ_only_inside_labelled_spans(name: str, split: Split) -> None:
    for pair in BEHAVIOURS[name].pairs(100, 3, split):
        clean, corrupt = _tokens(pair.clean), _tokens(pair.corrupt)
        assert len(clean) == len(corrupt)
        assert tuple(pair.spans) == BEHAVIOURS[name].spans
        assert pair.spans["END"] == (len(clean) - 1, len(clean))
        inside = {i for start, end in pair.spans.values() for i in range(start, end)}
        assert all(0 < i < len(clean) for i in inside)
        differing = {i for i in range(len(clean)) if clean[i] != corrupt[i]}
        assert differing and differing <= inside
        assert pair.answer != pair.wrong


@pytest.mark.parametrize("name", NAMES)
def test_every_word_is_in_the_vocabulary(name: str) -> None:
    known = set(vocabulary())
    for pair in BEHAVIOURS[name].pairs(200, 4):
        assert {*pair.clean.split(), *pair.corrupt.split(), pair.answer, pair.wrong} <= known


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides(name: str) -> None:
    one = BEHAVIOURS[name]
    assert one.pairs(30, 7) == one.pairs(30, 7)
    assert one.pairs(30, 7) != one.pairs(30, 8)
    assert one.pairs(10, 7) == one.pairs(30, 7)[:10]


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_distinct_and_balanced(name: str) -> None:
    one = BEHAVIOURS[name]
    examples = one.examples(300, 5)
    assert len({example.prompt for example in examples}) == 300
    counts = Counter(example.label for example in examples)
    assert counts == ({0: 150, 1: 150} if one.labels else {None: 300})
    assert len({example.group for example in examples}) >= 5


def test_spans_name_the_words_they_say() -> None:
    for pair in BEHAVIOURS["indirect-object"].pairs(50, 1):
        words_at = {name: _tokens(pair.clean)[s] for name, (s, _) in pair.spans.items()}
        assert words_at["IO"] == pair.answer
        assert words_at["S1"] == words_at["S2"] == pair.wrong
        assert pair.label == int(pair.spans["IO"] < pair.spans["S1"])
    for pair in BEHAVIOURS["induction"].pairs(50, 1):
        words_at = {name: _tokens(pair.clean)[s] for name, (s, _) in pair.spans.items()}
        assert words_at["A1"] == words_at["END"] and words_at["B"] == pair.answer
        assert words_at["D"] == pair.wrong
        assert sorted(pair.clean.split()) == sorted(pair.corrupt.split())


def _seen_together(pair: Pair, name: str) -> tuple[str, ...]:
    """What the held-out rule of the clustered behaviours keeps apart."""
    tokens = _tokens(pair.clean)
    wanted = {
        "indirect-object": ("IO", "S1"),
        "sentiment": ("ADJ1", "ADJ2"),
        "agreement": ("SUBJECT", "DISTRACTOR"),
    }[name]
    return tuple(sorted(tokens[pair.spans[each][0]] for each in wanted))


@pytest.mark.parametrize("name", ["indirect-object", "sentiment", "agreement"])
def test_held_out_words_never_meet_in_training(name: str) -> None:
    held = {_seen_together(pair, name) for pair in BEHAVIOURS[name].pairs(500, 1, "held_out")}
    trained = {_seen_together(pair, name) for pair in BEHAVIOURS[name].pairs(3000, 1, "train")}
    assert not held & trained


@pytest.mark.parametrize("name", [n for n in NAMES if n != "induction"])
def test_no_held_out_answer_is_trained(name: str) -> None:
    pairs = BEHAVIOURS[name].pairs(400, 1, "held_out")
    held = {f"{pair.clean} {pair.answer}" for pair in pairs}
    lengths = {len(text.split()) for text in held}
    for sentence in islice(Stream(0).sentences(), 10_000):
        said = [word for word, _ in sentence]
        assert not held & {" ".join(said[:length]) for length in lengths}


def test_true_statements_are_true() -> None:
    facts = dict(words.CAPITALS)
    for pair in BEHAVIOURS["truth"].pairs(200, 2):
        tokens = _tokens(pair.clean)
        country, city = (tokens[pair.spans[each][0]] for each in ("COUNTRY", "CITY"))
        assert (facts[country] == city) == (pair.answer == "true") == bool(pair.label)


def test_too_many_prompts_are_refused_with_the_number_there_is() -> None:
    with pytest.raises(ToolInputError, match="'succession' has about"):
        BEHAVIOURS["succession"].examples(100_000, 0)
    with pytest.raises(ToolInputError, match="ask for 0 or more"):
        BEHAVIOURS["succession"].examples(-1, 0)
    with pytest.raises(ToolInputError, match="choose one of"):
        behaviour("no-such-behaviour")


def test_training_rows_are_reproducible_and_well_formed() -> None:
    first, again, other = (list(islice(Stream(seed).rows(32), 50)) for seed in (1, 1, 2))
    assert first == again != other
    for ids, weights in first:
        assert len(ids) == len(weights) == 32
        assert ids[0] == SPECIALS.index("<bos>") and SPECIALS.index("<pad>") not in ids
        assert weights[0] == 0.0 and max(weights) == 1.0


def test_word_lists_have_no_repeats() -> None:
    for each in (words.NAMES, words.POOL, words.POSITIVE + words.NEGATIVE, vocabulary()):
        assert len(set(each)) == len(each)
    assert len(words.CAPITALS) == len(dict(words.CAPITALS)) == len({c for _, c in words.CAPITALS})
