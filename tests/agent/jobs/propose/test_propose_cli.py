"""``gadfly propose`` as a user runs it, with no key."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.cli import gadfly

from gadfly.agent.jobs.propose.proposal import Proposals


def test_offline_json_and_pages(ready: Path, tmp_path: Path) -> None:
    page, data = tmp_path / "ideas.md", tmp_path / "ideas.json"
    asked = ("propose", "--topic", "steering", "--no-pilot", "-n", "2", "--output")
    for more in ([str(page)], [str(data), "--json"]):
        done = gadfly(*asked, *more, home=ready)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    found = Proposals.model_validate_json(data.read_text(encoding="utf-8"))
    assert [p.rank for p in found.proposals] == [1, 2]
    assert all(p.origin == "template" and p.grounds.quotes >= 2 for p in found.proposals)
    assert all(p.pilot.state == "not run" for p in found.proposals)
    assert "a 24GB card is assumed" in found.notices[0]
    text = page.read_text(encoding="utf-8")
    assert "template of the packaged bank" in text
    assert "gadfly steer --model" in text
    assert "&#" not in text
    reading = [
        line
        for part in text.split("## Reading")[1:]
        for line in part.split("##")[0].splitlines()
        if "http" in line
    ]
    assert reading
    assert all(re.search(r" <https?://[^\s<>\\]+>$", line) for line in reading)
    assert re.search(r" `guide/[\w/-]+`$", text, re.MULTILINE)
    assert max(map(len, text.split("\n---\n"))) < 9000
    shown = gadfly("propose", "--topic", "steering", "--no-pilot", "-n", "1", home=ready)
    assert shown.stdout.startswith("# ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--days", "9"),
        ("--gpu", "potato"),
        ("--level", "wizard"),
        ("-n", "0"),
        ("--budget", "-1"),
        ("--from", "/no/such/file"),
        ("--llm", "nobody"),
    ],
)
def test_bad_input_is_one_line(ready: Path, arguments: tuple[str, ...]) -> None:
    done = gadfly("propose", "--no-pilot", *arguments, "--json", home=ready)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert "error" in json.loads(done.stdout)


def test_what_does_not_speak_of_the_topic_is_said(ready: Path) -> None:
    done = gadfly(
        "propose", "--topic", "patchscopes", "--no-pilot", "-n", "2", "--json", home=ready
    )
    found = json.loads(done.stdout)
    assert found["proposals"][0]["draft"]["slug"] == "patchscope-or-lens"
    assert any("1 of these do not speak of 'patchscopes'" in notice for notice in found["notices"])


@pytest.mark.slow
def test_a_proposal_arrives_with_its_first_result_and_one_that_sank_is_said(ready: Path) -> None:
    done = gadfly("propose", "--topic", "patchscopes", "-n", "1", "--json", home=ready)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["proposals"][0]["draft"]["slug"] != "patchscope-or-lens"
    assert any("left out 'What does a patchscope" in notice for notice in found["notices"])
    best = found["proposals"][0]
    shown = gadfly("runs", "show", best["pilot"]["run"], "--json", home=ready)
    assert json.loads(shown.stdout)["result"]["headline"] == best["pilot"]["headline"]
