"""Plain Python: the module's docstring, its classes and functions under headings, the code in fences.

Cut by line numbers, so every line of the file is shown once: a docstring as prose under its heading,
everything else as code. Reads with ``ast`` and never runs anything. Leaves out call graphs and types.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence

from gadfly.corpus.readers.fences import close, fence
from gadfly.corpus.readers.page import Page

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_MAGIC = re.compile(
    r"^([ \t]*)[%!?](?=[\w%!({])[^\n]*(?:(?<=\\)\n[^\n]*)*$|^([ \t]*)[\w.]+\?{1,2}[ \t]*$",
    re.MULTILINE,
)
_UNDERLINE = re.compile(r"^[ \t]*([=\-~^])\1{2,}[ \t]*$")
_LARGE = 60  # lines from which a class is shown method by method


def read(text: str, name: str) -> Page:
    """The page of one module. Code that does not parse is shown whole, with a notice."""
    title = name.rsplit("/", 1)[-1]
    fields = {"kind": "code", "title": title}
    try:
        tree = parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f"line {error.lineno}: " if isinstance(error, SyntaxError) else ""
        reason = error.msg if isinstance(error, SyntaxError) else str(error) or type(error).__name__
        notice = f"{name} does not parse as Python ({line}{reason}); it is read as plain text"
        return Page(f"# {title}\n\n{fence(text)}", fields, notices=(notice,))
    lines = text.split("\n")
    parts = [f"# {title}", *_body(tree.body, lines, 1, len(lines), level=2, owner="")]
    removed = "r" * _raw_docstrings(tree, lines)
    return Page("\n\n".join(filter(None, parts)), fields, removed=" ".join(removed))


def parse(text: str) -> ast.Module:
    """``ast.parse`` that takes IPython's magics for statements that do nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SyntaxWarnings of invalid escapes are not ours to show
        try:
            return ast.parse(text)
        except SyntaxError:
            plain = _MAGIC.sub(_nothing, text)
            if plain == text:
                raise
            return ast.parse(plain)


def _nothing(magic: re.Match[str]) -> str:
    """A statement that does nothing, over as many lines."""
    return (magic[1] or magic[2] or "") + "pass" + "\n" * magic[0].count("\n")


def _body(
    nodes: Sequence[ast.stmt], lines: list[str], first: int, last: int, *, level: int, owner: str
) -> Iterator[str]:
    """Lines ``first`` to ``last`` (from one, inclusive), whose statements are ``nodes``."""
    at = first
    plain: list[str] = []
    for index, node in enumerate(nodes):
        begin, end = _begin(node), node.end_lineno or node.lineno
        shares = index + 1 < len(nodes) and _begin(nodes[index + 1]) <= end  # a; b on one line
        if index == 0 and _is_docstring(node) and not shares:
            plain += lines[at - 1 : begin - 1]
            yield _code(plain)
            plain = []
            yield _prose(lines, node)
            at = end + 1
        elif isinstance(node, (ast.ClassDef, *_FUNCTIONS)) and not shares and begin >= at:
            begin = _with_comments(lines, at, begin)
            plain += lines[at - 1 : begin - 1]
            yield _code(plain)
            plain = []
            yield from _definition(node, lines, begin, level, owner)
            at = end + 1
        elif end >= at:
            plain += lines[at - 1 : end]
            at = end + 1
    plain += lines[at - 1 : last]
    yield _code(plain)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _definition(
    node: ast.ClassDef | _Function, lines: list[str], begin: int, level: int, owner: str
) -> Iterator[str]:
    end = node.end_lineno or node.lineno
    named = f"{owner}{node.name}"
    marks = "#" * min(level, 6)
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        yield f"{marks} class {named}" + (f"({bases})" if bases else "")
        if end - begin >= _LARGE and node.body[0].lineno > node.lineno:
            first = _begin(node.body[0])
            yield _code(lines[begin - 1 : first - 1])
            yield from _body(node.body, lines, first, end, level=level + 1, owner=f"{named}.")
            return
    else:
        yield f"{marks} {named}"
    doc = node.body[0]
    # A docstring on the line of ``def``, or of the next statement, stays inside the code.
    alone = len(node.body) == 1 or _begin(node.body[1]) > (doc.end_lineno or doc.lineno)
    if _is_docstring(doc) and doc.lineno > node.lineno and alone and _starts_line(lines, doc):
        yield _prose(lines, doc)
        yield _code(lines[begin - 1 : doc.lineno - 1] + lines[doc.end_lineno or doc.lineno : end])
    else:
        yield _code(lines[begin - 1 : end])


def _code(lines: list[str]) -> str:
    return fence(textwrap.dedent("\n".join(lines)))


def _prose(lines: list[str], node: ast.stmt) -> str:
    """A docstring as the file has it, without its quotes, and with nothing in it that reads as a heading."""
    source = "\n".join(lines[node.lineno - 1 : node.end_lineno]).strip()
    found = re.match(r"([rRuU]?)(\"\"\"|'''|\"|')", source)
    after = source.rfind(found.group(2)) if found else -1
    if found is None or after < found.end():
        return fence(source)
    trailing = source[after + len(found.group(2)) :].strip()  # a comment behind the closing quotes
    text = inspect.cleandoc(source[found.end() : after])
    kept: list[str] = []
    for line in text.split("\n"):
        if _UNDERLINE.match(line) and kept and kept[-1].strip():
            continue  # numpydoc's underline: it would make a heading above the function's own
        # Four blanks make it code to every reader of Markdown, and change no word.
        kept.append(f"    {line}" if re.match(r" {0,3}#{1,6}[ \t]", line) else line)
    return "\n\n".join(filter(None, (close("\n".join(kept)), fence(trailing))))


def _begin(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min(node.lineno, *(int(each.lineno) for each in decorators), node.lineno)


def _with_comments(lines: list[str], first: int, begin: int) -> int:
    """The line from which on the comments right above a definition belong to it."""
    while begin > first and lines[begin - 2].lstrip().startswith("#"):
        begin -= 1
    return begin


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _starts_line(lines: list[str], node: ast.stmt) -> bool:
    return not lines[node.lineno - 1].encode()[: node.col_offset].strip()


def _raw_docstrings(tree: ast.Module, lines: list[str]) -> int:
    """How many docstrings carry an ``r`` in front, which is shown nowhere."""
    owners = [
        each for each in ast.walk(tree) if isinstance(each, (ast.Module, ast.ClassDef, *_FUNCTIONS))
    ]
    count = 0
    for owner in owners:
        if owner.body and _is_docstring(owner.body[0]):
            node = owner.body[0]
            count += lines[node.lineno - 1].encode()[node.col_offset :][:1] in (b"r", b"R")
    return count
