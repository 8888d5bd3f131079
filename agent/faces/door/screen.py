"""A rich console for text of anybody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, cast

from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from gadfly.agent.markup.reader import tokens
from gadfly.agent.markup.words import BREAK
from gadfly.visible import escapes, name, visible

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, RenderableType
    from rich.markdown import Markdown
    from rich.table import Table


def markdown(page: str) -> Markdown:
    """A page that ``agent.markup`` wrote, laid out."""
    from rich.markdown import Markdown

    return Markdown(visible(page.replace(BREAK, "")), hyperlinks=False)


def prose(text: str) -> Markdown:
    """Text of a model laid out; its tags, links, images and references are words."""
    from rich.markdown import Markdown

    shown = Markdown("", hyperlinks=False)
    shown.parsed = tokens(visible(text))
    return shown


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, whole: bool = False, **how: Any
) -> Table:
    """A table as all of ours look, with a line to a cell. The first column is what one copies: it is never cut, and not
    broken either with ``whole``, where its names are short."""
    from rich.table import Column, Table

    head, *rest = map(name, columns)
    shown = Table(Column(head, no_wrap=whole, overflow="fold"), *rest, box=None, **how)
    for cells in rows:
        shown.add_row(*map(name, cells))
    return shown


class Screen(Console):
    """A console for text of anybody. What is printed is text, never markup; lengths count what is seen."""

    def __init__(self, **how: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **how)

    @property
    def file(self) -> IO[str]:
        stream = super().file
        return cast(IO[str], getattr(stream, "own", stream))

    @file.setter
    def file(self, new: IO[str]) -> None:
        self._file = new

    def render_str(self, text: str, **how: Any) -> Text:
        return super().render_str(visible(text), **{**how, "markup": False, "emoji": False})

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        return super().render(
            _seen(renderable) if isinstance(renderable, Text) else renderable, options
        )

    def draw(self, sequence: str) -> None:
        """A picture: an escape sequence that ``chat.figures`` made of a file's bytes."""
        self.file.write(sequence + "\n")
        self.file.flush()

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        return super()._render_buffer(map(_harmless, buffer))


def _harmless(segment: Segment) -> Segment:
    """The last look, at what is written: our own control codes pass, and links to files that we made."""
    text, style, control = segment
    if control:
        return segment
    if style is not None and style.link and not style.link.startswith("file:///"):
        style = style.update_link(None)
    return Segment(visible(text), style)


def _seen(text: Text) -> Text:
    """The same text with escapes for what cannot be seen, its styles in their places."""
    if visible(text.plain) == text.plain:
        return text
    return text.blank_copy().append_text(Text("").join(_pieces(text)))


def _pieces(text: Text) -> Iterator[Text]:
    at = 0
    for index, shown in escapes(text.plain):
        yield text[at:index]
        yield Text(shown)
        at = index + 1
    yield text[at:]
