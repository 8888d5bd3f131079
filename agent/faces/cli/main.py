"""The command group. Commands load when they are named, so that ``--help`` stays quick."""

from __future__ import annotations

import sys
import traceback
from typing import Any

import click

from gadfly import __version__, surroundings
from gadfly.agent.faces.door import say_json, tell
from gadfly.errors import Cancelled, GadflyError
from gadfly.leaving import Ended, stopped

# What each command does, in one line.
_COMMANDS = {
    "chat": "Talk in the terminal; also: gadfly alone, gadfly -p TEXT.",
    "ask": "Answer a question, with a receipt for every claim.",
    "corpus": "Search, read and manage the corpus.",
    "review": "Find the bugs of interpretability code, diffs and pull requests.",
    "propose": "Mini-projects that arrive with their first result.",
    "project": "Start a proposed project; log, check and look back on it.",
    "redteam": "Trace every number of a write-up to a run; quote its overclaims.",
    "mcp": "Serve Claude Code, Cursor, VS Code or Codex.",
    "doctor": "Say what is missing and how to add it.",
    "runs": "List experiments of the ledger, or show one.",
    "report": "Write experiments to one HTML page.",
    "rerun": "Execute a recorded experiment again; say what moved.",
    "sessions": "List, show and export the conversations that are kept.",
    "complete": "Print the script for the shell's completion.",
}


def _load(name: str) -> click.Command:
    """A command of the table; its module is imported now."""
    match name:
        case "chat":
            from gadfly.agent.faces.cli.chat import chat as found
        case "ask":
            from gadfly.agent.faces.cli.chat import ask as found
        case "corpus":
            from gadfly.agent.faces.cli.corpus import corpus as found
        case "review":
            from gadfly.agent.faces.cli.review import review as found
        case "propose":
            from gadfly.agent.faces.cli.jobs import propose as found
        case "project":
            from gadfly.agent.faces.cli.project import project as found
        case "redteam":
            from gadfly.agent.faces.cli.jobs import redteam as found
        case "mcp":
            from gadfly.agent.faces.cli.mcp import mcp as found
        case "doctor":
            from gadfly.agent.faces.cli.doctor import doctor as found
        case "runs":
            from gadfly.agent.faces.cli.runs import runs as found
        case "report":
            from gadfly.agent.faces.cli.runs import report as found
        case "rerun":
            from gadfly.agent.faces.cli.runs import rerun as found
        case "sessions":
            from gadfly.agent.faces.cli.sessions import sessions as found
        case "complete":
            from gadfly.agent.faces.cli.complete import complete as found
    return found


class _Commands(click.Group):
    """The fixed commands above, then one for each tool on a model in the tool registry."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Alone on a terminal, or with options of the chat in front (``gadfly -p TEXT``), it is the chat."""
        own = {name for param in self.get_params(ctx) for name in param.opts}
        if not args:
            args = ["chat"] if sys.stdin.isatty() and sys.stdout.isatty() else ["--help"]
        elif args and args[0].startswith("-") and args[0] not in own and not ctx.resilient_parsing:
            args = ["chat", *args]
        return super().parse_args(ctx, args)

    def line(self, name: str) -> str:
        """What a command does, in one line."""
        if name in _COMMANDS:
            return _COMMANDS[name]
        description: str = _on_models()[name].description
        return description.split(". ")[0].split(": ")[0].rstrip(".") + "."

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_COMMANDS, *_on_models()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _COMMANDS:
            return _load(cmd_name)
        if cmd_name in _on_models():
            from gadfly.agent.faces.cli.tools import command_for

            return command_for(_on_models()[cmd_name])
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))
        for heading, wanted in (
            ("Experiments (each with its controls and a verdict)", True),
            ("Looking at a model (no verdict)", False),
        ):
            with formatter.section(heading):
                formatter.write_dl(
                    [
                        (name, self.line(name))
                        for name, tool in _on_models().items()
                        if tool.is_experiment is wanted
                    ]
                )


def _on_models() -> dict[str, Any]:
    """Tools on a model; those on the corpus are sub-commands of ``corpus``."""
    from gadfly.tools.registry import all_tools

    return {tool.name: tool for tool in all_tools() if tool.extra == "interp"}


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Data is kept in GADFLY_HOME (else the platform's user-data folder). "
    "Every command takes --json. 'gadfly COMMAND --help' has examples.",
)
@click.version_option(__version__, "-V", "--version", prog_name="gadfly")
def gadfly() -> None:
    """A research assistant for mechanistic interpretability that shows its receipts."""


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and exit. Errors of Gadfly become one line on stderr.

    Raises:
        SystemExit: always, with the exit code; Ended where a signal came.
    """
    surroundings.start()
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        code = gadfly.main(args=arguments, prog_name="gadfly", standalone_mode=False)
    except click.ClickException as error:
        error.show(sys.stderr)  # by name: else click may go round what guards it
        code = error.exit_code
    except Ended:
        _told("stopped; what was finished is kept", arguments)
        raise
    except (KeyboardInterrupt, click.Abort, Cancelled):
        _told("stopped; what was finished is kept", arguments)
        stopped()
        code = Cancelled.exit_code
    except GadflyError as error:
        code = _fail(str(error), error.exit_code, arguments)
    except Exception as error:
        code = _fail(_unforeseen(error), 70, arguments)
    sys.exit(code or 0)


def _unforeseen(error: Exception) -> str:
    """A mistake of Gadfly's own: one line for the user, the traceback in a file for who mends it, keys left out."""
    from gadfly import files, settings
    from gadfly.agent.llm.choose import redacted

    text = redacted("".join(traceback.format_exception(error)))
    line = redacted(f"{type(error).__name__}: {error}")
    try:
        path = settings.folder("errors") / "last.txt"
        files.write(path, text.encode("utf-8", "backslashreplace"))
        where = f"the traceback is in {path}"
    except (GadflyError, OSError):
        where = text
    return f"this is a mistake of Gadfly's own ({line[:300]}); please report it: {where}"


def _fail(message: str, code: int, arguments: list[str]) -> int:
    line = " ".join(message.split())
    _told(line, arguments)
    tell(f"gadfly: {line}")
    return code


def _told(line: str, arguments: list[str]) -> None:
    if "--json" in arguments:
        say_json({"error": line})
