"""What a terminal shows of a steering run: a few continuations, bounded, and where the rest lies."""

from __future__ import annotations

import pytest

from gadfly.agent.faces.cli.show import show_result
from gadfly.tools.contract import Result, Verdict
from gadfly.tools.steering.arguments import SteerResult


def steered(prompts: list[str], text: str) -> SteerResult:
    return SteerResult(
        headline="A headline.",
        verdict=Verdict.INCONCLUSIVE,
        why="no reason",
        direction="/runs/r1/direction.safetensors",
        generations_file="/runs/r1/generations.jsonl",
        generations=[
            {"prompt": prompt, "dose": dose, "text": text}
            for prompt in prompts
            for dose in (0.0, 0.412, -0.412)
        ],
    )


@pytest.mark.parametrize("kind", [SteerResult, Result])
def test_continuations_stand_beside_the_unsteered(
    kind: type[Result], capsys: pytest.CaptureFixture[str]
) -> None:
    """As the run shows it, and as the ledger gives it back."""
    found = steered(["Once", "There was"], " upon\na time")
    show_result(kind.model_validate(found.model_dump(mode="json")))
    shown = capsys.readouterr().out
    lines = ["  unsteered: upon a time", "  dose 0.41: upon a time", "  dose -0.41: upon a time"]
    assert "\n".join(["Once", *lines, "There was", *lines]) in shown
    assert "direction: /runs/r1/direction.safetensors\n" in shown
    assert "generations file: /runs/r1/generations.jsonl\n" in shown


def test_what_is_shown_of_them_is_bounded(capsys: pytest.CaptureFixture[str]) -> None:
    show_result(steered([f"{i} " + "long " * 400 for i in range(5)], "word " * 400))
    shown = capsys.readouterr().out
    assert shown.count("unsteered: ") == 3
    assert len(shown) < 3000


def test_a_result_without_continuations_shows_none(capsys: pytest.CaptureFixture[str]) -> None:
    show_result(Result(headline="A headline.", verdict=Verdict.INCONCLUSIVE, why="no reason"))
    assert "unsteered" not in capsys.readouterr().out
