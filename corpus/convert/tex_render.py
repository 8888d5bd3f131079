"""From LaTeX without comments, macros and formulas (all of them put aside already) to blocks of Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gadfly.corpus.convert import tex_cites, tex_commands, tex_table
from gadfly.corpus.convert.tex_groups import argument, group_end, option
from gadfly.corpus.convert.tex_parts import after_arguments, items, pairs, skip, wrapped
from gadfly.corpus.convert.tex_shield import Shield
from gadfly.corpus.convert.tex_symbols import LETTERS, SIGNS, typography

_TOKEN = re.compile(
    r"\\begin\s*\{(?P<begin>[^{}]*)\}|\\end\s*\{[^{}]*\}|\\(?P<name>[A-Za-z@]+)(?P<star>\*?)|\\(?P<sign>.)"
    r"|(?P<blank>\n[ \t]*\n\s*)|(?P<open>\{)|\}|(?P<text>(?:[^\\{}\n]|\n(?![ \t]*\n))+)|.",
    re.DOTALL,
)
_BLOCKY = re.compile(
    r"\\(?:begin|(?:sub)*section|chapter|item|caption)(?![A-Za-z])|\n[ \t]*\n|\\par(?![A-Za-z])"
)
_LABEL = re.compile(r"\\label\s*\{([^{}]*)\}")
_DEEPEST = 40
_BREAK = "\x05"


class Renderer:
    """Renders one document; ``works`` are the entries of its bibliography."""

    def __init__(
        self, shield: Shield, theorems: Mapping[str, str], works: dict[str, tex_cites.Entry]
    ) -> None:
        self._shield = shield
        self._theorems = {**tex_commands.THEOREMS, **theorems}
        self._works = works
        self._notes = 0
        self._waiting: list[str] = []
        self._float = ""

    def inline(self, source: str, depth: int = 0) -> str:
        """A piece of LaTeX on one line."""
        return " ".join(" ".join(self.blocks(source, depth, notes=False)).split())

    def blocks(self, source: str, depth: int = 0, *, notes: bool = True) -> list[str]:
        """Paragraphs, headings, lists and tables, in order; ``notes`` puts footnotes below their paragraph."""
        if depth > _DEEPEST:
            return [re.sub(r"\\[A-Za-z]+|[{}\\]", "", source)]
        page = _Page(self, notes)
        ends = pairs(source)
        at = 0
        while found := _TOKEN.match(source, at):
            start, at = at, found.end()
            if found.group("text"):
                page.add(typography(found.group("text")))
            elif found.group("blank"):
                page.flush()
            elif found.group("sign"):
                page.add(SIGNS.get(found.group("sign"), "").replace("\n", _BREAK))
                at = self._after_break(source, at, found.group("sign"))
            elif found.group("open"):
                at = self._group(page, source, start, depth)
            elif found.group("begin") is not None and start in ends:
                close, after = ends[start]
                self._environment(page, found.group("begin").strip(), source[at:close], depth)
                at = after
            elif found.group("name"):
                at = self._command(page, found.group("name"), source, at, depth)
        page.flush()
        return page.out

    # -- groups, environments --------------------------------------------------------------------

    def _group(self, page: _Page, source: str, start: int, depth: int) -> int:
        end = group_end(source, start)
        if end < 0:
            return start + 1
        inner = source[start + 1 : end]
        if _BLOCKY.search(inner):
            page.flush()
            page.out += self.blocks(inner, depth + 1, notes=page.notes)
            return end + 1
        switch = re.match(r"\s*\\([A-Za-z]+)(?![A-Za-z])", inner)
        mark = tex_commands.SWITCHES.get(switch.group(1), "") if switch else ""
        lead = " " if inner[:1].isspace() else ""
        text = self.inline(inner, depth + 1)
        page.add(lead + wrapped(text, mark) + (" " if inner[-1:].isspace() else ""))
        return end + 1

    def _environment(self, page: _Page, name: str, body: str, depth: int) -> None:
        bare = (
            name.replace("*", "star")
            if name in ("tabular*", "itemize*", "enumerate*")
            else name.rstrip("*")
        )
        if bare in tex_commands.DROPPED:
            return
        page.flush()
        if bare == "abstract":
            page.out += ["## Abstract", *self.blocks(body, depth + 1)]
        elif bare in tex_commands.LISTS:
            page.out += self._list(
                bare, after_arguments(body, tex_commands.LAYOUT.get(bare, 0)), depth
            )
        elif bare in tex_commands.TABULARS:
            inner = after_arguments(body, tex_commands.TABULARS[bare])
            page.out += self._captions(inner, bare, depth)
            page.out.append(tex_table.markdown(inner, lambda cell: self.inline(cell, depth + 1)))
        elif bare in tex_commands.QUOTES:
            quoted = "\n\n".join(self.blocks(body, depth + 1))
            page.out.append("\n".join(f"> {line}".rstrip() for line in quoted.split("\n")))
        elif bare in self._theorems:
            page.out += self._theorem(self._theorems[bare], body, depth)
        else:
            self._layout(page, bare, body, depth)

    def _layout(self, page: _Page, name: str, body: str, depth: int) -> None:
        outer = self._float
        if name in tex_commands.FLOATS:
            label = _LABEL.search(body)
            named = (
                f" [{label.group(1)}]" if label and name not in ("subfigure", "subtable") else ""
            )
            self._float = tex_commands.FLOATS[name] + named
        inner = after_arguments(body, tex_commands.LAYOUT.get(name, 0))
        page.out += self.blocks(inner, depth + 1, notes=page.notes)
        self._float = outer

    def _captions(self, body: str, name: str, depth: int) -> list[str]:
        """Captions inside a ``longtable``, which the table itself would swallow."""
        if name != "longtable":
            return []
        found = re.search(r"\\caption\s*(?=[\[{])", body)
        held = argument(body, found.end()) if found else None
        return [f"Table: {self.inline(held[0], depth + 1)}"] if held else []

    def _theorem(self, word: str, body: str, depth: int) -> list[str]:
        named = option(body, 0)
        title = f" ({self.inline(named[0], depth + 1)})" if named else ""
        inner = self.blocks(body[named[1] :] if named else body, depth + 1)
        lead = f"**{self.inline(word, depth + 1)}{title}.**"
        return [f"{lead} {inner[0]}", *inner[1:]] if inner else []

    def _list(self, name: str, body: str, depth: int) -> list[str]:
        lines: list[str] = []
        for number, item in enumerate(items(body), 1):
            label = option(item, 0) if item.lstrip(" \t\n").startswith("[") else None
            mark = f"{number}. " if name in tex_commands.NUMBERED else "- "
            parts = self.blocks(item[label[1] :] if label else item, depth + 1)
            said = self.inline(label[0], depth + 1) if label else ""
            if said and re.search(r"\w{2}", said):
                head = said if said.startswith(("*", "`", "\x01")) else f"**{said}**"
                parts = [f"{head} {parts[0]}", *parts[1:]] if parts else [head]
            if parts:
                inner = "\n\n".join(parts).replace("\n", "\n" + " " * len(mark))
                lines.append(mark + "\n".join(line.rstrip() for line in inner.split("\n")))
        return ["\n".join(lines)] if lines else []

    # -- commands --------------------------------------------------------------------------------

    def _command(self, page: _Page, name: str, source: str, at: int, depth: int) -> int:
        """One command, its star already behind ``at``; returns where reading goes on."""
        if name in tex_commands.SECTIONS or name in tex_commands.RUN_IN:
            return self._heading(page, name, source, at, depth)
        if name in ("caption", "captionof", "subcaption"):
            return self._caption(page, name, source, at, depth)
        if name in ("footnote", "footnotetext"):
            return self._footnote(page, name, source, at, depth)
        if name in tex_cites.CITES:
            return self._cite(page, name, source, at, depth)
        if name in tex_commands.REFERENCES and not (
            name == "hyperref" and source[at : at + 1] == "["
        ):
            held = argument(source, at)
            page.add(f"[{' '.join(held[0].split())}]" if held else "")
            return held[1] if held else at
        if name in ("url", "href"):
            return self._link(page, name, source, at, depth)
        if name in tex_commands.STYLES:
            held = argument(source, at)
            if held is None:
                return at
            page.add(wrapped(self.inline(held[0], depth + 1), tex_commands.STYLES[name]))
            return held[1]
        if name == "texorpdfstring":
            held = argument(source, at)
            page.add(self.inline(held[0], depth + 1) if held else "")
            return skip(source, at, 2)
        if name in tex_commands.LAST:
            return self._last(page, tex_commands.LAST[name], source, at, depth)
        if self._float.startswith("Algorithm") and name.lower() in tex_commands.STEPS:
            page.add(_BREAK + tex_commands.STEPS[name.lower()])
            return at
        if name in tex_commands.SKIPPED:
            return skip(source, at, tex_commands.SKIPPED[name])
        if name in LETTERS:
            return _letter(page, name, source, at)
        if (
            source[at : at + 1] == "["
        ):  # an unknown command's option is no text; its arguments may be
            skipped = option(source, at)
            return skipped[1] if skipped else at
        return at

    def _heading(self, page: _Page, name: str, source: str, at: int, depth: int) -> int:
        short = option(source, at)
        held = argument(source, short[1] if short else at)
        if held is None:
            return at
        page.flush()
        title = self.inline(held[0], depth + 1).strip("* ")
        if name in tex_commands.RUN_IN:
            page.add(f"**{title}** " if title else "")
        elif title:
            page.out.append(f"{'#' * tex_commands.SECTIONS[name]} {title}")
        return held[1]

    def _caption(self, page: _Page, name: str, source: str, at: int, depth: int) -> int:
        if name == "captionof":
            kind = argument(source, at)
            at = kind[1] if kind else at
        short = option(source, at)
        held = argument(source, short[1] if short else at)
        if held is None:
            return at
        page.flush()
        page.add(f"{self._float or 'Figure'}: {self.inline(held[0], depth + 1)}")
        page.flush()
        return held[1]

    def _footnote(self, page: _Page, name: str, source: str, at: int, depth: int) -> int:
        number = option(source, at)
        held = argument(source, number[1] if number else at)
        if held is None:
            return at
        self._notes += 1
        own = self._notes
        self._waiting.append(f"[^{own}]: {self.inline(held[0], depth + 1)}")
        page.add(f"[^{own}]")
        return held[1]

    def _cite(self, page: _Page, name: str, source: str, at: int, depth: int) -> int:
        notes: list[str] = []
        while len(notes) < 2 and (said := option(source, at)):
            notes.append(self.inline(said[0], depth + 1))
            at = said[1]
        held = argument(source, at)
        if held is None:
            return at
        page.add(tex_cites.shown(name, held[0], notes, self._works))
        return held[1]

    def _link(self, page: _Page, name: str, source: str, at: int, depth: int) -> int:
        address = argument(source, at)
        if address is None:
            return at
        target = re.sub(r"\\([%#&_~])", r"\1", address[0]).strip()
        label = argument(source, address[1]) if name == "href" else None
        if label is None:
            page.add(target)
            return address[1]
        text = self.inline(label[0], depth + 1)
        safe = target.replace("(", "%28").replace(")", "%29")
        page.add(f"[{text}]({safe})" if target.startswith("http") and text != target else text)
        return label[1]

    def _last(self, page: _Page, count: int, source: str, at: int, depth: int) -> int:
        """Only the last of several arguments is text."""
        last = ""
        for _ in range(count):
            while source[at : at + 1] == "[" and (said := option(source, at)):
                at = said[1]
            held = argument(source, at)
            if held is None:
                break
            last, at = held
        if _BLOCKY.search(last):
            page.flush()
            page.out += self.blocks(last, depth + 1, notes=page.notes)
        else:
            page.add(self.inline(last, depth + 1))
        return at

    def _after_break(self, source: str, at: int, sign: str) -> int:
        """Past the distance that a line break may state: ``\\\\[2pt]``."""
        if sign == "\\":
            at += source[at : at + 1] == "*"
            gap = re.compile(r"\[[-\d.\s]*[a-z\\]*\]").match(source, at)
            return gap.end() if gap else at
        return at

    def notes_below(self) -> list[str]:
        """The footnotes that wait for the end of their paragraph."""
        waiting, self._waiting = self._waiting, []
        return waiting


class _Page:
    """Blocks that are done, and the paragraph that is being written."""

    def __init__(self, renderer: Renderer, notes: bool) -> None:
        self.out: list[str] = []
        self.notes = notes
        self._renderer = renderer
        self._open: list[str] = []

    def add(self, text: str) -> None:
        self._open.append(text)

    def flush(self) -> None:
        text = " ".join("".join(self._open).split(" ")) if self._open else ""
        self._open = []
        lines = (" ".join(line.split()) for line in text.split(_BREAK))
        text = "\n".join(line for line in lines if line)
        if re.search(r"[^\s*`\[\]{}]", text):
            # A line that starts like a heading or a list is none.
            self.out.append(re.sub(r"(?m)^(#{1,6} )", r"\\\1", text))
        if self.notes:
            self.out += self._renderer.notes_below()


def _letter(page: _Page, name: str, source: str, at: int) -> int:
    """A command that prints a sign swallows the blank behind it, unless braces end it."""
    shown = LETTERS[name]
    if shown == "\n\n":
        page.flush()
        return at
    page.add(shown.replace("\n", _BREAK))
    if source[at : at + 2] == "{}":
        return at + 2
    if shown.strip() and shown.isalpha() and len(shown) <= 2:
        return at + len(source[at:]) - len(source[at:].lstrip(" "))
    return at
