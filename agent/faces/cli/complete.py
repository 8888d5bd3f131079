"""``gadfly complete``: the shell's Tab, by click's own completion."""

from __future__ import annotations

import click

from gadfly.agent.faces.door import say

_WHERE = {
    "bash": 'eval "$(gadfly complete bash)"          # in ~/.bashrc',
    "zsh": 'eval "$(gadfly complete zsh)"           # in ~/.zshrc',
    "fish": "gadfly complete fish | source           # in ~/.config/fish/config.fish",
}


@click.command(epilog="\b\nExamples:\n" + "\n".join(f"  {line}" for line in _WHERE.values()))
@click.argument("shell", type=click.Choice(list(_WHERE)))
@click.pass_context
def complete(ctx: click.Context, shell: str) -> None:
    """Print the script that makes Tab complete the commands and options of gadfly in SHELL."""
    from click.shell_completion import get_completion_class

    completion = get_completion_class(shell)
    assert completion is not None
    # The script itself, without the check of the shell's version, which starts the shell.
    made = completion(ctx.find_root().command, {}, "gadfly", "_GADFLY_COMPLETE")
    say(made.source_template % made.source_vars())
