"""Talking to language models.

- ``model``     the ``ChatModel`` protocol and what travels on it
- ``choose``    which model: keys, environment, command line
- ``provider``  the one road to every provider, over litellm
- ``scripted``  a model that says what it is told: ships for tests and evals
"""
