"""LaTeX through pandoc: a small paper in several files, single constructions, what is broken and what is hostile."""

# ruff: noqa: E501  pages stand here as servers send them
from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from gadfly.corpus.convert import pandoc
from gadfly.corpus.convert.latex import read
from gadfly.corpus.convert.pandoc import Paper
from gadfly.corpus.markup import sections
from gadfly.errors import CorpusError, MissingExtraError

PAPER = Path(__file__).parent / "data" / "paper"
FILLER = "These are words enough to be taken for a paper by whoever counts them. " * 4


def source() -> dict[str, bytes]:
    return {
        each.relative_to(PAPER).as_posix(): each.read_bytes()
        for each in PAPER.rglob("*")
        if each.is_file()
    }


def shown(body: str, preamble: str = "") -> str:
    whole = f"\\documentclass{{a}}{preamble}\\begin{{document}}{FILLER}\n\n{body}\\end{{document}}"
    return read({"x.tex": whole.encode()}).text.removeprefix(FILLER.strip()).strip()


def test_a_paper() -> None:
    paper = read(source())
    assert (paper.title, paper.authors) == ("Probes on Toys", ("Ada One", "Ben Twö"))
    titles = ["Abstract", "1 Introduction", "2 Method", "Details & more", "References"]
    assert [each.title for each in sections(paper.text)] == titles
    for part in (
        "width $d_{\\mathrm{model}}=64$ and reach 97.5% accuracy.",
        "Probes (One & Two, 2020) are old[^1] and simple. See Figure 1 and "
        "[this page](https://a.org/x_%28y%29) or https://b.org/a_b%20c.\n\n[^1]: Older than *most*.",
        "- first **bold** item\n- second:\n\n  1. inner one\n  2. inner two with $x^2$\n- **Third** labelled",
        "over $\\mathbf{w}_{i} \\in \\mathbb{R}^n$ is\n\n$$\\label{eq:loss} \\mathcal{L} = "
        "\\mathop{\\mathrm{arg\\,max}}_{\\theta} \\frac{1}{2}\\|\\mathbf{v}_{1}\\|^2. \\nonumber$$\n",
        "$$\\begin{align*} a &= b \\\\ c &= d \\end{align*}$$",
        "It costs $5 and 10 % — or less; see “this” & Eq. [eq:loss].",
        "**Theorem 1** (Small). *Toys are small.*",
        "Figure 1: Accuracy of `probe_it` over $t$ (One & Two, 2020).",
        "Table: Main results.\n\n| Probe | Accuracy | |\n| --- | --- | --- |\n| | mean | $\\pm$ |\n"
        "| linear | **0.975** | $0.01$ |\n| A & B | a\\|b | |",
        "```python\ndef probe(x):  # 50% of $x\n    return x @ w\n```",
        "`a_b%c` and **bold** and red and kept.",
        "**Run in.** Text of Toy-2.",
        "(see One & Two, 2020; Two, 2021, p. 3), as One & Two (2020) and [nobody] say.",
        "[One & Two (2020)] Ada One and Ben Twö. Old probes. *J. Toys*, 2020.",
    ):
        assert " ".join(part.split()) in " ".join(paper.text.split())
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


PIECES = {
    r"\section{A $x$ title}\label{a} Text": "# 1 A $x$ title\n\nText",
    r"\(a\) and $d \mbox{ if $e$}$": "$a$ and $d \\mbox{ if $e$}$",
    "Fine ``quotes'' --- ``it's'' -- and \\ldots": "Fine “quotes” — “it’s” – and …",
    r"Erd\H{o}s, M\"uller, \'{e}, \c{c}, na\"{\i}ve, \O{}re, stra\ss e, \L ukasz": "Erdős, Müller, é, ç, naïve, Øre, straße, Łukasz",
    r"\begin{quote}Said.\par And.\end{quote}": "> Said.\n>\n> And.",
    r"\begin{description}\item[One] a \item[Two] b\end{description}": "- **One** a\n- **Two** b",
    r"\begin{itemize}\item[$\bullet$] a\end{itemize}": "- a",
    r"\begin{theorem} T. \end{theorem}\begin{proof} P. \end{proof}": "**Theorem 1**. *T.*\n\n*Proof.* P. ◻",
    r"\begin{tikzpicture}\draw (0,0);\end{tikzpicture}x": "x",
    r"\begin{minipage}[t]{0.5\textwidth}In.\end{minipage}": "In.",
    r"\begin{adjustbox}{width=3cm}In.\end{adjustbox}": "In.",
    r"\begin{unknownenv}In.\end{unknownenv}": "In.",
    r"\begin{minted}[fontsize=\small]{python}"
    "\nx = 1 % 2\n"
    r"\end{minted}": "```python\nx = 1 % 2\n```",
    "\\begin{verbatim}\na $ % \\x{ \\and\n\\end{verbatim}": "```\na $ % \\x{ \\and\n```",
    r"\verb+c_d+ \verb|\and| \lstinline{e}": "`c_d` `\\and` `e`",
    r"\resizebox{1cm}{!}{r} \rotatebox{90}{s} \colorbox{red}{c}": "r s c",
    r"a~c -- d\footnote{F $x$.}": "a c – d[^1]\n\n[^1]: F $x$.",
    r"a\footnotemark\footnotetext{Under.}": "a[^1]\n\n[^1]: Under.",
    r"\textsc{Small} $\mathbb{R}$. \foo \hl{marked} \baz[opt]{also}": "Small $\\mathbb{R}$. marked also",
    r"\href{https://a.org}{t} \cite{a,b} \ref{x}": "[t](https://a.org) [a, b] [x]",
    "a % comment\n   b\n%\n\n% only\nc 5\\% d": "a b\n\nc 5% d",
    r"\begin{wrapfigure}{r}{0.4\linewidth}\caption{Small.}\end{wrapfigure}": "Figure: Small.",
    r"\begin{algorithm}\caption{Toy}\begin{algorithmic}\State $x$ \For{$i$} \State y \EndFor\end{algorithmic}\end{algorithm}": "Algorithm: Toy\n\n$x$\n\nfor $i$\n\ny\n\nend for",
}


