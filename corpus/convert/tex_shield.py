"""What must not be read as LaTeX: comments go, code and formulas are put aside behind markers.

A marker is ``\\x01number\\x02``: no command, no brace, so every later step passes it by.
"""

from __future__ import annotations

import re

from gadfly.corpus.convert.tex_groups import group_end

_CODE = r"verbatim|Verbatim|BVerbatim|lstlisting|minted|alltt|tcblisting|pycode"
_DISPLAY = (
    r"(?:equation|align|gather|multline|eqnarray|displaymath|flalign|alignat|math|dmath|IEEEeqnarray|"
    r"subequations)\*?"
)
_SPECIAL = re.compile(
    rf"\\begin\s*\{{(?P<code>(?:{_CODE})\*?)\}}"
    r"|\\(?P<verb>verb\*?|lstinline(?:\[[^\]\n]{0,200}\])?|mintinline(?:\[[^\]\n]{0,200}\])?\{\w+\})"
    r"(?:(?P<mark>[^\sA-Za-z{*])(?P<shown>[^\n]{0,500}?)(?P=mark)|\{(?P<braced>[^{}\n]{0,500})\})"
    r"|\\begin\s*\{(?P<drop>comment)\}|(?P<iffalse>\\iffalse)(?![A-Za-z])"
    # The line end goes with the comment, and the blanks of the next line: TeX's own rule.
    r"|\\(?:url|path|nolinkurl|href)\s*\{[^{}\n]{0,2000}\}"  # addresses hold percent signs
    r"|(?P<escaped>\\.)|(?P<comment>%[^\n]*(?:\n[ \t]*(?=\S)|(?=\n)|$))",
    re.DOTALL,
)
_MATH = re.compile(
    rf"\\begin\s*\{{(?P<env>{_DISPLAY})\}}|(?P<open>\\\[|\\\(|\$\$)|(?P<escaped>\\.)|(?P<dollar>\$)",
    re.DOTALL,
)
_CLOSES = {"\\[": "\\]", "\\(": "\\)", "$$": "$$"}
_INNER = re.compile(rf"\\(?:begin|end)\s*\{{{_DISPLAY}\}}")
_NOISE = re.compile(
    r"\\(?:label|tag\*?)\s*\{[^{}]{0,200}\}|\\(?:nonumber|notag|displaystyle|limits)(?![A-Za-z])\s?"
)
_LONGEST_INLINE = 2_000
_MARKER = re.compile("\x01(\\d+)\x02")


class Shield:
    """Holds what was put aside, and puts it back."""

    def __init__(self) -> None:
        self._held: list[str] = []

    def put(self, shown: str) -> str:
        """Put a piece aside; returns its marker."""
        self._held.append(shown)
        return f"\x01{len(self._held) - 1}\x02"

    def code(self, text: str) -> str:
        """Put code aside, each block as a fence."""
        out: list[str] = []
        at = 0
        ends = _Ends(text)
        while found := _SPECIAL.search(text, at):
            out.append(text[at : found.start()])
            at = found.end()
            name = found.group("code")
            end = ends.find(f"\\end{{{name}}}", at) if name else -1
            if name and end >= 0:
                out.append("\n\n" + self.put(_fence(name, text[at:end])) + "\n\n")
                at = end + len(f"\\end{{{name}}}")
            elif found.group("verb"):
                out.append(self.put(f"`{found.group('shown') or found.group('braced') or ''}`"))
            else:
                out.append(found.group())
        out.append(text[at:])
        return "".join(out)

    def formulas(self, text: str) -> str:
        """Put formulas aside, as ``$…$`` and ``$$…$$``."""
        out: list[str] = []
        at = 0
        ends = _Ends(text)
        while found := _MATH.search(text, at):
            out.append(text[at : found.start()])
            at = found.end()
            if found.group("escaped"):
                out.append(found.group())
            elif found.group("dollar"):
                end = _closing_dollar(text, at)
                out.append(self.put(f"${_formula(text[at:end])}$") if end >= 0 else "\\$")
                at = end + 1 if end >= 0 else at  # a lone dollar: money, or a mistake
            else:
                name = found.group("env")
                mark = f"\\end{{{name}}}" if name else _CLOSES[found.group("open")]
                end = ends.find(mark, at)
                if end < 0:
                    out.append("" if name else found.group("open").replace("$", "\\$"))
                    continue
                out.append(self._display(text[at:end], found.group("open") == "\\("))
                at = end + len(mark)
        out.append(text[at:])
        return "".join(out)

    def restore(self, text: str) -> str:
        """Everything back in its place."""
        for _ in range(4):  # a formula may hold code, and a caption a formula
            if "\x01" not in text:
                break
            text = _MARKER.sub(lambda found: self._get(int(found.group(1))), text)
        return text.replace("\x01", "").replace("\x02", "")

    def _display(self, body: str, inline: bool) -> str:
        shown = _formula(_INNER.sub(" ", re.sub(r"^\s*\{\d+\}", "", body)))
        if not shown:
            return " "
        return self.put(f"${shown}$") if inline else "\n\n" + self.put(f"$${shown}$$") + "\n\n"

    def _get(self, number: int) -> str:
        return self._held[number] if number < len(self._held) else ""


class _Ends:
    """Finds what closes; what is not there once is not looked for again, however often it is opened."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._missing: set[str] = set()

    def find(self, mark: str, at: int) -> int:
        if mark in self._missing:
            return -1
        found = self._text.find(mark, at)
        if found < 0:
            self._missing.add(mark)
        return found


def without_comments(text: str) -> str:
    """LaTeX without its comments; code keeps its percent signs."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x01", "").replace("\x02", "")
    out: list[str] = []
    at = 0
    ends = _Ends(text)
    while found := _SPECIAL.search(text, at):
        out.append(text[at : found.start()])
        at = found.end()
        name = found.group("code") or found.group("drop")
        mark = f"\\end{{{name}}}" if name else "\\fi" if found.group("iffalse") else ""
        end = ends.find(mark, at) if mark else -1
        if end >= 0:
            at = end + len(mark)
            if found.group("code"):
                out.append(text[found.start() : at])
        elif not found.group("comment"):
            out.append(found.group())
    out.append(text[at:])
    return "".join(out)


def _closing_dollar(text: str, at: int) -> int:
    """The dollar that closes a formula: not inside braces, not in another paragraph."""
    limit = min(len(text), at + _LONGEST_INLINE)
    depth = 0
    while at < limit:
        character = text[at]
        if character == "\\":
            at += 2
            continue
        if character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
        elif character == "$" and depth <= 0:
            return at
        elif character == "\n" and text[at + 1 : at + 200].lstrip(" \t")[:1] == "\n":
            return -1
        at += 1
    return -1


def _formula(tex: str) -> str:
    return " ".join(_NOISE.sub("", tex).split())


def _fence(name: str, body: str) -> str:
    body = body.lstrip(" \t")
    language = ""
    while body[:1] in ("[", "{"):  # options, and minted's language
        end = group_end(body, 0)
        if end < 0 or (body[0] == "{" and "\n" in body[:end]):
            break
        options = body[1:end]
        said = re.search(r"language\s*+=\s*+\{?(?:\[[^\]]{0,200}\])?\s*+(\w+)", options)
        language = said.group(1).lower() if said else language
        if name.startswith("minted") and re.fullmatch(r"[\w+-]+", options):
            language = options.lower()
        body = body[end + 1 :].lstrip(" \t")
    code = body.strip("\n").rstrip()
    mark = "`" * max((len(run) + 1 for run in re.findall(r"`{3,}", code)), default=3)
    return f"{mark}{language}\n{code}\n{mark}"
