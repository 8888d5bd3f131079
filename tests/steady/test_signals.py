"""SIGINT, SIGTERM and SIGHUP swept over every command: from its first line to its end, at work and while it waits.

Each ends within a second (of its own: what a loaded machine takes away is not counted), with 128 + the signal's
number, with one line and no traceback, without a child left, the terminal sane and every database whole.
"""

from __future__ import annotations

import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.ending import SOON, Ending, Started, databases, running
from support.loopback import Script, serve, text, tool_call

pytestmark = pytest.mark.slow
SEED = 8
INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
Q = "Where does a model recall the capital of a country?"
CODE = (
    "import torch\ndef steer(model, v):\n    def hook(m, i, o):\n        return o + v\n"
    "    h = model.layer[3].register_forward_hook(hook)\n    return model.generate()\n"
)


@pytest.fixture
def home(ready: Path, tmp_path: Path) -> Path:
    shutil.copytree(ready, tmp_path / "home")
    (tmp_path / "code.py").write_text(CODE)
    (tmp_path / "notes").mkdir()
    for number in range(40):
        words = "\n\n".join(f"marker{number} paragraph {n} says words." for n in range(80))
        (tmp_path / "notes" / f"w{number}.md").write_text(f"# Note {number}\n\n{words}\n")
    (tmp_path / "text.md").write_text("The effect is 0.42 in run r1234567. It proves everything.\n")
    return tmp_path / "home"


# name -> arguments, seconds over which its signals are spread, how many
COMMANDS: dict[str, tuple[list[str], float, int]] = {
    "help": (["--help"], 0.3, 3),
    "search": (["corpus", "search", "logit lens"], 0.5, 4),
    "add": (["corpus", "add", "notes"], 1.0, 5),
    "rebuild": (["corpus", "rebuild"], 3.0, 5),
    "ask": (["ask", "--llm", "offline", Q], 8.0, 6),
    "once": (["-p", Q, "--llm", "offline", "--no-experiment"], 2.5, 4),
    "patch": (["patch", "--behaviour", "capital-of", "--n", "64"], 10.0, 8),
    "selftest": (["selftest"], 12.0, 5),
    "review": (["review", "code.py"], 0.6, 4),
    "propose": (["propose", "--llm", "offline"], 4.0, 4),
    "redteam": (["redteam", "text.md"], 1.0, 3),
    "doctor": (["doctor"], 1.0, 3),
    "sessions": (["sessions"], 0.5, 2),
    "runs": (["runs"], 0.5, 2),
}


def swept(
    start: Callable[[], Started], seconds: float, count: int, seed: int
) -> Iterator[tuple[Started, Ending]]:
    """A program for each of ``count`` signals, spread at random over ``seconds``. What ended before counts as well."""
    dice = random.Random(seed)
    for number in range(count):
        started = start()
        try:
            started.guarded()
            time.sleep(seconds * (number + dice.random()) / count)
            if started.process.poll() is None:
                signals = [(INT,), (TERM,), (HUP,), (INT, INT), (TERM, INT)][number % 5]
                yield started, started.signalled(*signals)
        finally:
            started.close()


def judged(ending: Ending) -> list[str]:
    """A program whose work was done as the signal came ended well; else, what is wrong.

    It had said all that it says, or it ended at once: closing what is open may take as long as after a signal.
    """
    soon = ending.own < 0.3 or (ending.silent and ending.own <= SOON)
    if ending.code in (0, 1) and soon and "gadfly: stopped" not in ending.err:
        return []
    return ending.problems()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_ends_at_any_moment(name: str, home: Path) -> None:
    arguments, seconds, count = COMMANDS[name]
    start = lambda: Started(arguments, home, cwd=home.parent)  # noqa: E731
    for _, ending in swept(start, seconds, count, SEED):
        assert judged(ending) == []
        assert databases(home) == []


