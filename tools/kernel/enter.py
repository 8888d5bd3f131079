"""The last step into the sandbox, run inside it: checks that its walls hold, shuts the rest, becomes the program.

Bubblewrap takes capabilities and mounts away; this proves it at every start, so that another version or kernel cannot
leave a wall open unseen. Then limits are set, and a filter of system calls for what namespaces do not cover: new
processes (no limit on them binds root, and one that only counts them is outrun: a bomb had 15,000 before it was seen),
sockets to the machine's host (vsock), the keyring, memory that no count shows. Stands alone: no import of Gadfly.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import resource
import struct
import sys
from pathlib import Path

_NICE = 5  # whoever watches, and everybody else on the machine, goes first
CODE = 97  # of the exit: a wall is open, nothing was run
_WRITABLE = ("/tmp", "/scratch", "/dev/shm", "/dev/pts")
_THREAD = 0x00010000  # the flag of a clone that makes a thread and no process
_FAMILIES = (1, 2, 10, 16)  # unix, both internets (only loopback is there), netlink

# Each with its number on x86_64 and on machines with the common table, which has no old forms.
_DENIED = """
fork 57, vfork 58, unshare 272 97, setns 308 268, keyctl 250 219, add_key 248 217, request_key 249 218, bpf 321 280,
perf_event_open 298 241, userfaultfd 323 282, shmget 29 194, msgget 68 186, semget 64 190, mq_open 240 180,
ptrace 101 117, open_by_handle_at 304 265, mount 165 40, umount2 166 39, open_tree 428 428, move_mount 429 429,
fsopen 430 430, mount_setattr 442 442
"""
# Libraries know these as missing on older kernels and do without. The flags of a clone3 are out of a filter's sight.
_ABSENT = "clone3 435 435, io_uring_setup 425 425, memfd_create 319 279, memfd_secret 447 447"
_CLONE, _SOCKET = (56, 220), (41, 198)
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1), "riscv64": (0xC00000F3, 1)}
_X32 = 0x40000000  # system calls of another table on the same machine

_LOAD, _EQUAL, _ABOVE, _ANY, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # instructions of the filter
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCH, _FIRST = 0, 4, 16  # where a system call's number, table and first argument lie


def main() -> None:
    limits, program = json.loads(sys.argv[1]), sys.argv[2:]
    try:
        _check()
        _limit(limits)
        _shut()
        _demand(not _forks(), "processes can be started")
    except Exception as error:
        os.write(2, f"a wall is open: {error}\n".encode())
        sys.exit(CODE)
    if program:
        os.execv(program[0], program)


def _check() -> None:
    """Raises RuntimeError with what is open."""
    status = dict(line.split(":\t", 1) for line in _lines("/proc/self/status") if ":\t" in line)
    kept = [name for name in status if name.startswith("Cap") and int(status[name], 16)]
    _demand(not kept, f"capabilities are kept: {', '.join(kept)}")
    _demand(status.get("NoNewPrivs") == "1", "programs may gain privileges")
    for line in _lines("/proc/self/mountinfo"):
        fields = line.split(" ")
        place, options = fields[4], fields[5].split(",")
        own = place in _WRITABLE or (place.startswith("/dev/") and not Path(place).is_dir())
        _demand("ro" in options or own, f"{place} can be written")
    for place in ("/", "/usr", "/proc/sys/kernel/core_pattern"):
        _demand(not os.access(place, os.W_OK), f"{place} can be written")
    remount = ctypes.CDLL(None, use_errno=True).mount(None, b"/usr", None, 0x1020, None)
    _demand(remount != 0, "a remount is allowed")
    devices = [line.split(":")[0].strip() for line in _lines("/proc/self/net/dev")[2:]]
    _demand(set(devices) <= {"lo"}, f"there is a network: {', '.join(devices)}")


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise RuntimeError(otherwise)


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()


def _forks() -> bool:
    try:
        child = os.fork()
    except OSError:
        return False
    if child == 0:
        os._exit(0)
    return True


def _limit(limits: dict[str, int]) -> None:
    """A hard limit that was lowered cannot be raised again."""
    os.nice(_NICE)
    for name, value in (
        (resource.RLIMIT_FSIZE, limits["file"]),
        (resource.RLIMIT_NOFILE, 1024),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, limits["cpu"]),
        (resource.RLIMIT_AS, limits["address"]),
    ):
        if value or name == resource.RLIMIT_CORE:
            resource.setrlimit(name, (value, value))


def _shut() -> None:
    """Install the filter. Raises RuntimeError where that is not possible."""
    program = _program()
    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *each) for each in program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

    told = Program(len(program), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.prctl(22, 2, ctypes.byref(told), 0, 0)
    _demand(done == 0, f"system calls cannot be filtered: {os.strerror(ctypes.get_errno())}")


def _program() -> list[tuple[int, int, int, int]]:
    machine = platform.machine()
    _demand(machine in _MACHINES, f"no table of system calls for {machine}")
    arch, column = _MACHINES[machine]
    refused = (_RETURN, 0, 0, _REFUSE | errno.EPERM)
    allowed = (_RETURN, 0, 0, _ALLOW)
    # A test jumps over the next 0 or more instructions where it holds, over others where it does not.
    program = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        program += [(_ABOVE, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    for table, error in ((_DENIED, errno.EPERM), (_ABSENT, errno.ENOSYS)):
        for call in table.split(","):
            for number in call.split()[1 + column : 2 + column]:
                program += [(_EQUAL, 0, 1, int(number)), (_RETURN, 0, 0, _REFUSE | error)]
    program += [
        (_EQUAL, 0, 4, _CLONE[column]),
        (_LOAD, 0, 0, _FIRST),
        (_ANY, 0, 1, _THREAD),
        allowed,
        refused,
    ]
    program += [(_EQUAL, 0, len(_FAMILIES) * 2 + 2, _SOCKET[column]), (_LOAD, 0, 0, _FIRST)]
    for family in _FAMILIES:
        program += [(_EQUAL, 0, 1, family), allowed]
    program += [(_RETURN, 0, 0, _REFUSE | errno.EAFNOSUPPORT), allowed]
    return program


if __name__ == "__main__":
    main()
