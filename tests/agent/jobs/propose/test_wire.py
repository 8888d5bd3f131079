"""The same over the real wire format: a server on loopback writes, attacks and refutes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.cli import gadfly
from support.loopback import Script, serve, text

from gadfly.agent.jobs.propose.bank import templates

KEY = "sk-loopback-0123456789"


def answers(request: dict[str, Any]) -> Script:
    said = str(request["messages"][-1]["content"])
    if said.startswith("Write "):
        data = templates()[0].model_dump(mode="json", exclude={"slug"})
        own = {
            "days": 2,
            "title": "Do sonnets end earlier in {model}?",
            "question": "Is the last line of a sonnet decided sooner?",
        }
        return text("```json\n", json.dumps([{**data, **own}]), "\n```")
    if "write-up" in said:
        attacks = [
            {"quote": "the head is a poet", "because": "metaphor"},
            {"quote": "nowhere to be found here", "because": "x"},
        ]
        return text(json.dumps(attacks))
    return text(
        json.dumps({"scores": {"leak": {"score": 0, "reason": "rhymes leak"}}, "flaws": []})
    )


@pytest.mark.slow
def test_a_model_behind_a_server(ready: Path, tmp_path: Path) -> None:
    with serve(answers) as server:
        asked = {
            "GADFLY_API_BASE": server.url,
            "OPENAI_API_KEY": KEY,
            "GADFLY_LLM": "openai/scripted",
        }
        done = gadfly(
            "propose", "--topic", "sonnets", "--no-pilot", "-n", "5", "--json", home=ready, **asked
        )
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        mine = next(p for p in found["proposals"] if p["origin"] == "model")
        assert next(s for s in mine["scores"] if s["criterion"] == "leak")["score"] == 0
        path = tmp_path / "w.md"
        path.write_text("We say that the head is a poet.\n", encoding="utf-8")
        told = gadfly("redteam", str(path), "--json", home=ready, **asked)
        report = json.loads(told.stdout)
        assert [each["because"] for each in report["overclaims"]] == ["metaphor"]
        assert "1 attacks" in report["notices"][0]
    assert KEY not in done.stdout + done.stderr + told.stdout + told.stderr
