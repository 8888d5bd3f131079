"""Resolving the threads of settled comments, and opening those again whose finding came back.

REST has no way to do it, and GraphQL wants a token with ``contents: write``; without it the comments alone
say what is settled.
"""

from __future__ import annotations

from collections.abc import Collection

from gadfly.agent.faces.github.client import Client, GitHubError
from gadfly.agent.faces.github.pull import Pull

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


def set_threads(
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
