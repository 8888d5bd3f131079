"""Drafts by a language model: it gets passages, tools and subjects, and writes what a template holds.

Its JSON is parsed into the same :class:`Draft`, or dropped with the reason. Nothing that it says of prior work, compute
or results is taken over: quotes, estimates and the pilot are made here.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from gadfly.agent.jobs.propose.bank import templates
from gadfly.agent.jobs.propose.draft import Call, Draft, Level
from gadfly.agent.jobs.propose.subjects import SUBJECTS
from gadfly.agent.llm.asking import Asker
from gadfly.agent.llm.prompting import fence, prompt
from gadfly.corpus.index import Corpus
from gadfly.errors import GadflyError, UsageError
from gadfly.tools.contract import Tool
from gadfly.tools.demo.behaviours import BEHAVIOURS
from gadfly.tools.reach import TASK
from gadfly.tools.registry import all_tools

_PASSAGES = 12
_PASSAGE_TOKENS = 6000
_PATHS = {"sae", "vector", "hook", "device", "dtype"}
_LONG = {"selftest"}
_COUNTS = "n n_contrast n_reference controls shuffles sequences length max_rows max_tokens"
_MOST = 512  # of anything that a pilot counts
_NOTES = 12_000  # characters of the researcher's notes


def write(
    topic: str, *, notes: str, days: int, level: Level | None, n: int, corpus: Corpus, asker: Asker
) -> tuple[list[Draft], list[str]]:
    """Drafts that parsed, and why others did not.

    Raises:
        LLMError: the provider failed for good.
    """
    query = topic or " ".join(notes.split()[:60]) or "open problems for a mini-project"
    found = corpus.search(query[:600], k=_PASSAGES, token_budget=_PASSAGE_TOKENS)
    passages = "\n\n".join(f"[{p.document}] {p.heading}\n{p.text}" for p in found.results)
    text = prompt("propose_write").render(
        topic=fence("topic", topic or "any open problem"),
        notes=fence("the researcher's notes", notes[:_NOTES] or "none"),
        passages=fence("passages of the corpus", passages),
        days=str(days),
        level=level or "any",
        n=str(n),
        tools=_tools(),
        behaviours=", ".join(BEHAVIOURS),
        models=", ".join(s.name for s in SUBJECTS if s.family != "GPT-2"),
        example=_example(),
    )
    drafts: list[Draft] = []
    notices: list[str] = []
    for item in asker.list(text)[: 2 * n]:
        try:
            drafts.append(_checked(item))
        except (ValidationError, GadflyError) as error:
            name = str(item.get("title", "a draft without a title"))[:80]
            notices.append(f"dropped {name!r} of {asker.name}: {_first(error)}")
    if not drafts and not notices:
        notices.append(f"{asker.name} wrote no draft that could be read")
    return drafts, notices


def _checked(item: dict[str, Any]) -> Draft:
    """A draft whose calls their tools would take. Its own name for itself is not used as a file name."""
    draft = Draft.model_validate({**item, "slug": ""})
    _harmless(draft.pilot)
    sample = draft.filled(draft.models[0], draft.tasks[0])
    for call in [sample.pilot, *sample.tools]:
        call.check()
    return draft


def _harmless(pilot: Call) -> None:
    """A pilot runs unasked, so one that a model wrote reads no file, loads no weights of its choice and stays short."""
    files = [
        name
        for name, value in pilot.arguments.items()
        if name.endswith("_file")
        or name in _PATHS
        or (name == "data" and not str(value).startswith(TASK))
    ]
    if pilot.tool in _LONG or files:
        what = f"no {', '.join(files)}" if files else f"not {pilot.tool}"
        raise UsageError(f"a pilot takes a behaviour of the demo model and {what}")
    for name in pilot.arguments.keys() & set(_COUNTS.split()):
        count = pilot.arguments[name]
        if not isinstance(count, int) or count > _MOST:
            raise UsageError(f"a pilot is short: {name} at most {_MOST}, not {count!r}")


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error)


def _tools() -> str:
    def line(tool: Tool[Any, Any]) -> str:
        fields = (name for name in tool.args.model_fields if name not in ("device", "dtype"))
        return f"- {tool.name}: {tool.description} Arguments: {', '.join(fields)}."

    return "\n".join(line(tool) for tool in all_tools() if tool.is_experiment)


def _example() -> str:
    """A template as JSON: the form, better shown than described."""
    data = templates()[0].model_dump(mode="json", exclude={"slug"})
    return json.dumps(data, ensure_ascii=False, indent=1)
