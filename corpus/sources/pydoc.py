"""Turn a Python module's source into a Markdown page: docstrings, signatures, short bodies.

Reads with ``ast`` and never imports what it reads: importing nnterp costs 16 seconds, and code that
is only to be read has no business running. Leaves out private names and which modules are worth
reading (``installed``).
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Collection, Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef
_SPECIAL = {"__init__", "__call__", "__enter__", "__exit__", "__getattr__", "__getitem__"}


def page(module: str, source: str, *, names: Collection[str] = (), body_lines: int = 0) -> str:
    """The Markdown page of one module, or an empty text if nothing in it is documented.

    Args:
        names: top-level names to keep; empty keeps every public one.
        body_lines: show the code of functions of at most this many lines, and of every ``forward``
            up to four times that; 0 shows signatures only.
    """
    tree = ast.parse(source)
    parts = [f"# {module}"]
    doc = ast.get_docstring(tree)
    if doc and not names:
        parts.append(doc)
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and _wanted(node.name, names):
            parts += _class(node, source, body_lines)
        elif isinstance(node, Function) and _wanted(node.name, names):
            parts += _function(node, "", source, body_lines, level=2)
    return "\n\n".join(parts) + "\n" if len(parts) > 1 else ""


def _wanted(name: str, names: Collection[str]) -> bool:
    return name in names if names else not name.startswith("_")


def _class(node: ast.ClassDef, source: str, body_lines: int) -> Iterator[str]:
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    yield f"## class {node.name}" + (f"({bases})" if bases else "")
    doc = ast.get_docstring(node)
    if doc:
        yield doc
    fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
    if fields:
        yield _code("\n".join(ast.unparse(field) for field in fields))
    bare: list[str] = []
    for each in node.body:
        if not isinstance(each, Function) or (
            each.name.startswith("_") and each.name not in _SPECIAL
        ):
            continue
        if ast.get_docstring(each) or _shown(each, body_lines):
            yield from _function(each, f"{node.name}.", source, body_lines, level=3)
        else:
            bare.append(signature(each))
    if bare:
        yield _code("\n".join(bare))


def _function(
    node: Function, owner: str, source: str, body_lines: int, level: int
) -> Iterator[str]:
    yield f"{'#' * level} {owner}{node.name}"
    doc = ast.get_docstring(node)
    if not _shown(node, body_lines):
        yield _code(signature(node))
        if doc:
            yield doc
        return
    if doc:
        yield doc
    yield _code(_without_docstring(node, source))


def signature(node: Function) -> str:
    """``def name(arguments) -> type`` with its decorators that change how it is called."""
    marks = [ast.unparse(each) for each in node.decorator_list]
    lines = [f"@{mark}" for mark in marks if mark in ("property", "classmethod", "staticmethod")]
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    whole = f"{word} {node.name}({ast.unparse(node.args)}){returns}"
    if len(whole) > 100 and node.args.args:
        whole = (
            f"{word} {node.name}(\n    " + ",\n    ".join(_arguments(node.args)) + f"\n){returns}"
        )
    return "\n".join([*lines, whole])


def _arguments(args: ast.arguments) -> Iterator[str]:
    positional = [*args.posonlyargs, *args.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(args.defaults)) + list(
        args.defaults
    )
    for arg, default in zip(positional, defaults, strict=True):
        yield _argument(arg, default)
    if args.vararg:
        yield "*" + _argument(args.vararg, None)
    elif args.kwonlyargs:
        yield "*"
    for arg, keyword_default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        yield _argument(arg, keyword_default)
    if args.kwarg:
        yield "**" + _argument(args.kwarg, None)


def _argument(arg: ast.arg, default: ast.expr | None) -> str:
    text = arg.arg + (f": {ast.unparse(arg.annotation)}" if arg.annotation else "")
    if default is not None:
        text += (" = " if arg.annotation else "=") + ast.unparse(default)
    return text


def _shown(node: Function, body_lines: int) -> bool:
    length = (node.end_lineno or node.lineno) - node.lineno
    doc = ast.get_docstring(node, clean=False)
    length -= doc.count("\n") + 1 if doc else 0
    return (
        length <= (4 * body_lines if node.name == "forward" else body_lines)
        if body_lines
        else False
    )


def _without_docstring(node: Function, source: str) -> str:
    lines = source.splitlines()[node.lineno - 1 : node.end_lineno]
    if ast.get_docstring(node) and len(node.body) > 1:
        first = node.body[0]
        begin, end = first.lineno - node.lineno, (first.end_lineno or first.lineno) - node.lineno
        lines = lines[:begin] + lines[end + 1 :]
    marks = [f"@{ast.unparse(each)}" for each in node.decorator_list]
    return "\n".join([*marks, *inspect.cleandoc("\n" + "\n".join(lines)).splitlines()])


def _code(text: str) -> str:
    return f"```python\n{text}\n```"
