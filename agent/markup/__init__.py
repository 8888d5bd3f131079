"""Text of models, documents and files inside the Markdown that Gadfly writes: shown, never rendered as more than text.

- ``words``   one line, a cell, a code span, a code block: nothing in them is markup; the parts of a document, each
              looked at before it is written
- ``prose``   a line that keeps code and emphasis; several paragraphs that keep lists and tables too
- ``posted``  one line for GitHub
- ``reader``  how a parser sees a text, and whether what was written does nothing: the judge of the others

There are two audiences. In files on the user's machine no HTML, image, reference or link comes out of a text, no
diagram, heading, task or hidden marker; addresses, names, numbers and mathematics stay as they were written, but for
the commands of mathematics that act. What is posted is read where names and numbers act too: ``posted`` breaks
mentions, references, hashes, addresses and all mathematics.
"""

from gadfly.agent.markup.posted import posted
from gadfly.agent.markup.prose import phrase, prose
from gadfly.agent.markup.words import address, cell, code, document, plain, span

__all__ = ["address", "cell", "code", "document", "phrase", "plain", "posted", "prose", "span"]
