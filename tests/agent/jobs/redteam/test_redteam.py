"""Numbers to runs, claims to baselines, overclaims verbatim, invented attacks dropped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.cli import gadfly

from gadfly.agent.jobs.redteam.attack import attack
from gadfly.agent.jobs.redteam.report import page
from gadfly.agent.llm.asking import Asker
from gadfly.agent.llm.scripted import ScriptedModel, says
from gadfly.errors import UsageError
from gadfly.tools.contract import Control, Result, Table, Verdict
from gadfly.tools.ledger import Ledger, Run, now

GOOD, BAD = "r0a1b2c3d", "r0a1b2c3e"


def record(run_id: str, verdict: Verdict = Verdict.SUPPORTED, **values: float) -> None:
    Ledger().append(
        Run(
            id=run_id,
            tool="patch",
            status="done",
            started=now(),
            seconds=1.0,
            arguments={"n": 48, "seed": 0, "layers": [17, 19]},
            environment={},
            result=Result(
                headline="The site restores 0.734 [0.694, 0.771] (48 pairs).",
                verdict=verdict,
                why="w",
                values=values,
                controls=[
                    Control(name="placebo", value=0.0312, interval=(0.011, 0.0554), meaning="m")
                ],
                table=Table(columns=["layer", "effect"], rows=[["3", 0.4567]], total=1),
            ),
        )
    )


@pytest.fixture(autouse=True)
def _runs() -> None:
    record(GOOD, effect=0.7344, accuracy=0.917)
    record(BAD, Verdict.NOT_SUPPORTED, effect=0.1234)


def states(text: str) -> dict[str, str]:
    return {number.text: number.state for number in attack(text).numbers}


def test_every_kind_of_number() -> None:
    found = states(
        f"Run {GOOD} restores 0.73 [0.69, 0.77] over 48 pairs at layer 17, against 0.031 for the placebo (95 % CI). "
        "Accuracy was 91.7 %, and 0.457 in the table. We saw 0.888 and 3 heads."
    )
    assert found == {
        "0.73": "traced",
        "0.69": "traced",
        "0.77": "traced",
        "48": "traced",
        "0.031": "traced",
        "95%": "convention",
        "91.7%": "traced",
        "0.457": "traced",
        "0.888": "untraced",
        "3": "small",
    }


def test_a_changed_digit_is_flagged() -> None:
    assert states(f"The effect is 0.7344 ({GOOD}).") == {"0.7344": "traced"}
    assert states(f"The effect is 0.7354 ({GOOD}).") == {"0.7354": "untraced"}
    assert states(f"The effect is 0.8 ({GOOD}).") == {"0.8": "untraced"}


def test_a_run_that_is_not_named_is_weaker() -> None:
    report = attack("The effect is 0.7344.")
    assert [(n.state, n.run) for n in report.numbers] == [("uncited", GOOD)]
    assert f"of run `{GOOD}`, which the text does not name" in page(report)


def test_what_is_no_result_is_left_alone() -> None:
    text = (
        "# 2. Setup\n\n1. Figure 3 and Table 12 of 2024 [17] show head 4.2 of Qwen3-1.7B at 10:45 on 2026-11-21.\n\n"
        "```\nx = 0.9999\n```\n\n<!-- 0.8888 r00000000 -->\nSee `0.7777` and https://a.b/0.6666.\n"
    )
    report = attack(text)
    assert [n.text for n in report.numbers] == []
    assert report.unknown_runs == []


def test_tables_count_and_lines_are_right() -> None:
    report = attack("# T\n\n| layer | effect |\n|---|---|\n| 4 | 0.5152 |\n")
    assert [(n.text, n.line) for n in report.flagged] == [("0.5152", 5)]


def test_a_run_that_is_not_in_the_ledger_is_named() -> None:
    report = attack("Run r99999999 gives 0.51.")
    assert report.unknown_runs == ["r99999999"]
    assert report.numbers[0].state == "untraced"


def test_claims_are_tagged_and_held() -> None:
    report = attack(
        "We found a head that copies names. It beats nothing.\n\n"
        "We found a head that copies names, unlike random heads.\n\n"
        f"We found a head that copies names (run {GOOD}).\n\n"
        "Our probe method detects lies.\n\n"
        "Our probe method detects lies better than a bag of words.\n"
    )
    told = [(claim.kind, bool(claim.baseline), bool(claim.missing)) for claim in report.claims]
    assert told == [
        ("existence", False, True),
        ("existence", True, False),
        ("existence", True, False),
        ("method", False, True),
        ("method", True, False),
    ]
    assert GOOD in report.claims[2].baseline


def test_a_runs_controls_do_not_excuse_a_method_claim() -> None:
    report = attack(f"Our detector works and detects lies (run {GOOD}).")
    assert report.claims[0].kind == "method"
    assert report.claims[0].missing


def test_a_claim_against_its_runs_verdict() -> None:
    report = attack(f"We show that the head carries the answer, which confirms it ({BAD}).")
    assert "not supported" in report.claims[0].contradicts
    claim = report.claims[0]
    assert not claim.baseline or claim.missing or claim.contradicts


@pytest.mark.parametrize(
    "sentence",
    [
        "This proves the mechanism.",
        "We show for the first time that heads copy.",
        "The model truly understands grammar.",
        "This head causes the answer.",
        "All language models do this.",
        "The circuit fully explains the behaviour.",
        "The effect is significant.",
        "The result generalises.",
        "We isolate the direction for deception.",
        "Clearly the probe works.",
        "The best seed reached a high score.",
        "Our probe outperforms existing probes.",
    ],
)
def test_an_overclaim_is_quoted(sentence: str) -> None:
    found = attack(f"# Title\n\nSome text before.\n\n{sentence}").overclaims
    assert found
    assert all(each.quote in sentence and each.line == 5 and each.instead for each in found)


@pytest.mark.parametrize(
    "sentence",
    [
        "This does not prove the mechanism.",
        "Patching head 4 causes the answer to flip, unlike the placebo.",
        "The effect is significant (permutation p = 0.01).",
        "It generalises to held-out templates.",
        "We cannot say that the model understands grammar.",
        "A difference-of-means vector moves the logit difference beyond random vectors.",
    ],
)
def test_a_modest_sentence_is_left_alone(sentence: str) -> None:
    assert not attack(sentence).overclaims


def test_the_refuters_quotes_must_stand_in_the_text() -> None:
    attacks = [
        {
            "quote": "the head copies\nnames in every prompt",
            "because": "one template",
            "instead": "in ours",
        },
        {"quote": "the head is made of cheese entirely", "because": "invented"},
        {"quote": "too short", "because": "short"},
        {"quote": "names in every prompt that we", "because": ""},
    ]
    model = ScriptedModel([says("Here you are: " + json.dumps(attacks))])
    report = attack(
        f"# T\n\nRun {GOOD}: the head copies names\nin every prompt that we tried.",
        asker=Asker(model),
    )
    mine = [each for each in report.overclaims if each.by == "scripted"]
    assert [(each.line, each.because) for each in mine] == [(3, "one template")]
    assert "`: one template. Say: in ours\n" in page(report)
    assert "3 attacks" in report.notices[0]
    asked = str(model.seen[0][0]["content"])
    assert "placebo = 0.0312" in asked
    assert "<data-" in asked


def test_a_long_text_takes_no_long_time() -> None:
    for index in range(30):
        record(f"r{index:08x}", **{f"v{n}": n / 7 for n in range(40)})
    text = " ".join(f"{n / 3:.4f} proves" for n in range(14_000))[:190_000]
    report = attack(text)
    assert len(report.numbers) == 2000
    assert "only the first 2,000" in report.notices[0]


def test_the_users_own_lines_are_found_again() -> None:
    """As grep does it: what stands in the report stands in the text, sign for sign."""
    lines = [
        r"Our method detects `foo_bar` and $\hat{y}_{i}$ [see](https://a.b/c_d) in **all** cases.",
        "| layer | it *clearly* reaches 0.4321 at <s> | #12 |",
        "- `W_U` There is a head that carries it, at 0.1357 [1.00, 1.01].",
    ]
    report = attack("\n\n".join(lines))
    said = page(report)
    quotes = [c.text for c in report.claims] + [o.quote for o in report.overclaims]
    quotes += [n.context for n in report.flagged]
    assert len(quotes) >= 5
    for quote in quotes:
        assert any(quote in line for line in lines), quote
        assert quote in said
    assert lines[0] in said
    assert lines[2][2:] in said


def test_empty_and_endless_are_refused() -> None:
    for text in (" \n", "x" * 200_001):
        with pytest.raises(UsageError):
            attack(text)


def test_on_the_command_line(tmp_path: Path) -> None:
    home = tmp_path / "home"
    path = tmp_path / "w.md"
    own = r"We found a head *with* $\hat{y}$ at 0.5152 [0.50, 0.53], see #12."
    path.write_text(own + "\n", encoding="utf-8")
    done = gadfly("redteam", str(path), "--llm", "offline", "--json", "--strict", home=home)
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout)["numbers"][0]["state"] == "untraced"
    report = gadfly("redteam", str(path), "--llm", "offline", home=home)
    assert own in report.stdout
    piped = gadfly("redteam", "-", home=home, stdin="Modest words.\n")
    assert piped.returncode == 0
    assert piped.stdout.startswith("# Red team")
    gone = gadfly("redteam", "/no/such.md", home=home)
    assert (gone.returncode, gone.stderr.count("\n")) == (2, 1)
