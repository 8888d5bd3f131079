"""What a job is: a tool that may talk to a language model. It is lent one, beside the corpus and the ledger.

Declared once with :func:`job`; the command, the MCP tool with its schemas and the Python function follow from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, PlainValidator, WithJsonSchema

from gadfly.agent.llm.connect import connected
from gadfly.agent.llm.model import ChatModel
from gadfly.agent.turn.events import Event
from gadfly.corpus.progress import Progress, Silent
from gadfly.tools.contract import Context, Tool, ToolArgs, tool
from gadfly.tools.ledger import Ledger
from gadfly.tools.reach import Names
from gadfly.tools.runner import validate

if TYPE_CHECKING:
    from gadfly.corpus import Corpus

ArgsT = TypeVar("ArgsT", bound=ToolArgs)
ResultT = TypeVar("ResultT", bound=BaseModel)


def _model(value: Any) -> Any:
    if isinstance(value, str) or callable(getattr(value, "reply", None)):
        return value
    raise ValueError(f"a model's name is a text, not {value!r}")


LlmOrName = Annotated[Any, Names.LLM, PlainValidator(_model), WithJsonSchema({"type": "string"})]
"""A model's name; from Python also a ChatModel."""


@dataclass(frozen=True)
class JobContext:
    """What a running job may use beside its arguments."""

    progress: Progress = field(default_factory=Silent)
    ledger: Ledger = field(default_factory=Ledger)
    index: Corpus | None = None
    """None: the user's own."""
    on_event: Callable[[Event], None] = lambda _: None
    """Gets every event of a turn, as it happens."""

    def corpus(self) -> Corpus:
        """The open corpus, synchronised."""
        if self.index is not None:
            return self.index
        from gadfly.corpus import default_corpus

        return default_corpus(self.progress)

    def chat(self, llm: str | ChatModel | None) -> ChatModel | None:
        """The model that is named, given, or chosen by what is configured; None where there is none, or ``offline``.

        Raises:
            UsageError: the named model is malformed or its key is not set.
        """
        return connected(llm, self.progress.note)


@dataclass(frozen=True)
class Job(Tool[ArgsT, ResultT]):
    """A declared job. Call it from Python as ``ask("Why?", llm="offline")``: arguments by name, or in their order."""

    def __call__(
        self,
        *first: Any,
        progress: Progress | None = None,
        ledger: Ledger | None = None,
        corpus: Corpus | None = None,
        on_event: Callable[[Event], None] = lambda _: None,
        **arguments: Any,
    ) -> ResultT:
        """Validate and run.

        Raises:
            ToolInputError: the arguments do not fit.
            GadflyError: the job's own error.
        """
        named = dict(zip(self.args.model_fields, first, strict=False))
        args = validate(self, {**named, **arguments})
        context = JobContext(progress or Silent(), ledger or Ledger(), corpus, on_event)
        return self.function(args, context)  # type: ignore[arg-type]


def job(**how: Any) -> Callable[[Callable[[ArgsT, JobContext], ResultT]], Job[ArgsT, ResultT]]:
    """Declare a function ``(args, context) -> result`` as a job; ``how`` is what :func:`gadfly.tools.contract.tool`
    takes."""

    def declare(function: Callable[[ArgsT, JobContext], ResultT]) -> Job[ArgsT, ResultT]:
        @wraps(function)
        def run(args: ArgsT, context: Context | JobContext) -> ResultT:
            if not isinstance(context, JobContext):
                context = JobContext(context.progress)
            return function(args, context)

        return Job(**vars(tool(**how)(run)))

    return declare