@pytest.mark.parametrize("tex", PIECES)
def test_pieces(tex: str) -> None:
    assert shown(tex) == PIECES[tex]


@pytest.mark.parametrize(
    ("defined", "used", "markdown"),
    [
        (r"\newcommand{\x}{deep}\newcommand\y[1]{\x{} #1}", r"\y{a}", "deep a"),
        (r"\newcommand{\opt}[2][d]{#1-#2}", r"\opt{a} \opt[b]{c}", "d-a b-c"),
        (r"\renewcommand{\section}[1]{gone}", r"\section{Kept}x", "# 1 Kept\n\nx"),
        (r"\def\R{\mathbb R}", r"$\R x$ $\Re$", "$\\mathbb Rx$ $\\Re$"),
        (r"\def\p#1#2{#2#1}", r"\p{a}{b}", "ba"),
        (r"\DeclareMathOperator{\soft}{soft}", r"$\soft(x)$", "$\\mathop{\\mathrm{soft}}(x)$"),
        (r"\newtheorem{obs}{Observation}", r"\begin{obs}O.\end{obs}", "**Observation 1**. *O.*"),
        (
            r"\makeatletter\def\@x{\ifnum 1<2 a\fi}\makeatother\newcommand{\y}{kept}",
            r"\y{} x",
            "kept x",
        ),
    ],
)
def test_macros(defined: str, used: str, markdown: str) -> None:
    assert shown(used, defined) == markdown


def test_macros_of_a_local_package() -> None:
    files = {
        "m.tex": DOCUMENT % b"It is \\word{so}.",
        "own.sty": b"\\newcommand{\\word}[1]{very #1}\\def\\x@y{\\expandafter}\\newcommand{\\z}{",
    }
    assert "It is very so." in read(files).text


DOCUMENT = b"\\documentclass{a}\\begin{document}" + FILLER.encode() + b"%s\\end{document}"
README = b'{"sources": [{"filename": "p.tex", "usage": "toplevel"}]}'
CHOICES = {
    "the document": {"a.tex": DOCUMENT % b"alpha", "z.tex": b"\\section{z}"},
    "a likely name": {"notes.tex": DOCUMENT % b"beta" * 3, "ms.tex": DOCUMENT % b"alpha"},
    "its works": {"notes.tex": DOCUMENT % b"beta", "p.tex": DOCUMENT % b"alpha", "p.bbl": b""},
    "declared": {
        "ms.tex": DOCUMENT % b"beta",
        "x/p.tex": DOCUMENT % b"alpha",
        "00README.XXX": b"x/p.tex toplevelfile\n",
    },
    "declared in JSON": {
        "ms.tex": DOCUMENT % b"beta",
        "p.tex": DOCUMENT % b"alpha",
        "00README.json": README,
    },
    "broken JSON": {"ms.tex": DOCUMENT % b"alpha", "00README.json": b"[broken"},
    "no suffix": {"2401.01234": DOCUMENT % b"alpha"},
    "inputs": {
        "m.tex": DOCUMENT % b"\\input{sub/one}",
        "sub/one.tex": b"\\input two",
        "sub/two.tex": b"alpha",
    },
    "imports": {
        "m.tex": DOCUMENT % b"\\import{sub/}{one}\\includegraphics[x]{y}",
        "sub/one.tex": b"alpha",
    },
    "itself": {"m.tex": DOCUMENT % b"\\input{../../etc/passwd}\\input{m}alpha"},
    "commented inputs": {"m.tex": DOCUMENT % b"alpha\n% \\input{b}\n", "b.tex": b"beta"},
    "Latin-1": {"m.tex": (DOCUMENT % "alpha \xe4".encode("latin-1"))},
    "no end": {"m.tex": DOCUMENT.replace(b"\\end{document}", b"") % b"alpha"},
}


