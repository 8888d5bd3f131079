"""Writing the index's documents as Markdown files with front matter, which ``corpus add`` reads again."""

from __future__ import annotations

from pathlib import Path

import yaml

from gadfly import files
from gadfly.corpus.documents import Document
from gadfly.corpus.index import Corpus
from gadfly.corpus.progress import Progress, Silent
from gadfly.errors import CorpusError


def export(
    corpus: Corpus, folder: Path, *, prefix: str = "", progress: Progress | None = None
) -> int:
    """Write every document whose id starts with ``prefix`` to ``folder/ID.md``.

    Returns:
        How many were written.

    Raises:
        CorpusError: nothing matches, the folder holds other files, or it cannot be written.
    """
    progress = progress or Silent()
    chosen = [each.id for each in corpus.documents() if each.id.startswith(prefix)]
    if not chosen:
        raise CorpusError(f"no document starts with {prefix!r}; run: gadfly corpus list")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CorpusError(f"{folder} is not an empty folder; give a new one")
    progress.start("writing documents", len(chosen))
    try:
        for identifier in chosen:
            path = folder / f"{identifier}.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write(path, _written(corpus.document(identifier)))
            progress.advance()
    except OSError as error:
        raise CorpusError(f"cannot write to {folder}: {error.strerror or error}") from error
    finally:
        progress.finish()
    return len(chosen)


def _written(document: Document) -> str:
    fields = document.model_dump(mode="json", exclude={"id", "text", "source", "meta"})
    known = {key: value for key, value in fields.items() if value not in (None, [])}
    return (
        f"---\n{yaml.safe_dump(known, sort_keys=False, allow_unicode=True)}---\n{document.text}\n"
    )
