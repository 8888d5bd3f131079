"""Quotes: what verifies, and above all what never does."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gadfly.corpus.quotes import check, nearest, plain, verify
from gadfly.corpus.sources.files import FilesSource

TEXT = """It is **not** supported that `output[0][:] = 0` works.
The ﬁne “quoted” words — 10² of them. See [the guide](https://example.org/a) for 65.3% of `block.__init__` runs.

```python
x = a * b * c  # **kept** as it is
```
The value *never exceeds* 2 * 3 * 4 in
our   runs. The effect is -5 points, and 3.45 in the largest model of 65B parameters.
"""


@pytest.mark.parametrize(
    "quote",
    [
        "It is not supported that output[0][:] = 0 works.",
        "It is **not** supported that `output[0][:] = 0` works",
        'fine "quoted" words - 10² of them.',
        "See the guide for 65.3% of block.__init__ runs",
        "value never exceeds 2 * 3 * 4 in our runs",
        "x = a * b * c  # **kept** as it is",
        "effect is −5 points, and 3.45 in the largest",
        '"The effect is -5 points, and 3.45 in the largest model."',
    ],
)
def test_honest_quotes(quote: str) -> None:
    found = verify(quote, TEXT)
    assert found is not None, check(quote, TEXT).reason
    assert TEXT[found.start : found.end] == found.text


@pytest.mark.parametrize(
    ("quote", "reason"),
    [
        ("It is supported that output[0][:] = 0 works", "not in"),
        ("supported that output[0][:] = 0 works", "negation"),
        ("words - 102 of them. See the guide", "not in"),
        ("See the guide for 65.4% of block.__init__ runs", "not in"),
        ("See the guide for 65.3", "number"),
        ("See the guide for 65", "number"),
        ("See the guide for 65.3% of block.init runs", "not in"),
        ("value never exceeds 2 3 4 in our runs", "not in"),
        ("x = a * b * c  # kept as it is", "not in"),
        ("5 points, and 3.45 in the largest model", "sign"),
        ("effect is -5 points, and 3", "number"),
        ("3.45 in the largest model of 65", "inside a word"),
        ("he effect is -5 points", "inside a word"),
        ("the effect is -5 points, and", "not in"),
        ("It is ... that output[0][:] = 0 works", "ellipsis"),
        ("see the", "too short"),
        ("", "too short"),
        ("a b c d", "too short"),
    ],
)
def test_dishonest_quotes(quote: str, reason: str) -> None:
    result = check(quote, TEXT)
    assert result.match is None
    assert reason in result.reason


def test_identifiers_and_powers_are_not_emphasis() -> None:
    text = "Call f(*args, **kwargs) and then my_own_name or _private_ thing of x**2 here"
    assert verify("f(*args, **kwargs) and then my_own_name", text)
    assert not verify("f(args, kwargs) and then my_own_name", text)
    assert not verify("then my own name or _private_ thing", text)
    assert not verify("_private_ thing of x2 here", text)
    formula = "the key $x^*$ and the query $y^*$ of $W_{in}$ (a row of $W_{out}$) in _one_ block"
    assert verify(
        "key $x^*$ and the query $y^*$ of $W_{in}$ (a row of $W_{out}$) in one block", formula
    )
    assert not verify("the key $x^$ and the query $y^$ of", formula)


def test_a_repeated_phrase_is_found_where_it_is_whole() -> None:
    text = "We did not see a clear effect here. Later we did see a clear effect here."
    found = verify("see a clear effect here", text)
    assert found is not None
    assert found.start > text.index("Later")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab*_`[]() \n\\.1²ﬁé-", max_size=200))
def test_plain_maps_back(text: str) -> None:
    reduced = plain(text)
    assert len(reduced.text) == len(reduced.starts) == len(reduced.ends)
    assert all(0 <= a < b <= len(text) for a, b in zip(reduced.starts, reduced.ends, strict=True))
    assert list(reduced.starts) == sorted(reduced.starts)


def _spans(folder: Path, n: int) -> list[tuple[str, str]]:
    dice = random.Random(7)
    documents = list(FilesSource(folder).documents())
    found: list[tuple[str, str]] = []
    while len(found) < n:
        text = dice.choice(documents).text
        sentences = [
            m.group() for m in re.finditer(r"(?<=[.!?] )[A-Z][^.!?\n]{50,200}[.!?](?= )", text)
        ]
        if sentences:
            found.append((dice.choice(sentences), text))
    return found


def test_real_sentences_verify_however_they_are_wrapped(real_docs: Path) -> None:
    spans = _spans(real_docs, 150)
    for sentence, text in spans:
        wrapped = "\n ".join(sentence.split(" ")).replace("'", "\u2019").replace("-", "\u2010")
        found = verify(wrapped, text)
        assert found is not None, (wrapped, check(wrapped, text).reason)
        assert found.text.strip("*_`") in sentence or sentence in found.text


def test_real_sentences_changed_never_verify(real_docs: Path) -> None:
    dice = random.Random(11)
    tried = 0
    for sentence, text in _spans(real_docs, 300):
        words = sentence.split(" ")
        place = dice.randrange(1, len(words) - 1)
        digit = re.search(r"\d", sentence)
        changes = [
            " ".join([*words[:place], *words[place + 1 :]]),  # a word dropped
            " ".join([*words[:place], "not", *words[place:]]),
            " ".join([*words[:place], words[place + 1], words[place], *words[place + 2 :]]),
        ]
        if digit:
            other = str((int(digit.group()) + 1) % 10) if digit.group().isascii() else "0"
            changes.append(sentence[: digit.start()] + other + sentence[digit.end() :])
        for change in changes:
            if " ".join(change.split()) == " ".join(sentence.split()) or change in text:
                continue
            tried += 1
            assert verify(change, text) is None, change
    assert tried > 600


def test_nearest_suggests_the_sentence_that_was_meant() -> None:
    found = nearest("The value always exceeds 2 * 3 in our runs", TEXT)
    assert found is not None
    assert "never exceeds" in TEXT[found.start : found.end]
    assert found.similarity < 1
    assert nearest("zzz qqq", TEXT) is None
    assert nearest("", TEXT) is None


def test_a_large_document_is_quick() -> None:
    import time

    text = "*a* `b` [c](https://x.org/y) 12 words and more. " * 20_000
    begun = time.process_time()
    assert verify("12 words and more. a b c", text)
    assert time.process_time() - begun < 20
