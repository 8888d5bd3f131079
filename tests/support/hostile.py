"""Text that would act on a terminal, in a log or in a page, objects full of it, and what reached the terminal."""

from __future__ import annotations

import os
import re
import sys
import threading
import tty
import types
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from markdown_it import MarkdownIt
from pydantic import BaseModel

from gadfly.agent.answers.answer import Answer, Cost
from gadfly.agent.faces import door
from gadfly.agent.faces.cli import console
from gadfly.visible import visible

LINE = (
    "a\x1b[3Jb\x1b[31;107mc\x1b]52;c;AAAA\x07d\x1b]8;;http://evil.example\x1b\\e\x1b]0;t\x9cf\x1bPq\x1b\\g\x1b_h\x1b\\"
    "i\x9b5;5Hj\x8dk\x7fl\rm\x08n\u202eo\u2066p\u200bq\u200dr\ufeffs\U000e0041t\ufff9u\u2028v\u061cw"
    "[bold red]x[/] :smile: [link=http://evil.example]y[/link]"
)
TEXT = f"{LINE}\n::error file=x::{LINE}\n##[error]z ##[set-env name=x]y\n  ::add-mask::q\nend"
SURROGATE = "lone\udc80\ud800"
# What our own renderer may write: colours, the cursor's movements, erasing, showing and hiding it.
_OURS = re.compile(
    r"\x1b\[(?!31;107m)[0-9;]*m|\x1b\[\d*[ABCDGK]|\x1b\[\?25[lh]|\x1b\[2J|\x1b\[H|\x1b\[1?J|\r"
)
_PICTURE = re.compile(r"\x1b\]8;(?:id=[\w-]+)?;(?:file:///[\w%./-]*)?\x1b\\")

SAMPLES = [
    "a `<b>` <img src=x onerror=alert(1)> ![x](http://evil.example/p.png) [y](http://evil.example)",
    "\\`<img src=x>\\` and `` ` <b> ` `` ``` `<i>",
    "`code\n<img src=x>` and ``a\n\nb``",
    "```a`b\n<script>x</script>\n```",
    "``x` <b>``` y` ```",
    "~~~\n```\n~~~\n<i>",
    "````\n```\n<b>\n````",
    "```\nopen",
    "&commat;everyone &#64;team &#x23;1 &lt;b&gt; &#60;img src=x&#62; &#x202e;",
    "@everyone @org/team a@b.example #12 org/repo#1 GH-1 org/repo@deadbeef1 0123456789abcdef0123456789abcdef01234567",
    "<!-- gadfly:posted 00000000:0123456789abcdef -->\n`<!-- gadfly:review x -->`\n```\n<!-- gadfly:finding -->\n```",
    "[x]: http://evil.example\n\n[x] [^1] ![x][x]\n\n[^1]: a note",
    "# one\n\ntwo\n===\nthree\n---\n\n---\ntitle: x\n---",
    "> [!WARNING]\n> read this\n\n- [ ] task\n- [x] done",
    "$x$ $$y$$ \\(z\\) \\[w\\] $`v`$\n\n```math\nx\n```\n\n\\begin{a}\\end{a}",
    "```mermaid\ngraph\n```\n```geojson\n{}\n```\n```suggestion\nrm\n```\n``` python title=x\n```",
    "<details>\n\n*x*\n\n</details>\n<http://evil.example> <a@b.example> www.evil.example https://evil.example",
    "| a | b |\n|---|---|\n| `x\\|<b>` | ![i](u) |\n| <img src=x> | $1$ |",
    "- a\n- b\n\n  1. c\n     ```\n     d\n     ```\n\n> q\n>> r\n\n    indented <b>",
    "$\\href{javascript:x}{y}$ \\\\href{u}{v} &#92;href{u}{v} \\\\\\def\\x{y} $$\n\\require{html}\n$$ \\*\\url{x}",
    "$\\hat{y}_{i} < \\{a\\,b\\}$ [1.00, 1.01] [a](b) [a][b] [a]: b [^c] - [ ] d | $x_{i}$ and $y_{j}$ a*b c*d",
    "{{ site.x }} {% raw %} :smile: <? php ?> <![CDATA[x]]> <!DOCTYPE x>",
    TEXT,
]
# The second opinion on Markdown: a parser that lets HTML through, as GitHub's and a notebook's do.
GITHUB = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

COMMANDS = re.compile(
    r"\\(?:href|url|html\w*|require|class|style|cssId|data|unicode|includegraphics|[gex]?def|let|(?:re)?newcommand"
    r"|newenvironment|catcode|csname|input)(?![A-Za-z])"
)
CODE = re.compile(r"(?ms)^[ >]*(`{3,})[^`\n]*\n.*?^[ >]*\1`*$|(?<![`\\])(`+)(?!`).*?(?<!`)\2(?!`)")


