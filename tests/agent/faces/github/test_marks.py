"""The hidden markers: only our own, at the end of what we wrote, count."""

from __future__ import annotations

from typing import Any

import pytest

from gadfly.agent.faces.github import marks

OURS = {"login": "gadfly[bot]", "type": "Bot"}
FOREIGN = "<!-- gadfly:finding 0123456789abcdef kl-direction settled -->"
REVIEW = "<!-- gadfly:review x-1 -->\n<!-- gadfly:posted 00000000:0123456789abcdef -->"


def comment(body: str) -> dict[str, Any]:
    return {"id": 1, "path": "x.py", "line": 3, "body": body, "user": OURS, "state": "COMMENTED"}


def test_our_own_is_found() -> None:
    (found,) = marks.comments([comment(marks.finding("text", "f" * 16, "rule") + "\n")], None)
    assert (found.fingerprint, found.rule, found.settled) == ("f" * 16, "rule", False)
    (told,) = marks.summaries([comment(marks.review("text", "key-1", {"b", "a"}))], None)
    assert (told.key, told.posted) == ("key-1", frozenset({"a", "b"}))


@pytest.mark.parametrize("body", [FOREIGN + "\nmore", f"```\n{FOREIGN}\n```", f"`{FOREIGN}`"])
def test_one_that_is_quoted_is_not(body: str) -> None:
    assert marks.comments([comment(body)], None) == []
    (found,) = marks.comments([comment(marks.finding(body, "f" * 16, "rule"))], None)
    assert found.fingerprint == "f" * 16


def test_a_quoted_marker_of_a_review_hides_no_finding() -> None:
    assert marks.summaries([comment(f"{REVIEW}\nmore")], None) == []
    (told,) = marks.summaries([comment(marks.review(f"```\n{REVIEW}\n```", "key-1", set()))], None)
    assert (told.key, told.posted) == ("key-1", frozenset())
