"""HTML to Markdown on miniature pages in the formats of Distill, LaTeXML and blogs, and on broken ones."""

# ruff: noqa: E501  pages stand here as servers send them
from __future__ import annotations

from pathlib import Path

import pytest

from gadfly.corpus.convert.html import fragment, read
from gadfly.corpus.markup import sections
from gadfly.errors import CorpusError

DATA = Path(__file__).parent / "data"
FILLER = "<p>" + "Enough words to be a page that somebody could want to read. " * 4 + "</p>"


def page(name: str, url: str = "") -> tuple[str, object]:
    read_page = read((DATA / name).read_text(encoding="utf-8"), url)
    return read_page.text, read_page.facts


def test_distill() -> None:
    text, facts = page("distill.html", "https://distill.pub/2020/circuits/toy/")
    assert (facts.title, facts.authors, facts.year) == ("Toy Banding", ("Ada One", "Ben Two"), 2021)  # type: ignore[attr-defined]
    assert [each.title for each in sections(text)] == [
        "Introduction",
        "What affects banding",
        "Appendix",
        "Acknowledgments",
        "References",
    ]
    for part in (
        "look [odena2016, olah2020] at the weights. The stripes are horizontal[^1] stripes.\n\n"
        "[^1]: Not always **perfectly** horizontal, see $x_1$.",
        "1. When visualised with `mixed_5b`.",
        "An aside that matters.",
        "$$\\mathcal{L} = \\sum_i x_i^2$$",
        "inline $a_b$ stays. Scale 10^2, H_2O.",
        "```python\ndef f(x):\n    return x * 2  # `tick`\n```",
        "| Model | Acc \\| top1 |\n| --- | --- |\n| A_b | 0.9 |\n| A_b | 0.8 |",
        "- One[^2]\n\n  [^2]: Second note.\n- Two\n  - Nested",
        "[Foo](https://en.wikipedia.org/wiki/Foo_%28bar%29), [circuits](https://distill.pub/2020/circuits/) and above.",
        "[olah2020] Olah, Chris and Cammarata, Nick. Zoom In. 2020.",
    ):
        assert part in text
    for gone in ("Contents", "axis label", "Published", "unused", "¶", "About", "footer"):
        assert gone not in text


def test_distill_version_1() -> None:
    text = read(
        "<script type='text/front-matter'>\ntitle: Old\nauthors:\n- Ada One: http://a.org\n</script>"
        f"<dt-article><h1>Old</h1>{FILLER}<p>A claim<dt-cite key='x'></dt-cite><dt-fn>A note.</dt-fn> and "
        "<dt-math>y</dt-math> with <dt-code>a[0]</dt-code>.</p></dt-article>"
        "<script type='text/bibliography'>@article{x,\n title={T},\n year={2016},\n}</script>"
    )
    assert (text.facts.title, text.facts.authors) == ("Old", ("Ada One",))
    assert "A claim [x][^1] and $y$ with `a[0]`." in text.text
    assert text.text.endswith("## References\n\n[x] T. 2016.\n")


def test_a_rendered_bibliography_is_json() -> None:
    held = '[["x", {"title": "T", "author": "One, A", "year": "2016"}]]'
    text = read(
        f"<d-article>{FILLER}<p>See<d-cite key='x'></d-cite>.</p></d-article>"
        f"<d-bibliography><script type='text/json'>{held}</script></d-bibliography>"
    ).text
    assert "[x] One, A. T. 2016." in text