class Pause(list[dict[str, Any]]):
    """Deltas with a pause before each."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for delta in super().__iter__():
            time.sleep(0.1)
            yield delta


def streaming(_: dict[str, Any]) -> Script:
    script = text(*(f"word{n} " for n in range(900)))
    script.deltas = Pause(script.deltas)
    return script


def silent(_: dict[str, Any]) -> Script:
    time.sleep(300)
    return text("late")


def patching(_: dict[str, Any]) -> Script:
    return tool_call("patch", '{"behaviour": "capital-of", "n": 64}')


def llm(url: str) -> dict[str, str]:
    return {"GADFLY_API_BASE": url, "OPENAI_API_KEY": "x", "PROMPT_TOOLKIT_NO_CPR": "1"}


@pytest.mark.parametrize("face", [["ask", Q], ["-p", Q]])
@pytest.mark.parametrize("behaviour", [streaming, silent, patching])
def test_it_ends_while_it_waits_for_an_llm(
    face: list[str], behaviour: Callable[[dict[str, Any]], Script], home: Path
) -> None:
    arguments = [*face, "--llm", "openai/scripted", "--no-skeptic"]
    with serve(behaviour) as server:
        for number in (INT, TERM):
            with running(*arguments, home=home, **llm(server.url)) as started:
                started.until(lambda: server.requests)
                server.requests.clear()
                time.sleep(0.5 if number == INT else 2.5)
                assert started.signalled(number).problems() == []
        assert databases(home) == []


def test_it_ends_while_it_connects(home: Path) -> None:
    """To a server that never accepts."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"
        arguments = ["ask", Q, "--llm", "openai/scripted", "--no-skeptic"]
        with running(*arguments, home=home, **llm(url)) as started:
            started.guarded()
            time.sleep(8)
            assert started.signalled(TERM).problems() == []


@pytest.mark.parametrize("after", [0.0, 0.5, 1.0, 1.6, 2.4])
@pytest.mark.parametrize("how", [TERM, HUP, "ctrl-d"])
def test_the_chat_is_left_while_it_loads(after: float, how: Any, home: Path) -> None:
    chat = ["chat", "--llm", "openai/scripted"]
    with running(*chat, home=home, terminal=True, **llm("http://127.0.0.1:9/v1")) as started:
        started.until(lambda: "›" in started.text())
        time.sleep(after)
        if how == "ctrl-d":
            began = time.monotonic()
            started.type("\x04")
            assert started.process.wait(20) == 0
            assert time.monotonic() - began < 3 * SOON
        else:
            assert started.signalled(how).problems() == []
        assert started.sane() == []
    assert databases(home) == []


@pytest.mark.parametrize("behaviour", [streaming, silent, patching])
@pytest.mark.parametrize("how", ["ctrl-c, then ctrl-d", "ctrl-c twice", TERM, HUP])
def test_the_chat_is_left_in_a_turn(
    behaviour: Callable[[dict[str, Any]], Script], how: Any, home: Path
) -> None:
    chat = ["chat", "--llm", "openai/scripted", "--no-skeptic"]
    with (
        serve(behaviour) as server,
        running(*chat, home=home, terminal=True, **llm(server.url)) as started,
    ):
        started.until(lambda: "›" in started.text())
        started.type(f"{Q}\r")
        started.until(lambda: server.requests)
        time.sleep(2)
        if how == "ctrl-c, then ctrl-d":
            started.type("\x03")
            started.until(lambda: "Stopped." in started.text())
            began = time.monotonic()
            started.type("\x04")
            assert started.process.wait(20) == 0
            assert time.monotonic() - began < 3 * SOON
        elif how == "ctrl-c twice":
            ending = started.signalled(INT, INT, INT, gap=0.4)
            if (
                ending.code == -9
            ):  # the first was done before the second came: it stopped a turn, and the chat is kept
                assert "Stopped." in ending.out
                return
            assert ending.problems() == []
        else:
            assert started.signalled(how).problems() == []
        assert started.sane() == []
    assert databases(home) == []


def test_a_shell_command_of_the_chat_ends_with_it(home: Path) -> None:
    chat = ["chat", "--llm", "offline", "--shell"]
    with running(*chat, home=home, terminal=True, **llm("http://127.0.0.1:9/v1")) as started:
        started.until(lambda: "›" in started.text())
        started.type("!echo begun; sleep 600 & sleep 600\r")
        started.until(lambda: "begun\r\n" in started.text())
        ending = started.signalled(TERM)
        assert ending.problems() == []
        assert started.sane() == []


@pytest.mark.parametrize("number", [INT, TERM, HUP])
@pytest.mark.parametrize("http", [False, True])
def test_the_mcp_server_ends(http: bool, number: int, home: Path) -> None:
    arguments = ["mcp", "--preload", "demo", *(["--http", "--port", "0"] if http else [])]
    start = lambda: Started(arguments, home, stdin=subprocess.PIPE)  # noqa: E731
    dice = random.Random(SEED)
    for _ in range(3):
        started = start()
        try:
            started.guarded()
            time.sleep(dice.random() * 7)
            ending = started.signalled(number)
            assert ending.problems() == []
        finally:
            started.close()
    assert databases(home) == []
