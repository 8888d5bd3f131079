"""Pages as Jinja templates that lie beside a module (``page.md.j2``). ``document`` judges what a line ``===`` parts.

Every value goes through a function of this folder, as a filter: a template that writes bare text is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gadfly.agent.markup.prose import phrase, prose
from gadfly.agent.markup.words import address, cell, code, document, plain, span

if TYPE_CHECKING:
    from jinja2 import Environment

_PART = "\f"  # no text of others holds it once it is written: it would be obeyed


class Written(str):
    """Text that is Markdown already."""


def page(module: str, name: str, **values: Any) -> str:
    """The page of the template ``name`` beside a module, which gives its ``__file__``."""
    return document(parts(module, name, **values))


def parts(module: str, name: str, **values: Any) -> list[str]:
    """The parts of a page, not judged."""
    return [part.strip("\n") for part in filled(module, name, **values).split(_PART)]


def filled(module: str, name: str, **values: Any) -> str:
    """As :func:`page`, in one and not judged: for a template whose own words would not pass."""
    template = _environment(Path(module).parent).get_template(f"{name}.md.j2")
    return template.render(values)


@cache
def _environment(folder: Path) -> Environment:
    from jinja2 import BaseLoader, Environment, StrictUndefined

    class Beside(BaseLoader):
        def get_source(self, environment: Environment, template: str) -> tuple[str, None, None]:
            text = (folder / template).read_text(encoding="utf-8")
            return text.replace("\n===\n", _PART), None, None

    made = Environment(
        loader=Beside(),
        undefined=StrictUndefined,
        finalize=_checked,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for write in (address, cell, code, phrase, plain, prose, span):
        made.filters[write.__name__] = _writing(write)
    made.filters["python"] = _writing(repr)
    made.filters["quotation"] = _writing(_quotation)
    return made


def _quotation(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in prose(text).split("\n"))


def _writing(write: Callable[..., str]) -> Callable[..., str]:
    return lambda *given: Written(write(*given))


def _checked(value: object) -> object:
    if isinstance(value, str) and not isinstance(value, Written):
        raise TypeError(f"a template writes {value[:40]!r} bare; give it a filter")
    return value
