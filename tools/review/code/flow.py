"""Light data flow: what a name was bound to when it is read, and everything that went into an expression.

Follows assignments, unpacking, loops, ``append`` and item stores, calls of functions of the same file
(their returns; parameters lead to the callers' arguments). Knows no aliasing, no types and no branches
but the other arm of an ``if``. What it finds is evidence, not proof.
"""

from __future__ import annotations

import ast
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Literal, NamedTuple

from gadfly.tools.review.code.memory import kept
from gadfly.tools.review.code.names import words
from gadfly.tools.review.code.nodes import (
    Function,
    Position,
    end,
    is_attribute,
    parameters,
    position,
    said,
)
from gadfly.tools.review.code.tree import Scope, Tree, arm_of
from gadfly.tools.review.code.walk import holds, inner, place, returned, within, word_set

Kind = Literal["assign", "unpack", "for", "with", "param", "aug", "def"]
MAX_NODES = 900  # of one flow: beyond it everything depends on everything
LONGEST_CHAIN = 20  # steps from value to value: x = x.float() may lead in a circle
MAX_IN_ONE = 3_000  # nodes of one expression in it: a table of data says nothing more
_ABOVE = (0, 0)
_STORES = {"append", "extend", "add", "insert", "setdefault", "update", "appendleft"}


class Binding(NamedTuple):
    """One place where a name gets a value."""

    name: str
    kind: Kind
    value: ast.AST | None
    part: int | None  # which part of ``value``, for unpacking; of a parameter its number
    at: Position
    node: ast.AST


def _at(binding: Binding) -> Position:
    return binding.at


def _in_else(test: ast.If, at: int) -> bool:
    """Whether what comes at a place inside an ``if`` stands in its ``else``."""
    return bool(test.orelse) and at >= place(test.orelse[0])


