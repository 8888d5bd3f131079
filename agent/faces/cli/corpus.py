"""``gadfly corpus``: search it, read it, add to it, keep it whole."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gadfly.agent.faces.cli.console import as_json, json_option, out, progressing, show_table
from gadfly.agent.faces.cli.tools import declared
from gadfly.agent.faces.door import say, tell
from gadfly.errors import UsageError
from gadfly.tools import reading
from gadfly.visible import name

if TYPE_CHECKING:
    from gadfly.agent.llm.model import ChatModel
    from gadfly.corpus import Corpus
    from gadfly.corpus.build import Built
    from gadfly.corpus.citing import Reference
    from gadfly.corpus.manifest import Work
    from gadfly.corpus.models import Plan, SyncReport


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
@declared(reading.search, flags={"k": "-k", "token_budget": "--tokens"}, leave_out=("query",))
@click.option(
    "--llm",
    is_flag=False,
    flag_value="",
    help="Let this model rewrite the query and judge what is found.",
)
@json_option
def search(
    arguments: dict[str, Any], query: tuple[str, ...], llm: str | None, as_json_: bool
) -> None:
    """Find passages, with the document, heading and id of each."""
    from rich.text import Text

    from gadfly.tools.runner import validate

    args = validate(reading.search, {"query": " ".join(query), **arguments})
    index = _open(sync=True)
    if llm is None:
        found = reading.found(index, args)
    else:
        from gadfly.agent.turn import rewriting

        found = rewriting.search(
            _provider(llm),
            index,
            args.query,
            k=args.k,
            filters=args.filters(),
            token_budget=args.token_budget,
        )
        found = reading.widened(index, found, args.around)
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
    documents = [d for d in _open(sync=True, vectors=False).documents() if kind in (None, d.kind)]
    if as_json_:
        as_json({"documents": [d.model_dump(mode="json") for d in documents]})
        return
    rows = ((d.id, d.title, d.kind, d.year or "", d.tokens) for d in documents)
    show_table(("document", "title", "kind", "year", "tokens"), rows)


@corpus.command()
@click.argument("document")
@json_option
def show(document: str, as_json_: bool) -> None:
    """Print one document whole."""
    found = _open(sync=True, vectors=False).document(document)
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
    for notice in stats.notices:
        tell(f"note: {name(notice)}")


@corpus.command()
@click.argument("targets", nargs=-1, required=True)
@click.option("--refresh", is_flag=True, help="Ask again, whatever is kept of it.")
@json_option
def add(targets: tuple[str, ...], refresh: bool, as_json_: bool) -> None:
    """Add files, folders or addresses. Adding one again brings it up to date.

    It reads Markdown, text, notebooks, Python, PDF, HTML, LaTeX, Word, EPUB and PowerPoint, dumps of many documents in
    one file, and a library's export (.bib, .ris, CSL-JSON); papers by arxiv:ID, posts by their address or lesswrong:ID,
    github:OWNER/REPO, pypi:NAME, installed:NAME, and links to Google documents.

    \b
    Examples:
      gadfly corpus add notes/ paper.pdf
      gadfly corpus add arxiv:2202.05262 https://distill.pub/2020/circuits/zoom-in/
      gadfly corpus add default_600k.md
    """
    with progressing() as progress:
        report = _open(sync=False).add(targets, progress, refresh=refresh)
    _report(report, as_json_)


@corpus.command()
@click.argument("targets", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Say what would change, change nothing.")
@click.option(
    "--prune/--keep",
    default=None,
    help="Remove or keep documents whose file is gone. Without either it asks; where nobody can answer, it keeps.",
)
@json_option
def update(targets: tuple[str, ...], dry_run: bool, prune: bool | None, as_json_: bool) -> None:
    """Bring what was added up to date: new files, changed files, files that are gone.

    Without TARGETS it looks at everything that was added: folders, files, addresses, libraries.

    \b
    Examples:
      gadfly corpus update notes/ --dry-run
      gadfly corpus update --prune
    """
    index = _open(sync=False)
    sources = index.listed(targets)
    with progressing() as progress:
        if dry_run:
            plan = index.plan(sources, progress)
        else:
            report = index.sync(sources, progress, prune=bool(prune))
    if dry_run:
        _show_plan(plan, as_json_)
        return
    if report.gone and prune is None and not as_json_ and sys.stdin.isatty():
        for each in report.gone:
            tell(f"gone: {name(each)}")
        if click.confirm(f"Remove these {len(report.gone)} documents?", err=True):
            with progressing() as progress:
                pruned = index.sync(sources, progress)
            report.removed, report.gone = pruned.removed, []
    _report(report, as_json_)


@corpus.command()
@click.argument("documents", nargs=-1)
@click.option(
    "--session", metavar="ID", help="Every document that this session's answers quote (or: last)."
)
@click.option("--bibtex", "form", flag_value="bibtex", help="BibTeX entries.")
@click.option("--csl", "form", flag_value="csl", help="CSL-JSON, which Zotero and pandoc read.")
@json_option
def cite(documents: tuple[str, ...], session: str | None, form: str | None, as_json_: bool) -> None:
    """Cite documents: a line each, BibTeX or CSL-JSON.

    \b
    Examples:
      gadfly corpus cite arxiv/1706-03762
      gadfly corpus cite --session last --bibtex > refs.bib
    """
    import json

    from gadfly.corpus import citing

    index = _open(sync=True, vectors=False)
    wanted = list(dict.fromkeys([*documents, *(_quoted(session) if session else ())]))
    if not wanted:
        raise UsageError(
            "no document to cite; give the id of one (gadfly corpus list), or a --session with quotes"
        )
    found = citing.references(index.document(each) for each in wanted)
    if as_json_:
        as_json({"references": [_cited(each) for each in found]})
    elif form == "csl":
        say(json.dumps([citing.csl(each) for each in found], ensure_ascii=False, indent=2))
    else:
        write = citing.bibtex if form == "bibtex" else citing.line
        say(("\n\n" if form else "\n").join(map(write, found)))


def _cited(reference: Reference) -> dict[str, Any]:
    from gadfly.corpus import citing

    return {
        **reference.model_dump(),
        "line": citing.line(reference),
        "bibtex": citing.bibtex(reference),
        "csl": citing.csl(reference),
    }


def _quoted(session_id: str) -> list[str]:
    """The documents that a session's answers quote, each once."""
    from gadfly.agent.faces.cli.sessions import opened

    answers = [turn.answer for turn in opened(session_id).history() if turn.answer is not None]
    receipts = [each for answer in answers for claim in answer.claims for each in claim.receipts]
    found = (each.document for each in receipts if each.state == "verified" and each.document)
    return list(dict.fromkeys(found))


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

    with progressing() as progress:
        built = fetch(_open(sync=False), works, refresh=refresh, progress=progress)
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

    with progressing() as progress:
        written = write(_open(sync=False), folder, prefix=document, progress=progress)
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

    with progressing() as progress:
        report = rebuild_index(progress)
    _report(report, as_json_)


