"""Measuring: benchmarks and planted ground truth. Nothing in the product imports this package.

- ``kit``        what every script shares: options, timing, result files, rates, lines through points
- ``bench``      speed beside peers, in one run: ``python -m gadfly.evals.bench``
- ``peers``      the other packages, each in an environment of its own
- ``scaling``    how cost grows: a patching sweep, the corpus, chats at once
- ``measuring``  guards, false positives, retrieval, the review of code
- ``reasoners``  scripted chat models of a known character
- ``tasks``      Inspect tasks, and the arms that they compare
- ``report``     one page, and the README's figures, from the files in ``results``
"""
