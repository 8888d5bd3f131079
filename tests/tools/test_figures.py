"""Figures: the same data make the same files; nothing is loaded, obeyed or left behind; numbers on hover."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from gadfly.tools import figures  # noqa: E402

HOSTILE = "<script>alert(1)</script> $x^ \u202e \x1b[31m"
CURVES = figures.Chart(
    HOSTILE,
    "layer",
    "effect",
    [
        figures.Line(
            "own", range(3), np.array([0.1, 0.2, 0.3]), np.array([[0, 1], [0, 1], [0, 2]])
        ),
        figures.Line(HOSTILE, [1], [0.5], [(0.2, 0.9)]),
    ],
    [figures.Level("chance", 0.5)],
    marked=1,
)
MAP = figures.HeatMap(
    title=HOSTILE,
    about=HOSTILE,
    panels=[
        figures.Panel("read", np.array([[0.9, 0.0], [np.nan, -2.0]]), [["a", HOSTILE], ["", "d"]]),
        figures.Panel("number", np.array([[0.9, -0.001], [np.nan, -2.0]])),
    ],
    rows=["0", "1"],
    columns=["x", HOSTILE],
    row_label="layer",
    column_label="token",
    unit="share",
    diverging=True,
    numbers=True,
)


class Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.hovers: list[str] = []
        self.styles: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        about = dict(attrs)
        if tag == "td":
            self.hovers.append(about["title"] or "")
            self.styles[about["title"] or ""] = about["style"] or ""

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] == ["title"] and self.tags[-2:-1] == ["g"]:
            self.hovers.append(data)
            self.tags.append("")


@pytest.mark.parametrize("chart", [CURVES, MAP], ids=["curves", "map"])
def test_a_page_stands_alone_and_what_others_wrote_is_text(
    tmp_path: Path, chart: figures.Chart | figures.HeatMap
) -> None:
    before = matplotlib.rcParams.copy()
    figure = figures.draw(tmp_path, "a", chart)
    assert Path(figure.png or "").read_bytes().startswith(b"\x89PNG")
    page = Path(figure.html or "").read_text("utf-8")
    assert "script" not in Reader(page).tags
    assert "&lt;script&gt;alert(1)" in page
    assert "\u202e" not in page and "\x1b" not in page
    assert "://" not in page and "prefers-color-scheme: dark" in page
    assert matplotlib.rcParams.copy() == before and "matplotlib.pyplot" not in sys.modules
    again = figures.draw(tmp_path, "b", chart)
    for one, other in ((figure.png, again.png), (figure.html, again.html)):
        assert Path(one or "").read_bytes() == Path(other or "").read_bytes()


def test_a_point_shows_its_numbers() -> None:
    drawn = figures.svg(CURVES)
    assert ">effect</text>" in drawn  # text, not outlines
    assert "var(--fg)" in drawn and "#222222" not in drawn
    assert Reader(drawn).hovers[:3] == [
        "own, layer 0: 0.1000 [0.000, 1.000]",
        "own, layer 1: 0.2000 [0.000, 1.000]",
        "own, layer 2: 0.3000 [0.000, 2.000]",
    ]


def test_a_cell_shows_its_number_and_its_colour(tmp_path: Path) -> None:
    page = Path(figures.draw(tmp_path, "a", MAP).html or "").read_text("utf-8")
    styles = Reader(page).styles
    assert styles["layer 1, token x: nan"] == "background:#f7f7f7;color:#222222"
    assert styles["layer 0, token x: 0.9"].endswith("color:#ffffff")  # dark behind it
    assert styles["layer 0, token x: 0.9 (a)"] == styles["layer 0, token x: 0.9"]
    lowest = next(style for told, style in styles.items() if told.endswith(": -2"))
    assert lowest == "background:#2166ac;color:#ffffff"
    assert ">0.00</td>" in page and ">-0.00" not in page
    assert page.index(">1</th>") < page.index(">0</th>")  # layers rise


@pytest.mark.filterwarnings("error")
def test_signs_that_no_font_has_bring_no_warning(tmp_path: Path) -> None:
    chart = figures.Chart("東京 กรุงเทพ", "層", "y", [figures.Line("한국어 🦊", [0, 1], [0.1, 0.2])])
    figure = figures.draw(tmp_path, "a", chart)
    assert "한국어" in Path(figure.html or "").read_text("utf-8")


def test_what_nobody_looks_at_is_not_drawn(tmp_path: Path) -> None:
    with figures.unseen():
        assert figures.draw(tmp_path, "unseen", CURVES).png.endswith("unseen.png")
    assert not list(tmp_path.iterdir())
    figures.draw(tmp_path, "seen", CURVES)
    assert len(list(tmp_path.iterdir())) == 2