def test_latexml() -> None:
    text, facts = page("arxiv.html")
    assert (facts.title, facts.authors, facts.year, facts.licence) == (  # type: ignore[attr-defined]
        "Probes on Toys",
        ("Ada One", "Ben Two"),
        2024,
        "CC-BY-4.0",
    )
    assert [each.title for each in sections(text)] == [
        "Abstract",
        "1 Introduction",
        "1.1 Setting",
        "Appendix A Details",
        "References",
    ]
    for part in (
        "width $d_{\\mathrm{model}}=64$ and reach 97.5% accuracy.",
        "Probes (One & Two, 2020) are old[^1]. See Section 2.\n\n[^1]: Older than most.",
        "- first **bold** item\n- second item",
        "$$\\mathcal{L}=\\frac{1}{2}\\|\\bm{w}\\|^{2}-(\\alpha-\\beta).$$ (1)",
        "$$a =b$$ (2)\n\n$$c =d$$ (3)",
        "\n**Claim 1.** Toys are small.",
        "\nFigure 1: Accuracy over $t$.",
        "\nTable 1: Main results.\n\n| Probe | Accuracy | |\n| --- | --- | --- |\n| linear | 0.975 | $\\pm 0.01$ |",
        "```\ndef probe(x):\n    return x @ w_probe\n```",
        "\n[One & Two (2020)] Ada One and Ben Two. Old probes.",
    ):
        assert part in text
    for gone in (
        "Back to arXiv",
        "boxy.sty",
        "⬇",
        "badmacro",
        "Refer to caption",
        "Report Issue",
        "•",
    ):
        assert gone not in text


def test_a_blog() -> None:
    text, facts = page("blog.html", "https://blog.example/2023/head")
    assert (facts.title, facts.authors, facts.year, facts.licence) == (  # type: ignore[attr-defined]
        "A head that copies",
        ("Ada One", "Ben Two"),
        2023,
        "CC-BY-SA-4.0",
    )
    assert [each.title for each in sections(text)] == ["A head that copies", "The head"]
    for part in (
        "Its score is $s = QK^T$,",
        "$$s_{ij} = q_i \\cdot k_j$$",
        "KaTeX too: $x^2$ is drawn twice.",
        "It attends[^1] to the previous token, as `attn_pattern[0, -1]` shows.",
        "````python\nimport torch\nx = torch.zeros(3)  # ```not a fence```\n\ny = x\n````",
        "```\na = 1\nb = 2\n```",
        "> Quoted words.",
        "[^1]: Mostly, see [x](https://example.org/x).",
    ):
        assert part in text
    for gone in ("cookies", "Home", "First!", "rights reserved", "alert", "color:red", "↩"):
        assert gone not in text


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        (
            '<mjx-container display="true" aria-label="x"><mjx-math></mjx-math></mjx-container>',
            "$$x$$",
        ),
        (
            '<span class="math-tex"><span class="mjx-chtml"><span class="mjx-math" aria-label="x_1">x</span></span></span>',
            "$x_1$",
        ),
        ('<span class="math-tex">\\(a\\)</span>', "$a$"),
        (
            '<span class="katex-display"><span class="katex"><math><annotation encoding="application/x-tex">b</annotation></math></span></span>',
            "$$b$$",
        ),
        ("<math><mi>x</mi><mo>+</mo><mn>1</mn></math>", "$x + 1$"),
        ('<math alttext="" display="block"></math>', ""),
        ("<b>bold</b><i>it</i> <em> spaced </em>", "**bold***it* *spaced*"),
        ("snake_case_name and 2*3*4 [x] <T>", "snake_case_name and 2*3*4 [x]"),
        ("x<sup>2</sup> 1<sup>st</sup> CO<sub>2</sub>", "x^2 1st CO_2"),
        (
            '<a href="javascript:alert(1)">x</a> <a href="mailto:a@b.c">mail</a> <a href="">e</a>',
            "x mail e",
        ),
        (
            '<a href="https://www.google.com/url?q=https://a.org/%23b&sa=D">t</a>',
            "[t](https://a.org/#b)",
        ),
        ('<a href="https://[bad">t</a>', "t"),
        (
            '<img alt="short"><img alt="A plot of loss against steps, falling">',
            "[image: A plot of loss against steps, falling]",
        ),
        (
            "<pre><code class='language-python'>a\n\n\n\nb\n</code></pre>",
            "```python\na\n\n\n\nb\n```",
        ),
        ("<table><tr><td>only</td></tr><tr><td>layout</td></tr></table>", "only\n\nlayout"),
        (
            "<table><tr><td><table><tr><td>a</td><td>b</td></tr></table></td></tr></table>",
            "| a | b |\n| --- | --- |",
        ),
        (
            "<table><tr><th colspan='2'>w</th></tr><tr><td>1<br>2</td><td><p>3</p></td></tr></table>",
            "| w | |\n| --- | --- |\n| 1 2 | 3 |",
        ),
        (
            "<table><tr><td rowspan='99999'>a</td><td>b</td></tr><tr><td>c</td></tr></table>",
            "| a | b |\n| --- | --- |\n| a | c |",
        ),
        ("<h2>A\n<br>title</h2>", "## A title"),
        ("<p>a\u00a0b\n c</p><hr><p>d</p>", "a\u00a0b c\n\nd"),
        ("<ol start='3'><li>x<li>y</ol>", "3. x\n4. y"),
        ("", ""),
    ],
)
def test_pieces(html: str, shown: str) -> None:
    assert fragment(html).strip() == shown


