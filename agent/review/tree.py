"""One parsed module with the indexes that rules ask for: parents, scopes, names, operations.

Values are followed in ``flow``; this file only says what stands where.
"""

from __future__ import annotations

import ast
import warnings
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple, TypeVar

from gadfly.agent.review.names import CLEAN, CORRUPT, words

Node = TypeVar("Node", bound=ast.AST)
Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Scope = (
    ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef | Comprehension
)
Loop = ast.For | ast.AsyncFor | ast.While
SCOPES = (
    ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
)  # fmt: skip
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
LOOPS = (ast.For, ast.AsyncFor, ast.While)

# A call on one of these is a function of its first argument: F.softmax(x, -1) is x.softmax(-1).
LIBRARIES = {
    "torch", "numpy", "np", "F", "einops", "scipy", "sklearn", "jax", "jnp", "math", "statistics",
    "nn", "pandas", "pd", "th", "nnsight", "random",
}  # fmt: skip
_SHARED = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
Position = tuple[int, int]


class BrokenCodeError(Exception):
    """The text is not Python (or is too deep for its parser); ``line`` says where."""

    def __init__(self, why: str, line: int) -> None:
        super().__init__(why)
        self.line = line


class Op(NamedTuple):
    """A call seen as an operation on a value, whether written as a method or as a function."""

    name: str  # the last part of its name
    x: ast.expr | None
    args: list[ast.expr]
    kw: dict[str, ast.expr]
    node: ast.Call

    def arg(self, position: int, *names: str) -> ast.expr | None:
        """An argument after the operand, by keyword or by position."""
        for name in names:
            if name in self.kw:
                return self.kw[name]
        return self.args[position] if 0 <= position < len(self.args) else None


