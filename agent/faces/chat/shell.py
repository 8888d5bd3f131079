"""``!command``: one shell command; its output is shown as it comes and kept for the next question."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress

from gadfly import leaving
from gadfly.agent.faces.chat.attach import Attachment
from gadfly.agent.llm.choose import redacted
from gadfly.surroundings import users

_MOST = 20_000  # characters kept for the question
OFF = (
    "commands are off; start the chat with --shell, or set shell = true under [chat] in config.toml"
)


def run(command: str, show: Callable[[str], None]) -> Attachment:
    """Run ``command`` in the user's shell. Ctrl-C stops it and keeps what it said so far."""
    process = subprocess.Popen(
        command,
        shell=True,  # the user asked for a shell
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        env=users(),
    )
    assert process.stdout is not None
    said: list[str] = []
    try:
        for line in process.stdout:
            show(line.rstrip("\n"))
            said.append(line)
        code = process.wait()
    except KeyboardInterrupt:
        _end(process)
        code = 130
    except BaseException:  # the program ends
        _end(process)
        raise
    text = "".join(said)
    if len(text) > _MOST:
        half = _MOST // 2
        text = f"{text[:half]}\n[{len(text) - _MOST:,} characters left out]\n{text[-half:]}"
    return Attachment(f"$ {command} (exit code {code})", redacted(text))


def _end(process: subprocess.Popen[str]) -> None:
    """The whole group: a shell's children outlive it."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
    except (AttributeError, OSError):
        process.terminate()
    try:
        process.wait(timeout=leaving.within(3))
    except subprocess.TimeoutExpired:
        with suppress(AttributeError, OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
