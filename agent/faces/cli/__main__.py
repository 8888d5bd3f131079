"""``python -m gadfly.agent.faces.cli``: the same as ``gadfly``."""

from gadfly.agent.faces.cli import main

main()
