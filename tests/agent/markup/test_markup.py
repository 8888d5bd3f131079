"""Foreign text in Markdown: whatever it is, a parser sees words and nothing that acts."""

from __future__ import annotations

import gc
import json
import re
from html.parser import HTMLParser
from time import process_time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from support.hostile import GITHUB, SAMPLES, acting

from gadfly.agent.markup import address, cell, code, document, phrase, plain, posted, prose, span
from gadfly.agent.markup.reader import harmless, html
from gadfly.visible import visible

INERT = MarkdownIt("commonmark").enable(["table", "strikethrough"])
INERT.disable(["link", "image", "autolink", "html_inline", "html_block", "reference"])
PIECES = [
    "`", "``", "```", "````", "~~~", "~~", "\n", "\n\n", "    ", " ", "\t", "*", "**", "_", "[", "]", "(", ")", "!",
    "<", ">", "<!--", "-->", "<b>", "<div>", "</div>", "<img src=x>", "&lt;", "&commat;", "&#36;", "&", "@", "#", "# ",
    "- ", "+ ", "1. ", "2) ", "> ", "|", "---", "===", ":-:", "| a | b |\n|---|---|\n", "\\", "$", "$$", "http://e.io",
    "www.e.io", "[x]: y", "[^1]", "math", "suggestion", "word", "é", "\u202e", "\r", "\x1b", "{", "}", "\u00a0", "1.",
    "<!-- gadfly:review x -->", "<http://e.io>", "![x](y)", "[x](y)", "deadbeef", "GH-1", "\u2028", "\u200b", "\0",
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=60)
CASES = settings(max_examples=400, deadline=None)


def words(page: str, reader: MarkdownIt = GITHUB) -> str:
    """What a reader of the rendered page sees, blanks aside."""
    said: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            said.append(data)

    Reader().feed(reader.render(page))
    return squeezed("".join(said))


def squeezed(text: str) -> str:
    return re.sub(r"[\s\u200b]+", "", text).replace(
        "<!-\\-", "<!--"
    )  # the sign for a marker of ours


def every(text: str) -> dict[str, str]:
    """Each way in which a text is written, as part of a file."""
    return {
        "prose": prose(text),
        "quoted": "\n".join(f"> {line}" for line in prose(text).split("\n")),
        "phrase": f"- **x** {phrase(text)}",
        "first": f"- {phrase(text)}",
        "plain": f"# {plain(text)}\n\n- {plain(text)}",
        "two": f"- {phrase(text)} {plain(text)} {phrase(text)}: {plain(text)}",
        "cell": f"| a | b |\n|---|---|\n| {cell(text)} | x |",
        "span": f"x {span(text)} y",
        "code": code(text, "python"),
        "document": document([f"### {plain(text)}", prose(text), f"{plain(text)} {phrase(text)}"]),
    }


def every_public(text: str) -> dict[str, str]:
    """The same on GitHub."""
    return {
        "line": f"# {posted(text)}\n\n- {posted(text)}",
        "cell": f"| a | b |\n|---|---|\n| {posted(text)} | x |",
        "span": f"x {span(text)} y",
        "code": code(text, "python"),
        "document": document([f"### {posted(text)}", f"<sub>{posted(text)}</sub>"], public=True),
    }


def shown(page: str) -> str:
    return page.replace("<sub>", "").replace("</sub>", "")


@CASES
@given(texts)
def test_nothing_acts(text: str) -> None:
    for way, page in every(text).items():
        assert acting(page) == [], (way, page)
        assert "<!-- gadfly" not in page, way
        assert visible(page) == page, way


@CASES
@given(texts)
def test_nothing_acts_in_public(text: str) -> None:
    for way, page in every_public(text).items():
        assert acting(shown(page), public=True) == [], (way, page)
        assert "<!-- gadfly" not in page, way
        assert visible(page) == page, way


