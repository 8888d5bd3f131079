"""@file and @run: what goes along with a message, and what is refused before anything is sent."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support.shelf import patch_run

from gadfly.agent.faces.chat import attach
from gadfly.errors import UsageError
from gadfly.tools.ledger import Ledger


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def labels(message: str) -> list[str]:
    return [each.label for each in attach.attachments(message)]


def test_files_are_found_in_a_sentence(here: Path) -> None:
    (here / "a.py").write_text("x = 1\n")
    (here / "my notes.md").write_text("notes")
    (here / "b.txt").write_text("b")
    message = 'Compare @a.py, @"my notes.md" and (see) @./b.txt. Then @a.py again?'
    assert labels(message) == ["a.py", "my notes.md", "./b.txt"]
    assert attach.context(attach.attachments("@a.py @b.txt")) == (
        "--- a.py ---\nx = 1\n\n\n--- b.txt ---\nb"
    )


@pytest.mark.parametrize(
    "message",
    ["mail me@example.org", "@torch.no_grad()\ndef f(): ...", "@nobody", "a @ b", "@", ""],
)
def test_what_is_no_file_stays_a_word(message: str) -> None:
    assert labels(message) == []


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(100), "not text"),
        ("weights.bin", bytes(range(256)) * 10, "not text"),
        ("big.txt", b"x " * 100_000, "at most 150,000"),
        ("broken.ipynb", b"{", "not a notebook"),
        (".env", b"KEY=1", "looks like a secret"),
        ("id_ed25519", b"key", "looks like a secret"),
        ("server.pem", b"key", "looks like a secret"),
    ],
)
def test_what_is_refused(here: Path, name: str, content: bytes, says: str) -> None:
    (here / name).write_bytes(content)
    with pytest.raises(UsageError, match=says):
        labels(f"see @{name}")


def test_folders_pipes_and_missing_paths(here: Path) -> None:
    (here / "folder").mkdir()
    with pytest.raises(UsageError, match="/review folder"):
        labels("@folder")
    with pytest.raises(UsageError, match=r"no file 'no/such\.py'"):
        labels("@no/such.py")
    with pytest.raises(UsageError, match=r"no file 'gone\.py'"):
        labels('@"gone.py"')
    if hasattr(os, "mkfifo"):
        os.mkfifo(here / "pipe")
        with pytest.raises(UsageError, match="no regular file"):
            labels("@pipe")


def test_a_notebook_comes_without_its_pictures(here: Path) -> None:
    output = {"output_type": "display_data", "data": {"image/png": "A" * 400_000}, "metadata": {}}
    cells = [
        {"cell_type": "code", "source": "x = 1", "outputs": [output], "metadata": {}},
        {"cell_type": "markdown", "source": "Hello", "metadata": {}},
    ]
    (here / "n.ipynb").write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "cells": cells}))
    (found,) = attach.attachments("@n.ipynb")
    assert "x = 1" in found.text
    assert "Hello" in found.text
    assert len(found.text) < 1_000


def test_a_run_comes_with_its_result_and_without_its_script(here: Path) -> None:
    run = patch_run("r0a1b2c3d", mediator_effect=0.93)
    run.result.reproduce = "import nnterp"  # type: ignore[attr-defined]
    Ledger().append(run)  # type: ignore[arg-type]
    (found,) = attach.attachments("Why is @r0a1b2c3d so high?")
    assert found.label == "run r0a1b2c3d"
    assert "0.93" in found.text
    assert "nnterp" not in found.text


def test_a_key_of_the_environment_never_goes_along(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-words")
    (here / "log.txt").write_text("key: sk-very-secret-words.")
    (found,) = attach.attachments("@log.txt")
    assert found.text == "key: ***."
