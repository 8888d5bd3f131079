"""The deterministic review: every rule over every file, findings anchored, suppressed, ranked.

No model, no network, nothing of the reviewed code is executed. Each rule has its own time for a file. One that fails,
or whose time is over, is named in a notice with what it did not look at; what it found stands, and the others go on.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gadfly.tools.review.code.flow import Code
from gadfly.tools.review.code.tree import FUNCTIONS, BrokenCodeError
from gadfly.tools.review.code.watch import OutOfTimeError
from gadfly.tools.review.findings import Finding, anchored, fingerprint, ranked
from gadfly.tools.review.reading import source as reading
from gadfly.tools.review.reading.diff import FileChange, parse
from gadfly.tools.review.reading.source import Source
from gadfly.tools.review.registry import Hit, Rule, rules
from gadfly.tools.review.suppress import Suppressions

_LONGEST_QUOTE = 8  # lines
LONGEST_RULE = (
    5.0  # seconds of processor time for one rule over one file; a usual one takes a thousandth
)


@dataclass
class Review:
    """What a deterministic review found, and what it could not read."""

    findings: list[Finding] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def review_files(
    files: Iterable[Path | str] | Mapping[str, str], changed: Mapping[str, set[int]] | None = None
) -> list[Finding]:
    """The findings in files or folders (paths), or in texts (a mapping of path to text).

    Args:
        files: what to review.
        changed: the lines that count, by path; None: all. Of a notebook they are lines of the .ipynb file; one
            whose JSON is not laid out in lines is reviewed whole if anything in it changed.
    """
    return review(files, changed).findings


def review(
    files: Iterable[Path | str] | Mapping[str, str], changed: Mapping[str, set[int]] | None = None
) -> Review:
    """As :func:`review_files`, with the notices about what could not be read."""
    done = Review()
    for each in reading.sources(files):
        if each.notice:
            done.notices.append(each.notice)
        lines = None if changed is None else changed.get(each.path, set())
        if lines is not None and not lines:
            continue
        done.findings += review_source(each, done.notices, lines)
    done.findings = ranked(done.findings)
    return done


def review_diff(diff: str, folder: Path) -> Review:
    """The findings that stand in the hunks of a unified diff: on lines it adds, or on those it shows around them.

    The lines around count because a deletion adds none: a removed ``clone()`` shows at the line that needed it.

    Args:
        diff: as git writes it.
        folder: holds the new version of the files. A file that the diff creates needs none.

    A path that leads out of the folder, a missing file and one that is not the diff's new version give a notice.
    """
    texts: dict[str, str] = {}
    changed: dict[str, set[int]] = {}
    notices: list[str] = []
    for change in parse(diff):
        if not change.commentable or not change.path.endswith((".py", ".ipynb")) or change.deleted:
            continue
        text = change.text
        if text is None:
            text = _new_version(change, folder, notices)
        if text is not None:
            texts[change.path], changed[change.path] = text, change.commentable
    done = review(texts, changed)
    done.notices = notices + done.notices
    return done


def _new_version(change: FileChange, folder: Path, notices: list[str]) -> str | None:
    """The file on disk, if it is what the diff says it has become."""
    path = (folder / change.path).resolve()
    if not path.is_relative_to(folder.resolve()):  # the header of a diff is anybody's text
        notices.append(f"{change.path} leads out of {folder}; not read")
        return None
    try:
        text = path.read_bytes().decode("utf-8-sig", "replace")
    except OSError as error:
        why = error.strerror or type(error).__name__
        notices.append(f"{change.path} is not in {folder} ({why}); check out the new version there")
        return None
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, said in change.texts.items():
        there = lines[number - 1] if 0 < number <= len(lines) else None
        if there is None or there != said.removeprefix("\ufeff"):
            notices.append(
                f"{change.path} in {folder} is not the version that the diff makes (line {number}); "
                "not reviewed"
            )
            return None
    return text


def review_source(
    source: Source, notices: list[str] | None = None, changed: set[int] | None = None
) -> list[Finding]:
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
    found: dict[tuple[str, int], Finding] = {}
    for rule in rules().values():
        for hit in _hits(code, source, rule, notices):
            finding = _finding(code, source, rule, hit, switched_off, changed)
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


def _told_apart(findings: list[Finding]) -> list[Finding]:
    """Equal snippets in one symbol are counted up, so that each has a fingerprint of its own."""
    seen: Counter[str] = Counter()
    out: list[Finding] = []
    for each in sorted(findings, key=lambda found: (found.cell or 0, found.start_line)):
        again = seen[each.fingerprint]
        seen[each.fingerprint] += 1
        if again:
            new = fingerprint(each.rule, each.fingerprint, str(again))
            each = each.model_copy(update={"fingerprint": new})
        out.append(each)
    return out


def _finding(
    code: Code,
    source: Source,
    rule: Rule,
    hit: Hit,
    switched_off: Suppressions,
    changed: set[int] | None,
) -> Finding | None:
    start, stop = _span(hit.node)
    if switched_off.covers(rule.id, start, stop):
        return None
    first, last = source.place(start), source.place(stop)
    if changed is not None and (first.cell is None or first.file_line is not None):
        at = first.file_line or start
        if not changed & set(range(at, at + stop - start + 1)):
            return None
    if first.cell != last.cell:  # cannot be: a cell is parsed on its own first
        last = first
    lines = source.lines(first.cell)
    quote = "\n".join(lines[first.line - 1 : last.line])
    message, fix = rule.says(hit)
    finding = Finding(
        path=source.path,
        start_line=first.line,
        end_line=last.line,
        cell=first.cell,
        file_line=first.file_line,
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
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            stop = start if stop - start >= _LONGEST_QUOTE else stop
    return start, min(stop, start + _LONGEST_QUOTE - 1)