@CASES
@given(texts)
def test_the_words_stay(text: str) -> None:
    """Up to the escapes for what cannot be seen. A text of several lines may come as code, just as it was."""
    whole = squeezed(visible(text))
    assert words(plain(text)) == whole
    assert words(posted(text)) == whole
    if whole:
        assert words(f"| a |\n|---|\n| {cell(text)} |") == f"a{whole}"
    assert words(prose(text)) in (
        words(visible(text), INERT),
        squeezed(code(text).partition("\n")[2]),
        whole,
    )
    line = " ".join(visible(text).split())
    assert words(f"x {phrase(text)}") in (f"x{squeezed(inert_line(line))}", f"x{whole}")


def inert_line(text: str) -> str:
    return "".join(
        each.content for each in INERT.parseInline(text)[0].children or [] if each.content
    )


@pytest.mark.parametrize("text", SAMPLES)
def test_a_sample(text: str) -> None:
    for way, page in every(text).items():
        assert acting(page) == [], (way, page)
        assert "<!-- gadfly" not in page, way
    tokens = GITHUB.parse(prose(text))
    assert not [each for each in tokens if each.type == "heading_open"]
    assert not prose(text).startswith("---")


@pytest.mark.parametrize("text", SAMPLES)
def test_a_sample_in_public(text: str) -> None:
    for way, page in every_public(text).items():
        assert acting(shown(page), public=True) == [], (way, page)
        assert "<!-- gadfly" not in page, way
        said = " ".join(
            token.content
            for each in GITHUB.parse(page)
            for token in each.children or []
            if token.type == "text"
        )
        for mark in (
            "@e",
            "@o",
            "repo#1",
            "#12",
            "GH-1",
            "deadbeef1",
            "0123456789",
            "://",
            "www.",
            "@b",
            "$x",
        ):
            assert way == "span" or mark not in said, (way, mark, page)


@pytest.mark.parametrize("text", SAMPLES)
def test_another_parser_finds_no_link_but_one_that_says_where(text: str) -> None:
    pytest.importorskip("linkify_it")
    finder = MarkdownIt("gfm-like", {"html": True, "linkify": True})
    for public, pages in ((False, every(text)), (True, every_public(text))):
        for way, page in pages.items():
            page = page.replace("evil.example", "evil.com").replace("b.example", "b.com")
            for each in finder.parse(page):
                inside = each.children or []
                for at, one in enumerate(inside):
                    if one.type == "link_open":
                        target = re.sub("^(?:https?://|mailto:)", "", str(one.attrs["href"]))
                        assert not public, (way, page)
                        assert target in unquoted(inside[at + 1].content), (way, page)


def unquoted(text: str) -> str:
    from urllib.parse import quote

    return text + quote(text, safe="/:@?=&%#~+,;!$'()*[]")


