"""Text of models, documents and files inside the Markdown that Gadfly writes: shown, never rendered as more than text.

- ``words``   one line, a code span, a code block: nothing in them is markup
- ``prose``   a line that keeps code and emphasis; several paragraphs that keep lists and tables too
- ``page``    the parts of a document, each looked at before it is written
- ``reader``  how a parser sees a text, and whether what was written does nothing: the judge of the other two

Where it is read does not matter: GitHub, a notebook, an editor. No HTML, no image, no link, no mention and no
reference to an issue or commit, no mathematics, no diagram, no heading, no task, no hidden marker comes out of it.
"""

from gadfly.agent.markup.page import document
from gadfly.agent.markup.prose import phrase, prose
from gadfly.agent.markup.words import code, plain, span

__all__ = ["code", "document", "phrase", "plain", "prose", "span"]
