"""Code that wants out, that eats the machine, that lies on the channel, that breaks its own process: each ends as a
result or one clear error, the host is as it was, and the next call works."""

# ruff: noqa: E501  (a program on one line)

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gadfly.corpus.progress import Silent
from gadfly.errors import ToolInputError
from gadfly.tools.kernel import process, python, sandbox
from gadfly.tools.kernel.box import Box
from gadfly.tools.kernel.process import Done, Kernel
from gadfly.tools.kernel.sandbox import Limits
from gadfly.tools.ledger import Ledger

pytestmark = pytest.mark.skipif(
    bool(sandbox.missing()), reason=f"needs bubblewrap: {sandbox.missing()}"
)
_GIB = 1 << 30


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    made = Kernel("demo")
    yield made
    made.close()


def run(kernel: Kernel, code: str, seconds: float = 60) -> Done:
    return kernel.run(code, seconds, Silent())


class TestWalls:
    def test_no_capability_and_no_way_to_one(self, kernel: Kernel) -> None:
        code = "print(open('/proc/self/status').read()); import os; os.getuid(), os.getgid()"
        done = run(kernel, code)
        status = dict(line.split(":\t") for line in done.output.splitlines() if ":\t" in line)
        assert {int(value, 16) for name, value in status.items() if name.startswith("Cap")} == {0}
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
        assert done.value == "(65534, 65534)"

    @pytest.mark.parametrize(
        "command", ["mount -o remount,rw,bind {}", "mount -o remount,rw /", "unshare -Ur true"]
    )
    def test_nothing_is_remounted(self, tmp_path: Path, command: str) -> None:
        """As root with its capabilities kept, the first of them wrote on the host."""
        target = tmp_path / "host"
        target.mkdir()
        script = f"{command.format(target)}; echo x > {target}/escaped"
        box = Box(["/bin/sh", "-c", script], [target], {}, Limits())
        ended = box.finished(60)
        box.close()
        assert ended is not None
        assert ended[0] != 0
        assert not list(target.iterdir())

    def test_what_root_alone_may_write_is_not_writable(self, kernel: Kernel) -> None:
        """The host counts root's sandbox as root: without read-only mounts it could set the kernel's core handler."""
        code = """
import os
found = []
places = [each for top in ('/proc', '/sys', '/etc') for each in os.walk(top)]
for top, folders, files in places:
    if top.startswith('/proc/') and top.split('/')[2].isdigit() and top.count('/') > 2: continue
    for name in files:
        path = os.path.join(top, name)
        if os.path.realpath(path).startswith(('/scratch', '/tmp', '/dev')): continue
        try: os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK)); found.append(path)
        except OSError: pass
for top in ('/', '/usr', '/proc', '/proc/self', '/dev', '/etc', '/sys'):
    try: open(top + '/gadfly', 'w'); found.append(top)
    except OSError: pass
found"""
        done = run(kernel, code, 200)
        assert done.value == "[]", done

    def test_secrets_of_the_host_are_out_of_reach(
        self, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Ledger().recent()
        home = os.environ["GADFLY_HOME"]
        code = f"""
import os, glob
found = [p for p in ('/etc/passwd', '/etc/shadow', '/root/.ssh', '/run', '/var', {home!r} + '/ledger/ledger.sqlite') if os.path.exists(p)]
found += [p for p in glob.glob({home!r} + '/*') + glob.glob({home!r} + '/ledger/*') if not p.endswith(('/ledger', '/artifacts'))]
found += [open(p, 'rb').read() for p in glob.glob('/proc/[0-9]*/environ') if b'GADFLY_TEST_SECRET' in open(p, 'rb').read()]
found += [p for p in glob.glob('/proc/[0-9]*/cmdline') if b'pytest' in open(p, 'rb').read().split(b'\\0')[0]]
found, len(glob.glob('/proc/[0-9]*'))"""
        done = run(kernel, code)
        assert done.value.startswith("([], "), done
        assert int(done.value.split(", ")[-1].rstrip(")")) < 10

    def test_no_socket_leads_out(self, kernel: Kernel) -> None:
        inside = Path(tempfile.mkdtemp(dir="/tmp")) / "s"
        servers = []
        for family, address in (
            (socket.AF_UNIX, str(inside)),
            (socket.AF_UNIX, "\0gadfly-test"),
            (socket.AF_INET, ("127.0.0.1", 0)),
        ):
            server = socket.socket(family, socket.SOCK_STREAM)
            server.bind(address)
            server.listen()
            servers.append(server)
        port = servers[-1].getsockname()[1]
        code = f"""
import socket
said = []
for family, address in ((1, {str(inside)!r}), (1, '\\0gadfly-test'), (2, ('127.0.0.1', {port})), (2, ('1.1.1.1', 53)),
                        (40, (2, 1234)), (38, ('hash', 'sha256')), (17, ('lo', 0))):
    try:
        s = socket.socket(family, 5 if family == 38 else 1); s.settimeout(2); s.connect(address); said.append(address)
    except (OSError, TypeError) as error: pass
said"""
        assert run(kernel, code).value == "[]"
        assert (
            "97"
            in run(
                kernel,
                "import socket\ntry: socket.socket(40, 1)\nexcept OSError as e: print(e.errno)",
            ).output
        )
        assert run(kernel, "import socket; socket.socketpair()[0].fileno() > 0").value == "True"
        for server in servers:
            server.close()

    @pytest.mark.parametrize(
        ("call", "error"),
        [
            ("unshare(0x10000000)", 1),
            ("memfd_create(b'x', 0)", 38),
            ("keyctl", 1),
            ("ptrace(0, 0, 0, 0)", 1),
        ],
    )
    def test_system_calls_that_namespaces_do_not_cover(
        self, kernel: Kernel, call: str, error: int
    ) -> None:
        call = (
            "syscall(250 if __import__('platform').machine() == 'x86_64' else 219, 0, -3, 1)"
            if call == "keyctl"
            else call
        )
        code = (
            f"import ctypes; c = ctypes.CDLL(None, use_errno=True); (c.{call}, ctypes.get_errno())"
        )
        assert run(kernel, code).value == f"(-1, {error})"

    def test_a_wall_that_is_open_is_seen_and_nothing_runs(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Another bubblewrap, another kernel: each start proves the walls anew."""
        command = sandbox.command
        leaks: list[tuple[Callable[[list[str]], list[str]], str]] = [
            (
                lambda line: [each for each in line if each not in ("--cap-drop", "ALL")],
                "capabilities are kept",
            ),
            (lambda line: _without(line, "--remount-ro", "/proc"), "/proc can be written"),
            (lambda line: _without(line, "--remount-ro", "/"), "/ can be written"),
            (
                lambda line: [*line[:1], "--bind", str(tmp_path), "/host", *line[1:]],
                "/host can be written",
            ),
            (lambda line: [line[0], *line[1:3], "--share-net", *line[3:]], "there is a network"),
        ]
        for leak, said in leaks:
            monkeypatch.setattr(sandbox, "command", lambda *a, leak=leak: leak(command(*a)))
            sandbox.missing.cache_clear()
            try:
                assert said in sandbox.missing()
                with pytest.raises(ToolInputError, match="a wall is open"):
                    python(code=f"open({str(tmp_path / 'ran')!r}, 'w')")
            finally:
                sandbox.missing.cache_clear()
        assert not (tmp_path / "ran").exists()

    def test_an_older_bubblewrap_gets_only_options_that_it_knows(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sandbox, "_has", lambda option: False)
        line = sandbox.command([sys.executable, "-c", "print(1)"], [], {})
        assert not {"--size", "--disable-userns"} & set(line)
        done = subprocess.run(line, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


def _without(line: list[str], *pair: str) -> list[str]:
    at = next(n for n in range(len(line)) if line[n : n + 2] == list(pair))
    return line[:at] + line[at + 2 :]


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_any_user_gets_the_same_walls() -> None:
    """Run by nobody, with only what nobody may read."""
    line = sandbox.command([], [], {})
    small = line[: line.index("--")]
    system = "/usr/bin/python3"
    if not Path(system).exists():
        pytest.skip("needs the system's Python")
    enter = Path(tempfile.mkdtemp()) / "enter.py"
    enter.write_bytes((Path(process.__file__).with_name("enter.py")).read_bytes())
    enter.parent.chmod(0o755)
    private = [
        n
        for n, each in enumerate(small)
        if each == "--ro-bind" and not small[n + 1].startswith("/usr")
    ]
    for at in reversed(private):
        del small[at : at + 3]
    at = small.index("--remount-ro")
    small[at:at] = ["--ro-bind", str(enter), "/enter.py"]
    told = json.dumps({"file": 0, "cpu": 0, "address": 0})
    done = subprocess.run(
        [
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            *small,
            "--",
            system,
            "-I",
            "-S",
            "/enter.py",
            told,
            "/usr/bin/id",
            "-u",
        ],
        capture_output=True,
        text=True,
        cwd="/",
    )
    assert (done.returncode, done.stdout) == (0, "65534\n"), done.stderr


class TestChannel:
    """What the code writes to the answers' descriptor."""

    FORGED = """
import os, json, sys
def everywhere(data):
    for fd in range(3, 64):
        try: os.write(fd, data)
        except OSError: pass
"""

    @pytest.mark.parametrize(
        "line",
        [
            b'{"output": "forged", "value": "", "error": "", "numbers": {}}\n',
            b'{"id": "0123456789abcdef", "output": "forged", "value": "", "error": "", "numbers": {}}\n',
            b"not json\n",
            b"[]\n",
            b"null\n",
            b"half a line",
            b"\xff\xfe\n",
            b"[" * 50_000 + b"\n",
            b"\n" * 100,
            b"1" * 9999 + b"\n",
            b'{"id": null, "output": 1}\n',
        ],
        ids=range(11),
    )
    def test_a_forged_line_shifts_nothing(self, kernel: Kernel, line: bytes) -> None:
        done = run(kernel, f"{self.FORGED}\neverywhere({line!r})\n'mine'")
        assert (done.value, done.error) == ("'mine'", "")
        assert [run(kernel, str(n)).value for n in range(3)] == ["0", "1", "2"]

    def test_lines_written_after_the_answer_are_not_the_next_one(self, kernel: Kernel) -> None:
        code = f"""{self.FORGED}
import threading, time
def later():
    for n in range(40):
        everywhere(b'{{"id": "x", "output": "late", "value": "late", "error": "", "numbers": {{}}}}\\nhalf')
        print("late"); time.sleep(0.01)
threading.Thread(target=later).start()"""
        assert run(kernel, code).error == ""
        for n in range(20):
            done = run(kernel, f"print({n})\n{n}")
            assert (done.value, done.error) == (str(n), "")
            assert done.output.replace("late\n", "") == f"{n}\n"
            time.sleep(0.02)

    @pytest.mark.parametrize(
        "numbers",
        [
            '{"a": NaN}',
            '{"a": Infinity}',
            '{"a": "1"}',
            '{"a": true}',
            '{"a": [1]}',
            '{"a": null}',
            "[]",
            "1",
            '{"a": 1' + "0" * 400 + "}",
        ],
    )
    def test_numbers_that_are_none_make_no_answer(self, numbers: str) -> None:
        line = f'{{"id": "c", "output": "", "value": "", "error": "", "numbers": {numbers}}}'
        assert process._answer(line.encode(), "c") is None
        assert process._answer(line.replace(numbers, '{"a": 1.5}').encode(), "c") is not None

    def test_a_line_without_an_end_costs_no_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(process, "_LONGEST", 1000)
        lines = process._Lines()
        for _ in range(100):
            assert lines.fed(b"x" * 700) == []
            assert len(lines._held) <= 1000
        assert lines.fed(b"\nnext\nhalf") == [b"next"]
        assert lines.fed(b" done\n" + b"y" * 1001 + b"\n" + b"z" * 1000 + b"\n") == [
            b"half done",
            b"z" * 1000,
        ]

    def test_no_request_is_left_in_half(self) -> None:
        """The code can stop reading: then time ends the call, and the next one is whole."""
        own = Kernel("demo")
        try:
            run(
                own,
                "import os, signal, threading; threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGSTOP)).start()",
            )
            time.sleep(0.6)
            stuck = run(own, "'x' * 200_000  #" + "x" * 300_000, 2)
            assert "stopped after 2 s" in stuck.error
            assert run(own, "1 + 1").value == "2"
        finally:
            own.close()


ODD = {
    **tomllib.loads(Path(__file__).with_name("odd.toml").read_text("utf-8")),
    "deep code": "(" * 5_000 + ")" * 5_000,
    "deep sum": "1" + "+1" * 18_000,
}


@pytest.mark.parametrize("code", ODD.values(), ids=ODD.keys())
def test_odd_code_is_a_result_and_the_next_call_works(code: str) -> None:
    """Nothing raises through the tool, and what it recorded can be read again."""
    done: Any = python(code=code, seconds=30)
    assert done.verdict == "inconclusive"
    assert Ledger().get(done.run).result is not None
    time.sleep(0.15 if "later" in code or "setitimer" in code else 0)
    after: Any = python(code="print('fine')\n20 + 22", seconds=30)
    if "builtins" not in code:
        assert (after.value, after.output.splitlines()[-1]) == ("42", "fine"), after
    else:
        assert python(code="20 + 22", seconds=30).value == "42"  # type: ignore[attr-defined]


@pytest.mark.parametrize("code", ["x = '\ud800'", "\0", "\ufeffx = 1", "\r", "x = 1\r\ny = 2"])
def test_odd_text_is_refused_or_run(code: str) -> None:
    try:
        done: Any = python(code=code)
    except ToolInputError as error:
        assert "\n" not in str(error)
    else:
        assert done.verdict == "inconclusive"


@pytest.mark.parametrize(
    "code", ["class R:\n    def __repr__(self):\n        while True: pass\nR()", "while True: pass"]
)
def test_what_never_ends_is_ended(kernel: Kernel, code: str) -> None:
    assert "stopped after 1 s" in run(kernel, code, 1).error
    assert run(kernel, "1").value == "1"


def test_a_process_that_ended_between_two_calls_is_said(kernel: Kernel) -> None:
    run(kernel, "import threading, os; x = 1; threading.Timer(0.2, os._exit, (0,)).start()")
    time.sleep(0.6)
    done = run(kernel, "print('x' in globals())")
    assert done.output.startswith(
        "[since the last call: the process ended; the variables are gone]"
    )
    assert done.output.endswith("False\n")


def test_it_lives_when_the_thread_that_started_it_ends() -> None:
    """The kernel ends a child with the thread that started it."""
    own = Kernel("demo")
    try:
        thread = threading.Thread(target=run, args=(own, "x = 41"))
        thread.start()
        thread.join()
        time.sleep(0.2)
        assert run(own, "x + 1").value == "42"
    finally:
        own.close()


@pytest.mark.parametrize(
    "code",
    [
        "os.fork()",
        "os.forkpty()",
        "subprocess.run(['true'])",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "multiprocessing.Process(target=print).start()",
        "os.system('true') == 0 or 1 / 0",
        "libc.fork() < 0 and 1 / 0",
        "libc.vfork() < 0 and 1 / 0",
        "libc.syscall(435, bytes(88), 88) < 0 and 1 / 0",
        "libc.syscall(56 if platform.machine() == 'x86_64' else 220, 17, 0, 0, 0, 0) < 0 and 1 / 0",
    ],
)
def test_no_second_process_is_started(kernel: Kernel, code: str) -> None:
    """Counting them loses against a bomb: it had 15,000 before the count was done."""
    first = "import os, subprocess, multiprocessing, ctypes, platform; libc = ctypes.CDLL(None)\n"
    error = run(kernel, first + code).error
    assert "Operation not permitted" in error or "division by zero" in error, error


def test_threads_are_started(kernel: Kernel) -> None:
    code = "from concurrent.futures import ThreadPoolExecutor\nlist(ThreadPoolExecutor(8).map(abs, [-1, 2]))"
    assert run(kernel, code).value == "[1, 2]"


BOMBS = {
    "forks": ("import os\nwhile True: os.fork()", "Operation not permitted"),
    "forks again and again": (
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        "stopped after 3 s",
    ),
    "forks by the shell": (
        "import os; os.execv('/bin/sh', ['sh', '-c', 'f() { f | f & }; f; wait'])",
        "the process ended",
    ),
    "threads": (
        "import threading, time\nthreading.stack_size(65536)\nwhile True:\n"
        "    try: threading.Thread(target=time.sleep, args=(99,)).start()\n    except RuntimeError: pass",
        "it ran ",
    ),
    "memory": ("x = []\nwhile True: x.append(bytearray(b'x' * (1 << 24)))", "GiB of memory"),
    "files in memory": (
        "import os\nfor place in ('/dev/shm', '/tmp', '/scratch'):\n    for n in range(9):\n        f = open(f'{place}/{n}', 'wb')\n"
        "        for _ in range(900): f.write(bytes(1 << 20))",
        "GiB of memory",
    ),
    "files without a name": (
        "import os, tempfile\nx = []\nwhile True:\n    f = tempfile.TemporaryFile(dir='/tmp'); f.write(bytes(1 << 26)); x.append(f)",
        "GiB of memory",
    ),
    "shared memory": (
        "import mmap\nx = []\nwhile True:\n    m = mmap.mmap(-1, 1 << 26); m.write(bytes(1 << 26)); x.append(m)",
        "GiB of memory",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("code", "said"), BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_ends_in_seconds_with_one_line(code: str, said: str) -> None:
    own = Kernel("demo", Limits(memory=_GIB, threads=200))
    try:
        # Before anything is tried that could harm the machine that runs this test:
        refused = run(
            own,
            "import os\ntry: os.fork()\nexcept PermissionError: print('refused')\nelse: os._exit(0)",
        )
        assert refused.output == "refused\n"
        done = run(own, code, 3 if "stopped" in said else 20)
        assert said in done.error.splitlines()[-1]
        for n in range(3):
            assert run(own, f"{n}").value == str(n)
    finally:
        own.close()


@pytest.mark.slow
def test_what_stays_below_the_limits_goes_on() -> None:
    own = Kernel("demo", Limits(memory=_GIB, threads=200))
    code = (
        "import threading, time\nx = bytearray(b'x' * (500 << 20))\nopen('/scratch/f', 'wb').write(bytes(200 << 20))\n"
        "[threading.Thread(target=time.sleep, args=(1,)).start() for _ in range(150)]; time.sleep(1)\n'done'"
    )
    try:
        assert run(own, code, 60).value == "'done'"
    finally:
        own.close()


@pytest.mark.slow
def test_output_without_end_is_cut() -> None:
    own = Kernel("demo", Limits(memory=_GIB))
    try:
        done = run(own, "for _ in range(3000): print('x' * 1_000_000)\n'y' * 50_000_000", 100)
        assert done.error == ""
        assert done.output.endswith("[cut]")
        assert len(done.output) + len(done.value) < 2_200_000
        flood = "import os\nfor fd in range(3, 20):\n    try:\n        while True: os.write(fd, b'x' * 60_000)\n    except OSError: pass"
        assert "stopped after 3 s" in run(own, flood, 3).error
        assert run(own, "1").value == "1"
    finally:
        own.close()
