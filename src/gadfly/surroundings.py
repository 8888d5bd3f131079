"""What of the surroundings counts: the user's own environment does, a file of the working folder never.

Some libraries read settings from wherever they find themselves. litellm puts the nearest ``.env`` above its own files
into the environment (a checkout with ``.venv`` in it has one where its author wants it), chromadb takes the one of the
working folder for its settings, matplotlib the ``matplotlibrc`` there. Such a file could say where keys are sent.

- :func:`start`   once, at the start of a program of Gadfly's own
- :func:`sealed`  around every import of a library of ``READERS``, in a user's own program too
- :func:`users`   the environment as the user set it, for programs that he starts himself

Python's own look into the working folder under ``-m`` ends in ``gadfly/__init__``. Leaves out what a user's program
does by itself, and settings in the user's home, which are his.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

READERS = frozenset({"litellm", "chromadb", "matplotlib"})
"""Libraries that look for settings in the working folder or above it: imported in :func:`sealed` alone."""

_QUIET = {
    # Libraries' notices would land between the user's lines.
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "ANONYMIZED_TELEMETRY": "False",
    "LITELLM_LOG": "ERROR",
}
_SAFE = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # the price list ships; it must not be fetched
    "LITELLM_MODE": "PRODUCTION",  # no .env
    "PYTHON_DOTENV_DISABLED": "1",  # nor for any other library
}
_lock = threading.RLock()
_own: dict[str, str] = {}


def start() -> None:
    """Set this process up before any library loads: quiet, and deaf to files of the working folder."""
    missing = {name: value for name, value in _QUIET.items() if name not in os.environ}
    _own.update(missing)
    _own.update({name: value for name, value in _SAFE.items() if os.environ.get(name) != value})
    os.environ.update(_own)
    if not sys.warnoptions:
        import warnings

        warnings.simplefilter("ignore")


def users() -> dict[str, str]:
    """The environment without what :func:`start` put into it."""
    return {name: value for name, value in os.environ.items() if _own.get(name) != value}


@contextmanager
def sealed() -> Iterator[None]:
    """While libraries are imported: ``.env`` files are empty to them, ``matplotlibrc`` of the working folder is not
    there, and what they put into the environment is taken out again."""
    with _lock:
        before = dict(os.environ)
        os.environ.update(_SAFE)
        try:
            with _no_dotenv(), _no_matplotlibrc():
                yield
        finally:
            for name in os.environ.keys() - before.keys():
                del os.environ[name]
            for name, value in before.items():
                if os.environ.get(name) != value:
                    os.environ[name] = value


@contextmanager
def _no_dotenv() -> Iterator[None]:
    """Every function of python-dotenv, pydantic-settings' among them, reads through one method."""
    try:
        from dotenv.main import DotEnv
    except ImportError:  # then nobody reads one with it
        yield
        return
    read, here = DotEnv.dict, threading.get_ident()

    def nothing(self: DotEnv) -> dict[str, str | None]:
        return OrderedDict() if threading.get_ident() == here else read(self)

    DotEnv.dict = nothing  # type: ignore[method-assign]
    try:
        yield
    finally:
        DotEnv.dict = read  # type: ignore[method-assign]


@contextmanager
def _no_matplotlibrc() -> Iterator[None]:
    """It asks for this bare name first, before the user's own file, and has no switch for that."""
    exists = os.path.exists
    os.path.exists = lambda path: path != "matplotlibrc" and exists(path)
    try:
        yield
    finally:
        os.path.exists = exists
