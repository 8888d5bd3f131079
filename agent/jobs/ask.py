"""The job ``ask``: a question in, an :class:`~gadfly.agent.answers.answer.Answer` out, by whichever engine is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gadfly.agent.answers.answer import Answer
from gadfly.agent.llm.model import ChatModel
from gadfly.agent.turn.engine import Engine, check_question
from gadfly.agent.turn.events import Event, Notice, Text, ToolFinished, ToolProgress, ToolStarted
from gadfly.agent.turn.settings import Settings
from gadfly.corpus.progress import Progress, Silent


def ask(
    question: str,
    *,
    context: str = "",
    llm: str | ChatModel | None = None,
    model: str = "demo",
    experiments: bool = True,
    settings: Settings | None = None,
    progress: Progress | None = None,
    on_text: Callable[[str], None] = lambda _: None,
    on_event: Callable[[Event], None] = lambda _: None,
) -> Answer:
    """Answer a question with receipts.

    Args:
        context: text that comes with the question (a diff, notes); data, never instructions.
        llm: a litellm model name, ``local``, ``offline``, a ChatModel, or None to choose by what is configured.
        model: the local model that experiments run on.
        experiments: whether experiments may run.
        settings: everything else (budget, window, skeptic); the three above override it.
        on_text: gets the draft as it streams, before its receipts are checked.
        on_event: gets every event of the turn.

    Raises:
        UsageError: the question is empty or too long, or the named LLM has no key.
        LLMError: the provider failed for good.
    """
    question = check_question(question, context)
    progress = progress or Silent()
    shown = _Shown(progress)
    settings = replace(settings or Settings(), llm=llm, model=model, experiments=experiments)

    def tell(event: Event) -> None:
        on_event(event)
        match event:
            case Text(delta):
                on_text(delta)
            case _:
                shown.take(event)

    # A wrong model name or a missing key is told here, before any long work.
    engine = Engine(settings)
    loop = engine.loop(tell, lambda: False)
    return loop.answer(question, context)


class _Shown:
    """A turn's events on a progress display that has room for one task."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: tuple[str, str] | None = None
        self._done = 0

    def take(self, event: Event) -> None:
        match event:
            case Notice(text=text):
                self._progress.note(text)
            case ToolStarted(name=name, arguments=arguments):
                self._progress.note(f"{name} {arguments[:120]}")
            case ToolProgress(id=call, label=label, done=done, total=total):
                if self._task != (call, label):
                    self._task, self._done = (call, label), 0
                    self._progress.start(label, total)
                self._progress.advance(done - self._done)
                self._done = done
            case ToolFinished():
                self._task = None
                self._progress.finish()
            case _:
                pass
