"""One parsed module with the indexes that rules ask for: parents, scopes, names, operations.

Values are followed in ``flow``; this file only says what stands where.
"""

from __future__ import annotations

import ast
import warnings
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeGuard, TypeVar, overload

from gadfly.tools.review.code.memory import kept
from gadfly.tools.review.code.names import CLEAN, CORRUPT, listed, words
from gadfly.tools.review.code.watch import Watch, Watched

Node = TypeVar("Node", bound=ast.AST)
Other = TypeVar("Other", bound=ast.AST)
Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Scope = (
    ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef | Comprehension
)
Loop = ast.For | ast.AsyncFor | ast.While
SCOPES = (
    ast.Module,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Lambda,
    ast.ClassDef,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
LOOPS = (ast.For, ast.AsyncFor, ast.While)

# A call on one of these is a function of its first argument: F.softmax(x, -1) is x.softmax(-1).
LIBRARIES = listed(
    "torch numpy np F einops scipy sklearn jax jnp math statistics nn pandas pd th nnsight random"
)
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
        self.watch = Watch()
        self.memory: dict[Any, dict[Any, Any]] = defaultdict(dict)
        self.parents: dict[ast.AST, ast.AST] = {}
        self._by_type: dict[type[ast.AST], list[ast.AST]] = defaultdict(list)
        self._reads: dict[str, list[ast.Name]] = defaultdict(list)
        self._writes: dict[str, list[ast.Name]] = defaultdict(list)
        self._texts: dict[ast.AST, str] = {}
        self._ops: dict[ast.Call, Op] = {}
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
                if isinstance(node.ctx, ast.Load):
                    self._reads[node.id].append(node)
                elif isinstance(node.ctx, ast.Store):
                    self._writes[node.id].append(node)
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
            _mark_blocks(node, children)
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

    @kept
    def all(self, *kinds: type[Node]) -> list[Node]:
        """Every node of exactly these types, in the order of the source; those of the first type come first."""
        found = [each for kind in kinds for each in self._by_type.get(kind, ())]
        return Watched(found, self.watch)  # type: ignore[arg-type]

    def defs(self) -> list[Function]:
        """Every function, async ones last."""
        return self.all(ast.FunctionDef, ast.AsyncFunctionDef)

    def for_loops(self) -> list[ast.For | ast.AsyncFor]:
        """Every ``for`` loop, async ones last."""
        return self.all(ast.For, ast.AsyncFor)

    @kept
    def scopes(self) -> list[Function | ast.Module]:
        """Every function, then the module."""
        return Watched([*self.defs(), self.module], self.watch)

    def reads(self, name: str, within: ast.AST | None = None) -> list[ast.Name]:
        """Where a plain name is read, in the order of the source; below one node, or in the whole file."""
        return below(within, self._reads.get(name, ()))

    def writes(self, name: str, within: ast.AST | None = None) -> list[ast.Name]:
        """Where a plain name is written."""
        return below(within, self._writes.get(name, ()))

    def times_read(self, name: str, within: ast.AST) -> int:
        """How often a plain name is read below a node."""
        start, stop = _bounds(within, self._reads.get(name, ()))
        return stop - start

    def is_written(self, name: str, within: ast.AST) -> bool:
        """Whether a plain name is written below a node."""
        start, stop = _bounds(within, self._writes.get(name, ()))
        return stop > start

    def is_read_below(self, name: str, within: ast.AST, line: int | None) -> bool:
        """Whether a plain name is read below a node, on a line after this one."""
        return self._last_read(name, within) > (line or 0)

    @kept
    def _last_read(self, name: str, within: ast.AST) -> int:
        return max((each.lineno for each in self.reads(name, within)), default=-1)

    def calls_any(self, within: ast.AST, *names: str) -> bool:
        """Whether there is a call of one of these names below a node."""
        by_name = self._calls_by_name()
        bounds = (_bounds(within, by_name.get(name, ())) for name in names)
        return any(stop > start for start, stop in bounds)

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
        scope: Scope | None = self._scopes.get(node)
        while scope is not None and not isinstance(scope, FUNCTIONS):
            scope = self._scopes.get(scope)
        return scope

    def statement(self, node: ast.AST) -> ast.stmt:
        """The smallest statement around a node."""
        if isinstance(node, ast.stmt):
            return node
        found = next((each for each in self.up(node) if isinstance(each, ast.stmt)), None)
        return found if found is not None else ast.Pass(lineno=1, col_offset=0)

    def loops(self, node: ast.AST, inside: ast.AST | None = None) -> list[Loop]:
        """The loops of the same function around a node, nearest first."""
        found: list[Loop] = []
        around = inside if inside is not None and holds(inside, place(node)) else self.module
        loop = _loop_of(node)
        while loop is not None and loop is not around and holds(around, place(loop)):
            found.append(loop)
            loop = _loop_of(loop)
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
        imported = is_name(first, *self.imports)
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

    @kept
    def ops(self, *names: str) -> list[Op]:
        """Every call of one of these names, in the order of the source."""
        by_name = self._calls_by_name()
        found = [self.op(call) for name in dict.fromkeys(names) for call in by_name.get(name, ())]
        if len(names) > 1:
            found.sort(key=lambda op: position(op.node))
        return Watched(found, self.watch)

    def is_call(self, node: ast.AST | None, *names: str) -> TypeGuard[ast.Call]:
        """Whether a node is a call of one of these names, written as a method or as a function."""
        return isinstance(node, ast.Call) and self.op(node).name in names

    @kept
    def binary(self, *operators: type[ast.operator]) -> list[ast.BinOp]:
        """Every ``a + b``, ``a - b`` and so on with one of these operators, in the order of the source."""
        found = [each for each in self._by_type.get(ast.BinOp, ()) if is_binary(each, *operators)]
        return Watched(found, self.watch)

    def ops_in(self, node: ast.AST, *names: str) -> list[Op]:
        """As ``ops``, of the calls below one node."""
        by_name = self._calls_by_name()
        found = [call for name in names for call in below(node, by_name.get(name, ()))]
        return sorted(map(self.op, found), key=lambda op: position(op.node))

    @kept
    def _calls_by_name(self) -> dict[str, list[ast.Call]]:
        found: dict[str, list[ast.Call]] = defaultdict(list)
        for call in self.all(ast.Call):
            found[self.op(call).name].append(call)
        return found

    @kept
    def docstring(self, function: ast.AST) -> str:
        """The docstring of a function or class, empty where there is none."""
        return ast.get_docstring(function) or ""  # type: ignore[arg-type]

    def mentions(self, *names: str) -> bool:
        """Whether any of these identifiers, attributes, keywords or short strings is in the file."""
        return any(name in self.idents for name in names)

    @kept
    def uses_text(self, *parts: str) -> bool:
        """Whether any identifier or short string contains one of these parts."""
        return any(part in name.lower() for name in self.idents for part in parts)

    @kept
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


def _mark_blocks(node: ast.AST, children: list[ast.AST]) -> None:
    """Note for each child the nearest loop and the nearest ``if`` around it, with the arm it stands in."""
    if isinstance(node, ast.If):
        for child in children:
            child._arm = (node, None)  # type: ignore[attr-defined]
        for child in node.body:
            child._arm = (node, False)  # type: ignore[attr-defined]
        for child in node.orelse:
            child._arm = (node, True)  # type: ignore[attr-defined]
    else:
        arm = arm_of(node)
        for child in children:
            child._arm = arm  # type: ignore[attr-defined]
    loop = None if isinstance(node, FUNCTIONS) else _loop_of(node)
    for child in children:
        inside = isinstance(node, LOOPS) and isinstance(child, ast.stmt)
        child._loop = node if inside else loop  # type: ignore[attr-defined]


def _loop_of(node: ast.AST) -> Loop | None:
    """The nearest loop of the same function whose body a node stands in."""
    return getattr(node, "_loop", None)


def arm_of(node: ast.AST) -> tuple[ast.If, bool | None] | None:
    """The nearest ``if`` around a node, and whether the node stands in its ``else`` (None: in its test)."""
    return getattr(node, "_arm", None)


def place(node: ast.AST) -> int:
    """Where a node comes in the order of its file; what is below it follows at once."""
    return node._run[1]  # type: ignore[attr-defined, no-any-return]


def holds(node: ast.AST, at: int) -> bool:
    """Whether what comes at a place of the file's order is a node or stands below it."""
    _, start, stop = node._run  # type: ignore[attr-defined]
    return bool(start <= at < stop)


def below(node: ast.AST | None, found: Sequence[Node]) -> list[Node]:
    """Those of some nodes, given in the order of the file, that stand below one (or are it)."""
    if node is None:
        return list(found)
    start, stop = _bounds(node, found)
    return list(found[start:stop])


def _bounds(node: ast.AST, found: Sequence[ast.AST]) -> tuple[int, int]:
    run = getattr(node, "_run", None)
    if run is None:  # a node that was made and stands nowhere
        return 0, 0
    _, start, stop = run
    return bisect_left(found, start, key=place), bisect_left(found, stop, key=place)


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


def identifiers(node: ast.AST | None) -> frozenset[str]:
    """Names, attributes, keywords and short strings in an expression."""
    if node is None:
        return frozenset()
    known: frozenset[str] | None = getattr(node, "_identifiers", None)
    if known is None:
        known = frozenset().union(*map(said, inner(node)))
        node._identifiers = known  # type: ignore[attr-defined]
    return known


def said(node: ast.AST) -> set[str]:
    """The identifier, attribute, keyword or short string that one node is."""
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, ast.Attribute):
        return {node.attr}
    if isinstance(node, ast.keyword) and node.arg:
        return {node.arg}
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value[:60]}
    return set()


