"""Attacking a write-up before a reviewer does: every number to its run, every claim to its baseline, overclaims quoted.

- ``blocks``      the text as paragraphs with lines   - ``trace``      numbers and the runs behind them
- ``claims``      existence proof or method claim     - ``overclaims`` words that say more than an experiment can
- ``report``     types and the page                   - ``attack``     all of it in order, a model's attack last
"""
