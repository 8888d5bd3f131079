"""LaTeX to Markdown: a small paper in several files, single constructions, and what is broken."""

# ruff: noqa: E501  pages stand here as servers send them
from __future__ import annotations

import random
from pathlib import Path

import pytest

from gadfly.corpus.convert.latex import Paper, read
from gadfly.corpus.markup import sections
from gadfly.errors import CorpusError

PAPER = Path(__file__).parent / "data" / "paper"
FILLER = "These are words enough to be taken for a paper by whoever counts them. " * 4


def source() -> dict[str, bytes]:
    return {
        each.relative_to(PAPER).as_posix(): each.read_bytes()
        for each in PAPER.rglob("*")
        if each.is_file()
    }


def shown(body: str, preamble: str = "") -> str:
    text = read(
        {
            "x.tex": f"\\documentclass{{a}}{preamble}\\begin{{document}}{FILLER}\n\n{body}\\end{{document}}".encode()
        }
    )
    return text.text.removeprefix(FILLER.strip()).strip()


def test_a_paper() -> None:
    paper = read(source())
    assert (paper.title, paper.authors) == ("Probes on *Toys*", ("Ada One", "Ben Twö"))
    assert [each.title for each in sections(paper.text)] == [
        "Abstract", "Introduction", "Method", "Details & more", "References",
    ]  # fmt: skip
    for part in (
        "width $d_{\\mathrm{model}}=64$ and reach 97.5% accuracy.",
        "Probes (One & Two, 2020) are old[^1] and simple. See Figure [fig:acc] and "
        "[this page](https://a.org/x_%28y%29) or https://b.org/a_b%20c.\n\n[^1]: Older than *most*.",
        "- first **bold** item\n- second:\n\n  1. inner one\n  2. inner two with $x^2$\n- **Third** labelled",
        "over $\\mathbf{w}_{i} \\in \\mathbb{R}^n$ is\n\n"
        "$$\\mathcal{L} = \\operatorname*{arg\\,max}_{\\theta} \\frac{1}{2}\\|\\mathbf{v}_{1}\\|^2.$$\n",
        "$$a &= b \\\\ c &= d$$",
        "It costs $5 and 10 % — or less; see “this” & Eq. [eq:loss].",
        "**Theorem (Small).** Toys are small.",
        "Figure [fig:acc]: Accuracy of `probe_it` over $t$ (One & Two, 2020).",
        "Table [tab:main]: Main results.\n\n| Probe | Accuracy |  |\n| --- | --- | --- |\n|  | mean | $\\pm$ |\n"
        "| linear | **0.975** | $0.01$ |\n| A & B | a\\|b |  |",
        "```python\ndef probe(x):  # 50% of $x\n    return x @ w\n```",
        "`a_b%c` and **bold** and red and kept.",
        "**Run in.** Text of Toy-2.",
        "(see One & Two, 2020; Two, 2021, p. 3), as One & Two (2020) and [nobody] say.",
        "[One & Two (2020)] Ada One and Ben Twö. Old probes. *J. Toys*, 2020.",
    ):
        assert part in paper.text
    for gone in (
        "Commented",
        "never show",
        "plot.pdf",
        "toprule",
        "nobody.}",
        "linewidth",
        "maketitle",
    ):
        assert gone not in paper.text


