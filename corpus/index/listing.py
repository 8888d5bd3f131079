"""The sources on an index's list that users added, made again: what ``gadfly corpus update`` looks at."""

from __future__ import annotations

from collections.abc import Iterable

from gadfly.corpus.index.roster import Entry
from gadfly.corpus.sources.base import Source
from gadfly.errors import CorpusError
from gadfly.settings import expanded


def listed(entries: Iterable[Entry], targets: Iterable[str] = ()) -> list[Source]:
    """The sources of the entries that ``targets`` name, or of all that can be made again.

    Raises:
        CorpusError: a target names none of them, or is a source that cannot be made again.
    """
    from gadfly.corpus.sources.resolve import resolve

    own = [entry for entry in entries if entry.target]
    wanted = list(targets)
    if not wanted:
        found = []
        for entry in own:
            try:
                found.append(resolve(entry.target))
            except CorpusError:  # a path that is gone, perhaps for a while: what came from it stays
                continue
        return found
    chosen = []
    for target in wanted:
        named = next((each for each in own if _names(each, target)), None)
        if named is None:
            raise CorpusError(
                f"{target!r} is no source of the corpus; first: gadfly corpus add {target}"
            )
        chosen.append(resolve(named.target))
    return chosen


def _names(entry: Entry, target: str) -> bool:
    if target in (entry.name, entry.target):
        return True
    try:
        return str(expanded(target).resolve()) == entry.target
    except (OSError, RuntimeError):
        return False
