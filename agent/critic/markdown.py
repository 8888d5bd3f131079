"""The report for GitHub: the summary in Markdown, one remark as a comment, annotations of a workflow's step.

Messages and quotes may hold text of whoever wrote the code, or of a model that read it. It is shown, never
rendered (``agent.markup``): no mention, no link, no image, no HTML and no hidden marker can come out of it.
Annotations and the summary of a step need no token.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from gadfly.agent.markup import code, document, posted, span
from gadfly.tools.review.report import Remark, Report
from gadfly.visible import visible

_LONGEST_QUOTE = 12  # lines
PER_KIND = 10  # annotations that GitHub shows of a step; the rest stands in the summary
_KIND = {"error": "error", "warning": "warning", "note": "notice"}
_LARGEST = 900_000  # bytes; a step summary may hold 1 MiB
_SUGGESTION = "suggestion"  # the fence that GitHub offers as a change
_WORDS = {
    "reproduced": "reproduced in a sandbox",
    "static": "static",
    "argued": "argued by a model, not proved",
}


def comment(remark: Remark) -> str:
    """One remark, as a review comment: what is wrong, the way out, how it is known."""
    parts = [f"**{remark.severity}** · {posted(remark.message)}"]
    fix, suggestion = remark.fix, remark.suggestion
    if suggestion is not None and visible(suggestion) != suggestion:
        # One click would put into the code what nobody sees in it.
        fix, suggestion = fix or suggestion, None
    if suggestion is not None:
        parts.append(code(suggestion, _SUGGESTION))
    if fix:
        parts.append(f"Instead: {posted(fix)}")
    parts.append(f"<sub>{_known(remark)}</sub>")
    return document(parts, fences=[_SUGGESTION], public=True)


def summary(report: Report, limit: int, commented: Sequence[Remark] = ()) -> str:
    """The whole report: the first remarks in full, the rest folded, then what was read.

    Args:
        commented: remarks that stand at their lines already; they get one line here.
    """
    parts = [f"### {headline(report)}"]
    here = [each for each in report.findings if each not in commented]
    room = max(limit - len(commented), 0)
    first, rest = here[:room], here[room:]
    if commented:
        parts.append("\n".join(f"- {_place(each)} {posted(each.message)}" for each in commented))
    parts += [_in_full(each) for each in first]
    if rest:
        listed = "\n".join(
            f"- {_place(each)} {span(each.rule)}: {posted(each.message)}" for each in rest
        )
        parts.append(f"<details><summary>{len(rest)} more</summary>\n\n{listed}\n\n</details>")
    parts += _foot(report)
    return document(parts, public=True) + "\n"


def headline(report: Report) -> str:
    """How many findings, of which kind."""
    if not report.findings:
        if not report.read.files:
            return "Nothing was read"
        return "Nothing found" if report.complete else "Nothing found in what could be checked"
    kinds = Counter(each.severity for each in report.findings)
    return ", ".join(
        f"{kinds[kind]} {kind}{'s' if kinds[kind] > 1 else ''}"
        for kind in ("error", "warning", "note")
        if kind in kinds
    )


def notes(report: Report) -> list[str]:
    """What the reader should know besides the findings, one sentence each."""
    said = list(report.notices)
    if report.dropped:
        reasons = Counter(each.reason for each in report.dropped)
        listed = "; ".join(f"{count} ({reason})" for reason, count in list(reasons.items())[:6])
        said.append(f"dropped of what the model said: {listed}")
    if report.spent:
        spent = report.spent
        price = "price unknown" if spent.dollars is None else f"${spent.dollars:.4f}"
        said.append(
            f"{spent.calls} calls, {spent.input_tokens:,} + {spent.output_tokens:,} tokens, {price}"
        )
    return said


def _in_full(remark: Remark) -> str:
    quote = "\n".join(remark.quote.split("\n")[:_LONGEST_QUOTE])
    lines = [
        f"**{remark.severity}** {_place(remark)} {span(remark.rule)}",
        code(quote, "python"),
        posted(remark.message),
    ]
    if remark.fix:
        lines.append(f"Instead: {posted(remark.fix)}")
    lines.append(f"<sub>{_known(remark)}</sub>")
    return "\n\n".join(lines)


def _place(remark: Remark) -> str:
    return span(remark.place)


def _known(remark: Remark) -> str:
    """How it is known: the evidence, and which framings found it."""
    said = [_WORDS[remark.evidence], span(remark.rule)]
    if remark.framings:
        ways = ", ".join(
            f"{name} {'yes' if found else 'no'}" for name, found in remark.framings.items()
        )
        said.append(f"framings: {posted(ways)}")
    if remark.note:
        said.append(posted(remark.note))
    return " · ".join(said)


def _foot(report: Report) -> list[str]:
    listed = "\n".join(f"- {posted(each)}" for each in notes(report)[:20])
    return [f"<sub>Read: {posted(str(report.read))}.</sub>", *([listed] if listed else [])]


def commands(report: Report) -> Iterator[str]:
    """Workflow commands: a line for each annotation, in the order of the ranking."""
    said: Counter[str] = Counter()
    for each in report.findings:
        kind = _KIND[each.severity]
        said[kind] += 1
        if said[kind] > PER_KIND:
            continue
        first, last = each.file_lines
        message = each.message + (f"\nInstead: {each.fix}" if each.fix else "")
        yield (
            f"::{kind} file={_property(each.path)},line={first},endLine={last},"
            f"title={_property(each.rule)}::{_data(message)}"
        )


def write_summary(report: Report, limit: int) -> bool:
    """Appends the report to the step's summary; False where there is none."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return False
    text = summary(report, limit)
    while len(text.encode()) > _LARGEST:  # thousands of findings: GitHub drops a larger one whole
        report = report.model_copy(
            update={"findings": report.findings[: len(report.findings) // 2]}
        )
        text = summary(report, limit) + "\nThe rest did not fit here.\n"
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(text)
    return True


def _data(text: str) -> str:
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
