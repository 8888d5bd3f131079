"""A pull request from end to end, against a GitHub on loopback."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.buggy import AUC, AUC_RULE, NORM, NORM_FIXED, NORM_RULE
from support.cli import gadfly
from support.critic import critic, entry
from support.github import TOKEN, Fault, GitHub

from gadfly.agent.faces.github.client import Client, GitHubError
from gadfly.agent.faces.github.pull import named
from gadfly.agent.llm.scripted import ScriptedModel
from gadfly.errors import UsageError
from gadfly.tools.review.report import Report

Review = Callable[..., Report]


def bodies(github: GitHub) -> str:
    return "\n".join(each["body"] for each in [*github.reviews, *github.comments])


def test_one_review_with_comments_on_changed_lines(github: GitHub, review: Review) -> None:
    report = review(max_inline=10)
    assert {(each.path, each.rule) for each in report.findings} == {
        ("norm.py", NORM_RULE),
        ("pkg/new name.py", AUC_RULE),
        ("windows.py", NORM_RULE),
        ("open_end.py", NORM_RULE),
        ("nb.ipynb", NORM_RULE),
    }
    assert [each["state"] for each in github.reviews] == ["COMMENTED"]
    at = {each["path"]: each["line"] for each in github.comments}
    assert at["norm.py"] == at["windows.py"] == at["open_end.py"] == 6
    raw = (github.repository.path / "nb.ipynb").read_text().split("\n")
    assert "dim=0" in raw[at["nb.ipynb"] - 1]
    assert "3 of 8 changed files are not read" in bodies(github)
    assert github.asked("POST", "/reviews$")[0]["event"] == "COMMENT"


def test_a_long_file(github: GitHub, review: Review) -> None:
    long = "\n".join(f"value_{n} = {n}" for n in range(20_000)) + "\n"
    github.repository.git("checkout", "--quiet", "main")
    github.repository.commit({"long.py": long})
    github.repository.git("checkout", "--quiet", "-B", "work", "main")
    github.push(github.repository.commit({"long.py": long + NORM}))
    review()
    assert [(each["path"], each["line"]) for each in github.comments] == [("long.py", 20_006)]


def test_at_most_so_many_stand_inline_and_the_rest_is_folded(
    github: GitHub, review: Review
) -> None:
    review(max_inline=4)
    assert len(github.comments) == 4
    assert "<summary>1 more</summary>" in github.reviews[0]["body"]


def test_its_title_text_and_author_reach_neither_report_nor_review(
    github: GitHub, review: Review
) -> None:
    report = review()
    for words in (github.title, github.body, "somebody"):
        assert words not in bodies(github)
        assert words not in report.model_dump_json()


def test_the_same_push_again_says_nothing_new(github: GitHub, review: Review) -> None:
    review()
    before = bodies(github)
    github.requests.clear()
    review()
    assert bodies(github) == before
    assert not [r for r in github.requests if r[0] != "GET" and not r[1].endswith("/graphql")]


def test_a_second_push_moves_updates_and_settles(github: GitHub, review: Review) -> None:
    review(max_inline=10)
    of = {each["path"]: each for each in github.comments}
    head = github.repository.commit(
        {"norm.py": "# moved\n\n" + NORM, "windows.py": NORM_FIXED, "fresh.py": AUC}
    )
    github.push(head)
    review(max_inline=10)
    assert [each["path"] for each in github.comments].count("norm.py") == 1
    assert github.comments[-1]["path"] == "fresh.py"
    assert "No longer found at " + head[:7] in of["windows.py"]["body"]
    assert github.resolved == {of["windows.py"]["id"]}
    told = github.reviews[0]["body"].replace("&#8203;", "")  # which keeps GitHub from linking it
    assert head[:7] in told  # the first review's summary is brought up to date
    assert len(github.reviews) == 2
    review(max_inline=10)
    assert len(github.reviews) == 2


def test_what_comes_back_is_reopened(github: GitHub, review: Review) -> None:
    review(max_inline=10)
    github.push(github.repository.commit({"norm.py": NORM_FIXED + "\nx = 1\n"}))
    review(max_inline=10)
    assert len(github.resolved) == 1
    github.push(github.repository.commit({"norm.py": NORM}))
    review(max_inline=10)
    assert github.resolved == set()
    assert [each["path"] for each in github.comments].count("norm.py") == 1
    assert "No longer found" not in bodies(github)


def test_a_deleted_comment_stays_deleted(github: GitHub, review: Review) -> None:
    review(max_inline=10)
    github.comments[:] = [each for each in github.comments if each["path"] != "norm.py"]
    review(max_inline=10)
    assert "norm.py" not in {each["path"] for each in github.comments}


def test_a_marker_in_somebody_elses_comment_silences_nothing(
    github: GitHub, review: Review
) -> None:
    fingerprints = [each.fingerprint for each in review(post=False).findings]
    for number, each in enumerate(fingerprints):
        github.comments.append(
            {
                "id": number,
                "path": "norm.py",
                "line": 6,
                "user": {"login": "mallory", "type": "User"},
                "body": f"<!-- gadfly:finding {each} {NORM_RULE} settled -->",
                "_text": "",
            }
        )
    github.reviews.append(
        {
            "id": 99,
            "state": "COMMENTED",
            "user": {"login": "mallory", "type": "User"},
            "body": f"<!-- gadfly:review x -->\n<!-- gadfly:posted {' '.join(fingerprints)} -->",
        }
    )
    review(max_inline=10)
    assert len(github.comments) == len(fingerprints) * 2
    assert not github.asked("PATCH", "comments")


def test_a_refused_line_costs_that_line(github: GitHub, review: Review) -> None:
    github.also_refused = {("norm.py", 6), ("open_end.py", 6)}
    report = review(max_inline=10)
    assert {each["path"] for each in github.comments} == {
        "pkg/new name.py",
        "windows.py",
        "nb.ipynb",
    }
    assert [each["state"] for each in github.reviews] == ["COMMENTED"]
    assert "GitHub refused 2 of 5 comments" in report.notices
    assert "norm.py:6" in github.reviews[0]["body"]
    assert github.reviews[0]["body"].count("```python") == 2  # what has no comment is quoted here


def test_when_every_line_is_refused_the_summary_is_posted(github: GitHub, review: Review) -> None:
    github.also_refused = {(path, line) for path, lines in github.shown().items() for line in lines}
    review()
    assert not github.comments
    assert len(github.reviews) == 1


def test_a_pending_review_left_behind_is_cleared(github: GitHub, review: Review) -> None:
    github.reviews.append(
        {"id": 1, "state": "PENDING", "body": "", "user": {"login": github.login, "type": "Bot"}}
    )
    review()
    assert [each["state"] for each in github.reviews] == ["COMMENTED"]
    assert len(github.comments) == 5


def test_findings_outside_the_diff_are_not_told(github: GitHub, review: Review) -> None:
    far = NORM + "\n" * 30 + "x = 1\n"
    github.repository.git("checkout", "--quiet", "main")
    github.repository.commit({"far.py": far})
    github.repository.git("checkout", "--quiet", "work")
    github.repository.git("merge", "--quiet", "main")
    github.push(github.repository.commit({"far.py": far.replace("x = 1", "x = 2")}))
    assert "far.py" not in {each.path for each in review().findings}


def test_a_file_whose_diff_is_too_large_is_in_the_summary_alone(
    github: GitHub, review: Review
) -> None:
    github.largest_patch = 10
    report = review()
    assert report.findings
    assert not github.comments
    assert "GitHub shows no diff of norm.py" in github.reviews[0]["body"]


def test_files_that_github_does_not_list_or_give_are_named(github: GitHub, review: Review) -> None:
    github.unlisted = 40
    github.faults.append(
        Fault("GET", "/git/blobs", 403, {"message": "too large", "errors": [{"code": "too_large"}]})
    )
    report = review()
    assert any("GitHub lists 8 of the 48 changed files" in each for each in report.notices)
    assert any("was not read: GitHub answered 403" in each for each in report.notices)
    assert len(report.findings) == 4


@pytest.mark.parametrize("login", ["github-actions[bot]", "neel"])
@pytest.mark.parametrize("graphql", [True, False])
def test_it_knows_its_own_comments(
    github: GitHub, review: Review, login: str, graphql: bool
) -> None:
    github.login = login
    review()
    if not graphql:
        github.faults.append(Fault("POST", "/graphql", 403, times=99))
    github.requests.clear()
    review()
    assert not [r for r in github.requests if r[0] != "GET" and r[1] != "/graphql"]


def test_a_person_called_as_the_bot_is_not_the_bot(github: GitHub, review: Review) -> None:
    review()
    for each in [*github.comments, *github.reviews]:
        each["user"] = {"login": "github-actions", "type": "User"}
    review()
    assert len(github.comments) == 10


def test_a_bad_gateway_in_graphql_is_tried_again(github: GitHub, review: Review) -> None:
    review(max_inline=10)
    github.push(github.repository.commit({"norm.py": NORM_FIXED + "\nx = 1\n"}))
    github.faults.append(Fault("POST", "/graphql", 502, times=2))
    review(max_inline=10)
    assert len(github.resolved) == 1


def test_pages_are_followed(github: GitHub, review: Review) -> None:
    github.page = 2
    assert len(review(max_inline=10).findings) == 5
    review(max_inline=10)
    assert len(github.comments) == 5


def test_many_files_are_sampled_by_risk(
    github: GitHub, review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = {f"a{n}.py": "\n".join(f"x{m} = {m}" for m in range(40)) for n in range(9)}
    github.push(github.repository.commit(plain))  # type: ignore[arg-type]
    monkeypatch.setattr("gadfly.agent.faces.github.pull.MOST_FILES", 5)
    report = review(max_inline=10)
    assert "sampled: the 5 riskiest of 14 changed files were read" in report.notices
    assert len(report.findings) == 5


@pytest.mark.parametrize(
    ("headers", "body", "waited"),
    [
        ({"retry-after": "7"}, {"message": "You have exceeded a secondary rate limit."}, 7.0),
        ({}, {"message": "You have exceeded a secondary rate limit and have been blocked"}, 60.0),
        (
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"},
            {"message": "API rate limit exceeded"},
            1.0,
        ),
    ],
)
@pytest.mark.parametrize("where", ["/files", "/reviews$"])
def test_rate_limits_are_waited_out(
    github: GitHub,
    review: Review,
    waits: list[float],
    headers: dict[str, str],
    body: dict[str, str],
    waited: float,
    where: str,
) -> None:
    method = "GET" if where == "/files" else "POST"
    github.faults.append(Fault(method, where, 403, body, headers))
    review()
    assert waits == [waited]
    assert len(github.reviews) == 1


def test_a_rate_limit_that_lasts_too_long_is_an_error(github: GitHub, review: Review) -> None:
    github.faults.append(Fault("GET", "/files", 429, headers={"retry-after": "5000"}))
    with pytest.raises(GitHubError, match="lasts 5000 s more"):
        review()


def test_bad_gateways_are_tried_again(github: GitHub, review: Review, waits: list[float]) -> None:
    github.faults += [Fault("GET", "/files", 502, times=2), Fault("GET", "/git/blobs", 503)]
    review()
    assert len(github.reviews) == 1
    assert waits == [1.0, 2.0, 1.0]


@pytest.mark.parametrize("happens", [True, False])
def test_a_review_that_got_no_answer_is_not_posted_twice(
    github: GitHub, review: Review, happens: bool
) -> None:
    github.faults.append(Fault("POST", "/reviews$", 502, happens=happens))
    review()
    assert len(github.reviews) == 1
    assert len(github.comments) == 5


def test_a_fork_gets_annotations_and_a_summary(
    github: GitHub,
    review: Review,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    many = "\n".join(NORM.replace("def unit", f"def unit{n}") for n in range(14))
    github.push(github.repository.commit({"many.py": many}))
    github.read_only = True
    report = review()
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("::error ") for line in lines) == 10
    assert sum(line.startswith("::warning ") for line in lines) == 1
    assert any("file=pkg/new name.py,line=7" in line for line in lines)
    assert any("annotations instead" in each for each in report.notices)
    summary = (tmp_path / "summary.md").read_text()
    assert "17 errors" not in summary
    assert "18 errors, 1 warning" in summary
    assert not github.reviews


def test_threads_stay_where_the_token_may_not_resolve(github: GitHub, review: Review) -> None:
    github.may_resolve = False
    review(max_inline=10)
    github.push(github.repository.commit({"norm.py": NORM_FIXED + "\nx = 1\n"}))
    report = review(max_inline=10)
    assert "No longer found" in bodies(github)
    assert any("contents: write" in each for each in report.notices)


def test_nothing_found_posts_nothing(
    github: GitHub, review: Review, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    github.repository.git("checkout", "--quiet", "-B", "work", "main")
    github.push(github.repository.commit({"fine.py": NORM_FIXED}))
    review()
    assert not github.reviews
    assert "Nothing found" in (tmp_path / "summary.md").read_text()


def test_configuration_is_read_from_the_base_branch(github: GitHub, review: Review) -> None:
    github.push(github.repository.commit({".gadfly.toml": f'ignore = ["{NORM_RULE}"]\n'}))
    assert (
        len(review(post=False).findings) == 5
    )  # the change's own configuration counts for nothing
    github.repository.git("checkout", "--quiet", "main")
    github.repository.commit({".gadfly.toml": f'ignore = ["{NORM_RULE}"]\nexclude = ["pkg"]\n'})
    assert review(post=False).findings == []


def test_a_broken_configuration_is_named_and_left_out(github: GitHub, review: Review) -> None:
    github.repository.git("checkout", "--quiet", "main")
    github.repository.commit({"pyproject.toml": "[tool.gadfly.review]\nignored = 1\n"})
    report = review(post=False)
    assert len(report.findings) == 5
    assert any("configuration on main is not used" in each for each in report.notices)


def test_no_code_of_the_pull_request_runs(github: GitHub, review: Review, tmp_path: Path) -> None:
    trap = f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\n"
    github.push(
        github.repository.commit(
            {"norm.py": trap + NORM, "conftest.py": trap, "sitecustomize.py": trap}
        )
    )
    review()
    assert not (tmp_path / "ran").exists()


def test_a_push_meanwhile_is_noticed(
    github: GitHub, review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gadfly.agent.faces.github import pull_request

    real, times = pull_request.gather, []

    def gather(*given: object) -> object:
        read = real(*given)  # type: ignore[arg-type]
        if not times:
            github.push(github.repository.commit({"norm.py": NORM_FIXED + "\ny = 2\n"}))
        times.append(1)
        return read

    monkeypatch.setattr(pull_request, "gather", gather)
    assert "norm.py" not in {each.path for each in review().findings}


def test_text_of_the_pull_request_is_shown_and_never_rendered(
    github: GitHub, review: Review
) -> None:
    hostile = "# ``` </details> @team ![x](https://evil.example) <!-- gadfly:posted x -->"
    bad = NORM.replace("keepdim=True)", f"keepdim=True)  {hostile}")
    github.push(github.repository.commit({"norm.py": bad}))
    github.also_refused = {("norm.py", 6)}  # so that it is quoted in the summary
    review(max_inline=10)
    body = github.reviews[0]["body"]
    fenced = re.sub(r"(`{3,})python\n.*?\n\1", "", body, flags=re.DOTALL)
    for each in ("@team", "evil.example", "</details> @", "gadfly:posted x"):
        assert each in body
        assert each not in fenced
    review(max_inline=10)
    assert len(github.reviews) == 1


CLAIM = """def mean_effect(effects, keep):
    kept = [e for e, k in zip(effects, keep) if k]
    return sum(
        kept
    ) / len(effects)
