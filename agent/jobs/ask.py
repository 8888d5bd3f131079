"""The job ``ask``: a question in, an :class:`~gadfly.agent.answer.Answer` out, by whichever engine is there."""

from __future__ import annotations

from collections.abc import Callable

from gadfly.agent.answer import Answer
from gadfly.agent.llm.choose import NO_KEY, OFFLINE, choose
from gadfly.agent.llm.model import ChatModel
from gadfly.agent.prompting import fence
from gadfly.corpus.progress import Progress, Silent
from gadfly.errors import UsageError

_LONGEST_QUESTION = 8_000  # characters
_LONGEST_CONTEXT = 200_000


def ask(
    question: str,
    *,
    context: str = "",
    llm: str | ChatModel | None = None,
    model: str = "demo",
    experiments: bool = True,
    progress: Progress | None = None,
    on_text: Callable[[str], None] = lambda _: None,
) -> Answer:
    """Answer a question with receipts.

    Args:
        context: text that comes with the question (a diff, notes); data, never instructions.
        llm: a litellm model name, ``offline``, a ChatModel, or None to choose by what is configured.
        model: the local model that experiments run on.
        experiments: whether experiments may run.
        on_text: gets the draft as it streams, before its receipts are checked.

    Raises:
        UsageError: the question is empty or too long, or the named LLM has no key.
        LLMError: the provider failed for good.
    """
    question = question.strip()
    if not question:
        raise UsageError('the question is empty; try: gadfly ask "What is activation patching?"')
    if len(question) > _LONGEST_QUESTION or len(context) > _LONGEST_CONTEXT:
        raise UsageError(
            f"the question has {len(question):,} and its context {len(context):,} characters; "
            f"at most {_LONGEST_QUESTION:,} and {_LONGEST_CONTEXT:,} are taken"
        )
    progress = progress or Silent()
    # Before any long work: a wrong model name or a missing key is told at once.
    choice = choose(llm) if llm is None or isinstance(llm, str) else llm

    from gadfly.corpus import default_corpus

    corpus = default_corpus(progress)
    if choice is None:
        from gadfly.agent.offline.engine import answer

        result = answer(
            f"{question}\n{context}".strip(),
            corpus,
            model=model,
            experiments=experiments,
            progress=progress,
        )
        result.question = question
        if llm != OFFLINE:
            result.notices.insert(0, NO_KEY)
        return result

    from gadfly.agent.llm.choose import Choice
    from gadfly.agent.llm.provider import Provider
    from gadfly.agent.loop import Loop
    from gadfly.agent.toolbox import Toolbox
    from gadfly.tools.ledger import Ledger
    from gadfly.tools.registry import all_tools

    chat = Provider(choice, on_retry=progress.note) if isinstance(choice, Choice) else choice
    tools = [tool for tool in all_tools() if experiments or not tool.is_experiment]
    loop = Loop(
        chat,
        Toolbox(tools, model=model, progress=progress),
        corpus,
        Ledger(),
        experiment_model=model,
        on_text=on_text,
        on_step=progress.note,
    )
    asked = (
        question if not context else f"{question}\n\n{fence('attached by the researcher', context)}"
    )
    result = loop.answer(asked)
    result.question = question
    return result
