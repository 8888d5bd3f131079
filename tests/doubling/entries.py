# ruff: noqa: E501 (tables of inputs)
"""Every function that reads a text of anybody's, as a function of that text: the registry of the doubling tests.

A function that reads or writes texts is added as a line of ``ENTRIES``. A module of ``corpus.convert`` or ``corpus.readers`` that no entry names makes a test fail (``test_doubling``).
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.doubling import texts
from tests.doubling.texts import EVERY, Make

from gadfly.agent.answers import receipts, sentences
from gadfly.agent.answers.answer import Claim, Receipt
from gadfly.agent.answers.offline import sections as offline
from gadfly.agent.jobs.redteam import blocks, claims, overclaims, trace
from gadfly.agent.llm import asking
from gadfly.agent.markup import phrase
from gadfly.agent.markup import prose as prose_of_anybody
from gadfly.agent.turn.skeptic import outrank, split
from gadfly.corpus import citing, documents, markup, quotes
from gadfly.corpus.convert import (
    atom,
    distill,
    facts,
    html,
    latex,
    latexml,
    markdown,
    math,
    notes,
    pandoc,
    pdf,
    simple_index,
    slides,
    soup,
)
from gadfly.corpus.convert.pdf import front, grids, layout
from gadfly.corpus.convert.pdf import text as pdf_text
from gadfly.corpus.index import chunks
from gadfly.corpus.models import Passage
from gadfly.corpus.readers import (
    beside,
    bylines,
    code,
    contents,
    dump,
    encoding,
    fences,
    heads,
    notebook,
    packed,
    page,
    papers,
    parts,
    paths,
    python,
    rawtext,
    report,
    sites,
    styles,
    tables,
    unfenced,
)
from gadfly.corpus.sources import library
from gadfly.corpus.sources.memory import note
from gadfly.errors import CorpusError
from gadfly.evals.reasoners import extract
from gadfly.tools.ledger import Run
from gadfly.tools.review.reading import diff
from gadfly.tools.review.suppress import Suppressions
from gadfly.visible import visible

QUOTE = "words that nowhere stand in this long document"


@dataclass(frozen=True)
class Entry:
    """``modules`` are those it stands for; ``own`` are inputs of a form that only it reads."""

    run: Callable[[Any], Any]
    modules: tuple[Any, ...]
    own: Mapping[str, Callable[[int], Any]] = field(default_factory=dict)
    texts: Mapping[str, Make] = field(default_factory=lambda: EVERY)

    def cases(self) -> Iterator[tuple[str, Callable[[int], Any]]]:
        yield from self.texts.items()
        yield from self.own.items()


def _page(text: str) -> str:
    return f"<html><body><article><h1>Title</h1><p>{'word ' * 30}</p>{text}</article></body></html>"


def _latex(text: str) -> None:
    """What is done with LaTeX before pandoc, which has a bound of its own on time, and with what it says."""
    files = {"main.tex": text.encode("utf-8", "replace"), "a.tex": b"word"}
    whole = latex._Inputs(files.get).expand("main.tex", ())
    for piece in latex._pieces(whole):
        latex._put(piece)
    latex._definitions(latex._with_structure(whole), {"\\aa"})
    latex._shelf(["main.bbl"], {"main.bbl": files["main.tex"]}.get)
    latex._unknown(f"[INFO] Skipped '\\foo{{{text}}}' at line 9 column 1", 1)


def _tree(text: str) -> None:
    """What is done with pandoc's tree of a paragraph for each word."""
    blocks = [pandoc.paragraph(word) for word in text.split()]
    changed = pandoc._Changes(blocks, {}).made(blocks)
    pandoc.text_of(changed), pandoc.cited(changed), list(pandoc.marked(changed, "cite."))


def _pdf_page(text: str, rules: int = 0) -> layout.Page:
    """A page with the text's lines, and with rules between them."""
    lines = []
    rows = [each for each in text.split("\n") if each.strip()] or ["a"]
    for number, row in enumerate(rows):
        words = [
            layout.Word(word, 9.0 * at, 9.0 * at + 5, 10.0, 900.0 - 12 * number, False)
            for at, word in enumerate(row.split())
        ]
        lines.append(layout.Line(tuple(words), "Serif"))
    drawn = tuple(layout.Rule(0, 500, 895.0 - 12 * n) for n in range(min(rules, len(rows))))
    return layout.Page(tuple(lines), drawn, 900.0)


