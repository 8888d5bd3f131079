"""The terminal face: ``gadfly``. It parses, calls the engine, and prints; it knows nothing else.

- ``main``     the command group, lazy; errors become one line and an exit code
- ``chat``     a question, a dialogue
- ``corpus``   the corpus: search, list, show, add, ...
- ``runs``     the ledger: list, show, re-run
- ``jobs``     propose, redteam; ``review``, ``project``, ``sessions`` and the others are called as their command
- ``tools``    one sub-command for every declared tool, made from its schema
- ``console``  progress bars and printing

Exit codes: 0 done, 1 an error of Gadfly or its surroundings, 2 a request that is wrong, 130 stopped by Ctrl-C, 143 by
SIGTERM, 129 by SIGHUP (``gadfly.leaving``).
"""

from __future__ import annotations


def main() -> None:
    """The ``gadfly`` command. Signals are taken care of before anything else is imported."""
    from gadfly.leaving import program

    program(_run)


def _run() -> None:
    from gadfly.agent.faces import door
    from gadfly.agent.faces.cli.main import run

    door.install()
    run()
