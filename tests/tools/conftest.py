"""Tiny models run faster on one thread than on several; the second pass of ``make test`` asks for two."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True, scope="session")
def _threads() -> None:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
