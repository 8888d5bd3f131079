"""The job ``review``: material in, one ranked report out. Rules always; a model where one is to be had."""

from __future__ import annotations

from collections.abc import Sequence

from gadfly.agent.llm.choose import Choice, choose
from gadfly.agent.llm.model import ChatModel
from gadfly.corpus.progress import Progress, Silent
from gadfly.tools.review.config import Config
from gadfly.tools.review.engine import review_source
from gadfly.tools.review.reading import source as reading
from gadfly.tools.review.reading.material import File, Material
from gadfly.tools.review.registry import rules
from gadfly.tools.review.report import CRITIQUE, Read, Remark, Report, ranked, remark

_WORKERS = 4
_QUICK = 20  # files; so many take a second, and need no progress bar
NO_MODEL = "No LLM key found: rules only. Set OPENROUTER_API_KEY, or name a model with --llm, to add a critique."


def review(
    material: Material,
    *,
    llm: str | ChatModel | None = None,
    rules_only: bool = False,
    framings: Sequence[str] = (),
    reproduce: bool = False,
    budget: float = 1.0,
    seed: int = 0,
    config: Config | None = None,
    progress: Progress | None = None,
) -> Report:
    """Review what was gathered. Nothing of it is executed, unless ``reproduce`` and then in a sandbox.

    Args:
        llm: a litellm model name, ``offline``, a ChatModel, or None to choose by what is configured.
        rules_only: ask no model, whatever is configured.
        framings: names of the ways of asking; none: all of them.
        reproduce: let the model write a small script for each argument, run only inside bubblewrap.
        budget: US dollars that the critique may take by its estimate; code beyond is left out and named.
        seed: of the order in which the model is asked.
        config: the repository's settings.

    Raises:
        UsageError: an unknown framing, or a model without its key. A provider that fails is a notice: what the
            rules found is reported all the same.
    """
    progress = progress or Silent()
    config = config or Config()
    # Before any work: a wrong model name or a missing key is told at once.
    chat = None if rules_only else _model(llm, progress)
    material = material.without(config.exclude)
    notices = list(material.notices)
    if config.ignore:
        notices.append(f"the repository's settings switch off {', '.join(config.ignore)}")
    before = len(notices)
    found = _by_rules(material, notices, progress)
    found = [each for each in found if each.rule not in config.ignore]
    report = Report(
        read=Read(
            what=material.what,
            files=len(material.files),
            lines=sum(
                len(lines) for file in material.files for lines in file.source.shown.values()
            ),
            rules=len(set(rules()) - set(config.ignore)),
        ),
        notices=notices,
        complete=len(notices) == before,
    )
    if chat is None:
        if llm is None and not rules_only:
            report.notices.append(NO_MODEL)
    elif CRITIQUE not in config.ignore and material.files:
        from gadfly.agent.critic.critique import Critique

        critique = Critique(
            chat,
            framings=framings,
            reproduce=reproduce,
            budget=budget,
            seed=seed,
            # A provider takes several questions at once; any other model gets them in order.
            workers=_WORKERS if llm is None or isinstance(llm, str) else 1,
            progress=progress,
        )
        found = critique.add_to(report, material, found)
    report.findings = ranked(found)
    return report


def _model(llm: str | ChatModel | None, progress: Progress) -> ChatModel | None:
    choice = choose(llm) if llm is None or isinstance(llm, str) else llm
    if not isinstance(choice, Choice):
        return choice
    from gadfly.agent.llm.provider import Provider

    return Provider(choice, on_retry=progress.note)


def _by_rules(material: Material, notices: list[str], progress: Progress) -> list[Remark]:
    found: list[Remark] = []
    if len(material.files) > _QUICK:
        progress.start("checking the rules", len(material.files))
    try:
        for file in material.files:
            found += _of_file(file, notices)
            progress.advance()
    finally:
        progress.finish()
    return found


def _of_file(file: File, notices: list[str]) -> list[Remark]:
    if file.source.notice:
        notices.append(file.source.notice)
    found = review_source(file.source, notices)
    told = [each for each in found if file.counts(each.cell, each.start_line, each.end_line)]
    if len(told) < len(found):
        # A change can make a line wrong that it does not touch; that is told too, where it is sure to be new.
        known, own = _before(file), {id(each) for each in told}
        told = [
            each
            for each in found
            if id(each) in own or (known is not None and each.fingerprint not in known)
        ]
    return [
        remark(each, (file.line(each.cell, each.start_line), file.line(each.cell, each.end_line)))
        for each in told
    ]


def _before(file: File) -> set[str] | None:
    """The fingerprints of what the rules said before the change; None where that text is not known."""
    if file.before is None:
        return None
    return {each.fingerprint for each in review_source(reading.from_text(file.path, file.before))}
