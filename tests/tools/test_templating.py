"""Templates: a page escapes what it is given, a script takes it as it is, and a slot without a value is an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from gadfly.tools import templating


def made(folder: Path, source: str) -> Path:
    path = folder / "a.j2"
    path.write_text(source, "utf-8")
    return path


def test_a_page_escapes_and_shows_what_hides(tmp_path: Path) -> None:
    page = made(
        tmp_path,
        '{% extends "page.html.j2" %}{% block body %}{{ said }} {{ ours }} {{ n }}{% endblock %}',
    )
    text = templating.html(page, title="A & B", said="<b> \u202e", ours=Markup("<i>x</i>"), n=0.5)
    assert "<title>A &amp; B</title>" in text
    assert "&lt;b&gt; \\u202e <i>x</i> 0.5" in text
    assert "default-src 'none'" in text


def test_a_script_is_given_python(tmp_path: Path) -> None:
    script = made(tmp_path, "x = {{ name | repr }}\ny = {{ name }}\n")
    assert templating.text(script, name="a<b'") == "x = \"a<b'\"\ny = a<b'\n"


@pytest.mark.parametrize("render", [templating.html, templating.text])
def test_a_slot_without_a_value_is_an_error(render: object, tmp_path: Path) -> None:
    with pytest.raises(UndefinedError, match="missing"):
        render(made(tmp_path, "{{ missing }}"))  # type: ignore[operator]