class Tree:
    """A module and its indexes; raises :class:`BrokenCodeError` where it cannot be parsed."""

    def __init__(self, text: str, path: str = "<code>") -> None:
        self.path = path
        self.text = text
        self.lines = text.split("\n")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.module = ast.parse(text)
        except SyntaxError as error:
            raise BrokenCodeError(error.msg or "invalid syntax", error.lineno or 1) from error
        except (ValueError, RecursionError, MemoryError, OverflowError) as error:
            raise BrokenCodeError(str(error) or type(error).__name__, 1) from error
        self.parents: dict[ast.AST, ast.AST] = {}
        self._by_type: dict[type[ast.AST], list[ast.AST]] = defaultdict(list)
        self._texts: dict[ast.AST, str] = {}
        self._ops: dict[ast.Call, Op] = {}
        self._ops_by_name: dict[str, list[Op]] | None = None
        self._scopes: dict[ast.AST, Scope] = {}
        self.imports: dict[str, str] = {}
        self.functions: dict[str, list[Function]] = defaultdict(list)
        self.idents: set[str] = set()
        self._walk()

    def _walk(self) -> None:
        stack: list[ast.AST] = [self.module]
        scopes = self._scopes
        order: list[ast.AST] = []
        while stack:
            node = stack.pop()
            order.append(node)
            self._by_type[type(node)].append(node)
            if isinstance(node, ast.Name):
                self.idents.add(node.id)
            elif isinstance(node, ast.Attribute):
                self.idents.add(node.attr)
            elif isinstance(node, ast.arg | ast.keyword) and node.arg:
                self.idents.add(node.arg)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                self.idents.add(node.value[:80])
            elif isinstance(node, FUNCTIONS):
                self.functions[node.name].append(node)
                self.idents.add(node.name)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node)
            scope = node if isinstance(node, SCOPES) else scopes[node]
            children = _children(node)
            for child in children:
                self.parents[child] = node
                scopes[child] = scope
            stack += reversed(children)
        # What is below a node is one run of this order: `inner` is then a slice and not a walk.
        sizes = dict.fromkeys(order, 1)
        for at in range(len(order) - 1, 0, -1):
            node = order[at]
            sizes[self.parents[node]] += sizes[node]
        for at, node in enumerate(order):
            node._run = (order, at, at + sizes[node])  # type: ignore[attr-defined]

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            self.idents.add(alias.name)
            if isinstance(node, ast.ImportFrom):
                self.imports[alias.asname or alias.name] = f"{node.module or ''}.{alias.name}"
            else:
                name = alias.asname or alias.name.split(".")[0]
                self.imports[name] = alias.name if alias.asname else name

    def all(self, kind: type[Node]) -> list[Node]:
        """Every node of exactly this type, in the order of the source."""
        return self._by_type.get(kind, [])  # type: ignore[return-value]

    def defs(self) -> list[Function]:
        """Every function, async ones last."""
        return [*self.all(ast.FunctionDef), *self.all(ast.AsyncFunctionDef)]

    def for_loops(self) -> list[ast.For | ast.AsyncFor]:
        """Every ``for`` loop, async ones last."""
        return [*self.all(ast.For), *self.all(ast.AsyncFor)]

    def up(self, node: ast.AST) -> Iterator[ast.AST]:
        """The ancestors, nearest first."""
        current = self.parents.get(node)
        while current is not None:
            yield current
            current = self.parents.get(current)

    def scope(self, node: ast.AST) -> Scope:
        """The function, class, lambda, comprehension or module in whose scope a node stands."""
        return self._scopes.get(node, self.module)

    def function(self, node: ast.AST) -> Function | None:
        """The function that a node stands in."""
        return next((each for each in self.up(node) if isinstance(each, FUNCTIONS)), None)

    def statement(self, node: ast.AST) -> ast.stmt:
        """The smallest statement around a node."""
        if isinstance(node, ast.stmt):
            return node
        found = next((each for each in self.up(node) if isinstance(each, ast.stmt)), None)
        return found if found is not None else ast.Pass(lineno=1, col_offset=0)

    def loops(self, node: ast.AST, inside: ast.AST | None = None) -> list[Loop]:
        """The loops of the same function around a node, nearest first."""
        found: list[Loop] = []
        below = node
        for above in self.up(node):
            if isinstance(above, FUNCTIONS) or above is inside:
                break
            if isinstance(above, LOOPS) and below in (*above.body, *above.orelse):
                found.append(above)
            below = above
        return found

    def withs(self, node: ast.AST) -> Iterator[tuple[ast.With, ast.withitem]]:
        """The ``with`` items around a node, nearest first, across function borders."""
        for above in self.up(node):
            if isinstance(above, ast.With):
                for item in above.items:
                    yield above, item

    def symbol(self, node: ast.AST) -> str:
        """The dotted name of the enclosing functions and classes."""
        chain = [node, *self.up(node)]
        parts = [each.name for each in chain if isinstance(each, (*FUNCTIONS, ast.ClassDef))]
        return ".".join(reversed(parts))

    def unparsed(self, node: ast.AST | None) -> str:
        """Normalised source of an expression; two equal texts are the same expression."""
        if node is None:
            return ""
        text = self._texts.get(node)
        if text is None:
            try:
                text = ast.unparse(node)
            except (RecursionError, ValueError):
                text = f"<{id(node)}>"
            self._texts[node] = text
        return text

    def dotted(self, node: ast.AST | None) -> str:
        """The qualified name of a chain of names, its import resolved; '.attr' after anything else."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            parts.append(self.imports.get(node.id, node.id))
        elif parts:
            parts.append("")
        return ".".join(reversed(parts))

    def op(self, call: ast.Call) -> Op:
        """A call as an operation on a value."""
        found = self._ops.get(call)
        if found is None:
            found = self._op(call)
            self._ops[call] = found
        return found

    def _is_library(self, func: ast.Attribute, root: str) -> bool:
        """Whether a dotted name starts at a library; ``random`` may well be a tensor."""
        first: ast.AST = func
        while isinstance(first, ast.Attribute):
            first = first.value
        imported = isinstance(first, ast.Name) and first.id in self.imports
        return root in LIBRARIES and (imported or root not in ("random", "math", "statistics"))

    def _op(self, call: ast.Call) -> Op:
        func, args = call.func, list(call.args)
        kw = {each.arg: each.value for each in call.keywords if each.arg}
        if isinstance(func, ast.Attribute):
            root = self.dotted(func.value).split(".")[0]
            if isinstance(func.value, ast.Name | ast.Attribute) and self._is_library(func, root):
                x = args[0] if args else kw.get("input", kw.get("x", kw.get("a")))
                return Op(func.attr, x, args[1:], kw, call)
            return Op(func.attr, func.value, args, kw, call)
        if isinstance(func, ast.Name):
            name = self.imports.get(func.id, func.id).rsplit(".", 1)[-1]
            return Op(name, args[0] if args else kw.get("input"), args[1:], kw, call)
        return Op("", None, args, kw, call)

    def ops(self, *names: str) -> Iterator[Op]:
        """Every call of one of these names, in the order of the source."""
        if self._ops_by_name is None:
            self._ops_by_name = defaultdict(list)
            for call in self.all(ast.Call):
                op = self.op(call)
                self._ops_by_name[op.name].append(op)
        found = [op for name in dict.fromkeys(names) for op in self._ops_by_name.get(name, ())]
        if len(names) > 1:
            found.sort(key=lambda op: position(op.node))
        return iter(found)

    def mentions(self, *names: str) -> bool:
        """Whether any of these identifiers, attributes, keywords or short strings is in the file."""
        return any(name in self.idents for name in names)

    def uses_text(self, *parts: str) -> bool:
        """Whether any identifier or short string contains one of these parts."""
        return any(part in name.lower() for name in self.idents for part in parts)

    def imports_from(self, *packages: str) -> bool:
        """Whether any of these packages is imported."""
        return any(target.split(".")[0] in packages for target in self.imports.values())


def _children(node: ast.AST) -> list[ast.AST]:
    """The nodes directly below, in source order; without the operators, which Python shares between trees."""
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            found += [
                each
                for each in value
                if isinstance(each, ast.AST) and not isinstance(each, _SHARED)
            ]
        elif isinstance(value, ast.AST) and not isinstance(value, _SHARED):
            found.append(value)
    return found


def inner(node: ast.AST, *, nested: bool = True) -> Iterator[ast.AST]:
    """A node and everything below it in source order; without nested functions if asked."""
    run: tuple[list[ast.AST], int, int] | None = getattr(node, "_run", None)
    if run is None:
        return iter([node])
    order, start, stop = run
    return iter(order[start:stop]) if nested else _shallow(order, start, stop)


def _shallow(order: list[ast.AST], start: int, stop: int) -> Iterator[ast.AST]:
    yield order[start]
    at = start + 1
    while at < stop:
        node = order[at]
        yield node
        skip = isinstance(node, (*FUNCTIONS, ast.Lambda))
        at = node._run[2] if skip else at + 1  # type: ignore[attr-defined]


def position(node: ast.AST) -> Position:
    """Where a node begins."""
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def end(node: ast.AST) -> Position:
    """Where a node ends."""
    line, column = position(node)
    return getattr(node, "end_lineno", None) or line, getattr(
        node, "end_col_offset", None
    ) or column


def identifiers(node: ast.AST | None) -> set[str]:
    """Names, attributes, keywords and short strings in an expression."""
    found: set[str] = set()
    if node is None:
        return found
    for each in inner(node):
        if isinstance(each, ast.Name):
            found.add(each.id)
        elif isinstance(each, ast.Attribute):
            found.add(each.attr)
        elif isinstance(each, ast.keyword) and each.arg:
            found.add(each.arg)
        elif isinstance(each, ast.Constant) and isinstance(each.value, str):
            found.add(each.value[:60])
    return found


def loads(node: ast.AST) -> set[str]:
    """Plain names that are read somewhere below a node."""
    return {
        each.id
        for each in inner(node)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)
    }


def word_set(node: ast.AST | None) -> frozenset[str]:
    """All words of all identifiers in an expression."""
    return frozenset(word for name in identifiers(node) for word in words(name))


def constant(node: ast.AST | None) -> object:
    """The value of a literal, with its sign; None where there is none (or where it is None)."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = constant(node.operand)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return -value
    return None


