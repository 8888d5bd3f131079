"""A sub-command for every declared tool, made from its argument model: no second description.

A scalar becomes an option, a choice lists its values, a list is comma-separated (or JSON, for texts
that hold commas), anything deeper is JSON.
"""

from __future__ import annotations

import json
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from gadfly.agent.faces.cli.console import as_json, bars
from gadfly.agent.faces.cli.show import show_plain, show_result
from gadfly.errors import ToolInputError
from gadfly.tools.contract import Result, Tool
from gadfly.tools.runner import execute


def command_for(tool: Tool[Any, Any]) -> click.Command:
    """The click command of one tool."""
    fields = tool.args.model_fields

    def callback(as_json_: bool, **given: Any) -> None:
        arguments = {
            name: _parse(name, fields[name], value)
            for name, value in given.items()
            if value is not None
        }
        progress = bars()
        try:
            result = execute(tool, arguments, progress=progress)
        finally:
            progress.finish()
        if as_json_:
            as_json(result)
        elif isinstance(result, Result):
            show_result(result)
        else:
            show_plain(result)

    options: list[click.Parameter] = [_option(name, field) for name, field in fields.items()]
    options.append(
        click.Option(["--json", "as_json_"], is_flag=True, help="One JSON object on stdout.")
    )
    examples = "\n".join(f"  gadfly {tool.name} {line}" for line in tool.examples)
    return click.Command(
        tool.name,
        callback=callback,
        params=options,
        help=f"{tool.description}\n\nCost: {tool.cost}.",
        epilog=f"\b\nExamples:\n{examples}" if examples else None,
    )


def _option(name: str, field: FieldInfo) -> click.Option:
    flag = "--" + name.replace("_", "-")
    kind = _bare(field.annotation)
    text = field.description or ""
    if not field.is_required() and field.default not in (None, "", []) and kind is not bool:
        text += f"  [default: {field.default}]"
    if kind is bool:
        return click.Option([f"{flag}/--no-{flag[2:]}", name], default=None, help=text)
    if get_origin(kind) is Literal:
        return click.Option([flag, name], type=click.Choice(get_args(kind)), help=text)
    if kind in (int, float):
        return click.Option([flag, name], type=kind, help=text)
    metavar = None if kind is str else "A,B,..." if _is_flat_list(kind) else "JSON"
    return click.Option([flag, name], type=str, help=text, metavar=metavar)


def _parse(name: str, field: FieldInfo, value: Any) -> Any:
    kind = _bare(field.annotation)
    if not isinstance(value, str) or kind is str or get_origin(kind) is Literal:
        return value
    if _is_flat_list(kind) and not value.lstrip().startswith("["):
        return [part.strip() for part in value.split(",") if part.strip()]
    try:
        return json.loads(value)
    except ValueError as error:
        raise ToolInputError(f"--{name.replace('_', '-')} is not valid JSON: {error}") from error


def _bare(annotation: Any) -> Any:
    """``X | None`` is X, and so is an X that says what it names."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not types.NoneType]
        return _bare(members[0]) if len(members) == 1 else annotation
    return annotation


def _is_flat_list(kind: Any) -> bool:
    return get_origin(kind) is list and _bare(get_args(kind)[0]) in (str, int, float)
