"""``gadfly review --pr``: a pull request read, reviewed, and answered where that is asked for."""

from __future__ import annotations

import os
from typing import Any

from gadfly.agent.critic.markdown import commands, write_summary
from gadfly.agent.faces.door import command
from gadfly.agent.faces.github.client import Client
from gadfly.agent.faces.github.post import ReadOnlyError, publish
from gadfly.agent.faces.github.pull import gather, look_up, settings
from gadfly.agent.jobs.review import review_material
from gadfly.agent.llm.choose import OFFLINE, choose
from gadfly.corpus.progress import Progress
from gadfly.errors import UsageError
from gadfly.tools.review.report import Report


def review_pull_request(
    name: str,
    *,
    post: bool,
    max_inline: int,
    progress: Progress,
    client: Client | None = None,
    **how: Any,
) -> tuple[Report, str]:
    """The report, and the severity at which the repository wants the check to fail.

    Args:
        name: ``OWNER/REPO#N``.
        post: write the review; else only read.
        how: what the critique of the job ``review`` takes.

    Raises:
        UsageError: the name is no pull request's, or posting without a token.
        GitHubError: GitHub refused, or cannot be reached.
    """
    client = client or Client(os.environ.get("GITHUB_TOKEN"), on_wait=progress.note)
    if post and not client.has_token:
        raise UsageError(
            "posting a review needs GITHUB_TOKEN; without it, read with --format markdown"
        )
    notices: list[str] = []
    try:
        if _has_no_key(how.get("llm"), notices):
            how["llm"] = OFFLINE
        pull = look_up(client, name)
        config = settings(client, pull, notices)
        material = gather(client, pull, config, progress)
        again = look_up(client, name)
        if again.head != pull.head:  # pushed to meanwhile: what was read is of two commits
            pull, material = again, gather(client, again, config, progress)
        material.notices = notices + material.notices
        report = review_material(material, config=config, progress=progress, **how)
        if post:
            _answer(client, pull, report, material, max_inline)
    finally:
        client.close()
    return report, config.fail_on


def _answer(client: Client, pull: Any, report: Report, material: Any, max_inline: int) -> None:
    try:
        publish(client, pull, report, material, max_inline)
    except ReadOnlyError:
        report.notices.append(
            "the token may not write here (a fork's may not): annotations instead of a review"
        )
        for line in commands(report):
            command(line)
    write_summary(report, max_inline)


def _has_no_key(llm: Any, notices: list[str]) -> bool:
    """Pull requests from forks run without secrets: then the rules alone speak, and the check does not break."""
    if not llm or not isinstance(llm, str) or os.environ.get("GITHUB_ACTIONS") != "true":
        return False
    try:
        choose(llm)
    except UsageError as error:
        notices.append(f"rules only: {error}")
        return True
    return False
