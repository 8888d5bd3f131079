"""A text of several paragraphs, written anew from its parsed view: only what is known to do nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gadfly.agent.markup.reader import harmless, is_carried_out, phrase_tokens, seen, tokens, words
from gadfly.agent.markup.words import code, line, plain, span
from gadfly.agent.visible import visible

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode

_MOST = 50_000  # characters; a parser may take a longer text as long as its length squared
_WORDS = ("text", "code_inline")
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
    found = tokens(text)
    try:
        written = "\n\n".join(map(_block, SyntaxTreeNode(found).children))
    except RecursionError:
        return code(text)
    return written if harmless(written) and words(written) == seen(found) else code(text)


def phrase(text: str) -> str:
    """``text`` on one line, its code and emphasis kept."""
    from markdown_it.tree import SyntaxTreeNode

    text = " ".join(visible(text).split())
    found = phrase_tokens(text)
    if not found or len(text) > _MOST:
        return plain(text)
    try:
        written = _inline(SyntaxTreeNode(found).children[0])
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


def _inline(node: SyntaxTreeNode, *, in_table: bool = False) -> str:
    """The content of a paragraph or a cell. Each of its lines begins as no block does."""
    said: list[str] = []
    for each in node.children:
        starts = not said or said[-1].endswith("\n")
        match each.type:
            case "text":
                text = visible(each.content)
                said.append(line(text.lstrip() if starts else text, starts=starts))
            case "softbreak" | "hardbreak":
                said.append("\n" if each.type == "softbreak" else "\\\n")
            case "code_inline":
                shown = span(each.content)
                said.append(shown.replace("|", "\\|") if in_table else shown)
            case _:
                mark = _AROUND[each.type]
                said.append(f"{mark}{_inline(each, in_table=in_table)}{mark}")
    return "".join(said)
