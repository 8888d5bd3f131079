"""Unified diffs as git writes them, and as nobody should."""

from __future__ import annotations

import difflib
import time

from hypothesis import given
from hypothesis import strategies as st

from gadfly.tools.review.reading.diff import Hunk, parse

MODIFIED = """diff --git a/probe.py b/probe.py
index 1111111..2222222 100644
--- a/probe.py
+++ b/probe.py
@@ -1,4 +1,5 @@ def run():
 import torch
-x = 1
+x = 2
+y = 3
 # end
 z = 0
@@ -20 +21 @@
-a
+b
"""


def changed_lines(text: str) -> dict[str, set[int]]:
    """The added lines by path."""
    return {change.path: change.added for change in parse(text) if change.added}


def shown(hunks: list[Hunk]) -> dict[int, str]:
    """What the diff shows of the new version, by line."""
    lines = [line for hunk in hunks for line in hunk if not line.is_removed]
    return {line.target_line_no or 0: line.value[:-1] for line in lines}


def test_added_and_context_lines() -> None:
    (change,) = parse(MODIFIED)
    assert (change.path, change.old_path) == ("probe.py", "probe.py")
    assert sum(hunk.removed for hunk in change.hunks) == 2
    assert change.added == {2, 3, 21}
    assert change.commentable == {1, 2, 3, 4, 5, 21}


def test_crlf_is_read_alike() -> None:
    assert changed_lines(MODIFIED.replace("\n", "\r\n")) == {"probe.py": {2, 3, 21}}


def test_new_deleted_renamed_and_binary() -> None:
    text = (
        "diff --git a/new.py b/new.py\nnew file mode 100644\n--- /dev/null\n+++ b/new.py\n"
        "@@ -0,0 +1,2 @@\n+a\n+b\n\\ No newline at end of file\n"
        "diff --git a/old.py b/old.py\ndeleted file mode 100644\n--- a/old.py\n+++ /dev/null\n"
        "@@ -1 +0,0 @@\n-a\n"
        "diff --git a/a.py b/b.py\nsimilarity index 100%\nrename from a.py\nrename to b.py\n"
        "diff --git a/p.png b/p.png\nBinary files a/p.png and b/p.png differ\n"
    )
    new, old, renamed, picture = parse(text)
    assert new.added == {1, 2} and new.old_path is None
    assert old.deleted and old.path == "old.py" and not old.added
    assert (renamed.old_path, renamed.path, renamed.added) == ("a.py", "b.py", set())
    assert picture.path == "p.png" and not picture.hunks
    assert changed_lines(text) == {"new.py": {1, 2}}


def test_lines_that_look_like_headers_are_content() -> None:
    text = (
        "diff --git a/n.sql b/n.sql\n--- a/n.sql\n+++ b/n.sql\n@@ -1,2 +1,2 @@\n"
        "--- a comment\n+++ an increment\n same\n"
    )
    (change,) = parse(text)
    assert change.added == {1} and change.hunks[0].removed == 1 and change.path == "n.sql"


def test_plain_diff_and_quoted_names() -> None:
    plain = "--- a.py\t2024-01-01\n+++ a.py\t2024-01-02\n@@ -1 +1 @@\n-x\n+y\n"
    plain += "--- b.py\n+++ b.py\n@@ -1 +1,2 @@\n x\n+y\n"
    assert changed_lines(plain) == {"a.py": {1}, "b.py": {2}}
    quoted = (
        'diff --git "a/\\303\\244.py" "b/\\303\\244.py"\n--- "a/\\303\\244.py"\n'
        '+++ "b/\\303\\244.py"\n@@ -1 +1 @@\n-x\n+y\n'
    )
    assert changed_lines(quoted) == {"ä.py": {1}}


def test_a_hunk_that_says_too_much_or_too_little_keeps_what_it_shows() -> None:
    head = "--- a/x.py\n+++ b/x.py\n"
    (cut,) = parse(f"{head}@@ -1,9 +1,9 @@\n a\n+b")
    assert cut.added == {2} and cut.commentable == {1, 2}
    (long,) = parse(f"{head}@@ -1 +1,2 @@\n a\n+b\n+c\n-d\n")
    assert long.added == {2} and not long.hunks[0].removed
    (empty,) = parse(
        f"{head}@@ -3,0 +3,0 @@\n@@ -7 +7,2 @@\n a\n+b\n\\ No newline at end of file\n"
    )
    assert empty.added == {8}


def test_a_merge_diff_shows_nothing_and_breaks_nothing() -> None:
    merged = "diff --cc m.py\n--- a/m.py\n+++ b/m.py\n@@@ -1,2 -1,2 +1,3 @@@\n  a\n++b\n +c\n"
    assert {change.path: change.added for change in parse(merged + MODIFIED)} == {
        "m.py": set(),
        "probe.py": {2, 3, 21},
    }


def test_a_truncated_hunk_does_not_swallow_the_next_file() -> None:
    text = MODIFIED[: MODIFIED.index(" # end")] + MODIFIED.replace("probe", "other")
    assert set(changed_lines(text)) == {"probe.py", "other.py"}


def test_twenty_thousand_lines() -> None:
    body = "".join(f"+line {n}\n" for n in range(20_000))
    text = f"diff --git a/x.py b/x.py\n--- /dev/null\n+++ b/x.py\n@@ -0,0 +1,20000 @@\n{body}"
    began = time.perf_counter()
    (change,) = parse(text)
    assert len(change.added) == 20_000 and max(change.added) == 20_000
    assert time.perf_counter() - began < 5


@given(st.text())
def test_any_text_is_survived(text: str) -> None:
    parse(text)


def test_a_mark_that_no_program_knows_is_passed_over() -> None:
    hunk = ["@@ -1,4 +1,5 @@", "--- a/probe.py", "\\ No"]
    change = parse("\n".join(["diff --git a/probe.py b/probe.py", *hunk, *hunk]))[0]
    assert [len(each) for each in change.hunks] == [1, 1]


@given(st.lists(st.sampled_from([*MODIFIED.splitlines(), "--- a/x", "+++ /dev/null", "\\ No", ""])))
def test_any_order_of_lines_is_survived(lines: list[str]) -> None:
    for change in parse("\n".join(lines)):
        assert all(line >= 0 for line in change.added)


_LINES = st.lists(st.text(alphabet="ab+-@ \\", max_size=4), max_size=12)


@given(_LINES, _LINES, st.booleans())
def test_what_difflib_writes_is_read_back(old: list[str], new: list[str], crlf: bool) -> None:
    """Added and context lines carry the text of the new version, at its line numbers."""
    lines = difflib.unified_diff(old, new, "a/x.py", "b/x.py", lineterm="")
    text = "diff --git a/x.py b/x.py\n" + "\n".join(lines) + "\n"
    for change in parse(text.replace("\n", "\r\n") if crlf else text):
        assert change.path == "x.py"
        assert {number: new[number - 1] for number in change.commentable} == shown(change.hunks)