def _pdf_front(text: str) -> None:
    front.read(layout.Layout(1, (_pdf_page(text),), {"Title": text, "Author": text}), text)


def _slide(text: str) -> None:
    """A slide with a paragraph for each line."""
    lines = [SimpleNamespace(level=0, text=each) for each in text.split("\n")]
    slides._list(SimpleNamespace(paragraphs=lines))


def _bylines(text: str) -> None:
    bylines.of_paper(text, text[:80]), bylines.opens_paper(text.split("\n"))
    bylines.names(text), bylines.people(text), bylines.is_signed(text.split("\n"))


def _library(text: str, name: str) -> None:
    # What decodes LaTeX leaves its states in cycles, gigabytes of them where nothing collects, as while time is taken.
    gc.enable()
    with suppress(CorpusError):
        library.entries(text, Path(name))


def _cited(text: str) -> None:
    (found,) = citing.references(
        [note("a", "x").model_copy(update={"title": text, "authors": (text,)})]
    )
    citing.line(found), citing.bibtex(found), citing.csl(found)


def _document(text: str) -> Any:
    return note("a", documents.normalise(text))


class _Shelf:
    """A library of one document, whatever is asked for."""

    title = "A"

    def __init__(self, text: str) -> None:
        self.text = text

    def document(self, document_id: str) -> _Shelf:
        if len(document_id) > 40:
            raise CorpusError("no such document")
        return self


class _Runs:
    def find(self, run_id: str) -> Run | None:
        return None


def _passage(text: str) -> Passage:
    fields: dict[str, Any] = {
        "id": "a",
        "document": "a",
        "title": "A",
        "heading": "",
        "text": text,
        "tokens": 1,
        "score": 1.0,
        "kind": "document",
        "start": 0,
        "end": len(text),
        "authors": (),
        "year": None,
        "url": None,
        "source": "s",
    }
    return Passage.model_construct(**fields)


def _answering(text: str) -> tuple[int, int]:
    of = documents.Document(id="a", title="A", text=text, kind="document", source="s")
    best = offline.choose("What do words say?", [_passage(text)], lambda _: of, None)
    return offline.shown(best[0], "What do words say?") if best else (0, 0)


def _verified(text: str) -> receipts.Verified:
    pieces = text.split(". ")
    cited = [Receipt(kind="run", state="verified", run="r", verdict="inconclusive") for _ in pieces]
    made = [Claim(text=p, receipts=[c]) for p, c in zip(pieces, cited, strict=True)]
    numbered = " ".join(f"{p} [{n}]." for n, p in enumerate(pieces, 1))
    return receipts.Verified(numbered, made, None)


def _notebook(text: str) -> str:
    cell = {
        "cell_type": "code",
        "source": text,
        "outputs": [{"output_type": "stream", "text": text}],
    }
    told = {"cell_type": "markdown", "source": text}
    return json.dumps({"cells": [cell, told], "metadata": {}, "nbformat": 4})


def _part(text: str, name: str) -> Any:
    return parts.read(text, name, parts.Mending())


def _fresh(function: Callable[..., Any]) -> Callable[..., Any]:
    """A cached function without its cache."""
    return function.__wrapped__  # type: ignore[attr-defined, no-any-return]


def _quotes(text: str) -> None:
    quotes.plain.cache_clear()
    quotes.check(text, text)
    quotes.plain.cache_clear()
    quotes.check(QUOTE, text)
    quotes.nearest(QUOTE, text)


def _verify(text: str) -> None:
    quotes.plain.cache_clear()
    outrank.hold_to_verdicts(receipts.verify(text, _Shelf(text), _Runs()), _Runs())


def _raw(text: str) -> None:
    rawtext.looks_raw(text)
    rawtext.title(text)
    rawtext.join_broken_words(text)
    rawtext.number_headings(text)


def _contents(text: str) -> None:
    found = contents.table(f"Contents\n{text}", len(text))
    if found is not None:
        heads.find(text, found, [])


def _lines(text: str) -> None:
    for line in text.split("\n"):
        paths.is_file(line)
        paths.stem(line)


def _distill(text: str) -> None:
    distill.bibliography(text)
    tree = soup.parse(f"<d-article><p>{'[key1] word ' * 20}</p></d-article>")
    distill.references(tree, tree, text)


def _redteam(text: str) -> None:
    found = blocks.blocks(text)
    blocks.named_runs(text)
    claims.tag(found, {})
    overclaims.find(found)
    trace.trace(found, {}, [])