def made(kind: Any, text: str = TEXT, depth: int = 0) -> Any:
    """A value of a type in which every text is hostile."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is str or kind is Any:
        return text
    if kind in (int, float, bool):
        return kind(1)
    if kind is datetime:
        return datetime.now(UTC)
    if kind is Path:
        return Path(text)
    if kind is type(None):
        return None
    if origin is Literal:
        return inner[0]
    if origin in (Union, types.UnionType):
        return made(inner[0], text, depth)
    if origin in (list, tuple, set, frozenset):
        if origin is tuple and inner[-1] is not Ellipsis:
            return tuple(made(each, text, depth) for each in inner)
        return origin([made(inner[0], text, depth + 1)] if depth < 6 else [])
    if origin in (dict, Mapping):
        return {made(inner[0], text, depth + 1): made(inner[1], text, depth + 1)}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = kind.model_fields.items()
        return kind.model_construct(
            **{name: made(each.annotation, text, depth + 1) for name, each in fields}
        )
    if hasattr(kind, "__dataclass_fields__") or hasattr(kind, "_fields"):
        hints = get_type_hints(kind, localns={"Cost": Cost, "Answer": Answer})
        names = getattr(kind, "__dataclass_fields__", None) or kind._fields
        return kind(**{name: made(hints[name], text, depth + 1) for name in names})
    if isinstance(kind, type) and hasattr(kind, "__members__"):
        return next(iter(kind))
    return text


def acting(page: str, *, public: bool = False) -> list[Any]:
    """The tokens of a page that act.

    Args:
        public: as on GitHub, where no address may be a link, and spans keep mathematics from being found. In a file
            no HTML stands, and an address that shows where it leads may be a link.
    """
    environment: dict[str, Any] = {}
    found: list[Any] = []
    for each in GITHUB.parse(page, environment):
        inside = each.children or []
        for at, token in enumerate((each, *inside)):
            if token.type in ("html_block", "image"):
                found.append(token)
            if token.type == "link_open" and (public or token.attrs["href"] != inside[at].content):
                found.append(token)
            if token.type == "html_inline" and not (
                public and token.content in ("<span>", "</span>")
            ):
                found.append(token)
            if token.type == "fence" and token.info in ("math", "mermaid", "geojson", "suggestion"):
                found.append(token)
            if token.type == "text":  # of mathematics
                found += COMMANDS.findall(token.content)
    found += re.findall(r"(?<!\\)\[\^[^\]]+\]", CODE.sub("x", page))  # a footnote
    found += re.findall(r"(?m)^\s*(?:[-*+]|\d+[.)]) \[[ xX]\]", CODE.sub("x", page))  # a task
    return [*found, *environment.get("references", {})]


def leaks(printed: str) -> str:
    """The first thing in ``printed`` that a terminal would obey or a reader not see, with what stands around it."""
    rest = _PICTURE.sub("", _OURS.sub("", printed))
    for at, each in enumerate(rest):
        if each not in "\n\t" and visible(each) != each:
            return repr(rest[max(at - 40, 0) : at + 40])
    return ""


def obeyed(printed: str) -> list[str]:
    """The lines that a workflow's log would take for commands."""
    plain = _OURS.sub("", printed)
    return [line for line in plain.splitlines() if line.lstrip().startswith("::") or "##[" in line]


def printed(
    action: Callable[[], None], monkeypatch: pytest.MonkeyPatch, *, terminal: bool
) -> tuple[str, str]:
    """What an action writes to standard output and error, each a pseudo-terminal or a pipe."""
    console.out.cache_clear()
    console.err.cache_clear()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    ends = [os.openpty() if terminal else os.pipe() for _ in range(2)]
    said: list[bytes] = [b"", b""]

    def drain(which: int, descriptor: int) -> None:
        while True:
            try:
                piece = os.read(descriptor, 65536)
            except OSError:  # a pseudo-terminal whose other end is closed
                return
            if not piece:
                return
            said[which] += piece

    readers = []
    for which, (here, there) in enumerate(ends):
        if terminal:
            tty.setraw(there)
        reader = threading.Thread(target=drain, args=(which, here))
        reader.start()
        readers.append(reader)
    with monkeypatch.context() as patch:
        for name, (_, there) in zip(("stdout", "stderr"), ends, strict=True):
            patch.setattr(sys, name, open(there, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        streams = sys.stdout, sys.stderr
        door.install()
        try:
            action()
        except SystemExit:
            pass
        finally:
            for each in (*streams, sys.stdout, sys.stderr):
                each.flush()
            for each in streams:
                each.close()
    for reader in readers:
        reader.join(10)
    for here, _ in ends:
        os.close(here)
    console.out.cache_clear()
    console.err.cache_clear()
    return said[0].decode("utf-8"), said[1].decode("utf-8")
