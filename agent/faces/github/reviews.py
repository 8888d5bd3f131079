"""Posting one review, whatever GitHub makes of its parts.

A review with one line that GitHub does not accept is refused whole (422). Then halves of it are tried as
pending reviews, which nobody else sees, until the refused lines are known; the rest is posted as one review.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from gadfly.agent.faces.github.client import Client, GitHubError, UnclearError
from gadfly.agent.faces.github.pull import Pull

_ATTEMPTS = 3
Told = dict[str, Any]  # one comment as the API takes it


def post_review(
    client: Client,
    pull: Pull,
    comments: list[Told],
    body: Callable[[list[Told], str], str],
    *,
    may_be_empty: bool,
) -> list[Told]:
    """Post one review and return the comments that GitHub took.

    Args:
        body: from the comments that are sent and a key of this review to its text.
        may_be_empty: post the text even if no comment is taken.

    Raises:
        GitHubError: GitHub refused for another reason than a comment.
    """
    try:
        _create(client, pull, comments, body)
        return comments
    except GitHubError as error:
        if error.status != 422 or not comments:
            raise
    half = len(comments) // 2
    taken = [
        each for some in (comments[:half], comments[half:]) for each in _taken(client, pull, some)
    ]
    if len(taken) == len(comments):
        _drop_pending(
            client, pull
        )  # it was no comment: a review was left pending by a run that was stopped
    if taken or may_be_empty:
        _create(client, pull, taken, body)
    return taken


def _create(
    client: Client, pull: Pull, comments: list[Told], body: Callable[[list[Told], str], str]
) -> None:
    """One review. Where no answer came, it is looked for before it is sent again."""
    mark = f"{pull.head[:12]}-{secrets.token_hex(4)}"
    review = {
        "commit_id": pull.head,
        "event": "COMMENT",
        "body": body(comments, mark),
        "comments": comments,
    }
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            client.send("POST", f"{pull.path}/reviews", review)
            return
        except UnclearError:
            there = client.pages(f"{pull.path}/reviews")
            if any(mark in str(each.get("body")) for each in there):
                return
            if attempt == _ATTEMPTS:
                raise


def _taken(client: Client, pull: Pull, comments: list[Told]) -> list[Told]:
    """The comments that GitHub takes, found by halving."""
    if not comments or _is_taken(client, pull, comments):
        return comments
    if len(comments) == 1:
        return []
    half = len(comments) // 2
    return _taken(client, pull, comments[:half]) + _taken(client, pull, comments[half:])


def _is_taken(client: Client, pull: Pull, comments: list[Told]) -> bool:
    """Whether a pending review with these comments is accepted; it is deleted again."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            told = client.send(
                "POST", f"{pull.path}/reviews", {"commit_id": pull.head, "comments": comments}
            )
        except UnclearError:
            _drop_pending(client, pull)
            if attempt == _ATTEMPTS:
                raise
        except GitHubError as error:
            if error.status != 422:
                raise
            if "pending review" not in str(error).lower():
                return False
            _drop_pending(client, pull)
        else:
            client.send("DELETE", f"{pull.path}/reviews/{told['id']}")
            return True
    return False


def _drop_pending(client: Client, pull: Pull) -> None:
    """GitHub lists a pending review to its own author only, so every one that is seen is ours."""
    for each in list(client.pages(f"{pull.path}/reviews")):
        if each.get("state") == "PENDING":
            client.send("DELETE", f"{pull.path}/reviews/{each['id']}", missing_is_fine=True)