@pytest.mark.parametrize(
    ("tex", "markdown"),
    [
        (r"\section{A $x$ title}\label{a} Text", "## A $x$ title\n\nText"),
        (r"\(a\) and \[ b \] and $$c$$ and $d \mbox{ if $e$}$", "$a$ and\n\n$$b$$\n\nand\n\n$$c$$\n\nand $d \\mbox{ if $e$}$"),
        ("It is $5 or so.\n\nAnd $6 more", "It is $5 or so.\n\nAnd $6 more"),
        (r"Erd\H{o}s, M\"uller, \'{e}, \c{c}, na\"{\i}ve, \O{}re, stra\ss e, \L ukasz", "Erdős, Müller, é, ç, naïve, Øre, straße, Łukasz"),
        (r"{\em it} and {\bf  b } and \textbf{\emph{x}} \emph{}", "*it* and **b** and ***x***"),
        (r"a\\b \\[2pt] c\newline d", "a\nb\nc\nd"),
        (r"\begin{quote}Said.\par And.\end{quote}", "> Said.\n>\n> And."),
        (r"\begin{description}\item[One] a \item[Two] b\end{description}", "- **One** a\n- **Two** b"),
        (r"\begin{itemize}\item[$\bullet$] a\end{itemize}", "- a"),
        (r"\begin{theorem} T. \end{theorem}\begin{proof} P. \end{proof}", "**Theorem.** T.\n\n**Proof.** P."),
        (r"\begin{tikzpicture}\draw (0,0);\end{tikzpicture}x", "x"),
        (r"\begin{minipage}[t]{0.5\textwidth}In.\end{minipage}", "In."),
        (r"\begin{unknownenv}In.\end{unknownenv}", "In."),
        (r"\begin{minted}[fontsize=\small]{python}" + "\nx = 1 % 2\n" + r"\end{minted}", "```python\nx = 1 % 2\n```"),
        (r"\begin{verbatim}" + "\na $ % \\x{\n" + r"\end{verbatim}", "```\na $ % \\x{\n```"),
        (r"\lstinline|a%b| \verb+c_d+ \lstinline{e}", "`a%b` `c_d` `e`"),
        (r"\multirow{2}{*}{m} \rotatebox{90}{r} \scalebox{0.5}{s} \colorbox{red}{c}", "m r s c"),
        (r"a\,b~c -- d\footnote{F $x$.}", "a b c – d[^1]\n\n[^1]: F $x$."),
        (r"\begin{tabular}{c}one\\two\end{tabular}", "one\ntwo"),
        (r"\begin{tabular}{lc}a & \begin{tabular}{c}b\\c\end{tabular}\\d & e\end{tabular}", "| a | b c |\n| --- | --- |\n| d | e |"),
        (r"\subsection{}\vspace{1em}\hspace*{2em}x \noindent y\clearpage z", "x y\n\nz"),
        (r"\textsc{Small} $\mathbb{R}$\xspace. \foo \bar{kept} \baz[opt]{also}", "Small $\\mathbb{R}$. kept also"),
        (r"\href{https://a.org}{t} \href{mailto:x@y.z}{mail} \cite{a,b} \ref{x}", "[t](https://a.org) mail [a, b] [x]"),
        ("a % comment\n   b\n%\n\n% only\nc 5\\% d", "a b\n\nc 5% d"),
        (r"\# not a heading, \& \_ \{x\}", "\\# not a heading, & _ {x}"),
        (r"\begin{algorithm}\caption{Toy}\begin{algorithmic}\State $x$ \For{$i$} \State y \EndFor\end{algorithmic}\end{algorithm}",
         "Algorithm: Toy\n\n$x$\nfor $i$\ny\nend for"),
    ],
)  # fmt: skip
def test_pieces(tex: str, markdown: str) -> None:
    assert shown(tex) == markdown


@pytest.mark.parametrize(
    ("defined", "used", "markdown"),
    [
        (r"\newcommand{\x}{deep}\newcommand\y[1]{\x #1}", r"\y{a} \y b", "deep a deep b"),
        (r"\newcommand{\o}[2][d]{#1-#2}", r"\o{a} \o[b]{c}", "d-a b-c"),
        (r"\renewcommand{\section}[1]{gone}", r"\section{Kept}x", "## Kept\n\nx"),
        (r"\def\R{\mathbb R}", r"$\R x$ $\Re$", "$\\mathbb R x$ $\\Re$"),
        (r"\newcommand{\a}{\b}\newcommand{\b}{\a}", r"x \a y", "x y"),
        (r"\newcommand{\rec}{z\rec}", r"x \rec y", "x y"),
        (r"\def\p#1#2{#2#1}", r"\p{a}{b}", "ba"),
        (r"\NewDocumentCommand{\n}{m m}{#2 #1}", r"\n{a}{b}", "b a"),
        (
            r"\DeclareMathOperator{\softmax}{softmax}",
            r"$\softmax(x)$",
            "$\\operatorname{softmax}(x)$",
        ),
        (r"\newtheorem{obs}[thm]{Observation}", r"\begin{obs}O.\end{obs}", "**Observation.** O."),
        (r"\newcommand{\al}{\alpha}", r"$\al x$ $\al_1$", "$\\alpha x$ $\\alpha_1$"),
    ],
)
def test_macros(defined: str, used: str, markdown: str) -> None:
    assert shown(used, defined) == markdown


