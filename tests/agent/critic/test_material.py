"""What is read: paths, diffs, git bases; every line at its number, nothing outside the folder."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.buggy import AUC, AUC_RULE, NORM, NORM_FIXED, NORM_RULE, notebook
from support.repository import Repository

from gadfly.agent.jobs.review import review_material
from gadfly.errors import UsageError
from gadfly.tools.review.reading.changes import from_base, from_diff
from gadfly.tools.review.reading.diff import applied, is_new_side, parse
from gadfly.tools.review.reading.material import Material, fits, from_paths, text_file
from gadfly.tools.review.reading.notebooks import json_lines
from gadfly.tools.review.reading.source import Place


def found(material: Material) -> set[tuple[str, int, str]]:
    return {
        (each.path, each.file_lines[0], each.rule)
        for each in review_material(material, llm="offline").findings
    }


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repository")
    made.commit(
        {
            "a.py": NORM_FIXED,
            "b.py": NORM_FIXED,
            "old.py": AUC.replace("predict(", "decision_function("),
            "gone.py": "x = 1\n",
        }
    )
    return made


def test_a_folder_a_file_and_a_notebook(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(NORM)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "n.ipynb").write_text(notebook("# %md\n", "import torch\n", NORM))
    (tmp_path / "README.md").write_text("x")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "b.py").write_text(NORM)
    material = from_paths([tmp_path, tmp_path / "a.py"])
    assert sorted(Path(file.path).name for file in material.files) == ["a.py", "n.ipynb"]
    raw = (tmp_path / "sub" / "n.ipynb").read_text().split("\n")
    lines = {Path(path).name: line for path, line, _ in found(material)}
    assert lines["a.py"] == 6
    assert "dim=0" in raw[lines["n.ipynb"] - 1]
    assert lines["n.ipynb"] > raw.index(
        '   "source": ['
    )  # in the source, not in the output that repeats it


@pytest.mark.parametrize(
    ("name", "says"), [("none.py", "no file or folder"), ("notes.md", "neither Python nor")]
)
def test_a_path_that_cannot_be_read_is_an_error(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "notes.md").write_text("x")
    with pytest.raises(UsageError, match=says):
        from_paths([tmp_path / name])


@pytest.mark.parametrize("indent", [None, 0, 1, 4])
@pytest.mark.parametrize("joined", [True, False])
def test_lines_of_a_notebook_in_any_layout(indent: int | None, joined: bool) -> None:
    cells = [["a = 1\n", "b = 'é'"], ["\n", "c = 3\n"], []]
    raw = json.dumps(
        {
            "cells": [{"cell_type": "code", "source": "".join(c) if joined else c} for c in cells],
            "nbformat": 4,
        },
        indent=indent,
    )
    lines = raw.split("\n")
    at = json_lines(raw)
    assert set(at) >= {Place(0, 1), Place(0, 2), Place(1, 1), Place(1, 2)}
    assert all(1 <= line <= len(lines) for line in at.values())
    assert "a = 1" in lines[at[Place(0, 1)] - 1]
    assert "c = 3" in lines[at[Place(1, 2)] - 1]


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_no_text_breaks_the_notebook_reader(raw: str) -> None:
    json_lines(raw)
    json_lines(json.dumps({"cells": raw}))
    json_lines(json.dumps({"cells": [raw, {"source": [raw, 1]}, {"source": raw}, None]}, indent=1))


def test_since_a_base_committed_staged_unstaged_and_new(repository: Repository) -> None:
    repository.git("branch", "work")
    repository.commit({"b.py": "# main moved on\n"})
    repository.git("checkout", "--quiet", "work")
    repository.move("old.py", "deep er/naïve.py")
    repository.commit({"deep er/naïve.py": AUC, "gone.py": None, "data.bin": b"\0\1"})
    (repository.path / "a.py").write_text("# moved\n" + NORM)
    (repository.path / "new.py").write_text(NORM.rstrip("\n"))
    material = from_base("main", folder=repository.path)
    assert found(material) == {
        ("deep er/naïve.py", 7, AUC_RULE),
        ("a.py", 7, NORM_RULE),
        ("new.py", 6, NORM_RULE),
    }
    assert "b.py" not in {file.path for file in material.files}
    only = from_base("main", folder=repository.path / "deep er", only=["."])
    assert {file.path for file in only.files} == {"deep er/naïve.py"}
    assert not from_base("work", folder=repository.path, only=["b.py"]).files


@pytest.mark.parametrize("name", ["nowhere", "--output=/tmp/x", "", "main; rm"])
def test_an_unknown_base_is_an_error(repository: Repository, name: str) -> None:
    with pytest.raises(UsageError, match="git"):
        from_base(name, folder=repository.path)


def test_no_repository_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a git repository"):
        from_base("main", folder=tmp_path)


def changed(repository: Repository, files: dict[str, str | bytes | None]) -> str:
    repository.commit(files)
    return repository.git("diff", "HEAD~1", "HEAD")


@pytest.mark.parametrize("side", ["new", "old", "neither"])
def test_a_diff_is_read_beside_either_side_or_alone(repository: Repository, side: str) -> None:
    diff = changed(repository, {"a.py": NORM})
    if side == "old":
        repository.git("checkout", "--quiet", "HEAD~1")
    elif side == "neither":
        (repository.path / "a.py").unlink()
    material = from_diff(diff, root=repository.path)
    assert found(material) == {("a.py", 6, NORM_RULE)}
    assert material.files[0].partial is (side == "neither")
    assert bool(material.notices) is (side == "neither")


def test_a_diff_of_crlf_and_without_newline_at_the_end(repository: Repository) -> None:
    repository.commit({"w.py": NORM_FIXED.replace("\n", "\r\n"), "e.py": NORM_FIXED.rstrip("\n")})
    diff = changed(repository, {"w.py": NORM.replace("\n", "\r\n"), "e.py": NORM.rstrip("\n")})
    assert "No newline at end" in diff
    assert found(from_diff(diff, root=repository.path)) == {
        ("w.py", 6, NORM_RULE),
        ("e.py", 6, NORM_RULE),
    }
    repository.git("checkout", "--quiet", "HEAD~1")
    assert found(from_diff(diff, root=repository.path)) == {
        ("w.py", 6, NORM_RULE),
        ("e.py", 6, NORM_RULE),
    }


@pytest.mark.parametrize(
    "how",
    [["-c", "diff.mnemonicPrefix=true"], ["-c", "diff.noprefix=true"], ["-c", "color.ui=always"]],
)
def test_a_diff_in_the_dress_of_the_users_configuration(
    repository: Repository, how: list[str]
) -> None:
    (repository.path / "a.py").write_text(NORM)
    diff = repository.git(*how, "diff")
    assert found(from_diff(diff, root=repository.path)) == {("a.py", 6, NORM_RULE)}


def test_a_diff_that_renames_deletes_and_holds_binaries(repository: Repository) -> None:
    repository.move("old.py", "renamed.py")
    diff = changed(
        repository, {"renamed.py": AUC, "gone.py": None, "x.bin": bytes(range(256)), "n.txt": "t"}
    )
    material = from_diff(diff, root=repository.path)
    assert found(material) == {("renamed.py", 7, AUC_RULE)}
    assert material.files[0].old_path == "old.py"
    assert "2 changed files are neither Python nor notebooks; not read" in material.notices


def test_a_new_file_needs_nothing_but_the_diff(repository: Repository, tmp_path: Path) -> None:
    diff = changed(repository, {"fresh.py": NORM})
    material = from_diff(diff, root=tmp_path)
    assert found(material) == {("fresh.py", 6, NORM_RULE)}
    assert not material.files[0].partial


def test_a_notebook_in_a_diff_counts_only_its_changed_cells(repository: Repository) -> None:
    repository.commit({"n.ipynb": notebook(NORM, "x = 1\n")})
    diff = changed(repository, {"n.ipynb": notebook(NORM, "x = 2\n", AUC)})
    assert {rule for _, _, rule in found(from_diff(diff, root=repository.path))} == {AUC_RULE}


def test_a_line_that_the_change_makes_wrong_is_told_though_it_is_not_changed(
    repository: Repository,
) -> None:
    training = (
        "import torch\n\n\ndef fit(probe, x, y, loss_fn):\n"
        "    optimizer = torch.optim.Adam(probe.parameters())\n"
        "    for step in range(100):\n"
        "        optimizer.zero_grad()\n"
        "        loss = loss_fn(probe(x), y)\n"
        "        loss.backward()\n"
        "        optimizer.step()\n"
    )
    repository.commit({"n.py": training})
    diff = changed(repository, {"n.py": training.replace("        optimizer.zero_grad()\n", "")})
    for _ in ("the new side is there", "the old side is there"):
        material = from_diff(diff, root=repository.path)
        assert {rule for _, _, rule in found(material)} == {"gradients-not-reset"}
        repository.git("checkout", "--quiet", "HEAD~1")


def test_old_bugs_beside_the_change_are_not_told(repository: Repository) -> None:
    repository.commit({"a.py": NORM + "\n\nx = 1\n"})
    diff = changed(repository, {"a.py": NORM + "\n\nx = 2\n"})
    assert found(from_diff(diff, root=repository.path)) == set()


@pytest.mark.parametrize(
    "path", ["../secret.py", "/etc/secret.py", "link.py", "deep/../../secret.py"]
)
def test_a_diff_opens_nothing_outside_the_folder(tmp_path: Path, path: str) -> None:
    secret = "\n" * 9 + NORM.replace("unit_vectors", "private_name")
    (tmp_path / "secret.py").write_text(secret)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link.py").symlink_to(tmp_path / "secret.py")
    diff = f"--- a/{path}\n+++ b/{path}\n@@ -1,2 +1,3 @@\n \n \n+x = 1\n"
    material = from_diff(diff, root=folder)
    assert all("private_name" not in file.raw for file in material.files)


@pytest.mark.parametrize("text", ["", "  \n", "hello", "diff of nothing", "@@ -1 +1 @@\n+x\n"])
def test_a_text_that_is_no_diff_is_an_error(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a unified diff"):
        from_diff(text, root=tmp_path)


_LINES = st.lists(
    st.sampled_from(
        ["", "x = 1", "    y", "-- old", "++ new", "@@ -1 +1 @@", "diff --git a/x b/x"]
    ),
    max_size=12,
)


@given(_LINES, _LINES)
@settings(max_examples=150, deadline=None)
def test_what_difflib_writes_is_applied_exactly(old: list[str], new: list[str]) -> None:
    import difflib

    diff = "\n".join(difflib.unified_diff(old, new, "a/x.py", "b/x.py", lineterm=""))
    if not diff:
        return
    (change,) = parse(diff)
    assert change.path == "x.py"
    # An empty text is one empty line for split and none for difflib.
    before, after = "\n".join([*old, ""]), "\n".join([*new, ""])
    assert applied(before, change.hunks) == after
    assert is_new_side(after, change.hunks)


@given(st.text(alphabet="+-@ ab\n\r\\/", max_size=120), st.text(max_size=80))
@settings(max_examples=200, deadline=None)
def test_no_text_breaks_the_diff_reader(noise: str, more: str) -> None:
    head = "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,9 @@\n"
    for text in (noise, head + noise, head + more, noise + head + more):
        with suppress(UsageError):
            from_diff(text, root=Path("/nonexistent"))


def test_a_huge_line_number_is_not_filled_up() -> None:
    diff = "--- a/x.py\n+++ b/x.py\n@@ -999999998,1 +999999998,2 @@\n x = 1\n+y = 2\n"
    assert len(from_diff(diff, root=Path("/nonexistent")).files[0].raw) < 100


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("a/b.py", "a", True),
        ("a/b.py", "a/*", True),
        ("a/b.py", "*.py", True),
        ("ab/c.py", "a", False),
        ("x.py", "./x.py", True),
    ],
)
def test_patterns(path: str, pattern: str, expected: bool) -> None:
    assert fits(path, pattern) is expected


def test_text_of_windows_counts_its_lines_as_any_other() -> None:
    file = text_file("x.py", "\ufeffa = 1\r\nb = 2\r\n")
    assert file.raw == "a = 1\nb = 2\n"
