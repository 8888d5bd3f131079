"""``python -m gadfly.agent.cli``: the same as ``gadfly``."""

from gadfly.agent.cli import main

main()