class Code(Tree):
    """A module with its data flow. What rules are given."""

    def __init__(self, text: str, path: str = "<code>") -> None:
        super().__init__(text, path)
        self.bindings: dict[ast.AST, dict[str, list[Binding]]] = defaultdict(
            lambda: defaultdict(list)
        )
        self.attributes: dict[str, list[ast.expr]] = defaultdict(list)
        self._stores: dict[tuple[ast.AST, str], list[ast.AST]] = defaultdict(list)
        self._flows: dict[ast.AST, list[ast.AST]] = {}
        self._vocab: dict[ast.AST, frozenset[str]] = {}
        self._calls_of: dict[str, list[ast.Call]] = defaultdict(list)
        self._outer: dict[ast.AST, dict[str, Scope]] = defaultdict(dict)
        self._bind_all()

    # Bindings ---------------------------------------------------------------------------------

    def _bind_all(self) -> None:
        declarations: list[ast.Global | ast.Nonlocal] = [
            *self.all(ast.Global),
            *self.all(ast.Nonlocal),
        ]
        for declared in declarations:
            scope = self.scope(declared)
            for name in declared.names:
                self._outer[scope][name] = (
                    self.module if isinstance(declared, ast.Global) else self.scope(scope)
                )
        for assign in self.all(ast.Assign):
            for target in assign.targets:
                self._bind(target, assign.value, end(assign), assign)
        for annotated in self.all(ast.AnnAssign):
            if annotated.value is not None:
                self._bind(annotated.target, annotated.value, end(annotated), annotated)
        for walrus in self.all(ast.NamedExpr):
            self._bind(walrus.target, walrus.value, end(walrus), walrus)
        for augmented in self.all(ast.AugAssign):
            if isinstance(augmented.target, ast.Name):
                self._add(augmented.target, "aug", augmented.value, None, end(augmented), augmented)
        for loop in self.for_loops():
            self._bind(loop.target, loop.iter, position(loop.target), loop, "for")
        for part in self.all(ast.comprehension):
            self._bind(part.target, part.iter, (0, 0), part, "for")
        for item in self.all(ast.withitem):
            if item.optional_vars is not None:
                at = end(item.optional_vars)
                self._bind(item.optional_vars, item.context_expr, at, item, "with")
        for function in self.defs():
            scope = self.scope(function)
            at = position(function)
            self.bindings[scope][function.name].append(
                Binding(function.name, "def", function, None, at, function)
            )
            self._parameters(function)
        for small in self.all(ast.Lambda):
            self._parameters(small)
        for call in self.all(ast.Call):
            name = self.dotted(call.func).rsplit(".", 1)[-1]
            self._calls_of[name].append(call)
            if is_attribute(call.func, *_STORES) and isinstance(call.func.value, ast.Name):
                store = call.func.value
                self._stores[self._home(store.id, self.scope(call)), store.id] += call.args
        for scope_bindings in self.bindings.values():
            for found in scope_bindings.values():
                found.sort(key=lambda each: each.at)

    def _parameters(self, function: Function | ast.Lambda) -> None:
        given = function.args
        for number, each in enumerate((*given.posonlyargs, *given.args, *given.kwonlyargs)):
            self.bindings[function][each.arg].append(
                Binding(each.arg, "param", None, number, (0, 0), each)
            )

    def _bind(
        self, target: ast.expr, value: ast.expr, at: Position, node: ast.AST, kind: Kind = "assign"
    ) -> None:
        if isinstance(target, ast.Name):
            self._add(target, kind, value, None, at, node)
        elif isinstance(target, ast.Tuple | ast.List):
            same = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
            for number, part in enumerate(target.elts):
                part = part.value if isinstance(part, ast.Starred) else part
                if same and kind == "assign" and isinstance(value, ast.Tuple | ast.List):
                    self._bind(part, value.elts[number], at, node)
                elif isinstance(part, ast.Name):
                    unpacked: Kind = "unpack" if kind == "assign" else kind
                    self._add(part, unpacked, value, number, at, node)
                elif isinstance(part, ast.Tuple | ast.List):
                    self._bind(part, value, at, node, kind)
        elif isinstance(target, ast.Attribute):
            self.attributes[self.unparsed(target)].append(value)
        elif isinstance(target, ast.Subscript):
            base = target.value
            while isinstance(base, ast.Subscript):
                base = base.value
            if isinstance(base, ast.Name):
                self._stores[self._home(base.id, self.scope(target)), base.id].append(value)

    def _add(
        self,
        target: ast.Name,
        kind: Kind,
        value: ast.AST,
        index: int | None,
        at: Position,
        node: ast.AST,
    ) -> None:
        scope = self.scope(target)
        if isinstance(node, ast.comprehension):
            scope = self.parents[node]  # type: ignore[assignment]
        elif isinstance(node, ast.NamedExpr):
            while not isinstance(scope, Function | ast.Module | ast.Lambda):
                scope = self.scope(scope)
        scope = self._outer.get(scope, {}).get(target.id, scope)
        self.bindings[scope][target.id].append(Binding(target.id, kind, value, index, at, node))

    def _home(self, name: str, scope: Scope) -> Scope:
        """The scope that owns a name as seen from another."""
        current: Scope = scope
        while name not in self.bindings[current] and current is not self.module:
            current = self.scope(current)
        return current

    def binding(self, name: ast.Name, at: Position | None = None) -> Binding | None:
        """The binding that a read of a name most likely sees."""
        scope, here = self.scope(name), at or position(name)
        first = True
        while True:
            found = self.bindings[scope].get(name.id)
            if found and not (isinstance(scope, ast.ClassDef) and not first):
                before = self._before(found, here, name)
                if first and before:
                    return before
                if not first or isinstance(scope, ast.Module) or not before:
                    # A function runs after its definition, mostly soon after: what stands above it is
                    # what it sees, and else the last that follows.
                    return before or found[-1]
            if scope is self.module:
                return None
            # A comprehension runs where it stands; a function runs later, after later bindings.
            first = first and not isinstance(scope, Function | ast.Lambda | ast.ClassDef)
            scope = self.scope(scope)

    def other_arm(self, one: ast.AST, other: ast.AST) -> bool:
        """Whether two nodes stand in different arms of one ``if``."""
        at, arm = place(one), arm_of(other)
        while arm is not None:
            test, in_else = arm
            if in_else is not None and test is not one and holds(test, at):
                return _in_else(test, at) != in_else
            arm = arm_of(test)
        return False

    def _before(self, found: list[Binding], here: Position, name: ast.Name) -> Binding | None:
        """The last of the bindings up to a place that does not stand in another arm of an ``if`` than the read."""
        upto = bisect_right(found, here, key=_at)
        arm = arm_of(name)
        while upto:
            each = found[upto - 1]
            if arm is None:
                return each
            if each.at == _ABOVE:  # parameters and comprehensions, which come first in the list
                if not self.other_arm(each.node, name):
                    return each
                upto -= 1
                continue
            # What is bound above one place of the file stands in no deeper ``if`` around the read.
            at = place(each.node)
            while arm is not None and (arm[0] is each.node or not holds(arm[0], at)):
                arm = arm_of(arm[0])
            if arm is None or arm[1] is None or _in_else(arm[0], at) == arm[1]:
                return each
            # All of the other arm is passed over at once.
            upto = min(upto - 1, bisect_left(found, position(arm[0]), key=_at))
        return None

    # Values -----------------------------------------------------------------------------------

    def value(self, node: ast.AST | None, depth: int = 8) -> ast.AST | None:
        """The expression behind a name, where it is one assignment; else the node itself."""
        while isinstance(node, ast.Name) and depth > 0:
            found = self.binding(node)
            if found is None or found.kind != "assign" or found.value is None:
                return node
            node, depth = found.value, depth - 1
        if isinstance(node, ast.Attribute) and depth > 0:
            stored = self.attributes.get(self.unparsed(node), [])
            if len(stored) == 1 and stored[0] is not node:
                return self.value(stored[0], depth - 1)
        return node

    def peeled(self, node: ast.AST | None, *names: str) -> ast.AST | None:
        """The value behind calls of these names: ``x`` of ``x.float().cpu()``."""
        value = self.value(node)
        for _ in range(LONGEST_CHAIN):
            if not self.is_call(value, *names):
                break
            value = self.value(self.op(value).x)
        return value

    def looped(self, name: ast.AST | None) -> ast.AST | None:
        """What a loop runs over, of a name that the loop gives its values."""
        found = self.binding(name) if isinstance(name, ast.Name) else None
        return found.value if found is not None and found.kind == "for" else None

    def flow(self, node: ast.AST | None) -> list[ast.AST]:
        """Every node of an expression and of what flowed into it."""
        if node is None:
            return []
        found = self._flows.get(node)
        if found is None:
            found = self._flow(node)
            self._flows[node] = found
        return found

    def _flow(self, start: ast.AST) -> list[ast.AST]:
        self.watch.check()
        seen: set[ast.AST] = set()
        out: list[ast.AST] = []
        # What went in, as it is found: of a container that much is stored in, no more is taken than has its turn.
        queue: list[Iterable[ast.AST]] = [(start,)]
        given: set[int] = set()
        for tops in queue:
            for top in tops:
                if len(out) >= MAX_NODES:
                    return out
                if top in seen:
                    continue
                for node in islice(inner(top), MAX_IN_ONE):
                    if node in seen:
                        continue
                    seen.add(node)
                    out.append(node)
                    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                        queue += self._into(node, given)
                    elif isinstance(node, ast.Attribute):
                        queue.append(self.attributes.get(self.unparsed(node), ())[:3])
                    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                        queue.append(self._returned(node.func))
        return out

    def _into(self, name: ast.Name, given: set[int]) -> Iterator[Iterable[ast.AST]]:
        """What went into a name, leaving out lists that were ``given`` before."""
        found = self.binding(name)
        if found is None:
            return
        stored = self.stored(name)
        if id(stored) not in given:
            given.add(id(stored))
            yield stored
        if found.kind == "param":
            yield self.arguments(found)
        elif found.kind != "def":
            if found.value is not None:
                yield (self.walked(found),)
            if found.kind == "aug":
                every = self.bindings[self._home(name.id, self.scope(name))].get(name.id, [])
                if id(every) not in given:
                    given.add(id(every))
                    yield (e.value for e in every if e.value is not None and e.kind != "def")

    def walked(self, found: Binding) -> ast.AST:
        """What a binding takes its value from; of a loop over zip() or enumerate() its own argument."""
        value = found.value if found.value is not None else found.node
        if found.kind == "for" and found.part is not None and isinstance(value, ast.Call):
            name, args = self.dotted(value.func), value.args
            if name == "enumerate" and args and found.part == 1:
                return args[0]
            if name == "zip" and found.part < len(args):
                return args[found.part]
        return value

    def stored(self, name: ast.Name) -> list[ast.AST]:
        """What is appended to a container of this name, or written to an item of it."""
        return self._stores.get((self._home(name.id, self.scope(name)), name.id), [])

    def arguments(self, parameter: Binding) -> list[ast.AST]:
        """What the callers in this file pass for a parameter."""
        function = self.parents.get(self.parents.get(parameter.node, self.module), self.module)
        if not isinstance(function, Function) or parameter.part is None:
            return []
        offset = 1 if isinstance(self.parents.get(function), ast.ClassDef) else 0
        out: list[ast.AST] = []
        for call in self._calls_of.get(function.name, ())[:6]:
            place = parameter.part - offset
            out += [each.value for each in call.keywords if each.arg == parameter.name]
            if 0 <= place < len(call.args) and not any(
                isinstance(each, ast.Starred) for each in call.args[: place + 1]
            ):
                out.append(call.args[place])
        return out

    def _returned(self, name: ast.Name) -> list[ast.AST]:
        function = self.definition(name)
        if function is None:
            return []
        return returned(function)[:4]

    def definition(self, node: ast.AST | None) -> Function | None:
        """The function of this file that a name stands for."""
        if isinstance(node, ast.Name):
            found = self.binding(node)
            if found is not None and found.kind == "def" and isinstance(found.value, Function):
                return found.value
        return None

    def is_rebound(self, name: str, scope: ast.AST, node: ast.AST) -> bool:
        """Whether a name gets a value after a node of a scope that is not that node and no function's."""
        return any(
            each.node is not node and each.at > position(node)
            for each in self._last_bound(name, scope)
        )

    @kept
    def _last_bound(self, name: str, scope: ast.AST) -> list[Binding]:
        found = [each for each in self.bindings[scope].get(name, ()) if each.kind != "def"]
        # Two with different nodes: one of them may be the node that is asked about.
        return list({each.node: each for each in found[-4:]}.values())[-2:]

    def calls_of(self, name: str) -> list[ast.Call]:
        """Every call whose last name is this."""
        return self._calls_of.get(name, [])

    def vocab(self, node: ast.AST | None) -> frozenset[str]:
        """Identifiers, attributes, keywords and short strings in an expression's flow."""
        if node is None:
            return frozenset()
        found = self._vocab.get(node)
        if found is None:
            names: set[str] = set()
            for each in self.flow(node):
                if isinstance(each, ast.Name):
                    names.add(each.id)
                    names.add(self.imports.get(each.id, each.id).rsplit(".", 1)[-1])
                else:
                    names |= said(each)
            found = frozenset(names)
            self._vocab[node] = found
        return found

    def calls_in(self, node: ast.AST | None) -> list[ast.Call]:
        """The calls in an expression's flow."""
        return [each for each in self.flow(node) if isinstance(each, ast.Call)]

    def flow_words(self, node: ast.AST | None) -> frozenset[str]:
        """All words of all identifiers in an expression's flow."""
        return frozenset(word for name in self.vocab(node) for word in words(name))

    def context(self, node: ast.AST, *, doc: bool = False) -> frozenset[str]:
        """Words that say what an expression is for: its target's, its function's, on request the docstring's."""
        statement = self.statement(node)
        targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
        found = {word for each in targets if each is not None for word in word_set(each)}
        function = self.function(node)
        if function is not None:
            found |= words(function.name)
            if doc:
                found |= words(self.docstring(function))
        return frozenset(found)

    def called(self, node: ast.AST) -> frozenset[str]:
        """Words of the name that a value gets: of its assignment's target, or of the function that returns it."""
        statement, function = self.statement(node), self.function(node)
        if isinstance(statement, ast.Return) and function is not None:
            return words(function.name)
        return word_set(statement.targets[0]) if isinstance(statement, ast.Assign) else frozenset()

    @kept
    def free_names(self, function: Function | ast.Lambda) -> set[str]:
        """Names that a function reads and does not bind itself."""
        own = set(self.bindings[function]) | set(parameters(function))
        body = function.body if isinstance(function.body, list) else [function.body]
        read: set[str] = set()
        for part in body:
            for node in within(part, ast.Name):
                if isinstance(node.ctx, ast.Load):
                    read.add(node.id)
        return read - own

    def is_used(self, name: str, within: ast.AST) -> bool:
        """Whether a name is read below a node."""
        return self.times_read(name, within) > 0

    def same(self, one: ast.AST | None, other: ast.AST | None) -> bool:
        """Whether two expressions are written alike."""
        return one is not None and other is not None and self.unparsed(one) == self.unparsed(other)
