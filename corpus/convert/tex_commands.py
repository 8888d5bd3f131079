"""What the common commands of LaTeX mean to a reader: tables of names, no code that reads LaTeX."""

from __future__ import annotations

SECTIONS = {"part": 1, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4}
RUN_IN = {"paragraph", "subparagraph"}
STYLES = {
    "textbf": "**", "bm": "**", "emph": "*", "textit": "*", "textsl": "*", "texttt": "`", "code": "`",
    "mathtt": "`", "path": "`", "nolinkurl": "", "textsf": "", "textsc": "", "textrm": "", "textup": "", "textmd": "",
    "textnormal": "", "underline": "", "uline": "", "hl": "", "mbox": "", "hbox": "", "fbox": "", "text": "",
    "textsuperscript": "", "textsubscript": "", "enquote": "", "centerline": "", "MakeUppercase": "",
}  # fmt: skip
SWITCHES = {
    "bf": "**", "bfseries": "**", "em": "*", "it": "*", "itshape": "*", "sl": "*", "tt": "`", "ttfamily": "`",
}  # fmt: skip
# Commands whose arguments are not text: how many there are.
SKIPPED = {
    "vspace": 1, "hspace": 1, "label": 1, "includegraphics": 1, "bibliographystyle": 1, "bibliography": 1,
    "usepackage": 1, "RequirePackage": 1, "documentclass": 1, "setlength": 2, "addtolength": 2, "setcounter": 2,
    "addtocounter": 2, "thanks": 1, "color": 1, "definecolor": 3, "colorlet": 2, "pagestyle": 1, "thispagestyle": 1,
    "input": 1, "include": 1, "graphicspath": 1, "hypersetup": 1, "newcolumntype": 2, "fontsize": 2, "todo": 1,
    "phantom": 1, "vphantom": 1, "hphantom": 1, "index": 1, "pdfinfo": 1, "lstset": 1, "newcounter": 1,
    "captionsetup": 1, "addcontentsline": 3, "markboth": 2, "cellcolor": 1, "rowcolor": 1, "columncolor": 1,
    "tikzset": 1, "pgfplotsset": 1, "usetikzlibrary": 1, "theoremstyle": 1, "newlength": 1, "stepcounter": 1,
    "addbibresource": 1, "renewcommand": 2, "newcommand": 2, "providecommand": 2, "newtheorem": 2, "rule": 2,
    "hskip": 0, "vskip": 0, "linespread": 1, "enlargethispage": 1, "titleformat": 5, "titlespacing": 4,
    "affiliation": 1, "institute": 1, "email": 1, "orcid": 1, "address": 1, "correspondingauthor": 2,
    "icmlauthor": 2, "icmlaffiliation": 2, "icmlcorrespondingauthor": 2, "icmlkeywords": 1,
    "printAffiliationsAndNotice": 1,
    "author": 1, "title": 1, "date": 1, "subtitle": 1, "icmltitle": 1, "icmltitlerunning": 1, "titlerunning": 1,
    "authorrunning": 1, "hyphenation": 1, "bibitem": 1, "allowdisplaybreaks": 0, "addvspace": 1, "balance": 0,
    "newenvironment": 3, "renewenvironment": 3, "AtBeginDocument": 1, "crefname": 3, "Crefname": 3, "looseness": 0,
}  # fmt: skip
# Commands whose last argument is the text; how many arguments there are.
LAST = {
    "textcolor": 2, "colorbox": 2, "fcolorbox": 3, "resizebox": 3, "scalebox": 2, "rotatebox": 2, "parbox": 2,
    "raisebox": 2, "multirow": 3, "multicolumn": 3, "makecell": 1, "thead": 1, "adjustbox": 2, "makebox": 1,
    "framebox": 1, "foreignlanguage": 2, "hyperref": 1, "hyperlink": 2, "hypertarget": 2, "shortstack": 1,
    "abstract": 1, "keywords": 1, "acknowledgments": 0, "subfloat": 1, "rlap": 1, "llap": 1, "smash": 1,
}  # fmt: skip
REFERENCES = {
    "ref",
    "eqref",
    "autoref",
    "cref",
    "Cref",
    "pageref",
    "nameref",
    "vref",
    "hyperref",
    "subref",
    "labelcref",
}
DROPPED = {
    "tikzpicture", "pgfpicture", "filecontents", "picture", "CCSXML", "overpic", "forest", "axis", "comment",
    "icmlauthorlist", "dependency", "circuitikz", "tikzcd", "IEEEbiography", "thebibliography", "feynman",
}  # fmt: skip
LISTS = {
    "itemize",
    "enumerate",
    "description",
    "compactitem",
    "compactenum",
    "inparaenum",
    "asparaenum",
}
LISTS |= {
    "tight_itemize",
    "asparaitem",
    "inparaitem",
    "list",
    "trivlist",
    "itemizestar",
    "enumeratestar",
}
NUMBERED = {"enumerate", "compactenum", "inparaenum", "asparaenum", "enumeratestar"}
TABULARS = {"tabular": 1, "tabularx": 2, "tabulary": 2, "longtable": 1, "tblr": 1, "NiceTabular": 1, "supertabular": 1,
            "tabularstar": 2, "array": 1, "xltabular": 2}  # fmt: skip