@pytest.mark.parametrize("name", CHOICES)
def test_which_file_and_what_it_inputs(name: str) -> None:
    text = read(CHOICES[name]).text
    assert "alpha" in text
    assert "beta" not in text


def test_works_of_a_bibtex_file() -> None:
    works = b"@article{one, author={One, Ada and Two, Ben and Three, C.}, title={On {Toys}}, journal={J}, year=2020}"
    files = {
        "m.tex": DOCUMENT % b"\\citet{one} and \\citep{none}.\\bibliography{r}",
        "r.bib": works,
    }
    text = read(files).text
    assert "One et al. (2020) and [none]." in text
    assert text.endswith(
        "# References\n\n[One et al. (2020)] Ada One, Ben Two, C. Three. On Toys. J, 2020.\n"
    )


@pytest.mark.parametrize(
    "tex",
    [
        r"\input{%s}",
        r"\include{%s}",
        r"\lstinputlisting{%s}",
        r"\bibliography{%s}",
        r"\usepackage{%s}",
        r"\verbatiminput{%s}",
    ],
)
def test_no_document_reads_a_file(tex: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.tex"
    for each in (secret, tmp_path / "secret.bib", tmp_path / "secret.sty"):
        each.write_text(
            "@book{k, title={hidden words}} hidden words \\newcommand{\\x}{hidden words}"
        )
    for name in (str(secret), str(secret.with_suffix(""))):
        assert "hidden words" not in shown(f"\\x \\cite{{k}} {tex % name}", tex % name)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "no LaTeX document"),
        ({"a.tex": b"%auto-ignore\nThis paper was withdrawn."}, "no LaTeX document"),
        ({"a.tex": b"", "b.txt": b"x"}, "no LaTeX document"),
        ({"a.tex": b"\\documentclass{a}\\begin{document}\\end{document}"}, "holds no text"),
        ({"a.tex": DOCUMENT % b"\\begin{itemize} { $ \\section{"}, "pandoc cannot read it"),
    ],
)
def test_no_paper(files: dict[str, bytes], words: str) -> None:
    with pytest.raises(CorpusError, match=words):
        read(files)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pypandoc", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'gadfly-interp\[formats\]'"):
        read(source())


def test_broken_sources_are_read_or_refused() -> None:
    rng = random.Random(0)
    files = source()
    odd = [
        b"\\begin{foo}",
        b"\\end{itemize}",
        b"{",
        b"}",
        b"$",
        b"\\[",
        b"\\verb|",
        b"\\item",
        b"\\",
    ]
    outcomes = set()
    for _ in range(20):
        data = bytearray(files["main.tex"])
        for _ in range(rng.randint(1, 10)):
            at = rng.randrange(len(data))
            if rng.random() < 0.5:
                del data[at : at + rng.randint(1, 40)]
            else:
                data[at:at] = rng.choice(odd)
        try:
            outcomes.add(type(read({**files, "main.tex": bytes(data)})))
        except CorpusError:
            outcomes.add(CorpusError)
    assert outcomes <= {Paper, CorpusError}


BOMBS = {
    "braces": "{" * 20_000,
    "groups": "{" * 2_000 + "x" + "}" * 2_000,
    "environments": "\\begin{a}" * 5_000,
    "centred": "\\begin{center}" * 500 + "\\end{center}" * 500,
    "verbatim": "\\begin{verbatim}" * 5_000,
    "options": "\\foo[" * 3_000,
    "dollars": "$x" * 5_001,
    "itself": "\\newcommand{\\x}{z\\x}\\x",
    "macros": "".join(
        "\\newcommand{\\" + a + "}{" + ("\\" + b) * 12 + "}"
        for a, b in zip("abcdefg", "bcdefgh", strict=True)
    )
    + "\\newcommand{\\h}{long}\\a",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_end(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pandoc, "SECONDS", 1.0)
    began = time.monotonic()
    try:
        assert len(shown(BOMBS[name])) < 3_000_000
    except CorpusError as error:
        assert "pandoc" in str(error) or "nested" in str(error)
    assert time.monotonic() - began < 20
