"""What a module imports that declares a tool: the types of ``base``, and :func:`tool`, which makes one of a function.

A tool is one function with a pydantic argument model, a pydantic result model and a docstring,
declared with :func:`tool`. The CLI sub-command, the agent's tool schema, the MCP tool and the Python
API are made from that declaration alone. An *experiment* is a tool whose result is a :class:`Result`:
it carries controls and a verdict, and the runner writes it to the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_type_hints

from gadfly.tools.base import (
    ArgsT,
    Context,
    Control,
    Declaration,
    ExperimentArgs,
    Figure,
    Result,
    ResultT,
    Table,
    ToolArgs,
    Verdict,
)
from gadfly.tools.runner import execute

__all__ = [
    "Context",
    "Control",
    "ExperimentArgs",
    "Figure",
    "Result",
    "Table",
    "Tool",
    "ToolArgs",
    "Verdict",
    "tool",
]


class Tool(Declaration[ArgsT, ResultT]):
    """A declared tool. Call it with keyword arguments from Python: ``patch(data="task:capital-of")``."""

    def __call__(self, **arguments: Any) -> ResultT:
        """Validate, run, and (for an experiment) record in the ledger."""
        return execute(self, arguments)


def tool(
    *,
    name: str,
    cost: str,
    read_only: bool = True,
    extra: str | None = None,
    examples: Sequence[str] = (),
) -> Callable[[Callable[[ArgsT, Context], ResultT]], Tool[ArgsT, ResultT]]:
    """Declare a function ``(args, context) -> result`` as a tool; its annotations are its schemas.

    Args:
        name: the one name on every face.
        cost: what it typically takes, in words a user understands.
        read_only: False if it changes anything beyond the ledger.
        extra: the optional dependency group it needs, if any.
        examples: argument lines shown in the CLI's help.
    """

    def declare(function: Callable[[ArgsT, Context], ResultT]) -> Tool[ArgsT, ResultT]:
        hints = get_type_hints(function)
        return Tool(
            name=name,
            function=function,
            args=hints["args"],
            result=hints["return"],
            read_only=read_only,
            cost=cost,
            extra=extra,
            examples=tuple(examples),
        )

    return declare
