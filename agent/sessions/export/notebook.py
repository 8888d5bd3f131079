"""A session as a Jupyter notebook (nbformat 4.5): each experiment is a cell that runs it again and says what moved.

The recorded output stands below each cell until it is run, so that the notebook reads without running anything.
"""

from __future__ import annotations

import base64
from pathlib import Path
from textwrap import fill
from typing import Any

from gadfly import __version__
from gadfly.agent.markup import document, plain
from gadfly.agent.sessions.export.pages import about, chapter, run
from gadfly.agent.sessions.export.transcript import Exhibit, Transcript
from gadfly.agent.sessions.notebooks import code, markdown, notebook

_MOST_BYTES = 2_000_000  # of one figure inside the notebook

_SETUP = '''\
from IPython.display import Image, display

from gadfly.tools import Ledger
from gadfly.tools.registry import by_name


def again(tool, recorded, /, **arguments):
    """Run an experiment (it is recorded in your ledger too) and print what moved since the session."""
    result = by_name(tool)(**arguments)
    print(result.headline)
    print(f"{result.verdict}: {result.why}")
    for name, before in recorded.items():
        now = result.values.get(name, float("nan"))
        if not abs(now - before) <= 1e-4 * max(1.0, abs(before)) and (now == now or before == before):
            print(f"moved: {name} {before:.6g} → {now:.6g}")
    for figure in result.figures:
        if figure.png:
            display(Image(filename=Ledger().artifacts(result.run) / figure.png))
    return result'''


def render(transcript: Transcript, path: Path) -> str:
    """The notebook's JSON. ``path`` is not looked at: figures lie inside."""
    head = [
        f"# {plain(transcript.title)}",
        about(transcript),
        "To run the cells: "
        f"`pip install 'gadfly-interp[interp]=={__version__}'`. Below each stands what the session recorded. "
        "`print(result.reproduce)` shows an experiment in plain nnterp and PyTorch.",
    ]
    cells = [markdown(document(head))]
    if any(turn.exhibits for turn in transcript.turns):
        cells.append(code(_SETUP))
    for number, turn in enumerate(transcript.turns, 1):
        cells.append(markdown(document(chapter(number, turn))))
        for exhibit in turn.exhibits:
            shown = markdown(document(run(exhibit, whole=False)))
            cells += [shown, code(_source(exhibit), _outputs(exhibit))]
    return notebook(cells)


def _source(exhibit: Exhibit) -> str:
    """Every argument that was given or had a default: defaults may change, and the experiment must not."""
    run = exhibit.run
    assert run.result is not None
    given = {name: value for name, value in run.arguments.items() if value is not None}
    arguments = "".join(f"    {name}={value!r},\n" for name, value in given.items())
    recorded = {name: _number(value) for name, value in run.result.values.items()}
    inside = fill(
        ", ".join(f"{name!r}: {value}" for name, value in recorded.items()),
        width=88,
        initial_indent="    ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"recorded = {{\n{inside}\n}}\nresult = again(\n    {run.tool!r},\n    recorded,\n{arguments})"


def _number(value: float) -> str:
    """As Python reads it: repr writes nan and inf as bare names."""
    return repr(value) if abs(value) < float("inf") else f"float({str(value)!r})"


def _outputs(exhibit: Exhibit) -> list[dict[str, Any]]:
    result = exhibit.run.result
    assert result is not None
    said = f"{result.headline}\n{result.verdict}: {result.why}\n"
    outputs: list[dict[str, Any]] = [{"output_type": "stream", "name": "stdout", "text": said}]
    for title, path in exhibit.figures:
        data = path.read_bytes()
        if len(data) <= _MOST_BYTES:
            image = {"image/png": base64.b64encode(data).decode(), "text/plain": title}
            outputs.append({"output_type": "display_data", "data": image, "metadata": {}})
    return outputs
