"""One parsed module with the indexes that rules ask for: parents, scopes, names, operations.

Values are followed in ``flow``; this file only says what stands where. Questions about a node alone are in ``nodes``,
about what is below it in ``walk``.
"""

from __future__ import annotations

import ast
import warnings
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeGuard

from gadfly.tools.review.code.memory import kept
from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import (
    Comprehension,
    Function,
    Loop,
    is_binary,
    is_name,
    position,
)
from gadfly.tools.review.code.walk import Node, below, bounds, holds, place
from gadfly.tools.review.code.watch import Watch, Watched

Scope = ast.Module | Function | ast.Lambda | ast.ClassDef | Comprehension

# A call on one of these is a function of its first argument: F.softmax(x, -1) is x.softmax(-1).
LIBRARIES = listed(
    "torch numpy np F einops scipy sklearn jax jnp math statistics nn pandas pd th nnsight random"
)
_SHARED = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)


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

    def sizes(self) -> list[ast.expr]:
        """The sizes that a new tensor is made with: ``zeros(2, 3)`` and ``zeros((2, 3))``."""
        if isinstance(self.x, ast.Tuple | ast.List):
            return self.x.elts
        return [each for each in (self.x, *self.args) if each is not None]


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
            elif isinstance(node, Function):
                self.functions[node.name].append(node)
                self.idents.add(node.name)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node)
            scope = node if isinstance(node, Scope) else scopes[node]
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
        start, stop = bounds(within, self._reads.get(name, ()))
        return stop - start

    def is_written(self, name: str, within: ast.AST) -> bool:
        """Whether a plain name is written below a node."""
        start, stop = bounds(within, self._writes.get(name, ()))
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
        found = (bounds(within, by_name.get(name, ())) for name in names)
        return any(stop > start for start, stop in found)

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
        while scope is not None and not isinstance(scope, Function):
            scope = self._scopes.get(scope)
        return scope

    def home(self, node: ast.AST) -> Function | ast.Module:
        """The function that a node stands in, else the module."""
        return self.function(node) or self.module

    def function_words(self, node: ast.AST) -> frozenset[str]:
        """The words of the name of the function that a node stands in."""
        function = self.function(node)
        return words(function.name) if function is not None else frozenset()

    def target(self, node: ast.AST) -> ast.expr | None:
        """What the assignment around a node gives a value to; None where no assignment is."""
        statement = self.statement(node)
        return statement.targets[0] if isinstance(statement, ast.Assign) else None

    def target_name(self, node: ast.AST) -> str:
        """The same where it is a plain name, else empty."""
        target = self.target(node)
        return target.id if isinstance(target, ast.Name) else ""

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
        parts = [each.name for each in chain if isinstance(each, Function | ast.ClassDef)]
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
    def docstring(self, owner: ast.AST | None) -> str:
        """The docstring of a function, class or module, empty where there is none."""
        return (ast.get_docstring(owner) or "") if owner is not None else ""  # type: ignore[arg-type]

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
    loop = None if isinstance(node, Function) else _loop_of(node)
    for child in children:
        inside = isinstance(node, Loop) and isinstance(child, ast.stmt)
        child._loop = node if inside else loop  # type: ignore[attr-defined]


def _loop_of(node: ast.AST) -> Loop | None:
    """The nearest loop of the same function whose body a node stands in."""
    return getattr(node, "_loop", None)


def arm_of(node: ast.AST) -> tuple[ast.If, bool | None] | None:
    """The nearest ``if`` around a node, and whether the node stands in its ``else`` (None: in its test)."""
    return getattr(node, "_arm", None)
