"""What commands share: progress on stderr, results on stdout or in a file, JSON where asked for, texts to read."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gadfly import files, leaving
from gadfly.agent.faces.door import say, say_json
from gadfly.corpus.progress import Progress
from gadfly.errors import UsageError
from gadfly.visible import as_json as json_text
from gadfly.visible import name

if TYPE_CHECKING:
    from pydantic import BaseModel

    from gadfly.agent.faces.door.screen import Screen

FOUND = 3  # the exit code of --strict and --fail-on where there is something; 1 and 2 are taken by errors
_LARGEST = 64_000_000  # bytes of a file
_STDIN_WAIT = 2.0  # seconds until a pipe that stays silent counts as empty


@cache
def err() -> Screen:
    """The console for everything that is not the result."""
    from gadfly.agent.faces.door.screen import Screen

    return Screen(stderr=True)


@cache
def out() -> Screen:
    """The console for results. Long lines wrap only on a terminal: a file gets them whole."""
    from gadfly.agent.faces.door.screen import Screen

    return Screen(soft_wrap=not sys.stdout.isatty())


def as_json(model: BaseModel | dict[str, Any], output: str | None = None) -> None:
    """One JSON object on stdout, or in a file."""
    found = model if isinstance(model, dict) else model.model_dump(mode="json")
    if output:
        write(output, f"{json_text(found, 2)}\n")
    else:
        say_json(found, indent=2)


def line(data: dict[str, Any]) -> None:
    """One line of a stream of events. Ends the program where nobody reads them any more."""
    say_json(data)
    leaving.heard()


json_option = click.option("--json", "as_json_", is_flag=True, help="One JSON object on stdout.")


def _target(_: click.Context, __: click.Parameter, output: str | None) -> str | None:
    """A file that cannot be written is refused before the work begins."""
    if output is None:
        return None
    path = Path(output)
    wrong = ""
    if not output.strip():
        wrong = "it names no file"
    elif path.is_dir():
        wrong = "it is a folder"
    elif not path.parent.is_dir():
        wrong = f"there is no folder {name(path.parent)}"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        wrong = "it may not be written"
    if wrong:
        raise UsageError(f"cannot write {name(output)!r}: {wrong}; name another file")
    return output


output_option = click.option(
    "-o",
    "--output",
    metavar="FILE",
    callback=_target,
    help="Write what would be printed to FILE instead.",
)


def apart(output: str | None, sources: Iterable[str]) -> None:
    """Raises UsageError if ``output`` is one of the files, or lies as code in one of the folders, that are read."""
    if output is None or not Path(output).exists():
        return
    target = Path(output)
    for source in sources:
        path = Path(source)
        same = path.exists() and target.samefile(path)
        within = path.is_dir() and target.resolve().is_relative_to(path.resolve())
        if same or (within and target.suffix in (".py", ".ipynb", ".md")):
            raise UsageError(
                f"--output {name(output)} would overwrite what is read; name another file"
            )


def read(source: str) -> str:
    """The text of a file, or of standard input for ``-``. Raises UsageError if it cannot be read, or is too big."""
    try:
        if source != "-" and (why := files.too_big(Path(source), _LARGEST)):
            raise UsageError(f"cannot read {name(source)}: {why}")
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {source}: {error.strerror or error}") from None
    return data.decode("utf-8", "replace")


def write(output: str | Path, text: str) -> None:
    """A result into a file, whole or not at all. Raises UsageError if it cannot be written."""
    try:
        files.write(Path(output), text)
    except OSError as error:
        raise UsageError(
            f"cannot write {output}: {error.strerror or error}; name another file"
        ) from None
    err().print(f"written to {name(output)}")


def show_page(page: str, output: str | None) -> None:
    """A page of Markdown: into a file, laid out on a terminal, as it is elsewhere."""
    if output:
        write(output, page)
    elif not out().is_terminal:
        say(page, end="")
    else:
        from gadfly.agent.faces.door.screen import markdown

        out().print(markdown(page))


def show_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, whole: bool = False
) -> None:
    """A table on stdout; see ``door.screen.table``."""
    from gadfly.agent.faces.door.screen import table

    out().print(table(columns, rows, whole=whole))


class Bars:
    """Progress as a bar on a terminal, as single lines elsewhere (a log, a CI job)."""

    def __init__(self) -> None:
        self._live: Any = None
        self._task: Any = None

    def start(self, label: str, total: int | None = None) -> None:
        self.finish()
        if not err().is_terminal:
            err().print(f"{name(label)} ...")
            return
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        columns = [TextColumn("{task.description}", markup=False), BarColumn(bar_width=30)]
        if total is not None:
            columns.append(MofNCompleteColumn())
        self._live = RichProgress(*columns, TimeElapsedColumn(), console=err(), transient=True)
        self._live.start()
        self._task = self._live.add_task(name(label), total=total)

    def advance(self, n: int = 1) -> None:
        if self._live is not None:
            self._live.advance(self._task, n)

    def finish(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def note(self, message: str) -> None:
        err().print(name(message), style="dim")


@contextmanager
def progressing() -> Iterator[Progress]:
    """A fresh progress display, gone at the end whatever happens."""
    bars = Bars()
    try:
        yield bars
    finally:
        bars.finish()


def piped() -> str:
    """Text on standard input, if any comes. An open pipe that nobody writes to must not hang the command."""
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return ""
    try:
        ready, _, _ = select.select([sys.stdin], [], [], _STDIN_WAIT)
    except (OSError, ValueError):  # no real file behind it, or a platform without select on files
        return ""
    return sys.stdin.read() if ready else ""
