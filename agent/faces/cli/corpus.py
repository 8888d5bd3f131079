"""``gadfly corpus``: search it, read it, add to it, keep it whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gadfly.agent.faces.cli.console import as_json, bars, json_option, out
from gadfly.agent.faces.door import say, tell
from gadfly.errors import UsageError
from gadfly.visible import name

if TYPE_CHECKING:
    from gadfly.agent.llm.model import ChatModel
    from gadfly.corpus import Corpus, Passage
    from gadfly.corpus.build import Built
    from gadfly.corpus.manifest import Work
    from gadfly.corpus.models import SyncReport

_MODES = click.Choice(["hybrid", "lexical", "dense", "exact"])


@click.group()
def corpus() -> None:
    """Search, read and manage the corpus.

    \b
    Examples:
      gadfly corpus search "last token under right padding" -k 5
      gadfly corpus search position_ids --mode exact
      gadfly corpus add notes/ paper.md
      gadfly corpus show guide/techniques/activation-patching
    """


@corpus.command()
@click.argument("query", nargs=-1, required=True)
@click.option(
    "-k", default=8, show_default=True, type=click.IntRange(1, 100), help="How many passages."
)
@click.option(
    "--mode", type=_MODES, default="hybrid", show_default=True, help="exact takes /regex/ too."
)
@click.option("--kind", multiple=True, help="Only documents of this kind; may be repeated.")
@click.option(
    "--document", multiple=True, help="Only this document, or ids that start with PREFIX/."
)
@click.option(
    "--source", multiple=True, help="Only this source, such as installed:nnsight; may be repeated."
)
@click.option("--since", type=int, metavar="YEAR", help="Only works from this year on.")
@click.option("--until", type=int, metavar="YEAR", help="Only works up to this year.")
@click.option("--installed", metavar="VERSION", help="Only passages on this version of a package.")
@click.option(
    "--around", default=0, type=click.IntRange(0, 5), help="So many passages before and after each."
)
@click.option(
    "--llm",
    is_flag=False,
    flag_value="",
    help="Let this model rewrite the query and judge what is found.",
)
@click.option("--tokens", type=click.IntRange(1), help="At most this many tokens of text in all.")
@json_option
def search(
    query: tuple[str, ...],
    k: int,
    mode: str,
    kind: tuple[str, ...],
    document: tuple[str, ...],
    source: tuple[str, ...],
    since: int | None,
    until: int | None,
    installed: str | None,
    around: int,
    llm: str | None,
    tokens: int | None,
    as_json_: bool,
) -> None:
    """Find passages, with the document, heading and id of each."""
    from rich.text import Text

    from gadfly.corpus import Filters

    filters = Filters(
        kinds=kind,
        documents=document,
        sources=source,
        year_from=since,
        year_to=until,
        version=installed,
    )
    index, asked = _open(sync=True), " ".join(query)
    if llm is None:
        found = index.search(asked, k=k, mode=mode, filters=filters, token_budget=tokens)  # type: ignore[arg-type]
    else:
        from gadfly.agent.turn import rewriting

        found = rewriting.search(
            _provider(llm), index, asked, k=k, filters=filters, token_budget=tokens
        )
    if around:
        found.results = _widened(index, found.results, around)
    if as_json_:
        as_json(found)
        return
    console = out()
    for passage in found.results:
        version = f" {passage.version}" if passage.version else ""
        console.print(
            Text.assemble(
                (name(passage.document + version), "bold cyan"), f"  {name(passage.heading)}"
            )
        )
        console.print(Text(passage.text))
        console.print(Text(f"{name(passage.id)}  score {passage.score:.3f}\n", style="dim"))
    if not found.results:
        console.print("Nothing found.")
    elif not found.answerable:
        console.print("These are near, but they probably do not answer the query.", style="yellow")
    for notice in found.notices:
        console.print(f"note: {name(notice)}", style="yellow")


@corpus.command("list")
@click.option("--kind", help="Only documents of this kind.")
@json_option
def list_documents(kind: str | None, as_json_: bool) -> None:
    """List the documents."""
    documents = [d for d in _open(sync=True).documents() if kind in (None, d.kind)]
    if as_json_:
        as_json({"documents": [d.model_dump(mode="json") for d in documents]})
        return
    from gadfly.agent.faces.door.screen import row, table

    shown = table("document", "title", "kind", "year", "tokens")
    for d in documents:
        row(shown, d.id, d.title, d.kind, d.year or "", d.tokens)
    out().print(shown)


@corpus.command()
@click.argument("document")
@json_option
def show(document: str, as_json_: bool) -> None:
    """Print one document whole."""
    found = _open(sync=True).document(document)
    if as_json_:
        as_json(found)
    else:
        say(found.text)


@corpus.command()
@json_option
def status(as_json_: bool) -> None:
    """Show what the index holds and where it is."""
    stats = _open(sync=False).stats()
    if as_json_:
        as_json(stats)
        return
    console = out()
    console.print(f"{stats.documents} documents, {stats.chunks} passages, {stats.tokens:,} tokens")
    console.print(
        f"{stats.embedded} passages embedded by {name(stats.embedder or 'nothing (search by words only)')}"
    )
    for kind, count in stats.kinds.items():
        console.print(f"  {name(kind)}: {count}")
    console.print(name(stats.path), style="dim", soft_wrap=True)


@corpus.command()
@click.argument("targets", nargs=-1, required=True)
@click.option("--refresh", is_flag=True, help="Ask again, whatever is kept of it.")
@json_option
def add(targets: tuple[str, ...], refresh: bool, as_json_: bool) -> None:
    """Add files, folders or addresses. Adding one again brings it up to date.

    Read are Markdown, text, notebooks, Python, PDF and HTML, and dumps of many documents in one file; papers by
    arxiv:ID, posts by their address or lesswrong:ID, github:OWNER/REPO, pypi:NAME, installed:NAME, and links to Google
    documents.

    \b
    Examples:
      gadfly corpus add notes/ paper.pdf
      gadfly corpus add arxiv:2202.05262 https://distill.pub/2020/circuits/zoom-in/
      gadfly corpus add default_600k.md
    """
    progress = bars()
    try:
        report = _open(sync=False).add(targets, progress, refresh=refresh)
    finally:
        progress.finish()
    _report(report, as_json_)


@corpus.command()
@click.option("--tier", type=click.Choice(["core", "extended"]), help="Only works of this tier.")
@click.option("--only", default="", metavar="WORDS", help="Only works about these words.")
@click.option("--refresh", is_flag=True, help="Ask again for works that are in the index already.")
@click.option("--dry-run", is_flag=True, help="List the works, fetch nothing.")
@json_option
def build(tier: str | None, only: str, refresh: bool, dry_run: bool, as_json_: bool) -> None:
    """Fetch the works of the packaged list (papers, articles, posts, documentation) into the index.

    Their texts stay on this machine. Stopped half-way, it goes on where it was.

    \b
    Examples:
      gadfly corpus build --tier core
      gadfly corpus build --only "sparse autoencoders" --dry-run
    """
    from gadfly.corpus.manifest import select

    works = select(tier=tier, only=only)  # type: ignore[arg-type]  # click has checked it
    if not works:
        raise click.UsageError(f"no work of the list is about {only!r}")
    if dry_run:
        _list_works(works, as_json_)
        return
    from gadfly.corpus.build import build as fetch

    progress = bars()
    try:
        built = fetch(_open(sync=False), works, refresh=refresh, progress=progress)
    finally:
        progress.finish()
    if as_json_:
        as_json(built)
    else:
        _report_built(built)
    if len(built.failures) == built.asked:
        raise SystemExit(1)


@corpus.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--document", default="", metavar="PREFIX", help="Only ids that start like this.")
@json_option
def export(folder: Path, document: str, as_json_: bool) -> None:
    """Write the documents to FOLDER as Markdown files. Mind their licences before you share them."""
    from gadfly.corpus.export import export as write

    progress = bars()
    try:
        written = write(_open(sync=False), folder, prefix=document, progress=progress)
    finally:
        progress.finish()
    if as_json_:
        as_json({"written": written, "folder": str(folder)})
    else:
        say(f"{written} documents written to {name(folder)}")


@corpus.command()
@click.argument("document")
@json_option
def remove(document: str, as_json_: bool) -> None:
    """Remove one document from the index. The file it came from stays."""
    _open(sync=False).remove(document)
    if as_json_:
        as_json({"removed": document})
    else:
        say(f"removed {name(document)}")


@corpus.command()
@json_option
def rebuild(as_json_: bool) -> None:
    """Cut and embed every document again. Repairs a damaged index."""
    from gadfly.corpus.index.repair import rebuild as rebuild_index

    progress = bars()
    try:
        report = rebuild_index(progress)
    finally:
        progress.finish()
    _report(report, as_json_)


def _provider(name: str) -> ChatModel:
    from gadfly.agent.llm.choose import choose
    from gadfly.agent.llm.provider import Provider

    choice = choose(name or None)
    if choice is None:
        raise UsageError(
            "no language model is configured; set OPENROUTER_API_KEY, or leave --llm out"
        )
    return Provider(choice)


def _widened(index: Corpus, results: list[Passage], around: int) -> list[Passage]:
    """Each passage with its neighbours in reading order, none twice."""
    wide = {
        each.id: each.model_copy(update={"score": passage.score})
        for passage in results
        for each in index.neighbours(passage.id, around, around)
    }
    return list(wide.values())


def _open(*, sync: bool) -> Corpus:
    """The user's index; with ``sync``, first brought up to date with what is installed."""
    from gadfly.corpus import Corpus, default_corpus

    if not sync:
        return Corpus.open()
    progress = bars()
    try:
        return default_corpus(progress)
    finally:
        progress.finish()


