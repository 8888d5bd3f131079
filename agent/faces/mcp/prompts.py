"""The prompts a client offers its user: opposed framings, review, red-teaming, planning. Texts are in ``prompts/``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.prompts import Prompt
from mcp.server.mcpserver.prompts.base import PromptArgument
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from gadfly.agent.llm.prompting import fence, prompt

TITLES = {
    "neutral_review": "Review with no expectation",
    "friend_bugged": "My friend's code: is it bugged?",
    "invalidate": "Try to invalidate a result",
    "review": "Review code under opposed framings",
    "redteam_writeup": "Red-team a write-up",
    "explain_paper": "Explain a paper",
    "plan_experiment": "Plan an experiment",
    "propose": "Propose small projects",
}
_LONGEST = 200_000  # characters of one argument


class Argument(NamedTuple):
    """One argument of a prompt. Without a default it is required."""

    about: str
    default: str | None = None
    is_data: bool = False
    """Text that somebody else may have written: fenced."""


ARGUMENTS = {
    "material": Argument(
        "code, a diff, a claim, or a path; empty: what the conversation is about",
        "What this conversation is about: the file, diff or claim under discussion.",
        is_data=True,
    ),
    "document": Argument("id of a document of the corpus, or words of its title"),
    "question": Argument("what you want to know", is_data=True),
    "model": Argument("demo, a hub name or a folder", "demo"),
    "interest": Argument("the topic", "mechanistic interpretability", is_data=True),
    "days": Argument("days of work for each project", "3"),
}


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
