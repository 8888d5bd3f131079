"""The command line of a script: its options are the parameters of its ``measure``, described once, in the docstring."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Collection, Sequence
from inspect import cleandoc, getmodule, signature
from types import NoneType
from typing import Any, NoReturn, get_args, get_origin, get_type_hints

from gadfly.errors import GadflyError, UsageError
from gadfly.evals.kit.place import write

_HELP = re.compile(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", re.MULTILINE)


def script(
    measure: Callable[..., dict[str, Any]],
    table: Callable[[dict[str, Any]], str] | None = None,
    *,
    result: str | Callable[[dict[str, Any]], str] = "",
    parts: Collection[str] = (),
    failed: Callable[[dict[str, Any]], bool] = lambda _: False,
) -> NoReturn:
    """Measure with the options of the command line, keep and print what was found, and exit.

    Args:
        measure: every parameter is an option: ``bool`` is a switch, ``tuple`` takes several values with commas.
        table: what was found, as text; by default each name with its value.
        result: the name of the result file, perhaps by the options; without one nothing is kept.
        parts: options with which only a part is measured; then nothing is kept either.
        failed: whether what was found is bad news, so that the status is 1.
    """

    def main() -> int:
        parser = _parser(measure)
        if result:
            parser.add_argument("--no-write", action="store_true", help="leave evals/results alone")
        given = vars(parser.parse_args())
        as_json, kept = given.pop("json"), result and not given.pop("no_write")
        # Several values have no default of argparse's own: it would add to it.
        given = {name: value for name, value in given.items() if value is not None}
        found = measure(**given)
        if kept and not any(given.get(name) for name in parts):
            name = result if isinstance(result, str) else result(given)
            path = write(name, found, device=given.get("device"))
            print(f"written to {path}", file=sys.stderr)
        print(json.dumps(found, indent=1) if as_json else (table or plain)(found))
        return int(failed(found))

    sys.exit(told(main))


def told(main: Callable[[], int]) -> int:
    """A script's exit status: its own, 2 after an error told in one line, 130 after Ctrl-C."""
    try:
        return main()
    except GadflyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; no result was written", file=sys.stderr)
        return 130


def plain(found: dict[str, Any], indent: str = "") -> str:
    """Each name with its value on a line; what is in parts, indented below its name."""
    lines = []
    for name, value in found.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}", plain(value, indent + "  ")]
        else:
            lines.append(
                f"{indent}{name:24} {f'{value:.4g}' if isinstance(value, float) else value}"
            )
    return "\n".join(lines)


def known(names: Sequence[str], among: Collection[str], what: str) -> list[str]:
    """The names; all there are where none is given.

    Raises:
        UsageError: one of them is not there.
    """
    for name in names:
        if name not in among:
            raise UsageError(f"no {what} {name!r}; there are: {', '.join(among)}")
    return list(names or among)


def _parser(measure: Callable[..., Any]) -> argparse.ArgumentParser:
    """A parameter called ``folder`` goes without its name; all others are options."""
    module = getmodule(measure)
    parser = argparse.ArgumentParser(description=((module and module.__doc__) or "").split("\n")[0])
    about = cleandoc(measure.__doc__ or "").partition("Args:\n")[2].partition("\n\n")[0]
    texts = {name: " ".join(text.split()) for name, text in _HELP.findall(about)}
    kinds = get_type_hints(measure)
    for name, each in signature(measure).parameters.items():
        flag = {"folder": name}.get(name, f"--{name.replace('_', '-')}")
        how = _option(kinds[name], each.default) | ({"nargs": "?"} if flag == "folder" else {})
        parser.add_argument(flag, help=texts.get(name, "").replace("%", "%%"), **how)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


def _option(kind: Any, default: Any) -> dict[str, Any]:
    """What argparse is told of a parameter's type."""
    if kind is bool:
        switch: Any = argparse.BooleanOptionalAction if default else "store_true"
        return {"action": switch, "default": default}
    (inner, *_) = [each for each in get_args(kind) if each is not NoneType] or [kind]
    if get_origin(kind) is tuple:
        return {"action": "extend", "type": _several(inner), "metavar": "A,B"}
    return {"type": inner, "default": default}


def _several(kind: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    def read(text: str) -> list[Any]:
        try:
            return [kind(each) for each in text.split(",")]
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no list such as 1,3,10") from None

    return read
