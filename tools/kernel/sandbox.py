"""The bubblewrap command line, and whether bubblewrap works here. Knows nothing of what runs inside.

``enter`` proves the walls from inside at each start; ``box`` starts and watches what runs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

WAY_OUT = "install bubblewrap (apt install bubblewrap) on a Linux that lets users make namespaces"
SCRATCH = "/scratch"
_GIB = 1 << 30
# Places to write, and their sizes.
IN_MEMORY = {SCRATCH: 4 * _GIB, "/tmp": 2 * _GIB, "/dev/shm": 2 * _GIB}
_SYSTEM = "/usr /bin /sbin /lib /lib32 /lib64 /etc/ld.so.cache /etc/alternatives /opt"
_GPU = ("nvidia*", "dri", "kfd")
# Nobody, without capabilities, parent or environment.
_CLOSED = (
    "bwrap --unshare-user --unshare-all --uid 65534 --gid 65534 --cap-drop ALL --die-with-parent "
    "--new-session --clearenv --proc /proc --dev /dev"
)


@dataclass(frozen=True)
class Limits:
    """What one sandbox may use. ``enter`` has the kernel hold the first three, ``box`` watches the others."""

    file: int = _GIB
    """Bytes of one file."""
    cpu: int = 4 * 3600
    """Seconds of computing."""
    address: int = 64 * _GIB
    """Bytes that it may map (torch alone maps some ten gigabytes); 0: no limit, as GPUs need it."""
    memory: int = 0
    """Bytes in use, with files that lie in memory; never more than three quarters of what is free at the start."""
    threads: int = 512
    """At the same time. Other processes cannot be started at all."""


@cache
def missing() -> str:
    """Why there is no sandbox here, with the way out; nothing if there is one, all of whose walls hold."""
    path = shutil.which("bwrap")
    if path is None:
        return f"no sandbox: bubblewrap is not installed; {WAY_OUT}. Nothing was run"
    try:
        line = [path, *command([], [], {})[1:]]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no sandbox: {path} does not start ({error}); {WAY_OUT}. Nothing was run"
    if done.returncode:
        reason = " ".join(done.stderr.split())[:160]
        return f"no sandbox: {path} gives no closed one here ({reason}); {WAY_OUT}. Nothing was run"
    return ""


def command(
    program: Sequence[str],
    readable: Sequence[Path],
    environment: dict[str, str],
    limits: Limits | None = None,
) -> list[str]:
    """``program`` in the sandbox: no network, own processes, a read-only view of the system, of this Python and of
    ``readable``; no capability, no way to one, no second process; scratch space in memory; only ``environment``.

    Even started by root it is nobody inside. Its files are still root's by the host's count, so nothing that root alone
    may write is left writable: ``/proc`` (kernel settings) above all.
    """
    line = _CLOSED.split()
    if _has("--disable-userns"):  # elsewhere the filter of ``enter`` alone denies them
        line.append("--disable-userns")
    devices = [str(path) for name in _GPU for path in sorted(Path("/dev").glob(name))]
    for device in devices:
        line += ["--dev-bind-try", device, device]
    seen = "/sys/devices" if devices else "/sys/devices/system/cpu"  # CUDA counts its devices there
    line += ["--ro-bind-try", seen, seen]
    for place in _SYSTEM.split():
        line += ["--ro-bind-try", place, place]
    for place, size in IN_MEMORY.items():
        # Where the size cannot be set, ``box`` still counts what lies there.
        line += [*(["--size", str(size)] if _has("--size") else []), "--tmpfs", place]
    for path in _outermost([*imports(), *readable]):
        line += ["--ro-bind", str(path), str(path)]
    for place in ("/dev", "/proc", "/"):
        line += ["--remount-ro", place]
    line += ["--chdir", SCRATCH]
    for name, value in {"HOME": SCRATCH, "PATH": "/usr/bin:/bin", **environment}.items():
        line += ["--setenv", name, value]
    bounds = limits or Limits()
    told = json.dumps({"file": bounds.file, "cpu": bounds.cpu, "address": bounds.address})
    enter = str(Path(__file__).with_name("enter.py"))
    return [*line, "--", sys.executable, "-I", "-S", enter, told, *program]


@cache
def _has(option: str) -> bool:
    """Whether this bubblewrap knows an option: --size came with 0.7, --disable-userns with 0.8."""
    try:
        said = subprocess.run(["bwrap", "--help"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return option in (said.stdout + said.stderr).split()


def imports() -> list[Path]:
    """Where this interpreter, its packages and Gadfly are; not the working folder, which ``sys.path`` holds too."""
    import gadfly

    own = Path(gadfly.__file__).parent
    places = {Path(sys.prefix), Path(sys.base_prefix), own.parent}
    places |= {p.resolve() for p in own.iterdir() if p.is_dir()}
    places |= {Path(p) for p in sys.path if p.endswith(("site-packages", "dist-packages"))}
    return [place for place in places if not str(place).startswith(("/usr/", "/lib"))]


def python_path() -> str:
    """What the sandboxed Python adds to its search path: Gadfly itself."""
    import gadfly

    return str(Path(gadfly.__file__).parents[1])


def free_memory() -> int:
    """Bytes that this machine, or the container that this program is in, can still give."""
    page = os.sysconf("SC_PAGE_SIZE")
    found = [page * os.sysconf("SC_PHYS_PAGES")]
    with Path("/proc/meminfo").open(encoding="ascii") as file:
        found += [int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable:")]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            found.append(int((Path("/sys/fs/cgroup") / name).read_text()))
        except (OSError, ValueError):
            continue
    return min(found)


def _outermost(paths: Sequence[Path]) -> list[Path]:
    """Existing paths without those below another; the root and the home folder are never among them."""
    home = Path.home()
    found = sorted({p for p in paths if p.exists() and p not in (Path("/"), home)})
    return [p for p in found if not any(other in p.parents for other in found)]
