"""The prompts a client offers its user: opposed framings, review, red-teaming, planning. Texts are in ``prompts/``,
titles and arguments in ``prompts.toml``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.prompts import Prompt
from mcp.server.mcpserver.prompts.base import PromptArgument
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from gadfly.agent.llm.prompting import fence, prompt
from gadfly.tables import table

_LONGEST = 200_000  # characters of one argument


class Argument(NamedTuple):
    """One argument of a prompt. Without a default it is required."""

    about: str
    default: str | None = None
    is_data: bool = False
    """Text that somebody else may have written: fenced."""


_TABLE = table(__file__)
TITLES: dict[str, str] = _TABLE["titles"]
ARGUMENTS = {name: Argument(**fields) for name, fields in _TABLE["arguments"].items()}


def add(server: MCPServer[Any]) -> None:
    """Register every prompt."""
    for name, title in TITLES.items():
        text = prompt(f"mcp_{name}")
        server.add_prompt(
            Prompt(
                name=name,
                title=title,
                description=text.purpose,
                arguments=[
                    PromptArgument(
                        name=each,
                        description=ARGUMENTS[each].about,
                        required=ARGUMENTS[each].default is None,
                    )
                    for each in taken(name)
                ],
                fn=_renderer(name),
                context_kwarg=None,
            )
        )


def taken(name: str) -> list[str]:
    """The arguments of a prompt, in order."""
    return [each for each in prompt(f"mcp_{name}").variables if each != "receipts"]


def _renderer(name: str) -> Callable[..., str]:
    def render(**given: str) -> str:
        unknown = set(given) - set(taken(name))
        if unknown:
            raise _refused(f"prompt {name} takes {', '.join(taken(name))}, not {sorted(unknown)}")
        values = {each: _value(each, given.get(each, "")) for each in taken(name)}
        return prompt(f"mcp_{name}").render(**values, receipts=prompt("mcp_receipts").render())

    render.__name__ = name
    return render


def _value(name: str, given: str) -> str:
    argument = ARGUMENTS[name]
    if len(given) > _LONGEST:
        raise _refused(f"{name} has {len(given):,} characters; at most {_LONGEST:,} are taken")
    if not given.strip():
        if argument.default is None:
            raise _refused(f"{name} is empty: {argument.about}")
        return argument.default
    return fence(name, given) if argument.is_data else " ".join(given.split())[:300]


def _refused(message: str) -> MCPError:
    return MCPError(code=INVALID_PARAMS, message=message)