@pytest.mark.parametrize("text", SAMPLES)
def test_html_holds_no_tag_of_a_text(text: str) -> None:
    tags: list[tuple[str, Any]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            tags.append((tag, attrs))

        def handle_comment(self, data: str) -> None:
            raise AssertionError(data)

    Reader().feed(html(text))
    assert visible(html(text)) == html(text)
    assert not {"img", "a", "script", "b", "i", "div", "details"} & {tag for tag, _ in tags}
    assert all(name in ("class", "style", "start") for _, attrs in tags for name, _ in attrs)


def test_what_is_kept() -> None:
    kept = "Some *words* and `code`, **more**, ~~less~~.\n\n- a\n- b\n\n1. c\n2. d\n\n> said"
    kept += "\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"
    assert prose(kept) == kept
    assert prose("```python\nx = '```'\n```") == "````python\nx = '```'\n````"
    assert prose("# A *title*\n\ntext") == "**A title**\n\ntext"
    assert prose("see [the paper](http://a.example/x)") == "see [the paper\\](http://a.example/x)"
    assert phrase("`a_b` is *x*,\nposition_ids too: 1. 2") == "`a_b` is *x*, position_ids too: 1. 2"
    assert plain("a | *b*\n<c>") == "a | \\*b\\* \\<c>"
    assert cell("a | b") == "a \\| b"
    assert plain("- 1. x") == "\\- 1. x"
    assert plain("1. x") == "1\\. x"
    assert plain("2.5 and -3") == "2.5 and -3"
    assert words(plain("it cost $5 and \\x")) == "itcost$5and\\x"


@pytest.mark.parametrize(
    "text",
    [
        r"the estimate $\hat{y}$ of $x_{i}$ and $y_{j}$",
        r"$\hat{y}_i < \hat{z}_j$ and $|x| <j$, p<0.05",
        "@name and #tag, #12, org/repo#1, deadbeef1234567",
        "[1.00, 1.01] (48 pairs)",
        "see https://arxiv.org/abs/2502.03407 and http://a.b/c_d_(e)~f?g=*h",
        "attn[0, :] is {a: 1}; ~5 and R&D, 2 * 3, snake_case",
        "#tag",
        "-$x$",
        "it cost $5",
    ],
)
def test_in_a_file_it_stays_as_it_is(text: str) -> None:
    assert plain(text) == text
    assert phrase(text) == text
    assert prose(text) == text
    assert document([text]) == text


@pytest.mark.parametrize(
    "text",
    [
        r"$\{a\,b\}$ and $a*b$ and $c*d$ \\ x",
        "$$\nx_{i} = y_{j}\\,z\n$$\n\nand *so* `on`",
        "- $x_{i}$ and $y_{j}$\n- https://a.b/c_\n\n| a |\n| --- |\n| $x_{i} y_{j}$ |",
    ],
)
def test_mathematics_of_a_model_stays_as_it_is(text: str) -> None:
    assert prose(text) == text


def test_one_paragraph_that_cannot_stay_is_escaped_alone() -> None:
    kept = "$x_{i}$ and $y_{j}$"
    assert prose(f"{kept}\n\n&#42;x&#42; `a`") == f"{kept}\n\n\\*x\\* `a`"


@pytest.mark.parametrize(
    "command",
    [
        "href",
        "url",
        "htmlClass",
        "require",
        "style",
        "cssId",
        "unicode",
        "def",
        "let",
        "newcommand",
        "renewcommand",
        "catcode",
        "csname",
        "input",
        "class",
        "data",
        "includegraphics",
    ],
)
@pytest.mark.parametrize("before", ["$\\", "$\\\\\\", "\\*\\", "&#92;", "*a*\\"])
def test_a_command_that_acts_is_broken(command: str, before: str) -> None:
    text = f"{before}{command}{{x}}{{y}}$"
    for page in (plain(text), phrase(text), prose(text)):
        assert "&#8203;" in page or "&amp;" in page
        assert acting(page) == []
        assert not re.search(rf"(?<!\\)\\{command}", page), page
    assert not harmless(f"a $\\{command}{{x}}$")
    assert not harmless(f"a $\\\\{command}{{x}}$")


@pytest.mark.parametrize("text", [r"$\Href{x}$", r"$\hrefx$", r"$\delta \letter$", r"$\text{a}$"])
def test_a_command_that_only_shows_is_not(text: str) -> None:
    assert plain(text) == prose(text) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("[a](b)", "[a\\](b)"),
        ("[a][b]", "[a\\][b]"),
        ("[a]: b", "[a\\]: b"),
        ("x[^a]", "x\\[^a]"),
        ("[ ] a", "\\[ ] a"),
        ("a [ ] b", "a [ ] b"),
        ("# a", "\\# a"),
        ("===", "\\==="),
        ("+ a", "\\+ a"),
        ("> a", "\\> a"),
        ("a > b", "a > b"),
        (r"a \* b", r"a \\\* b"),
    ],
)
def test_what_would_be_more_is_escaped(text: str, written: str) -> None:
    assert plain(text) == written


