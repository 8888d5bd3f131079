"""Asking a peer: one of ``scripts`` runs in its environment, job as JSON on stdin, answer as JSON on stdout."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gadfly
from gadfly.errors import GadflyError
from gadfly.evals.kit.timing import timed
from gadfly.evals.peers.environment import Peer, interpreter
from gadfly.tools.checkpoints import locate

if TYPE_CHECKING:
    from gadfly.tools.model import LocalModel

# By way of the package, so that it is found where the repository's folders are links.
SCRIPTS = Path(gadfly.__file__).parent / "evals" / "peers" / "scripts"


def ask(name: str, python: Path, script: Path, job: dict[str, Any]) -> dict[str, Any]:
    """The script's answer. Python's own variables (PYTHONPATH and the like) do not reach it.

    Raises:
        GadflyError: no such interpreter, or the script failed or answered something else than JSON.
    """
    command = [str(python), "-E", "-s", str(script)]
    try:
        done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True)
    except OSError as error:
        raise GadflyError(
            f"{name}: cannot run {python} ({error.strerror}); --python names an interpreter"
        ) from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"]
        raise GadflyError(f"{name} failed: {said[-1]}")
    try:
        answer = json.loads(done.stdout)
        assert isinstance(answer, dict)
    except (ValueError, AssertionError):
        raise GadflyError(f"{name} answered no JSON object: {done.stdout[:80]!r}") from None
    return answer


def beside(
    peer: Peer,
    script: str,
    python: Path | None,
    model: LocalModel,
    job: dict[str, Any],
    ours: Callable[[], object],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a script gives that loads the same weights on the same device, with as many threads; and both's seconds.

    Rounds of two processes cannot be interleaved: ours are taken before and after theirs, and the quickest of each are
    compared, for other load only adds.

    Args:
        python: an interpreter that has the peer; None: its own environment, made on first use.
        job: what else the script needs; ``rounds`` is the number of rounds.
    """
    import torch

    place = {"model": str(locate(model.name)), "device": str(model.device)}
    taken = timed(ours, job["rounds"])
    asked = {**place, "threads": torch.get_num_threads(), **job}
    theirs = ask(peer.name, python or interpreter(peer), SCRIPTS / f"{script}.py", asked)
    taken += timed(ours, job["rounds"])
    seconds, their_seconds = min(taken), min(theirs["seconds"])
    about = {"peer": peer.name, "version": theirs["version"], "model": model.name}
    times = {"seconds": seconds, "their_seconds": their_seconds, "ratio": their_seconds / seconds}
    return theirs, about | times
