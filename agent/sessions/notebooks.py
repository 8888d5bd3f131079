"""Writing Jupyter notebooks (nbformat 4.5): cells, and the JSON around them. Reading them is the corpus's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from gadfly.agent.markup import document

_PYTHON = "```python\n"


def markdown(source: str) -> dict[str, Any]:
    """A cell of text."""
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code(source: str, outputs: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """A cell of Python, with what stands below it."""
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": list(outputs),
        "source": source,
    }


def from_parts(parts: Iterable[str]) -> str:
    """A file's text: Markdown, each part a cell; one that is a block of Python a cell of code."""
    return notebook(
        [
            code(part.removeprefix(_PYTHON).removesuffix("\n```"))
            if part.startswith(_PYTHON)
            else markdown(document([part]))
            for part in parts
        ]
    )


def notebook(cells: Sequence[dict[str, Any]]) -> str:
    """The file's text."""
    whole = {
        "cells": [{"id": f"c{index}", **cell} for index, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"
