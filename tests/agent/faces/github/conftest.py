"""A pull request with one of everything: changed, renamed, removed and binary files, CRLF, no newline, a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.buggy import AUC, NORM, NORM_FIXED, notebook
from support.github import TOKEN, GitHub, serve
from support.repository import Repository

from gadfly.agent.faces.github.client import Client
from gadfly.agent.faces.github.pull_request import review_pull_request
from gadfly.corpus.progress import Silent
from gadfly.tools.review.report import Report


@pytest.fixture(autouse=True)
def _no_actions(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_ACTIONS", "GITHUB_GRAPHQL_URL", "GITHUB_API_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repository")
    made.commit(
        {
            "norm.py": NORM_FIXED,
            "old_name.py": AUC.replace("predict(", "decision_function("),
            "gone.py": "gone = True\n",
            "windows.py": NORM_FIXED.replace("\n", "\r\n"),
            "nb.ipynb": notebook("import torch\n", NORM_FIXED, "print(1)\n"),
            "README.md": "# Probes\n",
        }
    )
    return made


@pytest.fixture
def everything(repository: Repository) -> Repository:
    """The pull request's commit, on top of main."""
    repository.git("checkout", "--quiet", "-b", "work")
    repository.move("old_name.py", "pkg/new name.py")
    repository.commit(
        {
            "norm.py": NORM,
            "pkg/new name.py": AUC,
            "gone.py": None,
            "windows.py": NORM.replace("\n", "\r\n"),
            "open_end.py": NORM.rstrip("\n"),
            "nb.ipynb": notebook("import torch\n", NORM, "print(1)\n"),
            "weights.bin": bytes(range(256)) * 8,
            "README.md": "# Probes\n\nMore.\n",
        }
    )
    return repository


@pytest.fixture
def github(everything: Repository) -> Iterator[GitHub]:
    with serve(everything, "main", everything.git("rev-parse", "work").strip()) as server:
        yield server


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def review(github: GitHub, waits: list[float]) -> Callable[..., Report]:
    """Runs the face on the pull request, posting, without a model."""

    def run(post: bool = True, max_inline: int = 5, **how: Any) -> Report:
        client = Client(TOKEN, github.url, wait=waits.append)
        how.setdefault("llm", "offline")
        report: Report = review_pull_request(
            github.pr, post=post, max_inline=max_inline, progress=Silent(), client=client, **how
        )[0]
        return report

    return run
