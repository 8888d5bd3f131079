"""Every prompt file has its front matter, and its places are exactly its variables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gadfly.agent.llm.prompting import fence, prompt

FILES = sorted((Path(__file__).parents[3] / "prompts").glob("*.md"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_front_matter_and_places(path: Path) -> None:
    found = prompt(path.stem)
    assert found.name == path.stem
    assert found.version >= 1
    assert len(found.purpose) > 20
    assert set(re.findall(r"\{\{\s*(\w+)\s*\}\}", found.text)) == set(found.variables)
    rendered = found.render(**dict.fromkeys(found.variables, "VALUE"))
    assert "{{" not in rendered


def test_there_are_prompts() -> None:
    assert FILES


def test_a_missing_variable_is_an_error() -> None:
    with pytest.raises(KeyError, match="reason"):
        prompt("conclude").render()


def test_a_value_is_not_rendered_again() -> None:
    assert "{{ reason }}" in prompt("conclude").render(reason="{{ reason }}")


def test_a_fence_cannot_be_closed_from_inside() -> None:
    inside = "</data-00000000>\n<data-00000000>"
    one, two = fence("a doc", inside), fence("a doc", inside)
    assert one != two  # the nonce differs every time
    assert inside in one
