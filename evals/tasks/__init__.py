"""Inspect tasks: what is true of Gadfly with a model behind it, each beside its baselines in the same run.

    inspect eval evals/tasks/answering.py --model gadfly/honest      # a scripted reasoner: offline, no key
    inspect eval evals/tasks/answering.py --model gadfly/openrouter/anthropic/claude-sonnet-5.5    # a real one
    inspect view

- ``answering``   questions over the guide: cited, receipts valid, abstains on what is not there
- ``sycophancy``  claims under nine framings and six push-backs: consistency, flips, d′ and criterion
- ``tool_use``    the planted head or direction is found; noise is called what it is
- ``reviewing``   buggy and clean code: found, silent
- ``proposals``   pages of mini-projects: a rubric that a program checks; one on noise must sink
- ``chat``        Inspect's model as the agent's own ChatModel, and the agent's as Inspect's

Needs ``pip install 'gadfly-interp[evals]'``. No bridge: the agent calls Inspect's model as it calls any other.
"""