def test_an_address_of_ours_is_one() -> None:
    assert address("https://arxiv.org/abs/2502.03407") == "<https://arxiv.org/abs/2502.03407>"
    assert document([address("https://a.b/c_d")]) == "<https://a.b/c_d>"
    assert document([address("https://a.b/c")], public=True).startswith("```")
    for no in (
        "javascript:x",
        "https://a b",
        "https://a>b",
        "https://a\u202e",
        "https://a&amp;",
        "",
    ):
        assert "<h" not in address(no)
        assert acting(address(no)) == []
    for no in ("<ftp://a.b>", "<a@b.c>"):
        assert not harmless(no)


def test_in_public_everything_is_broken() -> None:
    assert posted("@a #1 https://b.c") == "@&#8203;a \\#&#8203;1 https:&#8203;//b.c"
    assert posted("$x$") == "<span>&#36;</span>x<span>&#36;</span>"
    assert posted("[a]") == "\\[a\\]"
    assert posted("deadbeef1") == "deadbe&#8203;ef1"


def test_a_name_stays_on_its_line_and_in_its_span() -> None:
    assert span("a\n# b.py") == "`a\\n# b.py`"
    assert span("a`b``c") == "```a`b``c```"
    assert span("`a`") == "`` `a` ``"
    assert span("") == ""
    assert code("```") == "````\n```\n````"


def test_what_is_ours_passes_and_the_rest_becomes_code() -> None:
    folded = "<details><summary>3 more</summary>\n\n- x\n\n</details>"
    assert document([folded], public=True) == folded
    assert document([folded]).startswith("```")
    assert document(["![f](a/b.png)"], images=["a/b.png"]) == "![f](a/b.png)"
    assert document(["```suggestion\nx\n```"], fences=["suggestion"]) == "```suggestion\nx\n```"
    for part in (
        "![f](a/b.png)",
        "```suggestion\nx\n```",
        "<b>x</b>",
        "[x](y)",
        "<details onclick=x>\n",
    ):
        for public in (False, True):
            assert document([part], public=public).startswith("```"), part
            assert not harmless(part, public=public)


@pytest.mark.parametrize(
    "unit",
    ["[", "![", "<!--", "`a``b```c ", "*a ", "> ", "| a ", "- a\n", "&amp;", "$x$", "](", "a*b_c "],
)
def test_time_grows_with_length(unit: str) -> None:
    rounds = [(spent(unit, 4_000), spent(unit, 8_000)) for _ in range(5)]
    assert min(twice / once for once, twice in rounds) <= 2.4, rounds


@pytest.mark.parametrize("depth", [10, 5_000])
def test_marks_within_marks_are_no_error(depth: int) -> None:
    text = "*a " * depth + "a*" * depth
    for written in (prose(text), phrase(text)):
        assert written.count("a") >= 2 * depth
        assert acting(written) == []


def test_a_very_long_text_becomes_code() -> None:
    assert prose("a " * 30_000).startswith("```")
    assert not prose("a " * 20_000).startswith("```")


def spent(unit: str, size: int) -> float:
    text = (unit * size)[:size]
    gc.disable()  # it looks through what all other tests have left behind
    start = process_time()
    prose(text)
    took = process_time() - start
    gc.enable()
    return took


def test_a_notebooks_cells_too() -> None:
    from gadfly.agent.sessions.notebooks import markdown, notebook

    cell = json.loads(notebook([markdown(document([prose(text) for text in SAMPLES]))]))["cells"][0]
    assert acting(cell["source"]) == []


@example("\u202e")
@given(st.text(max_size=40))
def test_json_keeps_every_character(text: str) -> None:
    from gadfly.visible import as_json

    told = as_json({"x": text})
    assert json.loads(told)["x"] == text
    assert visible(told) == told
    assert "##[" not in told
