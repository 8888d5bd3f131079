"""The field's own file in words of our own: the form that its description gives, with traps, at any size.

No table of contents: three outline lists name the documents. Then prose that no separator divides: a reading
list, a glossary, two surveys and posts, told by their bare titles and headings. Then parts behind the three
lines ``---``, ``File: /path``, ``---``. A seed chooses among the ways in which each of these can be written.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from . import kinds
from .writing import Writer


@dataclass
class Expected:
    """One document that must come back."""

    name: str
    titles: set[str]  # any of them is right
    said: list[str]
    kind: str = ""
    authors: tuple[str, ...] = ()
    year: int | None = None
    url: str = ""


@dataclass
class FieldFile:
    text: str = ""
    expected: list[Expected] = field(default_factory=list)
    outline_said: list[str] = field(default_factory=list)
    letters: int = 0  # lines of one character
    empty: int = 0  # sections of notebooks with nothing in them


@dataclass
class _Document:
    """``head`` opens it in the file; ``item`` is its line in the outline, empty where that names a group."""

    expected: Expected
    head: str
    body: str
    item: str = ""


_SUBJECTS = [
    "Sparse Lenses",
    "Frozen Circuits",
    "Shared Streams",
    "Noisy Probes",
    "Linear Features",
    "Causal Patches",
    "Late Tokens",
    "Dense Caches",
    "Steered Heads",
    "Ablated Layers",
    "Early Vectors",
    "Mirrored Neurons",
]


_ASKED = ["What", "Why", "How", "Where"]


def build(seed: int, *, scale: float = 0.05) -> FieldFile:
    """The file. At ``scale`` 1 it has about 2.24 MB, of which 700 KB before the first separator."""
    return _Builder(seed, scale).file()


class _Builder:
    def __init__(self, seed: int, scale: float) -> None:
        self.pick = random.Random(seed)
        self.scale = scale
        self.made = FieldFile()
        self.count = 0
        self.rule = self.pick.choice(["\n\n", "\n", "\n\n\n", "\n\n---\n\n"])
        self.numbered = self.pick.random() < 0.5
        self.quoted: list[str] = []  # titles that other documents have on a line of their own
        self.loose = (
            self.pick.random() < 0.5
        )  # the outline names some documents in other words, or not at all

    def size(self, characters: int) -> int:
        return int(characters * self.scale * self.pick.uniform(0.7, 1.3))

    def writer(self) -> Writer:
        self.count += 1
        return Writer(self.pick, f"n{self.count}")

    def file(self) -> FieldFile:
        pick = self.pick
        readings, posts, code = self.bare(), self.posts(), self.parts()
        prose = [*readings, *posts]
        if pick.random() < 0.5:
            pick.shuffle(prose)
        listed = [
            ("Part I: Reading", readings),
            ("Part II: Code and Tutorials", code),
            ("Part III: Posts", posts),
        ]
        if pick.random() < 0.5:
            listed = [(title.replace(": ", " – "), each) for title, each in listed]
        about = self.writer()
        outline = "\n\n".join(
            f"### **{title}**\n\n{self.introduction(about)}{self.items(each)}"
            for title, each in listed
        )
        if pick.random() < 0.3:
            outline = f"# Everything on Lenses\n\n{outline}"
        opening = about.paragraph(2) + "\n\n" if pick.random() < 0.4 else ""
        closing = "\n\n" + about.paragraph(1) if pick.random() < 0.3 else ""
        self.made.outline_said = about.said
        out = [f"{opening}{outline}{closing}"]
        out += [f"{each.head}{each.body}" for each in prose]
        text = self.rule.join(out)
        for each in code:
            text += f"{each.head}{each.body}"
        self.made.text = text + "\n"
        self.made.expected = [each.expected for each in [*prose, *code]]
        return self.made

    # The outline

    def introduction(self, about: Writer) -> str:
        return f"{about.sentence()}\n\n" if self.loose and self.pick.random() < 0.5 else ""

    def items(self, documents: list[_Document]) -> str:
        lines = [each.item for each in documents if each.item]
        if self.numbered:
            lines = [f"{number}. {each}" for number, each in enumerate(lines, 1)]
        else:
            mark = self.pick.choice("*-")
            lines = [f"{mark} {each}" for each in lines]
        if self.loose:
            lines = [
                f"{each}\n    - why it matters" if self.pick.random() < 0.2 else each
                for each in lines
            ]
        return "\n".join(lines)

    def item(self, title: str, author: str = "", year: int | None = None, url: str = "") -> str:
        """One line: the title plain, bold, in quotes or linked, then who and when, then a remark."""
        pick = self.pick
        shown = pick.choice([title, f"**{title}**", f"*{title}*", f"“{title}”", f'"{title}"'])
        if url and pick.random() < 0.5:
            shown = f"[{title}]({url})"
        if author:
            shown += pick.choice([f" by {author}", f" ({author})", f" — {author}"])
            if year:
                shown = (
                    f"{shown[:-1]}, {year})"
                    if shown.endswith(f"({author})")
                    else f"{shown} ({year})"
                )
        remark = pick.choice(
            ["", "", ": what to know first", " - read this with care", ". Long but good."]
        )
        return shown + remark

    # Prose without separators

    def bare(self) -> list[_Document]:
        """Reading list, glossary and two surveys: each begins with its title on a line of its own."""
        pick = self.pick
        out = []
        author, year = "Nora Lark", pick.choice([2022, 2023, 2024])
        for title, kind in (
            ("An Opinionated List of My Favourite Papers on Lenses, v2", "reading"),
            ("A Comprehensive Explainer & Glossary of Lenses", "glossary"),
        ):
            writer = self.writer()
            size = self.size(110_000 if kind == "reading" else 170_000)
            text = kinds.glossary(writer, size) if kind == "glossary" else writer.prose(size, 1)
            byline = pick.choice(
                [f"by {author}", f"By {author}, {year}", f"{author}\n\n14th Dec {year}"]
            )
            seen = str(year) in byline
            named = pick.random() < 0.5
            item = self.item(title, author if named else "", year if named else None)
            if self.loose:
                named = False
                item = pick.choice(
                    [
                        f"The {kind} of {author}",
                        f"{author}'s *{title}*",
                        f"Recommended: “{title}”",
                        "",
                    ]
                )
            if kind == "reading" and pick.random() < 0.5:
                text = f"{self.readings(writer)}\n\n{text}"
            out.append(
                _Document(
                    Expected(
                        kind,
                        {title},
                        writer.said,
                        authors=(author,),
                        year=year if seen or named else None,
                    ),
                    f"{title}\n\n{byline}\n\n",
                    text,
                    item,
                )
            )
        for number, (lines, title) in enumerate(
            (
                (
                    ["A Primer on the Inner Workings of", "Lenses in Language Models"],
                    "A Primer on the Inner Workings of Lenses in Language Models",
                ),
                (
                    ["Lenses for the Safety of Models", "A Review"],
                    "Lenses for the Safety of Models: A Review",
                ),
            )
        ):
            writer = self.writer()
            people = [writer.person(), writer.person()]
            stamp = f"arXiv:240{number + 4}.1432{number}v2 [cs.CL] {number + 3} May 2024"
            self.made.letters += sum(each != " " for each in stamp)
            if pick.random() < 0.3:
                lines = [title]
            self.quoted.append(title)
            body = kinds.survey(writer, lines, people, stamp, self.size(160_000))
            item = self.item(title, f"{people[0].split()[1]} et al.", 2024)
            if self.loose:
                item = pick.choice(
                    [item, f"A survey by {people[0].split()[1]} et al.", title.split(":")[0]]
                )
            out.append(
                _Document(
                    Expected(
                        f"survey{number}",
                        {title, " ".join(lines)},
                        writer.said,
                        authors=tuple(people),
                        year=2024,
                        url=f"https://arxiv.org/abs/240{number + 4}.1432{number}",
                    ),
                    "",
                    body,
                    item,
                )
            )
        pick.shuffle(out)
        return out

    def readings(self, writer: Writer) -> str:
        """Lists of papers under headings as an outline has them, each with its authors; one is a title alone."""
        out = []
        for rank in ("One", "Two"):
            lines = [
                f"- **{writer.words(4).title()}** by {writer.person()} and {writer.person()} (2021)"
                for _ in range(4)
            ]
            out.append(f"### **Priority {rank}**\n\n" + "\n".join(lines))
            out.append(
                f"{writer.words(5).title()}\n\nby {writer.person()}\n\n{writer.paragraph(2)}"
            )
        return "\n\n".join(out)

    def posts(self) -> list[_Document]:
        """Posts of a forum: four behind a linked title, the others behind a plain heading."""
        pick = self.pick
        out = []
        for number in range(14):
            writer = self.writer()
            linked = number < 4
            asked, does = pick.choice(_ASKED), pick.choice(["Hide", "Matter", "Fail", "Help"])
            title = f"{asked} {_SUBJECTS[number % 12]} {does}{' Again' * (number // 12)}"
            if number % 5 == 4:
                title += f": {writer.words(3).title()}"
            url = f"https://www.example.org/posts/{number}xY/{'-'.join(title.lower().split())}"
            author, year = writer.person(), pick.choice([2021, 2022, 2023, 2024, 2025])
            byline = pick.choice(
                [
                    f"by {author}",
                    f"*{author}, 3 May {year}*",
                    f"Author: {author}\n\nPublished: {year}-05-03",
                    "",
                ]
            )
            head = f"# [{title}]({url})" if linked else f"# {title}"
            seen_url = linked
            if not linked and pick.random() < 0.3:
                byline = f"{byline}\n\nOriginally posted at {url}".strip()
                seen_url = True
            named = pick.random() < 0.4
            item = self.item(title, author if named else "", year if named else None)
            if linked and number == 3 and pick.random() < 0.5:
                item, named = "", False  # added later: the outline does not name it
            expected = Expected(
                title,
                {title},
                writer.said,
                authors=(author,) if author in byline or named else (),
                year=year if str(year) in byline or named else None,
                url=url if seen_url else "",
            )
            body = writer.prose(self.size(11_500), pick.choice([1, 2, 2]))
            if number == 6:
                body += (
                    "\n\nRead first:\n\n" + "\n\n".join(self.quoted) + f"\n\n{writer.sentence()}"
                )
            if self.loose and number == 5:
                body += f"\n\n```python\n{writer.code()}\n\n{writer.sentence()}"  # never closed
            out.append(
                _Document(
                    expected, f"{head}\n\n{byline}\n\n" if byline else f"{head}\n\n", body, item
                )
            )
        pick.shuffle(out)
        return out

    # Parts behind separators

    def head(self, path: str) -> str:
        pick = self.pick
        space = pick.choice(["\n\n", "\n", "\n\n\n"])
        return f"{space}---{pick.choice(['', '', ' '])}\nFile: {path}\n---\n{pick.choice(['', chr(10)])}"

    def parts(self) -> list[_Document]:
        return [*self.masters(), *self.notebooks(), *self.docs()]

    def masters(self) -> list[_Document]:
        out = []
        group = self.pick.random() < 0.4
        for number in range(1, 6):
            writer = self.writer()
            title = f"[9.{number}] {_SUBJECTS[number]} from Scratch"
            path = f"/exercises/master_9_{number}.py"
            if self.pick.random() < 0.2:
                path = f"/My Exercises/part 9/master 9.{number}.py"
            item = "" if group and number > 1 else self.item("The exercises" if group else title)
            body = kinds.master(writer, title, self.size(233_000))
            out.append(
                _Document(
                    Expected(path, {title}, writer.said, kind="tutorial"),
                    self.head(path),
                    body,
                    item,
                )
            )
        return out

    def notebooks(self) -> list[_Document]:
        pick = self.pick
        out = []
        for number in range(25):
            writer = self.writer()
            name = f"{_SUBJECTS[number % 12].replace(' ', '_')}_Demo{number // 12 or ''}.ipynb"
            shown = name.removesuffix(".ipynb").replace("_", " ")
            title = f"{shown} of {writer.words(2).title()}" if pick.random() < 0.7 else ""
            path = f"/Lens Library/demos/{name}"
            titles = {title} if title else set()
            titles |= {name, name.removesuffix(".ipynb"), shown}
            size = self.size(9_000)
            empty = number == 11
            if number == 12:
                body = kinds.json_notebook(writer, title or shown, size)
            else:
                body = kinds.notebook(writer, title, size, fenced=pick.random() < 0.5, empty=empty)
            self.made.empty += 7 if empty else 0
            # Some stand behind a separator and their own name, some behind their name alone.
            alone = number > 4 and number != 12 and pick.random() < 0.5
            named = f"# {name}\n\n" if number != 12 else ""
            head = (
                f"{pick.choice([chr(10) * 2, chr(10) * 3])}{named}"
                if alone
                else self.head(path) + named
            )
            item = "The demos of the library" if number == 0 else ""
            out.append(
                _Document(Expected(path, titles, writer.said, kind="notebook"), head, body, item)
            )
        return out

    def docs(self) -> list[_Document]:
        pick = self.pick
        out = []
        for number in range(27):
            writer = self.writer()
            library = "Lens Library" if number < 12 else "tracing"
            title = f"{pick.choice(['Using', 'Caching', 'Tracing', 'Testing'])} {_SUBJECTS[number % 12]} {number}"
            path = f"/{library}/docs/{'-'.join(title.lower().split())}.md"
            size = self.size(6_000)
            expected = Expected(path, {title}, writer.said)
            if number == 3:
                body = kinds.table(writer, title, size * 4)
            elif number % 6 == 5:
                body = kinds.unfenced(writer, title, size)
            elif number % 6 == 4:
                expected.authors, expected.year = ("Nora Lark",), 2021
                front = f"---\ntitle: {title}\nauthor: Nora Lark\ndate: 2021-03-04\n---\n\n"
                body = front + writer.prose(size)
            elif number % 6 == 2:
                body = f"{title}\n{'=' * len(title)}\n\n{writer.prose(size)}"
            else:
                body = f"# {title}\n\n{writer.prose(size)}"
            item = "Documentation of both libraries" if number == 0 else ""
            if self.loose and number % 9 == 1:
                body += f"\n\n```\n{writer.code()}\n\n{writer.sentence()}"  # never closed
            out.append(_Document(expected, self.head(path), body, item))
        return out
