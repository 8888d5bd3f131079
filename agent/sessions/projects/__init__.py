"""Following a project up: a folder to work in, a log with sealed predictions, and the uncomfortable questions.

- ``state``     what a project folder knows of itself (``project.json``)
- ``folder``    starting one: README, notebook, log, write-up
- ``notebook``  the first notebook            - ``log``    entries and sealed predictions
- ``check``     questions from log, write-up and ledger   - ``retro``  looking back
"""