FLOATS = {
    "figure": "Figure", "wrapfigure": "Figure", "SCfigure": "Figure", "sidewaysfigure": "Figure", "subfigure": "Figure",
    "table": "Table", "wraptable": "Table", "sidewaystable": "Table", "subtable": "Table", "longtable": "Table",
    "algorithm": "Algorithm", "algorithm2e": "Algorithm", "listing": "Listing", "floatingfigure": "Figure",
    "teaserfigure": "Figure",
}  # fmt: skip
QUOTES = {"quote", "quotation", "displayquote", "verse", "displaycquote", "epigraph"}
THEOREMS = {
    "theorem": "Theorem", "lemma": "Lemma", "proposition": "Proposition", "corollary": "Corollary", "proof": "Proof",
    "definition": "Definition", "remark": "Remark", "example": "Example", "claim": "Claim", "conjecture": "Conjecture",
    "assumption": "Assumption", "hypothesis": "Hypothesis", "observation": "Observation", "fact": "Fact",
    "thm": "Theorem", "lem": "Lemma", "prop": "Proposition", "cor": "Corollary", "defn": "Definition",
}  # fmt: skip
# Environments that only lay out: how many arguments in braces they take.
LAYOUT = {
    "minipage": 1, "multicols": 1, "adjustbox": 1, "wrapfigure": 2, "wraptable": 2, "subfigure": 1, "subtable": 1,
    "adjustwidth": 2, "spacing": 1, "list": 2, "algorithmic": 0, "floatingfigure": 1, "threeparttable": 0,
}  # fmt: skip
# Pseudo-code of algorithmic and algorithmicx, by lower-case name; the others print their own name.
STEPS = {
    "state": "",
    "statex": "",
    "require": "Require: ",
    "ensure": "Ensure: ",
    "return": "return ",
    "comment": "// ",
}
STEPS |= {
    "if": "if ",
    "elsif": "else if ",
    "elseif": "else if ",
    "else": "else",
    "for": "for ",
    "forall": "for all ",
}
STEPS |= {
    "while": "while ",
    "repeat": "repeat",
    "until": "until ",
    "loop": "loop",
    "procedure": "procedure ",
}
STEPS |= {
    "function": "function ",
    "endif": "end if",
    "endfor": "end for",
    "endwhile": "end while",
    "print": "print ",
}
STEPS |= {
    "endprocedure": "end",
    "endfunction": "end",
    "endloop": "end loop",
    "input": "Input: ",
    "output": "Output: ",
}
