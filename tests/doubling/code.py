# ruff: noqa: E501 (tables of inputs)
"""Adversarial Python: what the rules look for, over and over, in one function, in many, padded and nested."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from functools import cache

from tests.doubling.texts import Make, times

from gadfly.tools.review.registry import rules

_HEAD = "import torch\nimport numpy as np\nfrom transformers import AutoModelForCausalLM\nmodel = AutoModelForCausalLM.from_pretrained('gpt2')\n"


def _block(head: str, unit: str, indent: str = "    ") -> Make:
    return times(textwrap.indent(unit, indent), _HEAD + head)


def _deep(opening: str, most: int = 90) -> Make:
    """Blocks inside one another, and as many such towers as fit: Python's own parser stops at a hundred."""

    def make(size: int) -> str:
        tower = (
            "".join("    " * n + opening + "\n" for n in range(most)) + "    " * most + "x = y\n"
        )
        return tower * max(1, size // len(tower))

    return make


def _expression(unit: str, before: str = "y = x", after: str = "\n") -> Make:
    """One expression that grows; its depth is held to what the parser takes."""

    def make(size: int) -> str:
        one = before + unit * min(80, max(1, size // len(unit))) + after
        return _HEAD + one * max(1, size // len(one))

    return make


GENERAL: dict[str, Make] = {
    "functions": times("def f{n}(x):\n    return x\n\n"),
    "classes": times("class A{n}:\n    def m(self):\n        return self.x\n\n"),
    "calls of one function": times("y = f(y)\n", "def f(x):\n    return x + 1\n\n"),
    "functions that call the one before": times(
        "def f{n}(x):\n    return f(x)\n\n", "def f(x):\n    return x\n"
    ),
    "hooks": times(
        "def hook{n}(module, args, output):\n    output[0][:] = 0\n    return output\n\n", _HEAD
    ),
    "registered hooks": times(
        "def h{n}(module, args, output):\n    return output\nhandle{n} = model.layer.register_forward_hook(h{n})\n\n",
        _HEAD,
    ),
    "registrations of one hook": times(
        "model.layer.register_forward_hook(hook)\n",
        _HEAD + "def hook(module, args, output):\n    return output\n",
    ),
    "hooks by partial": times(
        "from functools import partial\nmodel.run_with_hooks(x, fwd_hooks=[('a', partial(hook, n={n}))])\n",
        _HEAD + "def hook(act, hook, n):\n    return act\n",
    ),
    "hook pairs": times(
        "model.run_with_hooks(x, fwd_hooks=[('blocks.0', h{n})])\ndef h{n}(act, hook):\n    act[:, 0] = 0\n    return act\n",
        _HEAD,
    ),
    "imports": times("import a{n}\n"),
    "imports of one": times("from torch import a{n}\n"),
    "assignments": times("x{n} = {n}\n"),
    "assignments to one name": times("x = x + 1\n"),
    "names from names": times("x{n} = x\nx = x{n}\n"),
    "lists": times("x{n} = []\nx{n}.append({n})\n"),
    "appends to one list": times("xs.append({n})\n", "xs = []\n"),
    "item stores": times("d['a{n}'] = {n}\n", "d = {}\n"),
    "attributes": times("self.x{n} = {n}\n"),
    "one attribute": times("self.x = {n}\n"),
    "reads of one name": times("print(x)\n", "x = 1\n"),
    "augmented": times("x += 1\n", "x = 0\n"),
    "unpacked": times("a, b = b, a\n", "a = b = 1\n"),
    "comments": times("# a comment, of some words\n"),
    "ignores": times("x = 1  # gadfly: ignore[a]\n"),
    "strings": times("x = 'some words {n}'\n"),
    "docstrings": times(
        'def f{n}(x):\n    """Returns a tensor [batch, pos] of x."""\n    return x\n'
    ),
    "ifs": times("if x == {n}:\n    y = {n}\nelse:\n    y = 0\n"),
    "loops": times("for i{n} in range(3):\n    y = i{n}\n"),
    "loops over layers": times("for layer in model.layers:\n    out = layer(x)\n", _HEAD),
    "withs": times("with torch.no_grad():\n    y = model(x)\n", _HEAD),
    "traces": times(
        "with model.trace(x) as tracer{n}:\n    out{n} = model.layer.output.save()\nprint(out{n})\n",
        "from nnsight import LanguageModel\nmodel = LanguageModel('gpt2')\n",
    ),
    "traces within a loop": _block(
        "from nnsight import LanguageModel\nfor i in y:\n",
        "with model.trace(x):\n    out = model.layer.output.save()\n",
    ),
    "statements of one trace": _block(
        "from nnsight import LanguageModel\nwith model.trace(x):\n",
        "out{n} = model.layer.output.save()\n",
    ),
    "tries": times("try:\n    y = f({n})\nexcept ValueError:\n    pass\n"),
    "lambdas": times("f{n} = lambda x: x + {n}\n"),
    "comprehensions": times("y{n} = [x for x in y if x]\n"),
    "subscripts": times("y = x[:, -1, {n}]\n", _HEAD),
    "softmaxes": times("p{n} = logits.softmax(-1)\n", _HEAD),
    "forwards": times("out{n} = model(tokens)\nlogits{n} = out{n}.logits[:, -1]\n", _HEAD),
    "generates": times(
        "y{n} = model.generate(ids, max_new_tokens=5)\nprint(tok.decode(y{n}[0]))\n", _HEAD
    ),
    "one forward read often": times("y{n} = out.hidden_states[-1]\n", _HEAD + "out = model(x)\n"),
    "caches": times(
        "a{n} = cache['resid_post', {n}]\n",
        "import transformer_lens\nlogits, cache = model.run_with_cache(x)\n",
    ),
    "statements of one function": _block("def f(x, y, z):\n", "a{n} = x + {n}\nprint(a{n})\n"),
    "statements of one loop": _block("for x in y:\n", "a{n} = x + {n}\nprint(a{n})\n"),
    "statements of one class": _block("class A:\n", "x{n} = {n}\n"),
    "methods of one class": _block(
        "class A:\n", "def m{n}(self, x):\n    self.y = x\n    return self.m(x)\n"
    ),
    "branches of one function": _block("def f(x):\n", "if x == {n}:\n    y = {n}\nprint(y)\n"),
    "returns of one function": _block("def f(x):\n", "if x == {n}:\n    return x + {n}\n"),
    "elifs": times("elif x == {n}:\n    y = {n}\n", "if x:\n    y = 1\n"),
    "cases": times("    case {n}:\n        y = {n}\n", "match x:\n"),
    "nested ifs": _deep("if x:"),
    "nested loops": _deep("for x in y:", 18),
    "nested functions": _deep("def f(x):", 90),
    "nested withs": _deep("with x:", 18),
    "nested classes": _deep("class A:"),
    "nested loops and ifs": _deep("while x:", 18),
    "chains": _expression(".a"),
    "call chains": _expression(".f(1)"),
    "subscript chains": _expression("[0]"),
    "sums": times(" + x", "y = x", "\n"),
    "sums of many": _expression(" + x * model(z)"),
    "nested calls": lambda n: times("y = " + "f(" * 80 + "x" + ")" * 80 + "\n")(n),
    "nested lists": lambda n: times("y = " + "[" * 80 + "]" * 80 + "\n")(n),
    "one list": times("1, ", "y = [", "]\n"),
    "one dictionary": times("'a{n}': {n}, ", "y = {", "}\n"),
    "one call": times("a, ", "f(", ")\n"),
    "keywords": times("a{n}={n}, ", "f(", ")\n"),
    "one tuple": times("x, ", "y = (", ")\n"),
    "conditions": times(" and x", "y = x", "\n"),
    "comparisons": times(" < x", "y = x", "\n"),
    "targets": times("x{n} = ", "", "1\n"),
    "parameters": times("a{n}, ", "def f(", "):\n    return 1\n"),
    "defaults": times("a{n}=1, ", "def f(", "):\n    return 1\n"),
    "conditionals": times("1 if x else ", "y = ", "2\n"),
    "long lines": times("x", "y = '", "'\n"),
    "unpackings": times("a{n}, ", "", "= y\n"),
    "globals": times("def f{n}():\n    global x\n    x = {n}\n"),
    "joined": times("{x} ", "y = f'", "'\n"),
    "decorators": times("@d\n", "", "def f():\n    pass\n"),
    "deletes": times("del x\n"),
    "asserts": times("assert x == {n}\n"),
    "blank lines": times("\n", "x = 1\n"),
    "blanks": times(" ", "x = 1 #", "\n"),
    "seeds": times("torch.manual_seed({n})\n", _HEAD),
    "optimizers": times(
        "opt{n} = torch.optim.Adam(model.parameters())\nloss.backward()\nopt{n}.step()\n", _HEAD
    ),
    "splits": times(
        "a{n}, b{n} = train_test_split(x, y)\nclf.fit(a{n}, b{n})\nclf.score(a{n}, b{n})\n",
        "from sklearn.model_selection import train_test_split\n",
    ),
    "tokenizers": times(
        "ids{n} = tokenizer(texts, padding=True, return_tensors='pt')\nout{n} = model(**ids{n})\n",
        _HEAD,
    ),
    "magics": times("%time x\n"),
    "unparsable": times("x = = 1\n"),
    "walrus": times("(x{n} := {n})\n"),
    "aliases": times("x{n} = x{n}.clone()\ny{n} = x{n}\ny{n} += 1\n", _HEAD),
    "stars": times("*a, b = c\n"),
    "yields": _block("def f(x):\n", "yield x\n"),
    "awaits": _block("async def f(x):\n", "await x\n"),
}


@cache
def snippets() -> dict[str, str]:
    """The wrong examples of every rule's page, by rule and number."""
    return {
        f"{name} {number}": example
        for name, rule in rules().items()
        for number, example in enumerate(rule.page.wrong)
    }


def arranged(example: str) -> dict[str, Make]:
    """One example many times: below itself, in one function, in a function each, in one class, beside padding."""
    padding = "".join(f"value_{n} = compute(value, {n})\n" for n in range(4))
    return {
        "below itself": times(f"{example}\n"),
        "in one function": _block("def f(model, x):\n", f"{example}\n"),
        "in a function each": times(
            f"def f{{n}}(model, x):\n{textwrap.indent(example, '    ')}\n\n"
        ),
        "in methods of one class": _block(
            "class A:\n", f"def m{{n}}(self, x):\n{textwrap.indent(example, '    ')}\n"
        ),
        "padded": times(f"{example}\n{padding}"),
    }


def every_rule() -> Iterator[tuple[str, str, Make]]:
    """``(rule, arrangement, make)`` of each rule's first example."""
    for name, example in snippets().items():
        if name.endswith(" 0"):
            for arrangement, make in arranged(example).items():
                yield name.removesuffix(" 0"), arrangement, make


def mixed(size: int) -> str:
    """All examples of all rules, each in a function of its own, over and over."""
    whole = "".join(
        f"def f{n}(model, x):\n{textwrap.indent(each, '    ')}\n\n"
        for n, each in enumerate(snippets().values())
    )
    return whole[:0] + whole * max(1, size // len(whole))


Run = Callable[[str], object]