def integer(node: ast.AST | None) -> int | None:
    """The value of an integer literal."""
    value = constant(node)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def truth(node: ast.AST | None) -> bool | None:
    """The value of a boolean literal."""
    value = constant(node)
    return value if isinstance(value, bool) else None


def indices(node: ast.Subscript) -> list[ast.expr]:
    """The comma-separated parts of a subscript."""
    if isinstance(node.slice, ast.Tuple) and node.slice.elts:
        return list(node.slice.elts)
    return [node.slice]


def is_full_slice(node: ast.AST) -> bool:
    """``:``"""
    return isinstance(node, ast.Slice) and not (node.lower or node.upper or node.step)


def parameters(function: Function | ast.Lambda) -> list[str]:
    """The names of all parameters but * and **."""
    given = function.args
    return [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


def returned(function: Function | ast.Lambda) -> list[ast.AST]:
    """The expressions that a function returns."""
    if isinstance(function, ast.Lambda):
        return [function.body]
    return [
        each.value
        for each in inner(function, nested=False)
        if isinstance(each, ast.Return) and each.value is not None
    ]


def run_side(node: ast.AST | str | None) -> str | None:
    """'clean' or 'corrupt' where an expression speaks of exactly one of them."""
    found = words(node) if isinstance(node, str) else word_set(node)
    clean, corrupt = bool(found & CLEAN), bool(found & CORRUPT)
    return None if clean == corrupt else ("clean" if clean else "corrupt")
