"""``gadfly mcp``: the server for Claude Code, Cursor, VS Code and Codex, and its entry in their configuration."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gadfly.agent.faces.cli.console import as_json, json_option
from gadfly.agent.faces.door import tell

_CLIENTS = ("claude-code", "cursor", "vscode", "codex")


def _permits(function: Callable[..., None]) -> Callable[..., None]:
    """What the server may reach beyond its folder: when it is started, and in the entry that starts it."""
    for option in (
        click.option(
            "--allow-send",
            is_flag=True,
            help="Tools may send content to an LLM's provider and to NDIF.",
        ),
        click.option(
            "--allow-fetch",
            is_flag=True,
            help="Tools may fetch models and autoencoders from the hub.",
        ),
        click.option(
            "--allow",
            multiple=True,
            type=click.Path(exists=True, file_okay=False, resolve_path=True),
            metavar="FOLDER",
            help="Tools may read files below this folder too; repeatable.",
        ),
    ):
        function = option(function)
    return function


@click.group(
    invoke_without_command=True,
    epilog="\b\nExamples:\n"
    "  gadfly mcp install --client claude-code --dry-run\n"
    "  gadfly mcp install --client cursor --scope project --skill\n"
    "  gadfly mcp --http --port 8712\n"
    "  gadfly mcp --preload demo",
)
@click.option("--http", is_flag=True, help="Serve on loopback over HTTP, not over stdio.")
@click.option(
    "--port",
    default=8712,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Of --http; 0: any free one.",
)
@click.option("--preload", metavar="MODEL", help="Load this local model in the background at once.")
@_permits
@click.pass_context
def mcp(
    ctx: click.Context,
    http: bool,
    port: int,
    preload: str | None,
    allow: tuple[str, ...],
    allow_fetch: bool,
    allow_send: bool,
) -> None:
    """Serve Gadfly's tools to an MCP client, which brings the LLM: no key is needed. Tools read files below the folder
    it is started in, fetch nothing and send nothing, unless an option says otherwise.

    A client starts this command itself over stdio. With --http the token is GADFLY_MCP_TOKEN, or else a new one that
    is printed on stderr.
    """
    if ctx.invoked_subcommand:
        return
    from gadfly.agent.faces.mcp import serving

    if not http and sys.stdin is not None and sys.stdin.isatty():
        tell("Waiting for an MCP client on standard input; see: gadfly mcp install --help")
    serving.log_to_stderr()
    gc.disable()  # the SDK makes many objects at its import and frees none: looking for them takes a tenth of a second
    from gadfly.agent.faces.mcp.permits import Permits
    from gadfly.agent.faces.mcp.server import build

    permits = Permits(
        tuple(map(Path, allow)), allow_fetch, allow_send, frozenset([preload] if preload else [])
    )
    built = build(permits=permits)
    gc.enable()
    if not allow_fetch and not preload:
        os.environ["HF_HUB_OFFLINE"] = "1"  # for the hub's own library, before it loads
    if preload:
        built.workers.preload(preload)
    if http:
        serving.http(built, port)
    else:
        serving.stdio(built)


def _entry(function: Callable[..., None]) -> Callable[..., None]:
    """Whose configuration is changed, and how."""
    for option in (
        json_option,
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--dry-run", is_flag=True, help="Show what would change; write nothing."),
        click.option(
            "--scope",
            type=click.Choice(["user", "project"]),
            default="user",
            show_default=True,
            help="For every project, or for the working folder only.",
        ),
        click.option(
            "--client", required=True, type=click.Choice(_CLIENTS), help="Whose configuration."
        ),
    ):
        function = option(function)
    return function


@mcp.command()
@_entry
@click.option(
    "--skill", is_flag=True, help="Also the rules that teach the client when to use which tool."
)
@_permits
def install(
    client: str,
    scope: str,
    skill: bool,
    allow: tuple[str, ...],
    allow_fetch: bool,
    allow_send: bool,
    **how: bool,
) -> None:
    """Write Gadfly into a client's configuration. Shown first, backed up, other entries untouched.

    \b
    Examples:
      gadfly mcp install --client claude-code --dry-run
      gadfly mcp install --client codex --skill
    """
    options = [part for folder in allow for part in ("--allow", folder)]
    options += ["--allow-fetch"] * allow_fetch + ["--allow-send"] * allow_send
    from gadfly.agent.faces.mcp.install import installing

    changes = installing(client, scope, skill=skill, options=options)
    _apply(changes, f"Restart {client} to see the tools.", **how)


@mcp.command()
@_entry
def uninstall(client: str, scope: str, **how: bool) -> None:
    """Take Gadfly out of a client's configuration again, rules included; what was there before is restored.

    \b
    Examples:
      gadfly mcp uninstall --client cursor --scope project
    """
    from gadfly.agent.faces.mcp.install import uninstalling

    _apply(uninstalling(client, scope), f"Gadfly is out of {client}.", **how)


def _apply(changes: list[Any], done: str, *, dry_run: bool, yes: bool, as_json_: bool) -> None:
    for each in changes:
        tell(each.shown())
    pending = [each for each in changes if each.differs]
    if pending and not dry_run:
        if not yes and not as_json_ and sys.stdin.isatty():
            click.confirm("Write this?", abort=True, err=True)
        for each in pending:
            each.write()
    if as_json_:
        as_json({"written": not dry_run, "files": [each.told() for each in changes]})
    elif not pending:
        tell("Nothing to change.")
    elif not dry_run:
        tell(done)