def _list_works(works: tuple[Work, ...], as_json_: bool) -> None:
    if as_json_:
        as_json({"works": [work.model_dump() for work in works]})
        return
    from gadfly.agent.faces.door.screen import row, table

    shown = table("work", "year", "kind", "why", "address")
    for work in works:
        row(shown, work.title, work.year or "", work.kind, work.why, work.target)
    out().print(shown)


def _report_built(built: Built) -> None:
    say(
        f"{built.fetched} fetched, {built.unchanged} already there, {len(built.failures)} left out "
        f"of {built.asked} works; {built.documents} documents, {built.tokens:,} tokens"
    )
    for kind, tokens in built.tokens_by_kind.items():
        say(f"  {kind}: {tokens:,} tokens")
    for licence, count in built.licences.items():
        say(f"  licence {name(licence)}: {count}")
    for work, reason in built.failures.items():
        tell(f"left out {name(work)}: {name(reason)}")
    for notice in built.notices:
        tell(f"note: {name(notice)}")


def _report(report: SyncReport, as_json_: bool) -> None:
    if as_json_:
        as_json(report)
    else:
        say(
            f"{report.added} added, {report.changed} changed, {report.removed} removed, "
            f"{report.unchanged} unchanged; {report.embedded} passages embedded"
        )
        for what, reason in report.failures.items():
            tell(f"left out {name(what)}: {name(reason)}")
        for notice in report.notices:
            tell(f"note: {name(notice)}")
    if report.failures and not report.added and not report.changed and not report.unchanged:
        raise SystemExit(1)
