"""The arguments and the result of ``selftest``."""

from __future__ import annotations

from pydantic import Field

from gadfly.tools.base import Identifier
from gadfly.tools.contract import ExperimentArgs, Result


class SelftestArgs(ExperimentArgs):
    """Arguments of ``selftest``."""

    runs: int = Field(default=20, ge=1, le=1000, description="runs on noise of each tool")
    tools: list[Identifier] | None = Field(default=None, description="only these tools")


class SelftestResult(Result):
    """A self-test. ``values`` hold each tool's false-positive rate with its interval, and what it recovered."""
