"""What Inspect finds by itself once Gadfly is installed: ``inspect eval gadfly/answering --model gadfly/honest``."""

from gadfly.evals.tasks.answering import answering
from gadfly.evals.tasks.chat import GadflyAPI
from gadfly.evals.tasks.proposals import proposals
from gadfly.evals.tasks.reviewing import reviewing
from gadfly.evals.tasks.sycophancy import sycophancy
from gadfly.evals.tasks.tool_use import tool_use

__all__ = ["GadflyAPI", "answering", "proposals", "reviewing", "sycophancy", "tool_use"]