def word_set(node: ast.AST | None) -> frozenset[str]:
    """All words of all identifiers in an expression."""
    return frozenset(word for name in identifiers(node) for word in words(name))


@overload
def within(node: ast.AST, one: type[Node], /) -> Iterator[Node]: ...
@overload
def within(node: ast.AST, one: type[Node], other: type[Other], /) -> Iterator[Node | Other]: ...
def within(node: ast.AST, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of these types below a node (or the node itself), in source order."""
    return (each for each in inner(node) if isinstance(each, kinds))


def names_in(node: ast.AST) -> set[str]:
    """The plain names below a node."""
    return {each.id for each in inner(node) if isinstance(each, ast.Name)}


def named_values(
    node: ast.AST, *, nested: bool = True
) -> Iterator[tuple[str, ast.expr, ast.Assign]]:
    """Every ``name = value`` below a node, with its statement; without nested functions if asked."""
    for each in inner(node, nested=nested):
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
            yield each.targets[0].id, each.value, each


def is_name(node: ast.AST | None, *names: str) -> TypeGuard[ast.Name]:
    """Whether a node is one of these plain names."""
    return isinstance(node, ast.Name) and node.id in names


def is_attribute(node: ast.AST | None, *names: str) -> TypeGuard[ast.Attribute]:
    """Whether a node is ``….name`` for one of these names."""
    return isinstance(node, ast.Attribute) and node.attr in names


def is_binary(node: ast.AST | None, *operators: type[ast.operator]) -> TypeGuard[ast.BinOp]:
    """Whether a node is ``a + b``, ``a - b`` and so on with one of these operators."""
    return isinstance(node, ast.BinOp) and isinstance(node.op, operators)


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
