"""A plan carried out on GitHub: one review for what is new, edits for what is known, threads resolved or opened.

REST cannot resolve a thread, and GraphQL wants a token with ``contents: write``; without it the comments alone say
what is settled.

A review with one line that GitHub does not accept is refused whole (422). Then halves of it are tried as pending
reviews, which nobody else sees, until the refused lines are known; the rest is posted as one review.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

from gadfly.agent.critic import markdown
from gadfly.agent.faces.github import marks
from gadfly.agent.faces.github.client import Client, GitHubError, UnclearError
from gadfly.agent.faces.github.marks import Summary
from gadfly.agent.faces.github.plan import Plan, key, plan
from gadfly.agent.faces.github.pull import Pull
from gadfly.tools.review.reading.material import Material
from gadfly.tools.review.report import Remark, Report

Told = dict[str, Any]  # one comment as the API takes it
_LONGEST_BODY = 60_000  # GitHub takes 65,536 characters
_LATER = "New at this push; the summary of the first review is up to date."


class ReadOnlyError(GitHubError):
    """The token may read and not write, as on pull requests from forks."""


def publish(client: Client, pull: Pull, report: Report, material: Material, limit: int) -> None:
    """Bring the pull request's review up to date with the report.

    Raises:
        ReadOnlyError: nothing could be written; annotations are the way out.
        GitHubError: GitHub refused for another reason.
    """
    login = _login(client)
    before = marks.comments(list(client.pages(f"{pull.path}/comments")), login)
    earlier = marks.summaries(list(client.pages(f"{pull.path}/reviews")), login)
    posted = {name for each in earlier for name in each.posted}
    posted |= {key(each.path, each.fingerprint) for each in before}
    if not report.findings and not earlier and not before:
        return  # nothing found is said in the summary of the step, not on the pull request
    todo = plan(report, material, before, frozenset(posted), limit=limit, head=pull.head)
    try:
        _carry_out(client, pull, report, todo, earlier, posted, limit)
    except GitHubError as error:
        if error.status in (401, 403):
            raise ReadOnlyError(str(error), error.status) from None
        raise
    settled = [comment.id for comment, _ in todo.settled]
    if not _set_threads(client, pull, settled, [comment.id for comment in todo.reopened]):
        report.notices.append(
            "threads are marked as settled, not resolved: that takes contents: write"
        )


def _carry_out(
    client: Client,
    pull: Pull,
    report: Report,
    todo: Plan,
    earlier: list[Summary],
    posted: set[str],
    limit: int,
) -> None:
    for comment, text in [*todo.updates, *todo.settled]:
        path = f"/repos/{pull.repository}/pulls/comments/{comment.id}"
        client.send("PATCH", path, {"body": text}, missing_is_fine=True)

    def named(some: Sequence[Told]) -> list[Remark]:
        return [remark for remark, told in todo.new if told in some]

    def body(some: Sequence[Told], mark: str) -> str:
        keys = posted | {key(each.path, each.fingerprint) for each in named(some)}
        text = _LATER if earlier else _summary(report, limit, [*todo.inline, *named(some)])
        return marks.review(text, mark, keys)

    new = [told for _, told in todo.new]
    taken: list[Told] = []
    if new or not earlier:
        taken = post_review(client, pull, new, body, may_be_empty=not earlier)
        if len(taken) < len(new):
            report.notices.append(f"GitHub refused {len(new) - len(taken)} of {len(new)} comments")
    if earlier:
        first = earlier[0]
        posted |= {key(each.path, each.fingerprint) for each in named(taken)}
        text = _summary(report, limit, [*todo.inline, *named(taken)])
        text = marks.review(text, first.key, posted)
        if text != first.body:
            client.send("PUT", f"{pull.path}/reviews/{first.id}", {"body": text})


def _summary(report: Report, limit: int, commented: list[Remark]) -> str:
    text = markdown.summary(report, limit, commented)
    while len(text) > _LONGEST_BODY and report.findings:
        kept = report.findings[: len(report.findings) // 2]
        report = report.model_copy(update={"findings": kept})
        text = markdown.summary(report, limit, commented) + "\nThe rest did not fit here.\n"
    return text if len(text) <= _LONGEST_BODY else "The report did not fit here.\n"


def _login(client: Client) -> str | None:
    """Who Gadfly is here; None where GitHub does not say."""
    with suppress(GitHubError, KeyError, TypeError):
        return str(client.graphql("query { viewer { login } }")["viewer"]["login"])
    with suppress(GitHubError, KeyError):
        # A person's token may ask this, a workflow's may not.
        return str(client.get("/user")["login"])
    return None


_ATTEMPTS = 3
_PAGES = 20  # of a hundred threads
_THREADS = """
query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) { pullRequest(number: $number) {
    reviewThreads(first: 100, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes { id comments(first: 1) { nodes { databaseId } } }
    } } } }
"""
_RESOLVE = "mutation($id: ID!) { resolveReviewThread(input: {threadId: $id}) { thread { id } } }"
_OPEN = "mutation($id: ID!) { unresolveReviewThread(input: {threadId: $id}) { thread { id } } }"


def _set_threads(
    client: Client, pull: Pull, settled: Collection[int], reopened: Collection[int]
) -> bool:
    """Resolve and open the threads of these comments; False where the token may not."""
    if not settled and not reopened:
        return True
    try:
        for comment, thread in _threads(client, pull):
            if comment in settled:
                client.graphql(_RESOLVE, id=thread)
            elif comment in reopened:
                client.graphql(_OPEN, id=thread)
    except GitHubError:
        return False
    return True


def _threads(client: Client, pull: Pull) -> list[tuple[int, str]]:
    """Each thread's first comment, and the thread."""
    owner, name = pull.repository.split("/")
    found: list[tuple[int, str]] = []
    after = None
    for _ in range(_PAGES):
        data = client.graphql(_THREADS, owner=owner, name=name, number=pull.number, after=after)
        threads = data["repository"]["pullRequest"]["reviewThreads"]
        for node in threads["nodes"]:
            found += [(each["databaseId"], node["id"]) for each in node["comments"]["nodes"]]
        if not threads["pageInfo"]["hasNextPage"]:
            break
        after = threads["pageInfo"]["endCursor"]
    return found


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
        # It was no comment: a review was left pending by a run that was stopped.
        _drop_pending(client, pull)
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
