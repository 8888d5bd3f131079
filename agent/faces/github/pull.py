"""A pull request as material: its changed Python files and notebooks, as they stand at its head.

Read over the API alone, blob by blob: no checkout, so nothing of it can run. Leaves its title, text, author
and commit messages unread. Where too much changed, the riskiest files are read, and the report says so.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from gadfly.agent.critic.price import risk
from gadfly.agent.faces.github.client import Client, GitHubError
from gadfly.corpus.progress import Progress
from gadfly.errors import UsageError
from gadfly.tools.review.config import Config, load
from gadfly.tools.review.reading.diff import of_patch, unapplied
from gadfly.tools.review.reading.material import SUFFIXES, File, Material, excluded, text_file

MOST_FILES = 150
_MOST_BYTES = 20_000_000
_NAME = re.compile(
    r"^(?:https://[\w.-]+/)?(\w[\w.-]*/\w[\w.-]*)(?:#|/pull/)(\d{1,9})(?:/[\w/-]*)?$"
)
_SHA = re.compile(r"^[0-9a-f]{40}(?:[0-9a-f]{24})?$")


@dataclass(frozen=True)
class Pull:
    """Which pull request, at which commit."""

    repository: str
    number: int
    head: str
    base_ref: str
    changed_files: int

    @property
    def path(self) -> str:
        return f"/repos/{self.repository}/pulls/{self.number}"

    def __str__(self) -> str:
        return f"{self.repository}#{self.number}"


def named(name: str) -> tuple[str, int]:
    """``OWNER/REPO#N``, or the address of a pull request."""
    found = _NAME.match(name.strip())
    if not found:
        raise UsageError(
            f"{name!r} names no pull request; write OWNER/REPO#N, e.g. neuro/probes#12"
        )
    return found[1], int(found[2])


def look_up(client: Client, name: str) -> Pull:
    """The pull request as it stands now."""
    repository, number = named(name)
    told = client.get(f"/repos/{repository}/pulls/{number}")
    return Pull(
        repository,
        number,
        str(told["head"]["sha"]),
        str(told["base"]["ref"]),
        int(told["changed_files"]),
    )


def settings(client: Client, pull: Pull, notices: list[str]) -> Config:
    """The configuration on the base branch; a broken one is named and left out."""

    def read(name: str) -> str | None:
        try:
            ref = quote(pull.base_ref, safe="")
            return client.raw(f"/repos/{pull.repository}/contents/{name}?ref={ref}").decode(
                "utf-8", "replace"
            )
        except GitHubError as error:
            if error.status == 404:
                return None
            raise

    try:
        return load(read)
    except UsageError as error:
        notices.append(f"the configuration on {pull.base_ref} is not used: {error}")
        return Config()


def gather(client: Client, pull: Pull, config: Config, progress: Progress) -> Material:
    """The files that the pull request changes, with the lines that it shows."""
    material = Material(f"{pull} at {pull.head[:7]}")
    listed = list(client.pages(f"{pull.path}/files"))
    wanted = [each for each in listed if _is_wanted(each)]
    others = len(listed) - len(wanted)
    if len(listed) < pull.changed_files:
        material.notices.append(
            f"GitHub lists {len(listed):,} of the {pull.changed_files:,} changed files; the others were not read"
        )
    if others:
        material.notices.append(
            f"{others} of {len(listed)} changed files are not read (not Python, removed or only renamed)"
        )
    kept = _sampled(wanted, config, material.notices)
    progress.start(f"reading {pull}", len(kept))
    size = 0
    for each in kept:
        progress.advance()
        if size > _MOST_BYTES:
            material.notices.append(
                f"{each['filename']} was not read: the files before it are {size:,} bytes"
            )
            continue
        try:
            data = client.raw(f"/repos/{pull.repository}/git/blobs/{each['sha']}")
        except GitHubError as error:
            if error.status not in (403, 404, 422):  # too large, or gone with a forced push
                raise
            material.notices.append(f"{each['filename']} was not read: {error}")
            continue
        size += len(data)
        material.files.append(_file(each, data, material.notices))
    progress.finish()
    return material


def _is_wanted(told: dict[str, Any]) -> bool:
    return (
        str(told["filename"]).endswith(SUFFIXES)
        and told["status"] not in ("removed", "unchanged")
        and bool(told.get("changes"))
        and bool(_SHA.match(str(told.get("sha"))))
    )


def _sampled(
    wanted: list[dict[str, Any]], config: Config, notices: list[str]
) -> list[dict[str, Any]]:
    """The riskiest, where there are too many; in the order of their paths."""
    kept = [each for each in wanted if not excluded(str(each["filename"]), config.exclude)]
    if len(kept) > MOST_FILES:
        notices.append(f"sampled: the {MOST_FILES} riskiest of {len(kept)} changed files were read")
        kept = sorted(kept, key=lambda each: (-_risk(each), each["filename"]))[:MOST_FILES]
    return sorted(kept, key=lambda each: str(each["filename"]))


def _risk(told: dict[str, Any]) -> float:
    """By the lines that are added; a patch that GitHub leaves out is a large one."""
    patch = told.get("patch")
    if patch is None:
        return math.inf
    return risk("\n".join(line for line in str(patch).split("\n") if line.startswith("+")))


def _file(told: dict[str, Any], data: bytes, notices: list[str]) -> File:
    path, patch = str(told["filename"]), told.get("patch")
    text = data.decode("utf-8-sig", "replace")
    if patch is None:
        # GitHub leaves the patch out where it is too large: no line of the file can be commented.
        notices.append(
            f"GitHub shows no diff of {path} (too large): reviewed whole, without comments at its lines"
        )
        return text_file(path, text, shown=set())
    change = of_patch(str(patch))
    old_path = told.get("previous_filename")
    lines = {"changed": change.added, "shown": change.commentable}
    file = text_file(path, text, old_path=old_path, **lines)
    file.before = unapplied(file.raw, change.hunks)
    return file
