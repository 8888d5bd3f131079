"""A program in a process of its own that has the imports done: what it leaves in memory goes with it."""

from __future__ import annotations

import contextlib
import multiprocessing
import runpy
from pathlib import Path

_SECONDS = 300


def run(script: Path) -> tuple[int | None, str]:
    """Exit code (None: it did not end in time) and all that it said."""
    servers = multiprocessing.get_context("forkserver")
    servers.set_forkserver_preload(["torch", "transformers", "nnterp", "sklearn.linear_model"])
    said = script.with_suffix(".out")
    child = servers.Process(target=_child, args=(script, said))
    child.start()
    child.join(_SECONDS)
    ended = not child.is_alive()
    child.kill()
    child.join()
    return child.exitcode if ended else None, said.read_text(encoding="utf-8")


def _child(script: Path, said: Path) -> None:
    import os
    import random

    import torch

    os.chdir(script.parent)  # a program may write files
    torch.manual_seed(0)
    random.seed(0)
    with said.open("w", encoding="utf-8") as out, contextlib.redirect_stdout(out):
        try:
            runpy.run_path(str(script), run_name="__main__")
        except BaseException as error:
            out.write(f"\n{type(error).__name__}: {error}")
            raise
