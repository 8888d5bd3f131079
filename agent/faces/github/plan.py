"""What to say on a pull request, given what was said before: new comments, updates, what is settled.

Pure: no request is made here. A comment stands only on lines that the diff shows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from gadfly.agent.critic import markdown
from gadfly.agent.faces.github import marks
from gadfly.agent.faces.github.marks import Comment
from gadfly.tools.review.reading.material import File, Material
from gadfly.tools.review.report import CRITIQUE, Remark, Report


@dataclass
class Plan:
    """What is to be done, in this order."""

    new: list[tuple[Remark, dict[str, Any]]] = field(default_factory=list)
    updates: list[tuple[Comment, str]] = field(default_factory=list)
    settled: list[tuple[Comment, str]] = field(default_factory=list)
    reopened: list[Comment] = field(default_factory=list)
    inline: list[Remark] = field(default_factory=list)
    """What stands at its line already."""


def plan(
    report: Report,
    material: Material,
    before: list[Comment],
    posted: frozenset[str],
    *,
    limit: int,
    head: str,
) -> Plan:
    """Compare a report with the comments of earlier pushes.

    Args:
        before: Gadfly's comments that are there.
        posted: keys of all that were ever made, deleted ones included.
        limit: how many findings may stand inline.
        head: the commit that was reviewed.
    """
    files = {file.path: file for file in material.files}
    what = Plan()
    answered: set[int] = set()
    unsaid: list[Remark] = []
    for remark in report.findings:
        old = _earlier(remark, before, answered, files)
        if old is None:
            unsaid.append(remark)
            continue
        answered.add(old.id)
        what.inline.append(remark)
        place = _place(remark, files[remark.path])
        body = _body(remark, files[remark.path], place, old.fingerprint)
        if old.settled:
            what.reopened.append(old)
        if body != old.body:
            what.updates.append((old, body))
    for remark in unsaid:
        place = _place(remark, files[remark.path])
        room = len(what.inline) + len(what.new) < limit
        if place and room and key(remark.path, remark.fingerprint) not in posted:
            body = _body(remark, files[remark.path], place, remark.fingerprint)
            what.new.append((remark, {"path": remark.path, "side": "RIGHT", **place, "body": body}))
    for each in before:
        if each.id not in answered and not each.settled and _is_settled(each, files):
            text = f"No longer found at {head[:7]}."
            what.settled.append(
                (each, marks.finding(text, each.fingerprint, each.rule, settled=True))
            )
    return what


def key(path: str, fingerprint: str) -> str:
    """How a posted remark is remembered: the same code in another file is another remark."""
    return f"{hashlib.sha256(path.encode()).hexdigest()[:8]}:{fingerprint}"


def _earlier(
    remark: Remark, before: list[Comment], answered: set[int], files: dict[str, File]
) -> Comment | None:
    """The comment that already says this, in this file or in one that it was renamed from.

    A model words and quotes the same thing anew each time, so of its comments any that stands on the same
    lines counts.
    """
    first, last = remark.file_lines
    for each in before:
        if each.id in answered or each.rule != remark.rule:
            continue
        moved = each.path not in files and each.path != remark.path
        if each.fingerprint == remark.fingerprint and (each.path == remark.path or moved):
            return each
        near = each.line is not None and first - 1 <= each.line <= last + 1
        if remark.rule == CRITIQUE and each.path == remark.path and near:
            return each
    return None


def _is_settled(comment: Comment, files: dict[str, File]) -> bool:
    """A rule that no longer speaks has been answered, if its file was read. A model that does not repeat itself
    proves nothing: only code that is gone settles its argument."""
    if comment.rule == CRITIQUE:
        return comment.line is None
    return comment.path in files or comment.line is None


def _place(remark: Remark, file: File) -> dict[str, Any]:
    """Where the comment stands: the quoted lines if the diff shows all of them, else the last one it shows."""
    first, last = remark.file_lines
    shown = [line for line in range(first, last + 1) if file.shown is None or line in file.shown]
    if not shown:
        return {}
    if len(shown) == last - first + 1 and last > first:
        return {"start_line": first, "start_side": "RIGHT", "line": last}
    return {"line": shown[-1]}


def _body(remark: Remark, file: File, place: dict[str, Any], fingerprint: str) -> str:
    """A suggestion replaces exactly the commented lines, so it needs all of them; JSON of notebooks has none."""
    first, last = remark.file_lines
    whole = place.get("line") == last and place.get("start_line", last) == first
    if remark.suggestion is not None and (not whole or file.is_notebook):
        remark = remark.model_copy(
            update={"suggestion": None, "fix": remark.fix or remark.suggestion}
        )
    return marks.finding(markdown.comment(remark), fingerprint, remark.rule)
