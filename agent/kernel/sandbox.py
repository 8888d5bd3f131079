"""The bubblewrap command line, and whether bubblewrap works here. Knows nothing of what runs inside."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

WAY_OUT = "install bubblewrap (apt install bubblewrap) on a Linux that lets users make namespaces"
SCRATCH = "/scratch"
_SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/opt",
)
_GPU = ("nvidia*", "dri", "kfd")


@cache
def missing() -> str:
    """Why there is no sandbox here, with the way out; nothing if there is one."""
    path = shutil.which("bwrap")
    if path is None:
        return f"no sandbox: bubblewrap is not installed; {WAY_OUT}. Nothing was run"
    probe = [path, "--unshare-all", "--ro-bind", "/", "/", "true"]
    try:
        done = subprocess.run(probe, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no sandbox: {path} does not start ({error}); {WAY_OUT}. Nothing was run"
    if done.returncode:
        reason = " ".join(done.stderr.split())[:160]
        return f"no sandbox: {path} may not make namespaces here ({reason}); {WAY_OUT}. Nothing was run"
    return ""


def command(
    program: Sequence[str], readable: Sequence[Path], environment: dict[str, str]
) -> list[str]:
    """``program`` in the sandbox: no network, own processes, a read-only view of the system, of this Python and of
    ``readable``; scratch space in memory at ``SCRATCH``; only ``environment``."""
    line = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv"]
    line += ["--proc", "/proc", "--dev", "/dev"]
    for device in (str(path) for name in _GPU for path in sorted(Path("/dev").glob(name))):
        line += ["--dev-bind-try", device, device]
    line += ["--ro-bind-try", "/sys/devices", "/sys/devices"]  # CUDA counts its devices there
    for place in _SYSTEM:
        line += ["--ro-bind-try", place, place]
    line += ["--tmpfs", "/tmp", "--tmpfs", SCRATCH]
    for path in _outermost([*imports(), *readable]):
        line += ["--ro-bind", str(path), str(path)]
    line += ["--chdir", SCRATCH]
    for name, value in {"HOME": SCRATCH, "PATH": "/usr/bin:/bin", **environment}.items():
        line += ["--setenv", name, value]
    return [*line, "--", *program]


def imports() -> list[Path]:
    """Where this interpreter, its packages and Gadfly are; not the working folder, which ``sys.path`` holds too."""
    import gadfly

    own = Path(gadfly.__file__).parent
    places = {
        Path(sys.prefix),
        Path(sys.base_prefix),
        own.parent,
        *(p.resolve() for p in own.iterdir() if p.is_dir()),
    }
    places |= {Path(p) for p in sys.path if p.endswith(("site-packages", "dist-packages"))}
    return [place for place in places if not str(place).startswith(("/usr/", "/lib"))]


def python_path() -> str:
    """What the sandboxed Python adds to its search path: Gadfly itself."""
    import gadfly

    return str(Path(gadfly.__file__).parents[1])


def _outermost(paths: Sequence[Path]) -> list[Path]:
    """Existing paths without those below another; the root and the home folder are never among them."""
    home = Path.home()
    found = sorted({p for p in paths if p.exists() and p not in (Path("/"), home)})
    return [p for p in found if not any(other in p.parents for other in found)]