def _diff(text: str) -> None:
    body = "\n".join(f"+{line}" for line in text.split("\n"))
    count = body.count("\n") + 1
    whole = f"--- a/x.py\n+++ b/x.py\n@@ -0,0 +1,{count} @@\n{body}\n"
    for each in (text, whole):
        for change in diff.parse(each):
            diff.as_it_stands(change.hunks)
    for change in diff.parse(whole):  # one file: each is laid over its own text
        diff.applied(text, change.hunks)
        diff.unapplied(text, change.hunks)
        diff.is_new_side(text, change.hunks)
    diff.of_patch(text)


def _json_lines(unit: str, before: str, after: str) -> Make:
    def make(size: int) -> str:
        return before + ", ".join([unit] * max(1, size // len(unit))) + after

    return make


def html_units() -> dict[str, Make]:
    """Constructs of HTML: those of ``texts`` in a page, and the special markup of each known kind of page."""

    units = {
        "footnotes": '<p>Word<a href="#fn{n}" id="fnref{n}">[{n}]</a></p><li id="fn{n}">A note. <a href="#fnref{n}">^</a></li>',
        "footnotes below": '<sup><a href="#fn{n}">{n}</a></sup> word ',
        "one footnote": '<a href="#fn1">[1]</a> word ',
        "unknown footnotes": '<a href="#x{n}">[1]</a> ',
        "distill notes": "word<d-footnote>A note.</d-footnote> ",
        "distill cites": '<d-cite key="k{n}"></d-cite> ',
        "latexml notes": '<span class="ltx_note ltx_role_footnote"><span class="ltx_note_content">A</span></span> ',
        "latexml equations": '<table class="ltx_equation"><tr class="ltx_eqn_row"><td><math alttext="x"></math></td></tr></table>',
        "latexml listings": '<div class="ltx_listing"><div class="ltx_listingline">x</div></div>',
        "latexml lists": '<ul><li class="ltx_item"><span class="ltx_tag_item">•</span>a</li></ul>',
        "latexml theorems": '<div class="ltx_theorem"><h6 class="ltx_title_theorem">T</h6><p>words</p></div>',
        "latexml authors": '<span class="ltx_personname">Ann Author, Bob Bee</span>',
        "latexml tabulars": '<span class="ltx_tabular"><span class="ltx_tr"><span class="ltx_td">a</span></span></span>',
        "mathjax": '<span class="MathJax"></span><script type="math/tex">x</script>',
        "math": "<math><mi>x</mi></math> ",
        "katex": '<span class="katex"><math><annotation encoding="application/x-tex">x</annotation></math></span> ',
        "mjx": '<mjx-container aria-label="x"></mjx-container> ',
        "d-math": "<d-math>x</d-math> ",
        "paragraphs": "<p>A paragraph of words.</p>",
        "divisions": "<div>words</div>",
        "spans": "<span>word</span> ",
        "links": '<a href="https://a.b/{n}">word</a> ',
        "headings": "<h2>Heading</h2>",
        "empty headings": "<h2></h2>",
        "rows": "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>",
        "items": "<li>item</li>",
        "code": "<pre><code>x = 1\n</code></pre>",
        "code lines": "<code>x</code> ",
        "breaks": "<br>",
        "rules": "<hr>",
        "classes": '<div class="a b c nav share">x</div>',
        "unclosed divisions": "<div>x",
        "unclosed paragraphs": "<p>x",
        "unclosed bold": "<b>x",
        "unclosed links": '<a href="#fn1">1',
        "unclosed spans": "<span>x",
        "list in list": "<ul><li>x",
        "scripts": "<script>x</script>",
        "comments": "<!-- x -->",
        "images": '<img alt="a long enough description of it">',
        "times": '<time datetime="2020-01-01">x</time>',
        "metas": '<meta name="author" content="Ann Author">',
        "sups": "10<sup>2</sup> ",
        "definitions": "<dl><dt>a</dt><dd>b</dd></dl>",
        "figures": "<figure><figcaption>a</figcaption></figure>",
        "entities": "&lt;&amp;&#x41;",
        "articles": "<article><p>words of it</p></article>",
        "mains": "<main>words</main>",
        "emphasis": "<em>a</em><b>c</b>",
        "quotes": "<blockquote>a</blockquote>",
        "texts without blanks": "aaaa<b></b>",
    }
    found = {
        f"html {name}": texts.times(unit, _page("").removesuffix("</article></body></html>"))
        for name, unit in units.items()
    }
    inner = {
        "html row of cells": ("<table><tr>", "<td>a</td>", "</tr></table>"),
        "html rows of one table": ("<table>", "<tr><td>a</td><td>b</td></tr>", "</table>"),
        "html items of one list": ("<ol>", "<li>item</li>", "</ol>"),
        "html words of one paragraph": ("<p>", "<b>word</b> ", "</p>"),
        "html notes of one list": (
            '<p><a href="#fn1">1</a></p><ol>',
            '<li id="fn{n}">note <a href="#fnref{n}">^</a></li>',
            "</ol>",
        ),
        "html notes in one paragraph": ("<p>", "a<d-footnote>n</d-footnote> ", "</p>"),
        "html lines of one code": ("<pre>", "x = 1<br>", "</pre>"),
        "html spans of one code": ("<pre><code>", "<span>x</span>\n", "</code></pre>"),
        "html equations in one table": (
            '<table class="ltx_equationgroup">',
            '<tr class="ltx_eqn_row"><td><math alttext="x"></math></td></tr>',
            "</table>",
        ),
        "html links of one heading": ("<h2>a", '<a href="#">¶</a>', "</h2>"),
        "html latexml": (
            '<article class="ltx_document">',
            '<p class="ltx_p">words <cite class="ltx_cite"><a href="#b">1</a></cite></p>',
            "</article>",
        ),
        "html latexml notes": (
            '<article class="ltx_document"><p>',
            'w<span class="ltx_note ltx_role_footnote"><span class="ltx_note_content">A</span></span>',
            "</p></article>",
        ),
        "html attributes": ("<p ", "a{n}=b ", ">x</p>"),
        "html class names": ('<p class="', "a{n} ", '">x</p>'),
        "html layout": ("<table><tr><td>", "<p>words</p><ul><li>a</li></ul>", "</td></tr></table>"),
    }
    found |= {
        name: texts.times(
            unit, f"<html><body><p>{'word ' * 30}</p>{before}", f"{after}</body></html>"
        )
        for name, (before, unit, after) in inner.items()
    }
    for tag in (
        "div",
        "span",
        "ul><li",
        "blockquote",
        "table><tr><td",
        "b",
        "ol><li",
        "dl><dd",
        "code",
        "sup",
        "section",
    ):
        closing = "</" + "></".join(reversed(tag.split("><"))) + ">"
        found[f"html nested {tag}"] = texts.nested(f"<{tag}>", closing)
    return found


def latex_units() -> dict[str, Make]:

    units = {
        "sections": "\\section{A}\nwords\n",
        "items": "\\begin{itemize}\\item a\\end{itemize}\n",
        "formulas": "$x^2$ ",
        "displays": "\\[x\\]\n",
        "equations": "\\begin{equation}x\\label{e}\\end{equation}\n",
        "cites": "\\cite{a,b} ",
        "footnotes": "word\\footnote{A note.} ",
        "tables": "\\begin{tabular}{ll}a & b \\\\ c & d\\end{tabular}\n",
        "styles": "\\textbf{word} ",
        "unknown": "\\unknown{word} ",
        "bare": "\\unknown ",
        "groups": "{word} ",
        "switches": "{\\bf word} ",
        "accents": "\\'e \\c{c} ",
        "comments": "word % comment\n",
        "verbs": "\\verb|x| ",
        "listings": "\\begin{lstlisting}\nx\n\\end{lstlisting}\n",
        "figures": "\\begin{figure}\\caption{A}\\label{f}\\end{figure}\n",
        "theorems": "\\begin{theorem}[A] words\\end{theorem}\n",
        "quotes": "\\begin{quote}a\\end{quote}\n",
        "links": "\\href{https://a.b}{c} ",
        "definitions": "\\newcommand{\\aa}[1]{x#1}\n",
        "uses": "\\newcommand{\\q}{word}\\q \\q ",
        "ends": "\\end{itemize} ",
        "begins": "\\begin{itemize}\\item a ",
        "begins without items": "\\begin{figure} a ",
        "breaks": "a \\\\[2pt] ",
        "signs": "\\& \\% ",
        "dollars": "\\$ ",
        "lone dollars": "$ ",
        "dollar paragraphs": "$a\n\n",
        "bibitems": "\\bibitem{k{n}} Ann. Title.\n",
        "labelled bibitems": "\\bibitem[A(2020)]{k{n}} Ann. Title.\n",
        "algorithms": "\\begin{algorithm}\\State x \\If y\\end{algorithm}\n",
        "options": "\\unknown[a]",
        "captions": "\\caption{A}",
        "ands": "Ann \\and Bob ",
        "authors": "\\author{Ann Author}",
        "inputs": "\\input{a}",
        "refs": "\\ref{a} ",
        "brackets": "[",
        "rules": "\\hline ",
        "titles": "\\title{A}",
        "blank lines": "\n\n",
        "switch runs": "\\bf ",
        "braced options": "\\cite[{a]",
        "multicolumns": "\\multicolumn{2}{c}{a} & ",
        "colors": "\\textcolor{red}{a} ",
        "spaces": "\\ ",
        "marks": "\x011\x02",
        "ifs": "\\iffalse a \\fi ",
        "minted": "\\begin{minted}[a]{b}\nx\n\\end{minted}\n",
        "nothing closed": "\\textbf{",
        "options unclosed": "\\footnote[",
        "paragraph commands": "\\paragraph{a} b ",
        "quads": "\\quad ",
        "items alone": "\\item a ",
        "dashes": "--- ",
        "blanks in commands": "\\textbf   {a} ",
    }
    found = {f"latex {name}": texts.times(unit) for name, unit in units.items()}
    inner = {
        "items of one list": ("\\begin{itemize}", "\\item a ", "\\end{itemize}"),
        "rows of one table": ("\\begin{tabular}{ll}", "a & b \\\\ ", "\\end{tabular}"),
        "cells of one row": ("\\begin{tabular}{ll}", "a & ", "\\end{tabular}"),
        "rules of one table": ("\\begin{tabular}{ll}", "\\hline ", "a & b\\end{tabular}"),
        "lines of one formula": ("\\begin{align}", "x &= y \\\\ ", "\\end{align}"),
        "lines of one listing": ("\\begin{lstlisting}", "x = 1\n", "\\end{lstlisting}"),
        "notes of one paragraph": ("", "a\\footnote{b} ", ""),
        "steps": ("\\begin{algorithm}", "\\State x ", "\\end{algorithm}"),
        "words of one argument": ("\\textbf{", "word ", "}"),
        "commands of one argument": ("\\textbf{", "\\emph{a} ", "}"),
        "macros of macros": ("", "\\newcommand{\\a}{x}\\a{}", ""),
        "names": ("\\author{", "Ann Author, ", "}"),
        "keys": ("\\cite{", "key{n},", "}"),
        "doubling macros": ("\\def\\aa{a a}\\def\\bb{\\aa\\aa}\\def\\cc{\\bb\\bb}", "\\cc ", ""),
        "arguments of a macro": ("\\newcommand{\\q}[1]{(#1)}", "\\q{a} ", ""),
        "macro nested": ("\\newcommand{\\q}[1]{(#1)}", "\\q{", ""),
        "options of macros": ("\\newcommand{\\q}[2][d]{(#1#2)}", "\\q[a]{b} ", ""),
        "macro options unclosed": ("\\newcommand{\\q}[2][d]{(#1#2)}", "\\q[", ""),
        "bibliography": (
            "\\begin{thebibliography}{9}",
            "\\bibitem[A(2020)]{k{n}} Ann. ",
            "\\end{thebibliography}",
        ),
        "long title": ("\\title{", "word ", "}"),
        "long caption": ("\\begin{figure}\\caption{", "word ", "}\\end{figure}"),
    }
    found |= {
        f"latex {name}": texts.times(unit, before, after)
        for name, (before, unit, after) in inner.items()
    }
    for name in ("\\textbf{", "{", "\\footnote{", "\\frac{a}{", "{\\bf "):
        found[f"latex nested {name}"] = texts.nested(name, "}")
    for name in ("itemize", "figure", "quote", "theorem", "tabular"):
        found[f"latex nested {name}"] = texts.nested(
            f"\\begin{{{name}}}\\item ", f"\\end{{{name}}}"
        )
    return found


TEX = latex_units()
HTML = html_units()
ENTRIES: dict[str, Entry] = {
    "html page": Entry(lambda t: html.read(t), (html, markdown, math, notes), HTML, {}),
    "html page of text": Entry(lambda t: html.read(_page(t)), (html,)),
    "html fragment": Entry(lambda t: html.fragment(t), (html,), HTML),
    "html failed": Entry(latexml.failed, (latexml,), HTML),
    "html facts": Entry(
        lambda t: facts.read(soup.parse(t), "https://a.b/2020"), (facts, soup), HTML, {}
    ),
    "html licence": Entry(facts.cc_name, (facts,)),
    "latex": Entry(_latex, (latex,), TEX),
    "pandoc": Entry(lambda t: _tree(t), (pandoc, papers)),
    "pdf text": Entry(lambda t: pdf_text.join(t.split("\f"), [pdf_text.Heading("A", 1)]), (pdf,)),
    "pdf pages": Entry(
        lambda t: pdf_text.join([t[i : i + 2000] for i in range(0, len(t), 2000)]), (pdf,)
    ),
    "pdf first page": Entry(_pdf_front, (pdf,)),
    "pdf tables": Entry(lambda t: grids.grids(_pdf_page(t, rules=200)), (pdf,)),
    "slides": Entry(_slide, (slides,)),
    "bibtex": Entry(_distill, (distill,)),
    "atom": Entry(
        lambda t: atom.read(f"<feed xmlns='http://www.w3.org/2005/Atom'><entry>{t}</entry></feed>"),
        (atom,),
    ),
    "package index": Entry(
        lambda t: simple_index.read(t, "https://a.b", "a"),
        (simple_index,),
        {
            "many files": lambda n: "".join(
                f'<a href="a-1.{i}.tar.gz">a</a>\n' for i in range(n // 30)
            ),
            "many files as JSON": _json_lines(
                '{"filename": "a-1.0.tar.gz", "url": "a"}', '{"files": [', "]}"
            ),
        },
    ),
    "arena": Entry(lambda t: python.read_master(f"# ! CELL TYPE: markdown\n{t}"), (python,)),
    "bylines": Entry(_bylines, (bylines,)),
    "bibtex file": Entry(
        lambda t: _library(
            f"@misc{{a, title={{{t}}}, author={{{t}}}, file={{{t}}}}}\n{t}", "a.bib"
        ),
        (library,),
        {"bibtex entries": texts.times("@book{k{n}, title={One {T}wo}, author={A, B and C, D}}\n")},
        # The parser is a library's, which takes seconds and gigabytes for all of them.
        {
            name: texts.EVERY[name]
            for name in ("unclosed braces", "nested brackets", "many initials")
        },
    ),
    "ris file": Entry(
        lambda t: _library(f"TY  - JOUR\nTI  - {t}\n{t}\nER  - \n", "a.ris"),
        (library,),
        {"ris entries": texts.times("TY  - JOUR\nTI  - One\nAU  - A, B\nER  - \n")},
    ),
    "csl file": Entry(
        lambda t: _library(json.dumps([{"type": "book", "title": t, "issued": t}]), "a.json"),
        (library,),
    ),
    "citations": Entry(_cited, (citing,)),
    "code": Entry(lambda t: code.read(t, "a.py"), (code,)),
    "contents": Entry(_contents, (contents,)),
    "dump": Entry(lambda t: dump.read(t, "a"), (dump, report, styles)),
    "dump of two": Entry(
        lambda t: dump.read(f"File: a/b.md\n{t}\n\nFile: c/d.md\n{t}", "a"), (dump,)
    ),
    "encoding": Entry(
        lambda t: encoding.wrapped(encoding.decode(t.encode("utf-8", "replace"))), (encoding,)
    ),
    "fences": Entry(
        lambda t: (fences.fence(t), fences.unfence(f"```\n{t}\n```"), fences.close(t)), (fences,)
    ),
    "heads": Entry(lambda t: heads.find(t, None, []), (heads,)),
    "sites": Entry(lambda t: sites.find(f"# A\n{t}", "llms-full.txt"), (sites,)),
    "tables beside": Entry(
        lambda t: beside.drawn_in(f".. csv-table:: A\n   :file: a.csv\n{t}", {"a.csv": b"a,b"}.get),
        (beside,),
        {"csv tables": texts.times(".. csv-table:: A\n   :file: a.csv\n   :widths: 1\n\n")},
    ),
    "gaps": Entry(rawtext.drop_empty_sections, (rawtext,)),
    "letters": Entry(rawtext.join_letters, (rawtext,)),
    "literate": Entry(python.read_literate, (python,)),
    "notebook": Entry(
        lambda t: notebook.read(_notebook(t), "a"),
        (notebook,),
        {
            "many cells": lambda n: json.dumps(
                {"cells": [{"cell_type": "code", "source": "x"}] * (n // 40)}
            ),
            "many cells, told and run": lambda n: json.dumps(
                {
                    "cells": [
                        {"cell_type": "markdown", "source": "x"},
                        {"cell_type": "code", "source": "x"},
                    ]
                    * (n // 80)
                }
            ),
            "many outputs": lambda n: json.dumps(
                {
                    "cells": [
                        {
                            "cell_type": "code",
                            "source": "x",
                            "outputs": [{"output_type": "stream", "text": "a"}] * (n // 40),
                        }
                    ]
                }
            ),
            "many images": lambda n: json.dumps(
                {
                    "cells": [
                        {
                            "cell_type": "markdown",
                            "source": "![a](data:image/png;base64,AA)" * (n // 30),
                        }
                    ]
                }
            ),
            "many image tags": lambda n: json.dumps(
                {
                    "cells": [
                        {
                            "cell_type": "markdown",
                            "source": "<img src='data:image/png,A" * (n // 26),
                        }
                    ]
                }
            ),
            "nested JSON": lambda n: "[" * n,
        },
    ),
    "outputs": Entry(notebook.shortened, (notebook,)),
    "packed": Entry(
        lambda t: (packed.plain(f'<a><file path="a">{t}</file></a>'), packed.plain("{" + t)),
        (packed,),
        {"packed files": texts.times('<file path="a{n}">b</file>', "<files>", "</files>")},
    ),
    "part": Entry(lambda t: _part(t, "a.md"), (parts,)),
    "part of PDF": Entry(lambda t: _part(t, "a.pdf"), (parts,)),
    "part of notebook": Entry(lambda t: _part(t, "a.ipynb"), (parts,)),
    "part of code": Entry(lambda t: _part(t, "a.js"), (parts,)),
    "paths": Entry(_lines, (paths,)),
    "percent": Entry(lambda t: (python.is_percent(t), python.read_percent(t)), (fences, python)),
    "prose": Entry(page.prose, (page,)),
    "python": Entry(lambda t: python.read(t, "a.py"), (python,)),
    "raw text": Entry(_raw, (rawtext,)),
    "tables": Entry(lambda t: tables.mend(f"<table>{t}</table>"), (tables,)),
    "tally": Entry(lambda t: report.lost(t, [t], [t]), (report,)),
    "unfenced": Entry(unfenced.mend, (unfenced,)),
    "chunks": Entry(lambda t: chunks.chunks(_document(t)), (chunks,)),
    "normalise": Entry(
        lambda t: (documents.normalise(t), documents.slug(t), documents.year_of(t)), (documents,)
    ),
    "plain": Entry(lambda t: _fresh(quotes.plain)(t), (quotes,)),
    "quotes": Entry(_quotes, (quotes,)),
    "pages": Entry(lambda t: (prose_of_anybody(t), phrase(t)), (prose_of_anybody, phrase)),
    "visible": Entry(visible, (visible,)),
    "markup": Entry(
        lambda t: (markup.sections(t), markup.split_front_matter(f"---\n{t}")), (markup,)
    ),
    "receipts": Entry(_verify, (receipts, outrank)),
    "sentences": Entry(sentences.segments, (sentences,)),
    "verdicts": Entry(lambda t: outrank.hold_to_verdicts(_verified(t), _Runs()), (outrank,)),
    "skeptic": Entry(split.split, (split,)),
    "model's JSON": Entry(lambda t: (asking.list_in(t), asking.object_in(t)), (asking,)),
    "model's marks": Entry(
        lambda t: split.split(
            t + " I am convinced it holds.",
            lambda _: json.dumps([{"text": w, "kind": "hope"} for w in t.split()[:200]]),
        ),
        (split,),
    ),
    "cues": Entry(split._CUE.search, (split,)),
    "excerpts": Entry(
        lambda t: extract.choose("What do words say, and how?", [_passage(t)]), (extract,)
    ),
    "answering sections": Entry(_answering, (offline, markup)),
    "questions": Entry(offline.parts, (offline,)),
    "red team": Entry(_redteam, (blocks, claims, overclaims, trace)),
    "diffs": Entry(_diff, (diff,)),
    "suppressions": Entry(lambda t: Suppressions(t.split("\n"), 1), (Suppressions,)),
}
