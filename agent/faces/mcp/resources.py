"""Documents, cards, runs and figures as resources; and the completion of arguments by them, in prompts too.

Nothing of an address becomes a path: a card is looked up in the list of cards, a document in the index, a run in the
ledger, a figure among the figures of its run. Reading a card needs no index; reading and
completing never build one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp_types import Completion, CompletionArgument, CompletionContext, Resource

from gadfly.errors import GadflyError
from gadfly.settings import home
from gadfly.tools.checkpoints import BUILT_IN

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

    from gadfly.corpus.documents import Document
    from gadfly.tools.ledger import Run

CARD = "gadfly://cards/{+card}"
DOCUMENT = "gadfly://documents/{+document}{?start,characters}"
RUN = "gadfly://runs/{run}"
FIGURE = "gadfly://runs/{run}/figures/{number}"
_GUIDE = "guide/"
_MARKDOWN = "text/markdown"
_JSON = "application/json"
_RECENT = 20
_PAGE = 40_000  # characters
_MOST = 100  # values that one completion may hold, by the protocol

P = ParamSpec("P")
T = TypeVar("T")


def add(server: MCPServer[Any]) -> None:
    """Register the two indexes and the templates."""
    documents = "ids and titles of every document"
    runs = "the latest experiments, one line each"
    document = "a document of the corpus, in pages"
    for uri, name, about, kind, function in (
        ("gadfly://documents", "documents", documents, "text/plain", _documents),
        ("gadfly://runs", "runs", runs, "text/plain", _runs),
        (CARD, "card", "a card of the field guide", _MARKDOWN, _card),
        (DOCUMENT, "document", document, _MARKDOWN, _document),
        (FIGURE, "figure", "a figure of a run, from 1", "image/png", _figure),
        (RUN, "run", "an experiment whole", _JSON, _run),
    ):
        register = server.resource(uri, name=name, description=about, mime_type=kind)
        register(_found(function))


@cache
def cards() -> dict[str, Document]:
    """The cards of the packaged guide, by their place: ``techniques/ablation``."""
    from gadfly.corpus.sources.guide import GuideSource

    return {each.id.removeprefix(_GUIDE): each for each in GuideSource().documents()}


def _titles() -> dict[str, str]:
    """What can be read now, by its id: the documents of the index where there is one, of the guide else."""
    if not (home() / "corpus" / "corpus.sqlite").exists():
        return {_GUIDE + place: each.title for place, each in cards().items()}
    return {each.id: each.title for each in _index().documents()}


def latest(limit: int = _RECENT) -> list[Run]:
    """The newest runs. Looking makes no ledger where there is none."""
    from gadfly.tools.ledger import Ledger

    if not (home() / "ledger" / "ledger.sqlite").exists():
        return []
    try:
        return Ledger().recent(limit)
    except GadflyError:  # a damaged ledger must not hide the cards
        return []


def entries() -> list[Resource]:
    """What a client lists beside the two indexes: every card, and the newest runs."""
    guide = [
        Resource(
            uri=f"gadfly://cards/{place}",
            name=place,
            title=each.title,
            description=str(each.meta.get("summary") or each.title),
            mime_type=_MARKDOWN,
        )
        for place, each in cards().items()
    ]
    return guide + [
        Resource(
            uri=f"gadfly://runs/{each.id}",
            name=each.id,
            title=f"{each.tool} {each.id}",
            description=each.result.headline if each.result else f"{each.status}: {each.error}",
            mime_type=_JSON,
        )
        for each in latest()
    ]


def _documents() -> str:
    return "\n".join(f"{name}\t{title}" for name, title in _titles().items())


def _card(card: str) -> str:
    if card not in cards():
        raise ResourceNotFoundError(f"no card {card!r}; cards are such as techniques/ablation")
    return cards()[card].text


def _document(document: str, start: int = 0, characters: int = _PAGE) -> str:
    place = document.removeprefix(_GUIDE)
    found = cards().get(place) if document.startswith(_GUIDE) else None
    text = (found or _index().document(document)).text
    start, characters = max(start, 0), min(max(characters, 1), _PAGE)
    end = start + characters
    more = f"\n\n[goes on at start={end} of {len(text)}]" if end < len(text) else ""
    return text[start:end] + more


def _runs() -> str:
    lines = [
        f"{each.id}\t{each.tool}\t{each.result.verdict if each.result else each.status}\t"
        f"{each.result.headline if each.result else each.error or ''}"
        for each in latest(200)
    ]
    return "\n".join(lines) or "no runs yet"


def _run(run: str) -> str:
    return json.dumps(_recorded(run).model_dump(mode="json"), ensure_ascii=False, indent=1)


def _figure(run: str, number: str) -> bytes:
    from gadfly.agent.faces.mcp.results import picture

    recorded = _recorded(run)
    figures = recorded.result.figures if recorded.result else []
    if number not in [str(each + 1) for each in range(len(figures))]:
        raise ResourceNotFoundError(f"run {recorded.id} has {len(figures)} figures")
    data = picture(recorded.id, figures[int(number) - 1])
    if data is None:
        raise ResourceNotFoundError(f"the picture of figure {number} of {recorded.id} is gone")
    return data


def _recorded(run: str) -> Run:
    from gadfly.tools.ledger import Ledger

    found = Ledger().find(run) if latest(1) else None
    if found is None:
        raise ResourceNotFoundError(f"no run {run!r} in the ledger; gadfly://runs lists them")
    return found


def _index() -> Any:
    from gadfly.corpus import Corpus

    if not (home() / "corpus" / "corpus.sqlite").exists():
        raise ResourceNotFoundError(
            "the corpus is not indexed yet, only the cards can be read; the tool search builds the index"
        )
    return Corpus.open(embedder=None)


def _found(function: Callable[P, T]) -> Callable[P, T]:
    """What the engine refuses is a resource that is not there, with the engine's own words."""
    from functools import wraps

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except GadflyError as error:
            raise ResourceNotFoundError(" ".join(str(error).split())) from error

    return wrapped


