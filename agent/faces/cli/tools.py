"""Options and commands made from declarations: no second description.

A scalar becomes an option, and a choice lists its values. A list takes one member an option, given several times, or a
JSON list: no text is altered. Numbers, choices and identifiers may be separated by commas. Anything deeper is JSON.
"""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Callable, Collection, Mapping
from functools import wraps
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from gadfly.agent.faces.cli.console import as_json, json_option, progressing
from gadfly.agent.faces.cli.show import show_plain, show_result
from gadfly.errors import ToolInputError
from gadfly.tools.base import Commas
from gadfly.tools.contract import Result, Tool
from gadfly.tools.runner import execute

Callback = Callable[..., Any]


def command_for(tool: Tool[Any, Any]) -> click.Command:
    """The click command of one tool."""

    @declared(tool)
    @json_option
    def callback(arguments: dict[str, Any], as_json_: bool) -> None:
        with progressing() as progress:
            result = execute(tool, arguments, progress=progress)
        if as_json_:
            as_json(result)
        elif isinstance(result, Result):
            show_result(result)
        else:
            show_plain(result)

    examples = "\n".join(f"  gadfly {tool.name} {line}" for line in tool.examples)
    return click.command(
        tool.name,
        help=f"{tool.description}\n\nCost: {tool.cost}.",
        epilog=f"\b\nExamples:\n{examples}" if examples else None,
    )(callback)


def declared(
    tool: Tool[Any, Any],
    *,
    flags: Mapping[str, str] | None = None,
    only: Collection[str] = (),
    leave_out: Collection[str] = (),
    kept: bool = False,
) -> Callable[[Callback], Callback]:
    """The arguments of a tool or job as options of a command, whose function gets what was given as ``arguments``.

    Args:
        flags: names that the command line has for arguments.
        only: these arguments alone.
        leave_out: arguments that the command takes in another way.
        kept: an argument that is not given stays as it was, so no default is shown.
    """
    fields = {
        name: field
        for name, field in tool.args.model_fields.items()
        if name not in leave_out and (not only or name in only)
    }
    # Names that arguments once had: taken as they are, and shown nowhere.
    old = [name for group in getattr(tool.args, "OLD", ()) for name in group]
    flag = {name: "--" + name.replace("_", "-") for name in [*fields, *old]} | dict(flags or {})

    def decorate(function: Callback) -> Callback:
        @wraps(function)
        def callback(**given: Any) -> Any:
            told = {name: given.pop(name) for name in [*fields, *old]}
            arguments = {
                name: _parse(flag[name], fields[name], value) if name in fields else _old(value)
                for name, value in told.items()
                if value not in (None, ())
            }
            return function(arguments=arguments, **given)

        options = [_option(name, field, flag[name], kept) for name, field in fields.items()]
        options += [click.Option([flag[name], name], hidden=True, multiple=True) for name in old]
        beside = getattr(function, "__click_params__", [])
        callback.__click_params__ = [*beside, *reversed(options)]  # type: ignore[attr-defined]
        callback.__doc__ = function.__doc__ or inspect.getdoc(tool.function)
        return callback

    return decorate


class _Choice(click.Choice[Any]):
    """Lists and completes its values. Whether one fits the declaration says, in one line as for every argument."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        return value


class Once(click.Option):
    """One value. A second one would take the place of the first without a word."""

    def __init__(self, names: list[str], **more: Any) -> None:
        super().__init__(names, multiple=True, **more)

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        given = super().process_value(ctx, value) or ()
        if len(given) > 1:
            raise click.UsageError(
                f"{self.opts[0]} takes one value and was given {len(given)}", ctx
            )
        return given[0] if given else None


def _option(name: str, field: FieldInfo, flag: str, kept: bool) -> click.Option:
    kind = _bare(field.annotation)
    text = field.description or ""
    if not (kept or field.is_required() or field.default in (None, "", [])) and kind is not bool:
        text += f"  [default: {field.default}]"
    if name == "llm" and not kept:
        text += "  [default: by the keys set]"
    if kind is bool:
        both = flag if "/" in flag else f"{flag}/--no-{flag[2:]}"
        return click.Option([both, name], default=None, help=text)
    if get_origin(kind) is Literal:
        return Once([flag, name], type=_Choice(get_args(kind)), help=text)
    if kind in (int, float):
        return Once([flag, name], type=kind, help=text)
    if _is_flat_list(kind):
        values = get_args(_bare(get_args(kind)[0]))
        listed = f"[{'|'.join(values)}],..." if values else "A,B,..."
        if not _with_commas(kind):
            listed, text = "TEXT", f"{text}  [repeat {flag} for each]"
        return click.Option([flag, name], multiple=True, help=text, metavar=listed)
    metavar = None if _is_text(kind) else "JSON"
    return Once([flag, name], type=str, help=text, metavar=metavar)


def _parse(flag: str, field: FieldInfo, value: Any) -> Any:
    kind = _bare(field.annotation)
    if isinstance(value, tuple):
        commas = _with_commas(kind)
        return [part for each in value for part in _parts(flag, each, commas)]
    if not isinstance(value, str) or _is_text(kind) or get_origin(kind) is Literal:
        return value
    return _json(flag, value)


def _old(value: tuple[str, ...]) -> str | list[str]:
    """Of an argument under an old name: one text, which its declaration reads, or several."""
    return value[0] if len(value) == 1 else list(value)


def _parts(flag: str, value: str, commas: bool) -> list[Any]:
    """What one option of a list gives: a JSON list, a list with commas, or one text as it stands."""
    if commas and not value.lstrip().startswith("["):
        return [part.strip() for part in value.split(",") if part.strip()]
    if commas:
        found: list[Any] = _json(flag, value)
        return found
    try:
        texts = json.loads(value)
    except ValueError:
        return [value]  # such as "[INST] hello"
    listed = isinstance(texts, list) and texts and all(isinstance(each, str) for each in texts)
    return texts if listed else [value]


def _with_commas(kind: Any) -> bool:
    """Whether the members of a flat list are numbers, choices or identifiers, which hold no comma."""
    inner = get_args(kind)[0]
    return _bare(inner) is not str or Commas in get_args(inner)


def _json(flag: str, value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError as error:
        raise ToolInputError(f"{flag} is not valid JSON: {error}") from error


def _bare(annotation: Any) -> Any:
    """``X | None`` is X, and so is an X that says what it names."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not types.NoneType]
        return _bare(members[0]) if len(members) == 1 else annotation
    return annotation


def _is_text(kind: Any) -> bool:
    """Whether the text is taken as it stands; the declaration reads it."""
    return kind in (str, Any) or (
        get_origin(kind) in (Union, types.UnionType) and str in get_args(kind)
    )


def _is_flat_list(kind: Any) -> bool:
    inner = _bare(get_args(kind)[0]) if get_origin(kind) is list else None
    return inner in (str, int, float) or get_origin(inner) is Literal
