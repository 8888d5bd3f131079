"""The one door to the terminal: whatever a person reads of Gadfly goes through here, and so comes out harmless.

- ``streams``  standard output and error, guarded for good, so that what libraries, click, warnings and tracebacks
               write is made visible too; lines and JSON; what a workflow of GitHub would obey is broken
- ``screen``   a rich console without markup, emoji codes and links, which cleans every piece of text it writes;
               only its own colours and cursor movements pass
- ``typing``   the same for the chat's input line

``tests/test_architecture.py`` holds that nothing else prints, ``tests/agent/faces/door`` feeds every command.
"""

from gadfly.agent.faces.door.streams import command, install, say, say_json, tell

__all__ = ["command", "install", "say", "say_json", "tell"]
