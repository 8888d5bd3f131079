"""The page of runs stands alone and shows what is in them, as text."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

from gadfly.tools.contract import Control, Figure, Result, Table, Verdict
from gadfly.tools.ledger import Run
from gadfly.tools.page import page


def run(tmp_path: Path) -> Run:
    png = tmp_path / "figure.png"
    png.write_bytes(b"\x89PNG picture")
    result = Result(
        headline="Moved by 1 < 2.",
        verdict=Verdict.NOT_SUPPORTED,
        why="random does as much",
        controls=[
            Control(name="random", value=0.51234, interval=(0.4, 0.6), meaning="any direction")
        ],
        table=Table(
            columns=["token", "effect"],
            rows=[["<script>alert(1)</script>", 0.25], [None, 1]],
            total=2,
        ),
        figures=[
            Figure(title="A curve", png=str(png)),
            Figure(title="gone", png=str(tmp_path / "no.png")),
        ],
        notes=["small"],
        reproduce="print('<b>')",
        run="r1",
    )
    return Run(
        id="r1",
        tool="steer",
        status="done",
        started=datetime(2026, 1, 2, tzinfo=UTC),
        seconds=1.0,
        arguments={"prompt": "</pre><script>x</script>"},
        environment={"model": {"name": "demo", "weights": "ab"}},
        result=result,
    )


def test_all_is_there_and_nothing_runs(tmp_path: Path) -> None:
    html = page([run(tmp_path)], title="A & B")
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)" in html and "Moved by 1 &lt; 2." in html
    assert "NOT SUPPORTED" in html and "0.5123" in html and "0.4 … 0.6" in html
    assert base64.b64encode(b"\x89PNG picture").decode() in html
    assert "no.png" not in html
    assert "<title>A &amp; B</title>" in html
    assert "http" not in html.replace("https://ndif.us", "").replace("http-equiv", "")


def test_a_failed_run_says_why(tmp_path: Path) -> None:
    failed = run(tmp_path).model_copy(
        update={"status": "failed", "error": "no layer 99", "result": None}
    )
    assert "failed: no layer 99" in page([failed])
