"""``gadfly corpus``: search it, read it, add to it, keep it whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gadfly.agent.cli.console import as_json, bars, json_option, out

if TYPE_CHECKING:
    from gadfly.corpus import Corpus
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
@click.option("--since", type=int, metavar="YEAR", help="Only works from this year on.")
@click.option("--tokens", type=click.IntRange(1), help="At most this many tokens of text in all.")
@json_option
def search(
    query: tuple[str, ...],
    k: int,
    mode: str,
    kind: tuple[str, ...],
    document: tuple[str, ...],
    since: int | None,
    tokens: int | None,
    as_json_: bool,
) -> None:
    """Find passages, with the document, heading and id of each."""
    from rich.text import Text

    from gadfly.corpus import Filters

    found = _open(sync=True).search(
        " ".join(query),
        k=k,
        mode=mode,  # type: ignore[arg-type]  # click has checked it
        filters=Filters(kinds=kind, documents=document, year_from=since),
        token_budget=tokens,
    )
    if as_json_:
        as_json(found)
        return
    console = out()
    for passage in found.results:
        version = f" {passage.version}" if passage.version else ""
        console.print(
            Text.assemble((passage.document + version, "bold cyan"), f"  {passage.heading}")
        )
        console.print(Text(passage.text))
        console.print(Text(f"{passage.id}  score {passage.score:.3f}\n", style="dim"))
    if not found.results:
        console.print("Nothing found.")
    elif not found.answerable:
        console.print("These are near, but they probably do not answer the query.", style="yellow")
    for notice in found.notices:
        console.print(f"note: {notice}", style="yellow", markup=False)


@corpus.command("list")
@click.option("--kind", help="Only documents of this kind.")
@json_option
def list_documents(kind: str | None, as_json_: bool) -> None:
    """List the documents."""
    documents = [d for d in _open(sync=True).documents() if kind in (None, d.kind)]
    if as_json_:
        as_json({"documents": [d.model_dump(mode="json") for d in documents]})
        return
    from rich.table import Table

    table = Table("document", "title", "kind", "year", "tokens", box=None)
    for d in documents:
        table.add_row(d.id, d.title, d.kind, str(d.year or ""), str(d.tokens))
    out().print(table)


@corpus.command()
@click.argument("document")
@json_option
def show(document: str, as_json_: bool) -> None:
    """Print one document whole."""
    found = _open(sync=True).document(document)
    if as_json_:
        as_json(found)
    else:
        click.echo(found.text)


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
        f"{stats.embedded} passages embedded by {stats.embedder or 'nothing (search by words only)'}"
    )
    for kind, count in stats.kinds.items():
        console.print(f"  {kind}: {count}")
    console.print(stats.path, style="dim", soft_wrap=True)


@corpus.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def add(paths: tuple[Path, ...], as_json_: bool) -> None:
    """Add text files or folders. Adding a path again brings it up to date."""
    progress = bars()
    try:
        report = _open(sync=False).add(paths, progress)
    finally:
        progress.finish()
    _report(report, as_json_)


@corpus.command()
@click.argument("document")
@json_option
def remove(document: str, as_json_: bool) -> None:
    """Remove one document from the index. The file it came from stays."""
    _open(sync=False).remove(document)
    if as_json_:
        as_json({"removed": document})
    else:
        click.echo(f"removed {document}")


@corpus.command()
@json_option
def rebuild(as_json_: bool) -> None:
    """Cut and embed every document again. Repairs a damaged index."""
    from gadfly.corpus.repair import rebuild as rebuild_index

    progress = bars()
    try:
        report = rebuild_index(progress)
    finally:
        progress.finish()
    _report(report, as_json_)


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


def _report(report: SyncReport, as_json_: bool) -> None:
    if as_json_:
        as_json(report)
    else:
        click.echo(
            f"{report.added} added, {report.changed} changed, {report.removed} removed, "
            f"{report.unchanged} unchanged; {report.embedded} passages embedded"
        )
        for what, reason in report.failures.items():
            click.echo(f"left out {what}: {reason}", err=True)
        for notice in report.notices:
            click.echo(f"note: {notice}", err=True)
    if report.failures and not report.added and not report.changed and not report.unchanged:
        raise SystemExit(1)
