"""A plan carried out on GitHub: one review for what is new, edits for what is known."""

from __future__ import annotations

from collections.abc import Sequence

from gadfly.agent.critic import markdown
from gadfly.agent.faces.github import marks
from gadfly.agent.faces.github.client import Client, GitHubError
from gadfly.agent.faces.github.marks import Summary
from gadfly.agent.faces.github.plan import Plan, key, plan
from gadfly.agent.faces.github.pull import Pull
from gadfly.agent.faces.github.reviews import Told, post_review
from gadfly.agent.faces.github.threads import set_threads
from gadfly.tools.review.reading.material import Material
from gadfly.tools.review.report import Remark, Report

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
    if not set_threads(client, pull, settled, [comment.id for comment in todo.reopened]):
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
    try:
        return str(client.graphql("query { viewer { login } }")["viewer"]["login"])
    except (GitHubError, KeyError, TypeError):
        pass
    try:
        return str(
            client.get("/user")["login"]
        )  # a person's token may ask this, a workflow's may not
    except (GitHubError, KeyError):
        return None
