"""The terminal chat: a prompt, turns that stream, slash commands. A face: it knows nothing of interpretability.

- ``talk``       the dialogue: read, send, show, ask for approval; Ctrl-C stops the turn and keeps the chat
- ``commands``   slash commands, one function each; its docstring is its help
- ``dialogue``   what a command works on: session, settings, terminal
- ``prompt``     the input line: history, several lines, keys      - ``completing`` what Tab offers
- ``attach``     ``@file`` and the like: material that goes along   - ``shell``      ``!command``, off by default
- ``screen``     a turn on a console as it happens                 - ``lines``      one event as words
- ``figures``    links and inline images                           - ``once``       a single turn, for scripts

What prints answers and runs the other commands of ``gadfly`` is lent by the command line (``Terminal``).
"""
