"""How a program ends: small programs that are stuck in every way known, and a signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.ending import SOON, Started

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

START = "from gadfly import leaving\nimport os, sys, time, threading, signal, atexit\n"
STUCK = {
    "in work": "while True: time.sleep(0.01)",
    "in a lock": "threading.Lock().acquire() or 0; l = threading.Lock(); l.acquire(); l.acquire()",
    "in C": (
        "import sqlite3; p = os.environ['GADFLY_HOME'] + '.sqlite'; a = sqlite3.connect(p); "
        "a.execute('BEGIN EXCLUSIVE'); b = sqlite3.connect(p, timeout=60); b.execute('BEGIN EXCLUSIVE')"
    ),
    "in what swallows": (
        "\n    while True:\n        try: time.sleep(0.01)\n        except BaseException: pass"
    ),
    "in finally": "\n    try: time.sleep(60)\n    finally: threading.Event().wait()",
    "in a full pipe": "r, w = os.pipe(); os.dup2(w, 1); sys.stdout.write('x' * 10_000_000)",
    "with a thread": "threading.Thread(target=time.sleep, args=[60]).start(); time.sleep(60)",
    "with an exit handler": "atexit.register(time.sleep, 60); time.sleep(60)",
    "in a closer": "leaving.closing(lambda: time.sleep(60)); time.sleep(60)",
    "in import": (
        "p = os.environ['GADFLY_HOME'] + '-m'; os.mkdir(p); sys.path.insert(0, p); "
        "open(p + '/slow_one.py', 'w').write('import time; time.sleep(60)'); "
        "threading.Thread(target=lambda: __import__('slow_one')).start(); time.sleep(0.2); import slow_one"
    ),
    "at once": "leaving.at_once(); leaving.closing(lambda: time.sleep(60)); time.sleep(60)",
    "twice": "time.sleep(60)",
}


def program(body: str, tmp_path: Path, **how: object) -> Started:
    code = f"{START}def main():\n    sys.stderr.write('up '); sys.stderr.flush()\n    {body}\nleaving.program(main)"
    started = Started([body[:40]], tmp_path / "home", program=[sys.executable, "-c", code], **how)  # type: ignore[arg-type]
    started.until(lambda: "up" in started.text("err") or "up" in started.text())
    time.sleep(0.1)
    return started


@pytest.mark.parametrize("where", STUCK)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_ends_soon_wherever_it_is_stuck(where: str, number: int, tmp_path: Path) -> None:
    started = program(STUCK[where], tmp_path)
    ending = started.signalled(number, *([signal.SIGINT] if where == "twice" else []))
    assert ending.problems() == []
    if where not in ("at once",):
        assert ending.err == "up gadfly: stopped; what was finished is kept\n"


def done(body: str, tmp_path: Path, **how: object) -> subprocess.CompletedProcess[str]:
    code = f"{START}def main():\n    {body}\nleaving.program(main)"
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        **how,  # type: ignore[call-overload]
    )


@pytest.mark.parametrize(
    ("body", "code", "out", "err"),
    [
        ("print('all' * 100_000)", 0, "all" * 100_000 + "\n", ""),
        ("print('out'); sys.exit(3)", 3, "out\n", ""),
        ("sys.exit('why')", 1, "", "why\n"),
        (
            "leaving.closing(lambda: print('a')); leaving.closing(lambda: print('b'))",
            0,
            "b\na\n",
            "",
        ),
        ("leaving.closing(lambda: 1 / 0); leaving.closing(lambda: print('b'))", 0, "b\n", ""),
        ("threading.Thread(target=time.sleep, args=[60]).start(); sys.exit(4)", 4, "", ""),
        ("signal.raise_signal(15)", 143, "", "gadfly: stopped; what was finished is kept\n"),
    ],
)
def test_what_was_printed_and_the_exit_code_are_kept(
    body: str, code: int, out: str, err: str, tmp_path: Path
) -> None:
    ended = done(body, tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, out, err)


def test_a_closer_that_hangs_does_not_hold_up_a_normal_end_for_long(tmp_path: Path) -> None:
    assert done("leaving.closing(lambda: time.sleep(600)); sys.exit(2)", tmp_path).returncode == 2


def test_a_slow_reader_gets_everything(tmp_path: Path) -> None:
    code = (
        f"{START}leaving._SLOWEST = 0.2\nleaving.program(lambda: sys.stdout.write('x' * 3_000_000))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    time.sleep(1.5)
    assert len(process.communicate(timeout=60)[0]) == 3_000_000


@pytest.mark.parametrize("redirection", ["| true", "2>&1 | true"])
def test_a_reader_that_goes_away_leaves_the_exit_code(redirection: str) -> None:
    body = "[print(n, file=f, flush=True) for n in range(20_000) for f in (sys.stdout, sys.stderr)]; sys.exit(5)"
    code = f"{START}def main():\n    {body}\nleaving.program(main)"
    line = f'set -o pipefail; $PYTHON -c "$CODE" {redirection}'
    environment = {**os.environ, "PYTHON": sys.executable, "CODE": code}
    ended = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, timeout=60)
    assert ended.returncode == 5
    assert b"Traceback" not in ended.stderr


def test_who_streams_stops_when_nobody_reads() -> None:
    body = "[(print(n, flush=True), leaving.heard(), time.sleep(0.001)) for n in range(10**6)]"
    code = f"{START}def main():\n    {body}\nleaving.program(main)"
    environment = {**os.environ, "PYTHON": sys.executable, "CODE": code}
    line = 'set -o pipefail; $PYTHON -c "$CODE" | head -1'
    ended = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, timeout=60)
    assert ended.returncode == 128 + signal.SIGPIPE


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_standard_stream_is_no_place_for_a_database(closed: str, tmp_path: Path) -> None:
    body = (
        "f = open('data', 'w'); print('x'); sys.stderr.write('y'); "
        "[os.write(n, b'z') for n in (1, 2)]; f.close(); sys.exit(0 if f.fileno else 1)"
    )
    code = f"{START}def main():\n    {body}\nleaving.program(main)"
    environment = {**os.environ, "PYTHON": sys.executable, "CODE": code}
    line = f'$PYTHON -c "$CODE" {closed}'
    ended = subprocess.run(["bash", "-c", line], env=environment, cwd=tmp_path, timeout=60)
    assert ended.returncode == 0
    assert (tmp_path / "data").read_text() == ""


def test_what_the_parent_ignores_stays_ignored(tmp_path: Path) -> None:
    code = f"{START}leaving.program(lambda: (signal.raise_signal(1), signal.raise_signal(2), sys.exit(6)))"
    environment = {**os.environ, "PYTHON": sys.executable, "CODE": code}
    line = "trap '' HUP INT; $PYTHON -c \"$CODE\""
    assert subprocess.run(["bash", "-c", line], env=environment, timeout=60).returncode == 6


def test_children_and_their_children_end_with_it(tmp_path: Path) -> None:
    body = (
        "import subprocess; subprocess.Popen(['sh', '-c', 'trap \"\" TERM; sleep 600 & sleep 600'], "
        "start_new_session=True); time.sleep(60)"
    )
    ending = program(body, tmp_path).signalled(signal.SIGTERM)
    assert ending.problems() == []


def test_a_signal_to_a_forked_child_is_not_the_parents(tmp_path: Path) -> None:
    body = (
        "\n    child = os.fork()"
        "\n    if not child: time.sleep(60)"
        "\n    time.sleep(0.3); os.kill(child, 15); print(os.waitpid(child, 0)[1]); time.sleep(1)"
    )
    ended = done(body, tmp_path)
    assert (ended.returncode, ended.stdout) == (0, "15\n")


def test_ctrl_c_that_ends_only_what_runs_leaves_the_program(tmp_path: Path) -> None:
    body = (
        "\n    with leaving.staying():"
        "\n        for _ in range(3):"
        "\n            try: signal.raise_signal(2)"
        "\n            except KeyboardInterrupt: print('stopped', end=' ')"
        "\n        time.sleep(1); print('still here', flush=True); sys.exit(7)"
    )
    ended = done(body, tmp_path)
    assert (ended.returncode, ended.stdout) == (7, "stopped stopped stopped still here\n")


def test_a_terminal_is_given_back(tmp_path: Path) -> None:
    body = (
        "import termios, tty, rich.live; tty.setraw(0); "
        "os.write(2, b'\\x1b[?25l\\x1b[?2004h'); l = threading.Lock(); l.acquire(); l.acquire(); time.sleep(1)"
    )
    start = body.partition("; l =")[0]
    swallowing = f"\n    {start}{STUCK['in what swallows']}"
    for each in (body, swallowing):
        started = program(each, tmp_path, terminal=True)
        time.sleep(0.4)
        ending = started.signalled(signal.SIGTERM)
        assert ending.code == 143
        assert ending.own < SOON
        assert started.sane() == []
        assert ending.out.count("gadfly: stopped") == 1
        started.close()
