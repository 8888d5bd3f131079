"""Where people and programs come in. A face has no logic of its own: it asks a job or a session, and shows
what comes.

- ``cli``   the commands, and the door to the other faces    - ``chat``    the terminal conversation
- ``mcp``   the server for coding agents                     - ``github``  reviews of pull requests
- ``door``  the only way to a terminal
"""
