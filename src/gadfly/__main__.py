"""``python -m gadfly``: the same as ``gadfly``."""

from gadfly.agent.faces.cli import main

main()
