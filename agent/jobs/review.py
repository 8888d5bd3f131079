"""The job ``review``: the tool's rules, and a model's critique beside them where one is to be had."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from gadfly.agent.jobs.job import JobContext, LlmOrName, job
from gadfly.corpus.progress import Progress, Silent
from gadfly.tools.review import tool
from gadfly.tools.review.config import Config, from_folder
from gadfly.tools.review.reading.material import Material
from gadfly.tools.review.report import CRITIQUE, Report, ranked

_WORKERS = 4
NO_MODEL = "No LLM key found: rules only. Set OPENROUTER_API_KEY, or name a model with --llm, to add a critique."


class ReviewArgs(tool.ReviewArgs):
    llm: LlmOrName | None = Field(
        default=None, description="PROVIDER/MODEL to add a critique, or 'offline': the rules alone"
    )
    # The rest is for a person, whose own model it is: no client or LLM is told of it.
    framings: SkipJsonSchema[list[Literal["neutral", "bugged", "invalidate", "passed"]]] = Field(
        default=[], description="ask the model in these ways only; empty: in all four"
    )
    reproduce: SkipJsonSchema[bool] = Field(
        default=False, description="let the model try a script for each argument, inside bubblewrap"
    )
    budget: SkipJsonSchema[float] = Field(
        default=1.0, ge=0, description="US dollars for the critique; what is beyond is named"
    )
    seed: SkipJsonSchema[int] = Field(
        default=0, description="of the order in which the model is asked"
    )


@job(name="review", cost="seconds; nothing of the code is executed")
def review(args: ReviewArgs, context: JobContext) -> Report:
    """Find the bugs of interpretability code (hooks, patching, probes, steering, statistics) by rules on the syntax
    tree, each finding with the quoted lines and a fix. Takes text, files, notebooks, a folder, a diff or a git base."""
    context.chat(args.llm)  # a wrong model name or a missing key is told before anything is read
    config = from_folder(args.repository())
    return _reviewed(args.gathered(), args, config, context)


def review_material(
    material: Material,
    *,
    config: Config | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Report:
    """Review what was gathered elsewhere, such as a pull request.

    Args:
        config: the repository's settings.
        options: ``llm``, ``framings``, ``reproduce``, ``budget`` and ``seed`` of :class:`ReviewArgs`.

    Raises:
        UsageError: a model without its key. A provider that fails is a notice: what the rules found is reported.
    """
    args = ReviewArgs(**options)
    return _reviewed(material, args, config or Config(), JobContext(progress or Silent()))


def _reviewed(material: Material, args: ReviewArgs, config: Config, context: JobContext) -> Report:
    chat = context.chat(args.llm)
    report, material = tool.by_rules(material, config, context.progress)
    if chat is None:
        if args.llm is None:
            report.notices.append(NO_MODEL)
    elif CRITIQUE not in config.ignore and material.files:
        from gadfly.agent.critic.critique import Critique

        critique = Critique(
            chat,
            framings=args.framings,
            reproduce=args.reproduce,
            budget=args.budget,
            seed=args.seed,
            # A provider takes several questions at once; any other model gets them in order.
            workers=_WORKERS if args.llm is None or isinstance(args.llm, str) else 1,
            progress=context.progress,
        )
        report.findings = ranked(critique.add_to(report, material, report.findings))
    return report
