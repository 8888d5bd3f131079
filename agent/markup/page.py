"""Parts of a document put together, each judged by the parser first: what slipped through becomes code."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from gadfly.agent.markup.reader import harmless
from gadfly.agent.markup.words import code


def document(
    parts: Iterable[str],
    *,
    images: Collection[str] = (),
    fences: Collection[str] = (),
    public: bool = False,
) -> str:
    """Blocks of Markdown, each whole in itself, with blank lines between them.

    Args:
        images: addresses of images that are ours.
        fences: info strings that are ours.
        public: for GitHub, see ``reader.harmless``.
    """
    return "\n\n".join(
        each if harmless(each, images, fences, public=public) else code(each)
        for each in parts
        if each
    )
