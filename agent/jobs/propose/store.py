"""Proposals kept in the data folder, so that a project can start from an id."""

from __future__ import annotations

import re

from gadfly import files, home
from gadfly.agent.jobs.propose.proposal import Proposal
from gadfly.errors import UsageError

_ID = re.compile(r"^p[0-9a-f]{8}$")


def keep(proposal: Proposal) -> None:
    """Write it; a proposal of the same id is replaced. Raises HomeError if that is not possible."""
    path = home.folder("proposals") / f"{proposal.id}.json"
    files.keep(path, proposal.model_dump_json(indent=1))


def load(identifier: str) -> Proposal:
    """The proposal with this id.

    Raises:
        UsageError: there is none, or the file cannot be read; names the latest.
    """
    folder = home.home() / "proposals"
    path = folder / f"{identifier}.json"
    if not _ID.match(identifier) or not path.is_file():
        kept = sorted(folder.glob("p*.json"), key=lambda p: -p.stat().st_mtime)[:5]
        listed = ", ".join(p.stem for p in kept)
        way = f"the latest are {listed}" if listed else "'gadfly propose' makes some"
        raise UsageError(f"no proposal {identifier!r}; {way}")
    try:
        return Proposal.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the proposal {identifier} cannot be read ({type(error).__name__}); propose it again"
        ) from error
