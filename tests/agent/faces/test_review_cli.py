"""``gadfly review`` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.buggy import AUC, AUC_RULE, NORM, NORM_FIXED, NORM_RULE
from support.cli import gadfly
from support.repository import Repository

from gadfly.tools.review.registry import rules


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    repository = Repository(tmp_path / "desk")
    repository.commit({"norm.py": NORM_FIXED, "auc.py": AUC})
    (repository.path / "norm.py").write_text(NORM)
    return repository.path


def test_text_shows_place_line_reason_way_out_and_page(desk: Path, tmp_path: Path) -> None:
    done = gadfly("review", "norm.py", home=tmp_path, cwd=desk)
    assert done.returncode == 0, done.stderr
    for each in (
        "norm.py:6",
        NORM_RULE,
        "vectors / vectors.norm(dim=0",
        "instead:",
        f"--explain {NORM_RULE}",
        "1 error",
    ):
        assert each in done.stdout
    assert "No LLM key found" in done.stdout


def test_json_has_the_promised_fields(desk: Path, tmp_path: Path) -> None:
    done = gadfly("review", ".", "--json", home=tmp_path, cwd=desk)
    told = json.loads(done.stdout)
    assert [each["rule"] for each in told["findings"]] == [NORM_RULE, AUC_RULE]
    promised = {
        "path",
        "start_line",
        "end_line",
        "rule",
        "message",
        "severity",
        "evidence",
        "quote",
        "framings",
    }
    assert promised <= set(told["findings"][0])
    assert told["findings"][0]["evidence"] == "static"
    assert told["read"]["files"] == 2
    assert (
        json.loads(gadfly("review", ".", "--output", "json", home=tmp_path, cwd=desk).stdout)
        == told
    )


def test_base_and_diff_see_the_change_alone(desk: Path, tmp_path: Path) -> None:
    based = gadfly("review", "--base", "main", "--json", home=tmp_path, cwd=desk)
    assert [each["path"] for each in json.loads(based.stdout)["findings"]] == ["norm.py"]
    diff = Repository(desk).git("diff")
    piped = gadfly("review", "--diff", "-", "--json", home=tmp_path, cwd=desk, stdin=diff)
    assert json.loads(piped.stdout)["findings"] == json.loads(based.stdout)["findings"]
    elsewhere = gadfly(
        "review", "--diff", "-", "auc.py", "--json", home=tmp_path, cwd=desk, stdin=diff
    )
    assert json.loads(elsewhere.stdout)["findings"] == []


@pytest.mark.parametrize(
    ("file", "level", "code"),
    [
        ("norm.py", "error", 3),
        ("norm.py", "note", 3),
        ("auc.py", "error", 0),
        ("auc.py", "warning", 3),
        ("norm.py", "never", 0),
    ],
)
def test_fail_on(desk: Path, tmp_path: Path, file: str, level: str, code: int) -> None:
    done = gadfly("review", file, "--rules-only", "--fail-on", level, home=tmp_path, cwd=desk)
    assert done.returncode == code, done.stderr


def test_the_configuration_of_the_folder_counts(desk: Path, tmp_path: Path) -> None:
    (desk / "pyproject.toml").write_text(
        f'[tool.gadfly.review]\nignore = ["{AUC_RULE}"]\nfail-on = "error"\n'
    )
    (desk / "sub").mkdir()
    done = gadfly("review", "..", "--json", home=tmp_path, cwd=desk / "sub")
    assert done.returncode == 3
    assert [each["rule"] for each in json.loads(done.stdout)["findings"]] == [NORM_RULE]


def test_sarif_markdown_and_annotations(desk: Path, tmp_path: Path) -> None:
    log = json.loads(gadfly("review", ".", "--format", "sarif", home=tmp_path, cwd=desk).stdout)
    assert len(log["runs"][0]["results"]) == 2
    assert (
        "### 1 error, 1 warning"
        in gadfly("review", ".", "--format", "markdown", home=tmp_path, cwd=desk).stdout
    )
    summary = tmp_path / "summary.md"
    done = gadfly(
        "review",
        ".",
        "--format",
        "github",
        home=tmp_path,
        cwd=desk,
        GITHUB_STEP_SUMMARY=str(summary),
    )
    assert [line.split(" ")[0] for line in done.stdout.splitlines()] == ["::error", "::warning"]
    assert NORM_RULE in summary.read_text()


def test_output_is_a_file_and_once_was_a_format(desk: Path, tmp_path: Path) -> None:
    def out(*more: str) -> str:
        done = gadfly("review", ".", "--rules-only", *more, home=tmp_path, cwd=desk)
        assert done.returncode == 0, done.stderr
        return done.stdout

    for form in ("text", "json", "markdown", "sarif"):
        file = tmp_path / f"out.{form}"
        assert out("--format", form, "--output", str(file)) == ""
        assert file.read_text(encoding="utf-8") == out("--format", form) == out("--output", form)
    assert out("--format", "json", "--output", "sarif") == ""  # with --format it is a file
    assert "findings" in json.loads((desk / "sarif").read_text())


@pytest.mark.parametrize("command", [["review", "x.py"], ["redteam", "x.md"], ["propose"]])
@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("", "cannot write '': it names no file"),
        (".", "cannot write '.': it is a folder"),
        ("no/such/out", "there is no folder no/such"),
    ],
)
def test_a_target_is_looked_at_before_the_work(
    command: list[str], output: str, says: str, tmp_path: Path
) -> None:
    done = gadfly(*command, "--output", output, home=tmp_path, cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert says in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["review", "x.py", "-o", "x.py"],
        ["review", "x.py", "-o", "link.py"],
        ["review", ".", "-o", "x.py"],
        ["review", "--diff", "x.diff", "-o", "x.diff"],
        ["redteam", "x.md", "-o", "./x.md"],
        ["propose", "--from", "x.md", "-o", "x.md"],
    ],
)
def test_what_is_read_is_not_written_over(arguments: list[str], tmp_path: Path) -> None:
    for each in ("x.py", "x.md", "x.diff"):
        (tmp_path / each).write_text("mine = 1\n")
    (tmp_path / "link.py").symlink_to("x.py")
    done = gadfly(*arguments, home=tmp_path / "home", cwd=tmp_path)
    assert done.returncode == 2
    assert "would overwrite what is read; name another file" in done.stderr
    assert {(tmp_path / each).read_text() for each in ("x.py", "x.md", "x.diff")} == {"mine = 1\n"}


def test_a_redteam_in_a_file_is_as_it_is_printed(tmp_path: Path) -> None:
    (tmp_path / "x.md").write_text("It reaches 0.97 on two prompts.\n")
    for more in ([], ["--json"]):
        asked = ["redteam", "x.md", "--llm", "offline", *more]
        printed = gadfly(*asked, home=tmp_path / "home", cwd=tmp_path).stdout
        done = gadfly(*asked, "-o", "out", home=tmp_path / "home", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, "")
        assert (tmp_path / "out").read_text() == printed != ""


def test_a_list_of_rules_takes_no_file(tmp_path: Path) -> None:
    done = gadfly("review", "--list-rules", "-o", "x", home=tmp_path, cwd=tmp_path)
    assert done.returncode == 2 and "--output takes a review" in done.stderr


def test_code_cannot_speak_to_the_workflow(desk: Path, tmp_path: Path) -> None:
    (desk / "norm.py").write_text(
        NORM.replace("keepdim=True)", "keepdim=True)  # ::stop-commands::x ##[error]y")
    )
    done = gadfly(
        "review", "norm.py", "--format", "github", home=tmp_path, cwd=desk, GITHUB_ACTIONS="true"
    )
    assert "stop-commands" in done.stderr
    obeyed = [line for line in done.stderr.splitlines() if line.lstrip().startswith("::")]
    assert obeyed == []
    assert "##[" not in done.stderr
    assert all(line.startswith("::error file=norm.py") for line in done.stdout.splitlines())


def test_nothing_found_says_what_was_read(desk: Path, tmp_path: Path) -> None:
    (desk / "norm.py").write_text(NORM_FIXED)
    done = gadfly("review", "norm.py", "--rules-only", home=tmp_path, cwd=desk)
    assert "Nothing found" in done.stdout
    assert "1 file, 7 lines" in done.stdout


def test_rules_are_listed_and_explained(tmp_path: Path) -> None:
    listed = json.loads(gadfly("review", "--list-rules", "--json", home=tmp_path).stdout)["rules"]
    assert NORM_RULE in {each["rule"] for each in listed}
    assert all(
        each["severity"] in ("error", "warning", "note") and each["title"] for each in listed
    )
    page = gadfly("review", "--explain", NORM_RULE, home=tmp_path).stdout
    assert "## Wrong" in page
    assert "## Source" in page


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "nothing to review"),
        (["none.py"], "no file or folder 'none.py'"),
        (["--diff", "none.diff"], "cannot read none.diff"),
        (["--diff", "norm.py"], "not a unified diff"),
        (["--base", "nowhere"], "git knows no commit 'nowhere'"),
        (["--base", "main", "--diff", "-"], "diff and base were given"),
        (["--pr", "x", "norm.py"], "--pr stands alone"),
        (["--pr", "x", "--reproduce"], "no code of a pull request is run"),
        (["--pr", "nonsense"], "OWNER/REPO#N"),
        (["--explain", "norm-over-wrong-axis"], "no rule"),
        (["norm.py", "--llm", "gpt"], "names no provider"),
        (["norm.py", "--llm", "openai/gpt-5"], "OPENAI_API_KEY"),
    ],
)
def test_bad_input_is_one_clear_line(
    desk: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    done = gadfly("review", *arguments, home=tmp_path, cwd=desk, stdin="")
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("gadfly: ")]
    assert len(lines) == 1, done.stderr
    assert says in lines[0]
    assert "Traceback" not in done.stderr


def test_escape_sequences_in_code_do_not_reach_the_terminal(desk: Path, tmp_path: Path) -> None:
    (desk / "norm.py").write_text(
        NORM.replace("keepdim=True)", "keepdim=True)  # \x1b]0;owned\x07")
    )
    done = gadfly("review", "norm.py", home=tmp_path, cwd=desk)
    assert NORM_RULE in done.stdout
    assert "\x1b" not in done.stdout


def test_the_names_of_rules_are_whole_in_a_pipe(tmp_path: Path) -> None:
    listed = gadfly("review", "--list-rules", home=tmp_path).stdout
    assert all(f" {name} " in listed for name in rules())
