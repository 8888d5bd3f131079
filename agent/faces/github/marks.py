"""The hidden markers in what Gadfly writes on a pull request, by which a later push finds it again.

Anyone can write such a marker into a comment of their own, to have a finding kept silent. So a marker counts
only in a comment by Gadfly's own account, and only at its end, where Gadfly writes its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_FINDING = re.compile(
    r"<!-- gadfly:finding ([0-9a-f]{16}(?:-\d+)?) ([\w-]+) (open|settled) -->\s*\Z"
)
_REVIEW = re.compile(
    r"<!-- gadfly:review ([\w-]+) -->\s*<!-- gadfly:posted ([0-9a-f ,:\-]*) -->\s*\Z"
)


@dataclass(frozen=True)
class Comment:
    """A comment that Gadfly wrote on an earlier push."""

    id: int
    path: str
    line: int | None
    """None where the code that it stands at is gone."""
    body: str
    fingerprint: str
    rule: str
    settled: bool


@dataclass(frozen=True)
class Summary:
    """A review that Gadfly wrote on an earlier push."""

    id: int
    body: str
    key: str
    posted: frozenset[str]
    """The keys of all comments made so far; a comment that somebody deleted stays deleted."""


def finding(body: str, fingerprint: str, rule: str, *, settled: bool = False) -> str:
    """A comment's text with its marker."""
    return (
        f"{body}\n\n<!-- gadfly:finding {fingerprint} {rule} {'settled' if settled else 'open'} -->"
    )


def review(body: str, key: str, posted: set[str]) -> str:
    """A review's text with its markers."""
    return (
        f"{body}\n<!-- gadfly:review {key} -->\n<!-- gadfly:posted {' '.join(sorted(posted))} -->"
    )


def comments(told: list[dict[str, Any]], login: str | None) -> list[Comment]:
    """Gadfly's own comments among those of a pull request."""
    found = []
    for each in told:
        mark = _FINDING.search(str(each.get("body") or ""))
        if mark and not each.get("in_reply_to_id") and is_own(each, login):
            fingerprint, rule, state = mark.groups()
            where = int(each["id"]), str(each["path"]), each.get("line")
            marked = fingerprint, rule, state == "settled"
            found.append(Comment(*where, str(each["body"]), *marked))
    return found


def summaries(told: list[dict[str, Any]], login: str | None) -> list[Summary]:
    """Gadfly's own reviews, oldest first."""
    found = []
    for each in told:
        body = str(each.get("body") or "")
        mark = _REVIEW.search(body)
        if mark and each.get("state") != "PENDING" and is_own(each, login):
            found.append(Summary(int(each["id"]), body, mark[1], frozenset(mark[2].split())))
    return found


def is_own(told: dict[str, Any], login: str | None) -> bool:
    """Whether Gadfly's account wrote it. Where the account is unknown, any bot's word is taken, no person's."""
    user = told.get("user") or {}
    if login is None:
        return user.get("type") == "Bot"
    # REST writes the suffix of bots always, GraphQL not; a person may be called as a bot is without it.
    return str(user.get("login")) in (login, f"{login}[bot]")
