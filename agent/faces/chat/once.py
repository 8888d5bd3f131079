"""One turn without a dialogue, for scripts and pipes: progress on one console, events as JSON lines where asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gadfly.agent.answers.answer import Answer
from gadfly.agent.faces.chat.screen import Screen
from gadfly.agent.sessions.session import Session
from gadfly.agent.turn.events import ApprovalRequest, Event, Final, Stopped, as_dict
from gadfly.errors import Cancelled, GadflyError
from gadfly.leaving import Ended

if TYPE_CHECKING:
    from gadfly.agent.faces.door.screen import Screen as Console

Write = Callable[[dict[str, Any]], None]


def once(
    session: Session,
    text: str,
    *,
    context: str = "",
    progress: Console,
    approve: bool = False,
    write: Write | None = None,
) -> Answer:
    """Ask, and return the checked answer.

    Args:
        progress: where calls, notices and (on a terminal) the draft are shown.
        approve: the word on every call that asks: nobody is there to be asked.
        write: gets each event, to write it as a line of JSON.

    Raises:
        UsageError: the text is empty or too long.
        LLMError: the provider failed for good.
        Cancelled: the turn was stopped.
    """

    def heard(event: Event) -> None:
        if write is not None:
            write(as_dict(event))

    try:
        events = session.turn(text, context=context)
        while True:
            with Screen(progress) as screen:
                last = screen.follow(events, heard)
            match last:
                case Final(answer):
                    return answer
                case ApprovalRequest(calls):
                    if not approve:
                        for each in calls:
                            progress.print(
                                f"not run: {each.name}, because {each.why}; --approve allows it"
                            )
                    events = session.resume(approve=approve)
                case Stopped(reason):
                    raise Cancelled(reason)
                case _:
                    raise GadflyError("the turn ended without an answer; see: gadfly --continue")
    except (KeyboardInterrupt, Ended):
        if write is not None:
            write(as_dict(Stopped("a signal")))
        raise
    except GadflyError as error:
        if write is not None:
            write({"event": "error", "error": " ".join(str(error).split())})
        raise
