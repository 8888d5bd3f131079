"""Asking a peer: one of ``scripts`` runs in its environment, job as JSON on stdin, answer as JSON on stdout."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gadfly
from gadfly.errors import GadflyError
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


def ask_model(
    name: str, python: Path, script: str, checkpoint: str, model: LocalModel, job: dict[str, Any]
) -> dict[str, Any]:
    """The answer of a script that loads the same weights on the same device, with as many threads."""
    import torch

    own: dict[str, Any] = {"model": str(locate(checkpoint)), "device": str(model.device)}
    own["threads"] = torch.get_num_threads()
    return ask(name, python, SCRIPTS / f"{script}.py", {**own, **job})
