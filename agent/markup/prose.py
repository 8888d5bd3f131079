"""A text of several paragraphs, written anew from its parsed view: only what is known to do nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gadfly.agent.markup.reader import harmless, is_carried_out, pieces, seen, words
from gadfly.agent.markup.words import Marks, code, line, plain, source, span
from gadfly.visible import visible

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode

_MOST = 50_000  # characters; a parser may take a longer text as long as its length squared
_TEXT = ("text", "text_special")
_WORDS = (*_TEXT, "code_inline")
_AROUND = {"em": "*", "strong": "**", "s": "~~"}


def prose(text: str) -> str:
    """``text`` as Markdown that does nothing, its paragraphs, lists, quotations, tables, code and emphasis kept.

    HTML, links, images and references are shown as they were written, headings as bold lines. What is longer than
    any answer, or does not read the same afterwards, becomes a block of code.
    """
    from markdown_it.tree import SyntaxTreeNode

    text = visible(text)
    if len(text) > _MOST:
        return code(text)
    found = pieces(text, whole=True)
    try:
        written = "\n\n".join(map(_block, SyntaxTreeNode(found).children))
    except RecursionError:
        return code(text)
    return written if harmless(written) and words(written) == seen(found) else code(text)


def phrase(text: str) -> str:
    """``text`` on one line, its code and emphasis kept."""
    from markdown_it.tree import SyntaxTreeNode

    text = " ".join(visible(text).split())
    found = pieces(text, whole=False)
    if not found or len(text) > _MOST:
        return plain(text)
    try:
        written = _inline(SyntaxTreeNode(found).children[0], marks="meant")
    except RecursionError:  # marks within marks, hundreds deep
        return plain(text)
    return written if harmless(written) and words(written) == seen(found) else plain(text)


def _block(node: SyntaxTreeNode) -> str:
    match node.type:
        case "fence" | "code_block":
            language = "" if is_carried_out(node.info) else node.info.strip()
            return code(node.content, language)
        case "bullet_list":
            return _list(node, lambda index: "- ")
        case "ordered_list":
            first = int(node.attrs.get("start", 1))
            return _list(node, lambda index: f"{first + index}. ")
        case "blockquote":
            inside = "\n\n".join(map(_block, node.children))
            return "\n".join(f"> {each}".rstrip() for each in inside.split("\n"))
        case "table":
            return _table(node)
        case "hr":
            return "* * *"
        case "heading":
            said = plain("".join(each.content for each in node.walk() if each.type in _WORDS))
            return f"**{said}**" if said else ""
    return _inline(node.children[0]) if node.children else ""


def _list(node: SyntaxTreeNode, mark: Callable[[int], str]) -> str:
    items = []
    for index, item in enumerate(node.children):
        tight = all(each.hidden for each in item.children if each.type == "paragraph")
        inside = ("\n" if tight else "\n\n").join(map(_block, item.children))
        sign = mark(index)
        items.append(sign + inside.replace("\n", "\n" + " " * len(sign)))
    return "\n".join(items)


def _table(node: SyntaxTreeNode) -> str:
    rows = [
        [_inline(cell.children[0], in_table=True) if cell.children else "" for cell in row.children]
        for part in node.children
        for row in part.children
    ]
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _inline(node: SyntaxTreeNode, *, marks: Marks = "all", in_table: bool = False) -> str:
    """The content of a paragraph or a cell: mathematics as it is if a parser still sees the same words."""
    written = _line(node, marks=marks)
    full = _line(node, marks="none")
    if written != full and not (harmless(written) and words(written) == words(full)):
        written = full
    return written.replace("|", "\\|") if in_table else written


def _line(node: SyntaxTreeNode, *, marks: Marks) -> str:
    """Each line of it begins as no block does."""
    said: list[str] = []
    run = ""

    def close() -> None:
        nonlocal run
        if run:
            starts = not said or said[-1].endswith("\n")
            if len(run) - len(run.rstrip("\\")) & 1:
                run += "\\"
            said.append(line(run.lstrip() if starts else run, starts=starts, marks=marks))
        run = ""

    for each in node.children:
        if each.type in _TEXT:
            run += each.markup if each.info == "escape" else source(visible(each.content))
            continue
        close()
        match each.type:
            case "softbreak" | "hardbreak":
                said.append("\n" if each.type == "softbreak" else "\\\n")
            case "code_inline":
                said.append(span(each.content))
            case _:
                mark = _AROUND[each.type]
                said.append(f"{mark}{_line(each, marks=marks)}{mark}")
    close()
    return "".join(said)
