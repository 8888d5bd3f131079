"""Following a project up: a folder to work in, a log with sealed predictions, and the uncomfortable questions.

- ``state``     what a project folder knows of itself (``project.json``)
- ``folder``    starting one: README, first notebook, log, write-up
- ``log``       entries and sealed predictions
- ``check``     questions from log, write-up and ledger; looking back
"""
