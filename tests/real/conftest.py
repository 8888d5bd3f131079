"""SmolLM2, where its weights were fetched; nothing is downloaded by a test."""

from __future__ import annotations

import pytest

from gadfly.errors import ModelError
from gadfly.evals.real.asking import Subject
from gadfly.evals.real.weights import folder


@pytest.fixture(scope="session")
def smollm2() -> Subject:
    try:
        return Subject("smollm2", folder("smollm2"))
    except ModelError as error:
        pytest.skip(str(error))
