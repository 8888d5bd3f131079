"""An environment for each peer: made on first use with pip, used only when it is whole and of the wanted versions.

The packages here do not install beside Gadfly, or would hold back its own. torch and transformers are of the versions
that run here, so that a difference between two packages is theirs. An environment is whole when its mark is there,
which is written last and names what is installed: one that was interrupted, or made for other versions, is made anew.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from gadfly import files
from gadfly.errors import GadflyError, MissingExtraError
from gadfly.settings import folder

_MARK = "ready"


class Peer(NamedTuple):
    """``pins`` are what pip installs; ``shared`` packages are pinned to the versions of this environment."""

    name: str
    pins: tuple[str, ...]
    shared: tuple[str, ...] = ("torch", "transformers")

    def wanted(self) -> list[str]:
        """All pins, the shared packages first.

        Raises:
            MissingExtraError: a shared package is not installed here.
        """
        try:
            same = [f"{name}=={version(name).split('+')[0]}" for name in self.shared]
        except PackageNotFoundError:
            raise MissingExtraError(f"a comparison with {self.name}", "interp") from None
        return [*same, *self.pins]


TRANSFORMER_LENS = Peer("transformer-lens", ("transformer-lens==4.3.0",))
PYVENE = Peer("pyvene", ("pyvene==0.1.8",))
REPENG = Peer("repeng", ("repeng==0.4.0",))


def interpreter(peer: Peer, within: Path | None = None) -> Path:
    """The Python of the peer's environment, which is made if it is missing, broken or of other versions.

    Args:
        within: the folder of all environments; default: ``peers`` in the data folder.

    Raises:
        GadflyError: pip failed, with its reason; nothing is left behind.
    """
    from filelock import FileLock

    found = existing(peer, within)
    if found:
        return found
    place = (within or folder("peers")) / peer.name
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(place.with_suffix(".lock")):
        found = existing(peer, within)  # another process may have made it meanwhile
        if found:
            return found
        print(f"{peer.name}: setting up {place} (once, some minutes) ...", file=sys.stderr)
        try:
            _make(peer, place)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
    return _python(place)


def existing(peer: Peer, within: Path | None = None) -> Path | None:
    """The same, or None where a whole environment of the wanted versions is not there."""
    place = (within or folder("peers")) / peer.name
    try:
        whole = (place / _MARK).read_text(encoding="utf-8") == _marked(peer)
    except OSError:
        return None
    python = _python(place)
    return python if whole and python.exists() else None


def _make(peer: Peer, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    _run(peer, [sys.executable, "-m", "venv", str(place)])
    wanted = peer.wanted()
    # torch alone and first: resolved with others, pip may take another build of it.
    alone = [pin for pin in wanted if pin.startswith("torch==")]
    for pins in filter(None, (alone, wanted)):
        pip = [str(_python(place)), "-I", "-m", "pip", "install", "--quiet"]
        _run(peer, [*pip, "--disable-pip-version-check", *pins])
    files.write(place / _MARK, _marked(peer))


def _marked(peer: Peer) -> str:
    return "\n".join([f"python {sys.version_info.major}.{sys.version_info.minor}", *peer.wanted()])


def _python(place: Path) -> Path:
    return place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _run(peer: Peer, command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"status {done.returncode}"]
        errors = [line for line in said if line.startswith("ERROR: ")]
        reason = (errors or said)[-1].removeprefix("ERROR: ")
        raise GadflyError(
            f"cannot set up an environment for {peer.name}: {reason}; it needs pip, its package index and some GB of "
            "disk, or --python with an interpreter that has the package"
        )
