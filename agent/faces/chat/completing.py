"""What Tab offers: commands after ``/``, what a command takes, files after ``@``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from gadfly.agent.faces.chat.commands import COMMANDS, known
from gadfly.agent.faces.chat.dialogue import Dialogue
from gadfly.visible import name as seen


class ChatCompleter(Completer):
    """Completions for one chat."""

    def __init__(self, chat: Dialogue) -> None:
        self._chat = chat
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        before = document.text_before_cursor
        word = before.split("\n")[-1].rsplit(" ", 1)[-1]
        if word.startswith("@"):
            yield from self._path(word.removeprefix("@").removeprefix('"'), event)
        elif before.startswith("/") and "\n" not in before:
            name, space, rest = before[1:].partition(" ")
            yield from self._arguments(name, rest, event) if space else self._names(name)

    def _names(self, typed: str) -> Iterator[Completion]:
        for name, line in known(self._chat).items():
            if name.startswith(typed):
                yield Completion(
                    name, start_position=-len(typed), display="/" + name, display_meta=seen(line)
                )

    def _arguments(self, name: str, rest: str, event: CompleteEvent) -> Iterator[Completion]:
        command = COMMANDS.get(name)
        if command is None or command.completes is None:
            return
        *before, word = rest.split(" ")
        offered = command.completes(self._chat, before)
        if offered is None:
            yield from self._path(word, event)
            return
        for value, meta in offered.items():
            if value.startswith(word):
                yield Completion(
                    value, start_position=-len(word), display=seen(value), display_meta=seen(meta)
                )

    def _path(self, typed: str, event: CompleteEvent) -> Iterator[Completion]:
        for each in self._paths.get_completions(Document(typed, len(typed)), event):
            yield Completion(each.text, each.start_position, display=seen(each.display_text))
