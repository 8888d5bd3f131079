"""kill -9 at random moments of an operation. A process that has imported everything forks one child for each kill, so
that the kills fall into the operation and not into the start of Python."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from support.cli import surroundings

_FORKER = """
import os, sys
{imports}
while line := sys.stdin.readline():
    home, said = line.rstrip("\\n").split("\\t")
    child = os.fork()
    if not child:
        os.environ["GADFLY_HOME"] = home
        acks = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        quiet = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(quiet, number)
        done = lambda text: os.write(acks, f"{{text}}\\n".encode())
        try:
            work(done)
        except BaseException as error:
            done(f"broke: {{error!r}}")
            os._exit(1)
        done("whole")
        os._exit(0)
    print(child, flush=True)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # its id stays its own until the test is done with it
    print("over", flush=True)
    sys.stdin.readline()
    os.waitpid(child, 0)
"""


class Killer:
    """Kills ``work(done)`` of the program text ``imports``, again and again, each time in a data folder of its own or
    in one for all."""

    def __init__(self, imports: str, home: Path, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _FORKER.format(imports=imports)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=surroundings(home, OMP_NUM_THREADS="1", **environment),
        )

    def __enter__(self) -> Killer:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(30)

    def once(self, home: Path, after: float | None = None) -> tuple[list[str], float]:
        """What one child acknowledged, and for how long it ran; killed ``after`` seconds, if it still runs then."""
        said = home.with_suffix(".said")
        said.unlink(missing_ok=True)
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{home}\t{said}\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        began = time.monotonic()
        if after is not None:
            time.sleep(after)
            os.kill(child, signal.SIGKILL)
        assert self._process.stdout.readline() == "over\n"
        taken = time.monotonic() - began
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        words = said.read_text().splitlines() if said.exists() else []
        assert not [word for word in words if word.startswith("broke")], words
        return words, taken

    def spread(
        self,
        count: int,
        seed: int,
        home: Callable[[int], Path],
        check: Callable[[Path, list[str]], None],
    ) -> int:
        """``count`` kills spread at random over the whole of the operation, each followed by ``check``; how many fell
        before its end."""
        self.once(home(-1))  # what only the first one pays
        words, span = self.once(home(-2))
        assert words[-1] == "whole"
        dice = random.Random(seed)
        inside = 0
        for number in range(count):
            moment = span * (number + dice.random()) / count
            where = home(number)
            words, _ = self.once(where, moment)
            inside += "whole" not in words
            if "whole" in words:  # it is over sooner than at first: the machine is less busy now
                span = min(span, moment)
            try:
                check(where, words)
            except BaseException as error:
                error.add_note(f"kill {number} of seed {seed}, at {moment:.4f} s of {span:.4f}")
                raise
        return inside