def add_completion(server: MCPServer[Any]) -> None:
    """Register the one handler of completion; an argument's name says what it is, in prompts and templates alike."""

    @server.completion()  # type: ignore[no-untyped-call, untyped-decorator]
    async def complete(
        ref: Any, argument: CompletionArgument, context: CompletionContext | None
    ) -> Completion | None:
        values = _VALUES.get(argument.name)
        if values is None:
            return None
        known = (context.arguments if context else None) or {}
        fitting = matching(argument.value, await asyncio.to_thread(lambda: list(values(known))))
        return Completion(values=fitting[:_MOST], total=len(fitting), has_more=len(fitting) > _MOST)


def matching(typed: str, values: Iterable[str]) -> list[str]:
    """What begins with the typed text, then what holds it, each once and in order."""
    typed = typed.lower()
    found = [each for each in dict.fromkeys(values) if typed in each.lower()]
    return sorted(found, key=lambda each: not each.lower().startswith(typed))


def _models(_: dict[str, str]) -> list[str]:
    used = [str(each.arguments.get("model", "")) for each in latest(200)]
    return [each for each in [*BUILT_IN, *used] if each]


def _numbers(known: dict[str, str]) -> list[str]:
    run = next((each for each in latest(200) if each.id == known.get("run")), None)
    count = len(run.result.figures) if run and run.result else 0
    return [str(number + 1) for number in range(count)]


_VALUES: dict[str, Callable[[dict[str, str]], Iterable[str]]] = {
    "document": lambda _: _titles(),
    "card": lambda _: cards(),
    "run": lambda _: [each.id for each in latest(200)],
    "number": _numbers,
    "model": _models,
    "interest": lambda _: [
        each.title for place, each in cards().items() if place.startswith("problems/")
    ],
    "days": lambda _: ["1", "2", "3", "5", "10"],
}
