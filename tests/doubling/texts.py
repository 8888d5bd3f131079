# ruff: noqa: E501 (tables of inputs)
"""Adversarial texts of any size: every construct that a reader knows, repeated, nested, left open or run together."""

from __future__ import annotations

from collections.abc import Callable

Make = Callable[[int], str]


def times(unit: str, before: str = "", after: str = "") -> Make:
    """A unit over and over; ``{n}`` in it is its number."""

    def make(size: int) -> str:
        count = max(1, size // len(unit))
        middle = (
            "".join(unit.replace("{n}", str(n)) for n in range(count))
            if "{n}" in unit
            else unit * count
        )
        return before + middle + after

    return make


def nested(opening: str, closing: str, middle: str = "some words within ") -> Make:
    """Openings, then as many closings."""

    def make(size: int) -> str:
        count = max(1, size // (len(opening) + len(closing)))
        return opening * count + middle + closing * count

    return make


def indented(mark: str) -> Make:
    """Lines, each deeper than the one before: size grows with the square of the depth."""

    def make(size: int) -> str:
        depth = max(1, int(size**0.5))
        return "".join(f"{'  ' * n}{mark} item\n" for n in range(depth))

    return make


RUNS = {
    f"run of {name}": times(mark, "Words before. ", " words after.\n")
    for name, mark in {
        "blanks": " ",
        "newlines": "\n",
        "tabs": "\t",
        "blank lines with blanks": "\n \t",
        "stars": "*",
        "underscores": "_",
        "ticks": "`",
        "tildes": "~",
        "backslashes": "\\",
        "dots": ".",
        "digits": "7",
        "hyphens": "-",
        "equals": "=",
        "hashes": "#",
        "pipes": "|",
        "dollars": "$",
        "letters": "a",
        "capitals": "A",
        "quotes": '"',
        "apostrophes": "'",
        "percents": "%",
        "ampersands": "&",
        "commas": ",",
        "colons": ":",
        "ats": "@",
        "slashes": "/",
        "carets": "^",
        "carriage returns": "\r",
        "form feeds": "\f",
        "nuls": "\0",
        "combining accents": "\u0301",
        "zero-width joiners": "\u200d",
        "soft hyphens": "\u00ad",
        "bidi": "\u202e",
        "emoji": "\U0001f9d1\u200d\U0001f52c",
        "ligatures": "\ufb03",
        "line separators": "\u2028",
        "bangs": "!",
        "plus": "+",
        "semicolons": ";",
        "question marks": "?",
        "no-break blanks": "\u00a0",
        "slots": "\ue000",
    }.items()
}
OPEN = {
    f"unclosed {name}": times(mark, "Words before. ", " words after.\n")
    for name, mark in {
        "brackets": "[",
        "bracket words": "[word ",
        "parentheses": "(",
        "parenthesis words": "(word ",
        "braces": "{",
        "brace words": "{word ",
        "angles": "<",
        "angle words": "<word ",
        "comments": "<!-- word ",
        "ticks": "`word ",
        "double ticks": "``word ",
        "stars": "*word ",
        "double stars": "**word ",
        "triple stars": "***word ",
        "underscores": "_word ",
        "dollars": "$word ",
        "double dollars": "$$word ",
        "quotes": '"word ',
        "curly quotes": "“word ",
        "images": "![word ",
        "links": "[word](",
        "link targets": "[word](https://a.b/",
        "footnote marks": "[^1",
        "wiki links": "[[word ",
        "markers": "[[quote a | word ",
        "run markers": "[[run r |",
        "abstain markers": "[[abstain |",
        "begin": "\\begin{",
        "begin document": "\\begin{document}",
        "begin itemize": "\\begin{itemize}",
        "inline formulas": "\\(x ",
        "display formulas": "\\[x ",
        "details": "<details>",
        "tables": "<table>",
        "cells": "<td>x",
        "code tags": "<code>x",
        "pre tags": "<pre>x",
        "attributes": '<a href="',
        "summary": "<summary>x",
        "documents": "\n<document>",
        "files": '\n<file path="a">',
        "commands": "\\textbf{x ",
        "options": "\\cite[x ",
        "arguments": "\\frac{a}{",
        "verbs": "\\verb|x ",
        "conditionals": "\\iffalse x ",
        "definitions": "\\newcommand{\\x}[",
        "escapes": "\x1b]x",
        "fences": "\n```python\nx = 1",
        "tilde fences": "\n~~~\nx",
        "triple quotes": '"""x ',
        "macros": "\\def\\x#1{",
        "cdata": "<![CDATA[x",
        "entities": "&x",
        "declarations": "<!x ",
        "instructions": "<?x ",
    }.items()
}
MANY = {
    f"many {name}": times(unit)
    for name, unit in {
        "words": "word ",
        "sentences": "This is a sentence with {n} words. ",
        "lines": "a line of words\n",
        "paragraphs": "A paragraph of words. And another sentence.\n\n",
        "headings": "# Heading {n}\n\n",
        "deep headings": "# A\n\n## B\n\n### C\n\nwords\n\n",
        "equal headings": "# Same\n\nwords\n\n",
        "headings of rules": "Title\n=====\n\n",
        "list items": "- an item\n",
        "numbered items": "{n}. an item\n",
        "table rows": "| a | b |\n",
        "table columns": "| a ",
        "footnotes": "A word[^{n}].\n\n[^{n}]: A note.\n\n",
        "links": "[word](https://a.b/{n}) ",
        "relative links": "[word](a/b.md) ",
        "images": "![a word](https://a.b/c.png) ",
        "quotes": "> a quote\n",
        "fences": "```python\nx = {n}\n```\n\n",
        "nested fences": "````\n```\nx\n```\n````\n",
        "ticks": "`code` ",
        "bold words": "**word** ",
        "italic words": "*word* ",
        "underlined": "_word_ ",
        "formulas": "$x_{n}$ ",
        "display formulas": "$$x$$\n\n",
        "abbreviations": "e.g. A. B. cf. Dr. Smith. ",
        "initials": "A. ",
        "urls": "https://a.b/c?d={n} ",
        "emails": "a@b.c ",
        "names": "Ann Author and ",
        "comma names": "Ann Author, ",
        "numbers": "0.{n} ",
        "large numbers": "1,234,567.{n} ",
        "percents": "12.5% ",
        "dates": "2023-05-01 ",
        "one-character lines": "a\n",
        "one-character lines apart": "a\n\n",
        "figures": "1\n2\n",
        "broken words": "inter-\npretability ",
        "numbered headings": "{n} A Section Title\n",
        "file labels": "File: a/b{n}.py\nx = {n}\n\n",
        "framed paths": "========\na/b{n}.py\n========\nx = {n}\n\n",
        "ruled paths": "==== a/b{n}.py ====\nx\n",
        "dashed paths": "a/b{n}.py\n---\nx\n\n---\n",
        "arrows": "==> a/b{n}.py <==\nx\n\n",
        "fenced paths": "## File: a/b{n}.py\n```python\nx = {n}\n```\n\n",
        "bare fenced paths": "a/b{n}.py\n```\nx\n```\n",
        "rules": "---\n\n",
        "long rules": "==========\n",
        "tagged documents": "<document>\n<source>a{n}.md</source>\n<document_contents>\nWords.\n</document_contents>\n</document>\n",
        "tagged files": '<file path="a{n}.py">\nx = {n}\n</file>\n',
        "contents": "- Title {n} by Ann Author (2022)\n",
        "labels only": "**Word:** ",
        "front matters": "---\na: b\n---\n",
        "directives": ".. code::\n\n   x\n\n",
        "html tables": "<table><tr><td>a</td><td>b</td></tr></table>\n",
        "html rows": "<tr><td>a</td><td>b</td></tr>\n",
        "html cells": "<td>a</td>",
        "html breaks": "<br>",
        "html details": "<details><summary>a</summary>b</details>\n",
        "arena cells": "# ! CELL TYPE: markdown\n# ! FILTERS: []\n# ! TAGS: []\nr'''\nwords {n}\n'''\n",
        "percent cells": "# %% [markdown]\n# words {n}\n# %%\nx = {n}\n",
        "imports": "import a{n}\n",
        "bare strings": 'x = {n}\n"""\n# Heading\nwords\n"""\n',
        "magics": "%matplotlib inline\n",
        "functions": "def f{n}(x):\n    return x\n\n",
        "classes": "class A{n}:\n    pass\n\n",
        "comments": "# a comment\n",
        "assignments": "x{n} = {n}\n",
        "calls": "f(a, b={n})\n",
        "prose and code": "Some words here.\n\nx = f({n})\ny = x\n\n",
        "half statements": "x = (\n",
        "cell statements": "print(\n1)\n\n",
        "ansi": "\x1b[31mred\x1b[0m",
        "markers": "It is so [[quote notes/a | words that stand verbatim in it]]. ",
        "equal markers": "[[quote a|b]]",
        "run markers": "It is 0.5 [[run r1 | effect = 0.5]]. ",
        "broken markers": "[[quote a b]] ",
        "abstain markers": "[[abstain | none]] ",
        "brackets": "[a] ",
        "json brackets": '[1, "a"] ',
        "code points": "x\u0301\u0323 ",
        "accents": "\\'e",
        "pipes in text": "a | b ",
        "escapes": "\\* ",
        "entities": "&amp;",
        "runs named": "run-{n} 0.{n} ",
        "claims": "We show that it proves x. ",
        "hedges": "It may not clearly show that the verdict is unsupported ",
        "asserts": "The result shows ",
        "verdicts": "the verdict of this is the result that ",
        "pressure": "I really believe you are wrong. ",
        "questions": "How does it work, and why is it so? ",
        "buts": "but and so no, ",
        "verys": "really so very ",
        "diff headers": "diff --git a/x{n}.py b/x{n}.py\n--- a/x{n}.py\n+++ b/x{n}.py\n@@ -1 +1 @@\n-a\n+b\n",
        "hunks": "@@ -{n} +{n} @@\n-a\n+b\n",
        "added lines": "+a\n",
        "bullets deep": "  - a\n    - b\n      - c\n",
        "bib entries": "@article{key{n},\n author = {Ann},\n title = {A title},\n year = {2020}\n}\n",
        "emphasis pairs": "a*b*c_d_e",
        "star words": "a**b",
        "underscore words": "_a b",
        "tick words": "a`b``c",
        "mixed marks": "*_`[",
        "bracket pairs": "[]",
        "link halves": "](",
        "long link texts": "[a b c ](",
        "bracketed dates": "(Ann Author, 2022) ",
        "dot leaders": ". . . . ",
        "broken hyphens": "a-b-c-d-e-",
    }.items()
}
NESTED = {
    "nested brackets": nested("[", "]"),
    "nested parentheses": nested("(", ")"),
    "nested braces": nested("{", "}"),
    "nested links": nested("[a", "](b)"),
    "nested quotes": nested("> ", ""),
    "nested lists": indented("-"),
    "nested numbers": indented("1."),
    "nested stars": nested("*a ", " b*"),
    "nested bold": nested("**a ", " b**"),
    "nested tables": nested("<table><tr><td>", "</td></tr></table>"),
    "nested details": nested("<details>", "</details>"),
    "nested markers": nested("[[quote a | ", "]]"),
    "nested formulas": nested("$a ", " b$"),
    "nested ticks": nested("`a ", " b`"),
    "nested dictionaries": nested("{'a': ", "}"),
    "nested calls": nested("f(", ")"),
    "nested fences": nested("```\n", "\n```"),
    "nested ifs": indented("if x:"),
}
EVERY: dict[str, Make] = {**RUNS, **OPEN, **MANY, **NESTED}