"""


def test_an_argument_with_its_repair_is_a_suggestion(github: GitHub, review: Review) -> None:
    github.push(github.repository.commit({"claim.py": CLAIM}))
    wrong = entry("    return sum(\n        kept\n    ) / len(effects)", "divides by all")
    model = critic(
        lambda _, text: [wrong] if "mean_effect" in text else [],
        fix={"fix": "f", "replacement": "return sum(kept) / len(kept)"},
    )
    review(llm=model, max_inline=10)
    (comment,) = [each for each in github.comments if each["path"] == "claim.py"]
    assert (comment["start_line"], comment["line"]) == (3, 5)
    assert "```suggestion\n    return sum(kept) / len(kept)\n```" in comment["body"]
    assert "argued by a model, not proved" in comment["body"]
    assert "passed yes" in comment["body"]


def test_a_model_that_quotes_otherwise_or_keeps_silent_changes_little(
    github: GitHub, review: Review
) -> None:
    def told() -> list[str]:
        return [each["body"] for each in github.comments if each["path"] == "claim.py"]

    def reading(*quotes: str) -> ScriptedModel:
        return critic(
            lambda _, text: [entry(q, f"about {q}") for q in quotes if "mean_effect" in text]
        )

    github.push(github.repository.commit({"claim.py": CLAIM}))
    review(llm=reading(") / len(effects)"), max_inline=10)
    assert len(told()) == 1
    review(llm=reading("kept\n    ) / len(effects)"), max_inline=10)
    assert len(told()) == 1  # the same place in other words: updated
    assert "about kept" in told()[0]
    review(llm=reading(), max_inline=10)
    assert "No longer found" not in told()[0]  # silence proves nothing
    review(max_inline=10)
    assert "No longer found" not in told()[0]
    github.push(github.repository.commit({"claim.py": "x = 1\n"}))
    review(llm=reading(), max_inline=10)
    assert "No longer found" in told()[0]  # the code is gone


def test_what_a_model_is_sent_holds_no_word_of_the_pull_request(
    github: GitHub, review: Review
) -> None:
    model = critic(lambda _, __: [])
    review(llm=model)
    sent = str(model.seen)
    assert "unit_vectors" in sent
    for words in (github.title, github.body, "somebody", github.name, "new name.py"):
        assert words not in sent


def test_a_named_model_without_its_key_is_no_error_in_a_workflow(
    github: GitHub, review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="OPENAI_API_KEY"):
        review(llm="openai/gpt-5")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    report = review(llm="openai/gpt-5")
    assert len(report.findings) == 5
    assert any(each.startswith("rules only: openai/gpt-5 needs") for each in report.notices)


def test_errors_are_one_line_without_the_token(github: GitHub, tmp_path: Path) -> None:
    def run(name: str, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
        return gadfly(
            "review",
            "--pr",
            name,
            "--output",
            "github",
            home=tmp_path,
            GITHUB_TOKEN=token,
            GITHUB_API_URL=github.url,
        )

    for name, token, says, code in (
        ("nonsense", TOKEN, "write OWNER/REPO#N", 2),
        ("neuro/probes#8", TOKEN, "is the name right", 1),
        (github.pr, "wrong-token-0123456", "check GITHUB_TOKEN", 1),
        (github.pr, "", "needs GITHUB_TOKEN", 2),
    ):
        done = run(name, token)
        assert done.returncode == code, done.stderr
        assert says in done.stderr
        assert "Traceback" not in done.stderr
        assert "wrong-token" not in done.stdout + done.stderr
        assert TOKEN not in done.stdout + done.stderr


def test_the_command_posts_the_review(github: GitHub, tmp_path: Path) -> None:
    done = gadfly(
        "review",
        "--pr",
        github.pr,
        "--output",
        "github",
        "--rules-only",
        "--fail-on",
        "error",
        home=tmp_path,
        GITHUB_TOKEN=TOKEN,
        GITHUB_API_URL=github.url,
    )
    assert done.returncode == 3, done.stderr
    assert len(github.comments) == 5
    assert TOKEN not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "name", ["a/b#1", "https://github.com/a/b/pull/1", "https://github.com/a/b/pull/1/files"]
)
def test_names_of_pull_requests(name: str) -> None:
    assert named(name) == ("a/b", 1)


@pytest.mark.parametrize(
    "name", ["", "a#1", "a/b", "a/b#x", "../..#1/", "a/b/c#1", "a/b#1?x=y", "a/b#1\n"]
)
def test_other_names_are_refused(name: str) -> None:
    if name == "a/b#1\n":
        assert named(name) == ("a/b", 1)
        return
    with pytest.raises(UsageError):
        named(name)


def test_a_token_is_sent_over_https_only() -> None:
    with pytest.raises(UsageError, match="https"):
        Client("t", "http://example.org")
