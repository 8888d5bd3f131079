"""The report as SARIF 2.1.0, in the subset that GitHub code scanning reads.

Source: the OASIS standard SARIF 2.1.0, and GitHub's page on SARIF support for code scanning (its limits too).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from gadfly import __version__
from gadfly.tools.review.registry import rules
from gadfly.tools.review.report import CRITIQUE, Remark, Report
from gadfly.visible import visible

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_MOST_RESULTS = 5_000  # of a larger run the service keeps only as many
_LONGEST_TEXT = 1_000


def sarif(report: Report) -> dict[str, Any]:
    """One run with every rule that found something."""
    named = sorted({each.rule for each in report.findings})
    index = {name: number for number, name in enumerate(named)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "gadfly",
                        "semanticVersion": __version__,
                        "rules": [_described(name) for name in named],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": report.complete,
                        "toolExecutionNotifications": [
                            {"level": "note", "message": {"text": _short(each)}}
                            for each in report.notices
                        ],
                    }
                ],
                "results": [_result(each, index) for each in report.findings[:_MOST_RESULTS]],
            }
        ],
    }


def _result(remark: Remark, index: dict[str, int]) -> dict[str, Any]:
    first, last = remark.file_lines
    text = remark.message + (f" Instead: {remark.fix}" if remark.fix else "")
    return {
        "ruleId": remark.rule,
        "ruleIndex": index[remark.rule],
        "level": remark.severity,
        "message": {"text": _short(text)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": _artifact(remark.path),
                    "region": {
                        "startLine": first,
                        "endLine": max(first, last),
                        "snippet": {"text": remark.quote},
                    },
                }
            }
        ],
        # Without a fingerprint the service makes its own from the lines around, which move.
        "partialFingerprints": {
            "primaryLocationLineHash": f"{remark.fingerprint}:1",
            "gadfly/v1": remark.fingerprint,
        },
        "properties": {"evidence": remark.evidence, "framings": remark.framings},
    }


def _described(name: str) -> dict[str, Any]:
    kind: str = "warning"
    if name == CRITIQUE:
        title, precision = "Argued by a language model", "low"
        why = "A language model argued this under several framings; a second one could not refute it. It is not proved."
        text = markdown = why
    else:
        page, precision = rules()[name].page, "high"
        title, why, kind = page.title, page.why or page.title, rules()[name].severity
        text = f"{page.why}\n\nSource: {page.source}"
        parts = [f"# {title}"]
        parts += [f"Wrong:\n\n```python\n{each}```" for each in page.wrong]
        parts += [f"Right:\n\n```python\n{each}```" for each in page.right]
        markdown = "\n\n".join([*parts, text])
    return {
        "id": name,
        "name": "".join(word.capitalize() for word in name.split("-")),
        "shortDescription": {"text": _short(title)},
        "fullDescription": {"text": _short(why)},
        "help": {"text": text, "markdown": markdown},
        "defaultConfiguration": {"level": kind},
        "properties": {
            "tags": ["correctness", "interpretability"],
            "precision": precision,
            "problem.severity": "recommendation" if kind == "note" else kind,
        },
    }


def _artifact(path: str) -> dict[str, str]:
    """A path as the service wants it: below the root of the repository, which is the working folder."""
    given = Path(path)
    if given.is_absolute() or ".." in given.parts:
        whole = given.resolve()
        if not whole.is_relative_to(Path.cwd()):
            return {"uri": whole.as_uri()}
        given = whole.relative_to(Path.cwd())
    return {"uri": quote(given.as_posix()), "uriBaseId": "%SRCROOT%"}


def _short(text: str) -> str:
    """Text of a message, in which ``[words](target)`` would be a link."""
    text = visible(text).replace("](", "] (")
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
