"""Twice the text, at most 2.4 times the time: every reader, converter and checker, on every adversarial text."""

from __future__ import annotations

from pkgutil import iter_modules

import pytest
from tests.doubling.entries import ENTRIES, HTML, TEX
from tests.doubling.measure import LARGE, MOST, growth
from tests.doubling.texts import EVERY

from gadfly.corpus import convert, readers

# One of each sort, for the quick run; the reported cases are among them.
QUICK = {
    "run of blanks",
    "run of newlines",
    "run of letters",
    "run of ticks",
    "unclosed brackets",
    "unclosed markers",
    "unclosed ticks",
    "unclosed braces",
    "unclosed fences",
    "many initials",
    "many headings",
    "many markers",
    "nested brackets",
    "html footnotes",
    "html notes in one paragraph",
    "html items of one list",
    "latex items of one list",
    "latex nested {",
}


def check(name: str, kinds: set[str] | None) -> None:
    """One entry on all texts, or on some."""
    entry, slow = ENTRIES[name], []
    for kind, make in entry.cases():
        if kinds is None or kind in kinds:
            found = growth(make, entry.run)
            if found.ratio > MOST:  # a bound on what is looked at together may lie above this size
                found = growth(make, entry.run, large=4 * LARGE)
            if found.ratio > MOST:
                slow.append(f"{kind}: {found}")
    assert not slow, f"{name}: " + "; ".join(slow)


@pytest.mark.parametrize("name", ENTRIES)
def test_some_texts(name: str) -> None:
    check(name, QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENTRIES)
def test_every_text(name: str) -> None:
    check(name, None)


@pytest.mark.parametrize("package", [convert, readers], ids=["convert", "readers"])
def test_every_module_has_a_case(package: object) -> None:
    """A converter or reader that is added needs an entry."""
    covered = {module.__name__ for entry in ENTRIES.values() for module in entry.modules}
    there = {f"{package.__name__}.{each.name}" for each in iter_modules(package.__path__)}  # type: ignore[attr-defined]
    assert not there - covered, "no entry in tests/doubling/entries.py names them"


def test_a_quadratic_reader_is_seen() -> None:
    """The measurement itself."""
    squared = growth(lambda n: n, lambda n: sum(1 for _ in range(n // 8) for _ in range(n // 8)))
    linear = growth(lambda n: n, lambda n: sum(1 for _ in range(n * 50)))
    assert squared.ratio > MOST >= linear.ratio > 1


def test_the_quick_texts_exist() -> None:
    assert {*EVERY, *HTML, *TEX} >= QUICK