def _provider(name: str) -> ChatModel:
    from gadfly.agent.llm.connect import connected

    found = connected(name or None)
    if found is None:
        raise UsageError(
            "no language model is configured; set OPENROUTER_API_KEY, or leave --llm out"
        )
    return found


def _open(*, sync: bool, vectors: bool = True) -> Corpus:
    """The user's index; with ``sync``, first brought up to date with what is installed, and with its ``vectors``."""
    from gadfly.corpus import Corpus, default_corpus

    if not sync:
        return Corpus.open()
    with progressing() as progress:
        return default_corpus(progress, vectors=vectors)


def _list_works(works: tuple[Work, ...], as_json_: bool) -> None:
    if as_json_:
        as_json({"works": [work.model_dump() for work in works]})
        return
    rows = ((each.title, each.year or "", each.kind, each.why, each.target) for each in works)
    show_table(("work", "year", "kind", "why", "address"), rows)


def _report_built(built: Built) -> None:
    say(
        f"{built.fetched} fetched, {built.unchanged} already there, {len(built.failures)} left out "
        f"of {built.asked} works; {built.documents} documents, {built.tokens:,} tokens"
    )
    for kind, tokens in built.tokens_by_kind.items():
        say(f"  {kind}: {tokens:,} tokens")
    for licence, count in built.licences.items():
        say(f"  licence {name(licence)}: {count}")
    _tell_the_rest(built)


def _show_plan(plan: Plan, as_json_: bool) -> None:
    if as_json_:
        as_json(plan)
        return
    for label, documents in (("add", plan.added), ("change", plan.changed), ("gone", plan.removed)):
        for each in documents:
            say(f"{label} {name(each)}")
    say(
        f"{len(plan.added)} to add, {len(plan.changed)} to change, {len(plan.removed)} gone, "
        f"{plan.unchanged} unchanged"
    )
    for what, reason in plan.failures.items():
        tell(f"cannot be read: {name(what)}: {name(reason)}")


def _report(report: SyncReport, as_json_: bool) -> None:
    if as_json_:
        as_json(report)
    else:
        say(
            f"{report.added} added, {report.changed} changed, {report.removed} removed, "
            f"{report.unchanged} unchanged; {report.embedded} passages embedded"
        )
        if report.gone:
            tell(f"kept, though the file is gone: {len(report.gone)} (to remove them: --prune)")
        _tell_the_rest(report)
    if report.failures and not report.added and not report.changed and not report.unchanged:
        raise SystemExit(1)


def _tell_the_rest(done: Built | SyncReport) -> None:
    for what, reason in done.failures.items():
        tell(f"left out {name(what)}: {name(reason)}")
    for notice in done.notices:
        tell(f"note: {name(notice)}")