def test_footnotes_of_other_kinds() -> None:
    lesswrong = (
        '<p>A claim<span class="footnote-reference" role="doc-noteref" id="fnrefabc"><sup><a href="#fnabc">[1]</a></sup></span>.</p>'
        '<ol class="footnote-section footnotes" role="doc-endnotes"><li class="footnote-item" role="doc-endnote" id="fnabc">'
        '<span class="footnote-back-link"><sup><strong><a href="#fnrefabc">^</a></strong></sup></span>'
        '<div class="footnote-content"><p>The note.</p><p>Second part.</p></div></li></ol>'
    )
    assert fragment(lesswrong) == "A claim[^1].\n\n[^1]: The note. Second part.\n"
    google = (
        '<p>A claim<sup><a href="#ftnt1" id="ftnt_ref1">[1]</a></sup>.</p>'
        '<hr><div><p><a href="#ftnt_ref1" id="ftnt1">[1]</a> The note.</p></div>'
    )
    assert fragment(google) == "A claim[^1].\n\n[^1]: The note.\n"
    twice = '<p>a<a href="#fn1">1</a> b<a href="#fn1">1</a></p><ol><li id="fn1">Note</li></ol>'
    assert fragment(twice) == "a[^1] b[^1]\n\n[^1]: Note\n"


def test_links_that_are_no_footnotes_stay() -> None:
    html = '<p>See section <a href="#s1">1</a>.</p><section id="s1"><p>Text.</p></section>'
    assert fragment(html) == "See section 1.\n\nText.\n"


@pytest.mark.parametrize(
    "html",
    ["", "<html></html>", "<div id='root'></div><script>draw()</script>", "\0\0", "plain words"],
)
def test_pages_without_text(html: str) -> None:
    with pytest.raises(CorpusError, match="no text in this page"):
        read(html)


def test_malformed_pages_do_not_fail() -> None:
    whole = (DATA / "arxiv.html").read_text() + (DATA / "distill.html").read_text()
    for cut in range(200, len(whole), 701):
        for html in (whole[:cut], whole[cut:], whole[:cut].replace('"', "")):
            try:
                assert read(html).text
            except CorpusError as error:
                assert "no text in this page" in str(error)
    for mark in ("div", "b", "ul><li", "table><tr><td", "blockquote", "span"):
        with pytest.raises(CorpusError, match="nested too deeply"):
            read(f"<{mark}>" * 3_000 + FILLER)


def test_a_large_share_with_a_suspicious_name_is_kept() -> None:
    """One site's ``content-with-sidebar`` is another's whole article."""
    assert "Enough words" in read(f'<body><div class="sidebar-left">{FILLER}</div></body>').text
