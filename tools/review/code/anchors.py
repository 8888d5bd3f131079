"""What a reader needs around a place: the enclosing function, its callers and callees, within a token budget.

For the critic's prompts. Text only, cut from the source as it stands; leaves out other files.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from gadfly.corpus.tokens import count
from gadfly.tools.review.code.flow import Code
from gadfly.tools.review.code.memory import kept
from gadfly.tools.review.code.nodes import Function
from gadfly.tools.review.code.walk import within


class Anchor(NamedTuple):
    """A piece of the file, and why it is shown."""

    role: str  # changed | caller | callee | imports
    symbol: str
    start_line: int
    end_line: int
    text: str


def anchors(code: Code, lines: Iterable[int], budget: int = 4_000) -> list[Anchor]:
    """The functions around the lines first, then their callees and callers, while tokens last.

    Args:
        code: the parsed file.
        lines: lines that changed or that findings stand on, counted from 1.
        budget: tokens in all; a function that does not fit is cut around its lines.
    """
    wanted = sorted({line for line in lines if 1 <= line <= len(code.lines)})
    homes: dict[ast.AST, list[int]] = {}
    for line in wanted:
        homes.setdefault(_home(code, line), []).append(line)
    found: list[Anchor] = []
    left = budget
    for home, inside in homes.items():
        piece = _piece(code, "changed", home, inside, left)
        if piece is not None:
            found.append(piece)
            left -= count(piece.text)
    shown = set(homes)
    neighbours = [("callee", each) for home in homes for each in _callees(code, home)]
    neighbours += [("caller", each) for home in homes for each in _callers(code, home)]
    for role, function in neighbours:
        if function in shown or left <= 0:
            continue
        shown.add(function)
        text = _text(code, function.lineno, function.end_lineno or function.lineno)
        size = count(text)
        if size <= left:
            last = function.end_lineno or function.lineno
            found.append(Anchor(role, code.symbol(function), function.lineno, last, text))
            left -= size
    return found


def _home(code: Code, line: int) -> ast.AST:
    """The innermost function that holds a line; else the top-level statement; else the module."""
    return _homes(code).get(line, code.module)


@kept
def _homes(code: Code) -> dict[int, ast.AST]:
    """The same of every line that is inside one."""
    found: dict[int, ast.AST] = {}
    top = reversed(code.module.body)  # of two statements on one line the first counts
    for each in [*top, *sorted(code.defs(), key=lambda each: each.lineno)]:
        found |= dict.fromkeys(range(each.lineno, (each.end_lineno or each.lineno) + 1), each)
    return found


def _piece(code: Code, role: str, home: ast.AST, lines: list[int], budget: int) -> Anchor | None:
    start = getattr(home, "lineno", lines[0])
    decorators = getattr(home, "decorator_list", [])
    start = min([start, *(each.lineno for each in decorators)])
    stop = getattr(home, "end_lineno", None) or lines[-1]
    if isinstance(home, ast.Module):
        start, stop = lines[0], lines[-1]
    reach = max(stop - start, 1)
    while budget > 0:
        first, last = max(start, lines[0] - reach), min(stop, lines[-1] + reach)
        text = _text(code, first, last)
        if count(text) <= budget:
            return Anchor(role, code.symbol(home), first, last, text)
        if reach == 0:
            return None
        reach //= 2
    return None


def _text(code: Code, start: int, stop: int) -> str:
    return "\n".join(code.lines[start - 1 : stop])


def _callees(code: Code, home: ast.AST) -> list[Function]:
    names = {code.dotted(each.func).rsplit(".", 1)[-1] for each in within(home, ast.Call)}
    return [each for name in sorted(names) for each in code.functions.get(name, ())[:1]]


def _callers(code: Code, home: ast.AST) -> list[Function]:
    if not isinstance(home, Function):
        return []
    callers = (code.function(call) for call in code.calls_of(home.name))
    return list(dict.fromkeys(e for e in callers if e is not None and e is not home))
