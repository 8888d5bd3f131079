"""Text with slots, in files that end in ``.j2``: the HTML pages of the project, and its stand-alone scripts.

A page extends ``page.html.j2``, which lies beside this module. In a page every value is text: it is escaped, and what
a reader would not see becomes an escape. In a script a value stands as it is, as Python by the filter ``repr``, or as
JSON in a Python string, an item a line, by ``literal``. A slot without a value is an error. Leaves out Markdown
(``agent/markup``) and prompts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gadfly.visible import visible

if TYPE_CHECKING:
    from jinja2 import Environment

_SHARED = Path(__file__).resolve().parent


def html(template: Path, **values: Any) -> str:
    """The page that a template makes of values. Markup of our own is passed as ``markupsafe.Markup``."""
    return _environment(template.parent, escape=True).get_template(template.name).render(values)


def text(template: Path, **values: Any) -> str:
    """The text that a template makes of values, nothing escaped."""
    return _environment(template.parent, escape=False).get_template(template.name).render(values)


@lru_cache(maxsize=32)
def _environment(folder: Path, *, escape: bool) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader([folder, _SHARED]),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_seen if escape else None,
    )
    made.filters |= {"repr": repr, "literal": _literal, "json": _indented}
    return made


def _indented(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)


def _literal(items: Sequence[Any]) -> str:
    """Items as JSON in a Python string, one on a line."""
    listed = "[\n" + ",\n".join(json.dumps(item) for item in items) + "\n]"
    # JSON escapes line breaks and double quotes with backslashes, which a Python string would take for its own.
    return '"""' + listed.replace("\\", "\\\\").replace('"""', '\\"\\"\\"') + '"""'


def _seen(value: Any) -> Any:
    return visible(value) if type(value) is str else value