DOCUMENT = b"\\documentclass{a}\\begin{document}" + FILLER.encode() + b"%s\\end{document}"


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ({"a.tex": DOCUMENT % b"alpha", "z.tex": b"\\section{z}"}, "alpha"),
        ({"notes.tex": DOCUMENT % b"beta" * 3, "ms.tex": DOCUMENT % b"alpha"}, "alpha"),
        ({"notes.tex": DOCUMENT % b"beta", "p.tex": DOCUMENT % b"alpha", "p.bbl": b""}, "alpha"),
        ({"ms.tex": DOCUMENT % b"beta", "x/p.tex": DOCUMENT % b"alpha", "00README.XXX": b"x/p.tex toplevelfile\n"}, "alpha"),
        ({"ms.tex": DOCUMENT % b"beta", "p.tex": DOCUMENT % b"alpha",
          "00README.json": b'{"sources": [{"filename": "p.tex", "usage": "toplevel"}]}'}, "alpha"),
        ({"ms.tex": DOCUMENT % b"alpha", "00README.json": b"[broken"}, "alpha"),
        ({"2401.01234": DOCUMENT % b"alpha"}, "alpha"),
        ({"m.tex": DOCUMENT % b"\\input{sub/one}", "sub/one.tex": b"\\input two", "sub/two.tex": b"alpha"}, "alpha"),
        ({"m.tex": DOCUMENT % b"\\import{sub/}{one}\\includegraphics[x]{y}", "sub/one.tex": b"alpha"}, "alpha"),
        ({"m.tex": DOCUMENT % b"\\input{../../etc/passwd}\\input{m}alpha"}, "alpha"),
        ({"m.tex": (DOCUMENT % "alph\xe4".encode("latin-1"))}, "alphä"),
        ({"m.tex": DOCUMENT.replace(b"\\end{document}", b"") % b"alpha"}, "alpha"),
    ],
)  # fmt: skip
def test_which_file_and_what_it_inputs(files: dict[str, bytes], word: str) -> None:
    text = read(files).text
    assert word in text
    assert "beta" not in text


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "no LaTeX document"),
        ({"a.tex": b"%auto-ignore\nThis paper was withdrawn."}, "no LaTeX document"),
        ({"a.tex": b"", "b.txt": b"x"}, "no LaTeX document"),
        ({"a.tex": b"\\documentclass{a}\\begin{document}\\end{document}"}, "holds no text"),
        ({"a.tex": b"\\documentclass{article}\\usepackage{pdfpages}\\begin{document}\\includepdf{x.pdf}\\end{document}"}, "no text"),
    ],
)  # fmt: skip
def test_no_paper(files: dict[str, bytes], words: str) -> None:
    with pytest.raises(CorpusError, match=words):
        read(files)


def test_broken_sources_never_stop_it() -> None:
    rng = random.Random(0)
    files = source()
    odd = [
        b"\\begin{foo}",
        b"\\end{itemize}",
        b"{",
        b"}",
        b"$",
        b"\\[",
        b"\\begin{align}",
        b"\\verb|",
        b"\\item",
        b"\\",
    ]
    outcomes = set()
    for _ in range(150):
        data = bytearray(files["main.tex"])
        for _ in range(rng.randint(1, 30)):
            at = rng.randrange(len(data))
            if rng.random() < 0.5:
                del data[at : at + rng.randint(1, 40)]
            else:
                data[at:at] = rng.choice(odd)
        try:
            outcomes.add(type(read({**files, "main.tex": bytes(data)})))
        except CorpusError:
            outcomes.add(CorpusError)
    assert Paper in outcomes
    assert outcomes <= {Paper, CorpusError}


@pytest.mark.parametrize(
    "bomb",
    [
        "{" * 20_000,
        "{" * 2_000 + "x" + "}" * 2_000,
        "\\begin{a}" * 5_000,
        "\\begin{center}" * 500 + "\\end{center}" * 500,
        "\\emph{" * 2_000,
        "\\begin{verbatim}" * 5_000,
        "\\foo[" * 3_000,
        "$x" * 5_001,
        "\\newcommand{\\a}{\\b\\b\\b\\b\\b\\b\\b\\b}\\newcommand{\\b}{\\c\\c\\c\\c\\c\\c\\c\\c}\\newcommand{\\c}{\\d\\d\\d\\d\\d\\d\\d\\d}"
        "\\newcommand{\\d}{xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx}" + "\\a" * 500,
    ],
)
def test_bombs_are_small(bomb: str) -> None:
    assert len(shown(bomb)) < 3_000_000
