"""The deterministic review: every rule over every file, findings anchored, suppressed, ranked.

No model, no network, nothing of the reviewed code is executed. Each rule has its own time for a file. One that fails,
or whose time is over, is named in a notice with what it did not look at; what it found stands, and the others go on.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

from gadfly.tools.review.code.flow import Code
from gadfly.tools.review.code.nodes import Function
from gadfly.tools.review.code.tree import BrokenCodeError
from gadfly.tools.review.code.watch import OutOfTimeError
from gadfly.tools.review.reading.source import Source
from gadfly.tools.review.registry import Hit, Rule, rules
from gadfly.tools.review.report import Remark, anchored, fingerprint
from gadfly.tools.review.suppress import Suppressions

_LONGEST_QUOTE = 8  # lines
# Seconds of processor time for one rule over one file; a usual one takes a thousandth.
LONGEST_RULE = 5.0


def review_source(source: Source, notices: list[str] | None = None) -> list[Remark]:
    """The findings in one source, in the order of the rules."""
    notices = [] if notices is None else notices
    if not source.text.strip():
        return []
    try:
        code = Code(source.text, source.path)
    except BrokenCodeError as error:
        place = source.place(error.line)
        where = f"line {place.line}" if place.cell is None else f"cell {place.cell}"
        notices.append(f"{source.path}: {where} is not valid Python ({error}); not reviewed")
        return []
    except RecursionError:
        notices.append(f"{source.path} is nested too deep; not reviewed")
        return []
    if _is_unit_tests(code):
        return []
    first = code.module.body[0].lineno if code.module.body else 1
    switched_off = Suppressions(code.lines, first)
    found: dict[tuple[str, int], Remark] = {}
    for rule in rules().values():
        for hit in _hits(code, source, rule, notices):
            finding = _finding(code, source, rule, hit, switched_off)
            if finding is not None:
                found.setdefault((rule.id, finding.start_line), finding)
    return _told_apart(list(found.values()))


def _hits(code: Code, source: Source, rule: Rule, notices: list[str]) -> list[Hit]:
    """What one rule finds. Where it fails or its time is over, what it found until then, and a notice of the rest."""
    hits: list[Hit] = []
    code.watch.start(LONGEST_RULE)
    try:
        hits.extend(rule.check(code))  # one by one: what comes before an error stays
    except OutOfTimeError:
        took = f"took longer than {LONGEST_RULE:g} s"
        notices.append(f"{source.path}: the rule {rule.id} {took}; {_unseen(code, source)}")
    except Exception as error:  # whatever it is, the other rules still have something to say
        failed = f"failed ({type(error).__name__})"
        notices.append(f"{source.path}: the rule {rule.id} {failed}; {_unseen(code, source)}")
    finally:
        code.watch.stop()
    return hits


def _unseen(code: Code, source: Source) -> str:
    """What a rule that broke off did not look at, as far as its walk over the file tells."""
    lines = code.watch.unseen()
    if lines is None:
        return "it did not look at all of the file"
    first, last = (source.place(line) for line in lines)
    if first.cell is None:
        return f"it did not look at lines {first.line} to {last.line}"
    cells = f"cell {first.cell}, line {first.line}, to cell {last.cell}, line {last.line}"
    return f"it did not look at {cells}"


def _is_unit_tests(code: Code) -> bool:
    """A unit test provokes what a rule warns of, on purpose."""
    name = Path(code.path).name
    return name.startswith("test_") and any(each.startswith("test_") for each in code.functions)


def _told_apart(findings: list[Remark]) -> list[Remark]:
    """Equal snippets in one symbol are counted up, so that each has a fingerprint of its own."""
    seen: Counter[str] = Counter()
    out: list[Remark] = []
    for each in sorted(findings, key=lambda found: (found.cell or 0, found.start_line)):
        again = seen[each.fingerprint]
        seen[each.fingerprint] += 1
        if again:
            new = fingerprint(each.rule, each.fingerprint, str(again))
            each = each.model_copy(update={"fingerprint": new})
        out.append(each)
    return out


def _finding(
    code: Code, source: Source, rule: Rule, hit: Hit, switched_off: Suppressions
) -> Remark | None:
    start, stop = _span(hit.node)
    if switched_off.covers(rule.id, start, stop):
        return None
    first, last = source.place(start), source.place(stop)
    if first.cell != last.cell:  # cannot be: a cell is parsed on its own first
        last = first
    lines = source.lines(first.cell)
    quote = "\n".join(lines[first.line - 1 : last.line])
    message, fix = rule.says(hit)
    finding = Remark(
        path=source.path,
        start_line=first.line,
        end_line=last.line,
        cell=first.cell,
        file_lines=(first.line, last.line),
        rule=rule.id,
        message=message,
        severity=rule.severity,
        quote=quote,
        fix=fix,
        fingerprint=fingerprint(rule.id, code.symbol(hit.node), quote),
    )
    return finding if anchored(finding, lines) else None


def _span(node: ast.AST) -> tuple[int, int]:
    """The lines to quote: of a compound statement its header, of a long expression its beginning."""
    start: int = getattr(node, "lineno", 1)
    stop: int = getattr(node, "end_lineno", None) or start
    body = getattr(node, "body", None)
    if isinstance(node, ast.stmt) and isinstance(body, list) and body:
        first = body[0]
        above = getattr(first, "decorator_list", None)
        opening = above[0].lineno if above else first.lineno
        stop = max(start, opening - 1) if opening > start else start
        if isinstance(node, Function | ast.ClassDef):
            stop = start if stop - start >= _LONGEST_QUOTE else stop
    return start, min(stop, start + _LONGEST_QUOTE - 1)
