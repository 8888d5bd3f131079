"""Which token an answer is: the spelling that its prompt continues with.

After "The capital of France is" the answer "Paris" is " Paris": most tokenizers have both as tokens, and only the one
with the space is predicted there. So an answer is written as text would go on (:func:`gap`), and its token is what
tokenising prompt and answer together adds to the prompt. Two ways say it exactly: an answer that begins with a space is
taken as it stands, and ``id:NUMBER`` is the token of that number. Every token used is told (:meth:`Answers.notes`).
Leaves out answers of several tokens, which are refused.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from gadfly.errors import ToolInputError
from gadfly.tools.model import LocalModel
from gadfly.tools.tokens import bare, pieces

EXACT = "id:"
_SHOWN = 32
_NUMBERS = ".,:"  # within a number, a date or a time
_QUOTES = "\"'`*~"  # open and close alike
_OPERATORS = "=+-<>/&|^–—→"
_STYLED = _OPERATORS + ":;,"  # written with a space behind or without, as the author likes
_TIGHT = "\\_@"  # nothing is written between them and a word
_PART = "\N{REPLACEMENT CHARACTER}"  # how a token that ends within a character decodes
_TAIL = 40  # characters of a prompt that a message shows


def gap(prompt: str, answer: str) -> str:
    """What writing puts between a prompt and its continuation: one space, or nothing.

    Nothing: after white space, an opening bracket or quote; between digits; before punctuation; in scripts without
    spaces. After a colon, an arrow and the like: as the prompt did before, else nothing where an operator stands close
    to its word ("1+1="). A space otherwise.
    """
    if not prompt or not answer or prompt[-1].isspace() or not _in_word(answer[0]):
        return ""
    last, first = prompt[-1], answer[0]
    if _unspaced(last) or _unspaced(first):
        return ""
    if first.isdigit() and (last.isdigit() or (last in _NUMBERS and prompt[-2:-1].isdigit())):
        return ""
    if _in_word(last):
        return " "
    if last in _QUOTES:
        return "" if _opens(prompt.rstrip(_QUOTES)) else " "
    if last in _STYLED:
        before = _written_before(prompt)
        if before is not None:
            return before
        return "" if last in _OPERATORS and not _loose(prompt.rstrip(_OPERATORS)) else " "
    return "" if last in _TIGHT or unicodedata.category(last) in ("Ps", "Pi", "Sc") else " "


def _in_word(character: str) -> bool:
    """Letters, digits and the marks that belong to letters."""
    return unicodedata.category(character)[0] in "LNM"


def _unspaced(character: str) -> bool:
    """Of a script that is written without spaces (Korean is not), or its punctuation."""
    name = unicodedata.name(character, "")
    if unicodedata.east_asian_width(character) in "WF":
        return not name.startswith("HANGUL")
    return name.split(" ")[0] in ("THAI", "LAO", "KHMER", "MYANMAR")


def _opens(before: str) -> bool:
    """Whether a quote after this text opens."""
    return _loose(before) or unicodedata.category(before[-1]) in ("Ps", "Pi")


def _loose(before: str) -> bool:
    return not before or before[-1].isspace()


def _written_before(prompt: str) -> str | None:
    """What stands behind the prompt's last character where it last occurred like this; None if it did not."""
    last, loose = prompt[-1], _loose(prompt[:-1])
    for place in range(len(prompt) - 2, -1, -1):
        if prompt[place] != last or _loose(prompt[:place]) != loose:
            continue
        behind = prompt[place + 1]
        if last in _NUMBERS and behind.isdigit() and prompt[place - 1 : place].isdigit():
            continue
        return " " if behind.isspace() else ""
    return None


class Answers:
    """The answers of one experiment as tokens of its model, and what is to be said of them."""

    def __init__(self, model: LocalModel) -> None:
        self._model = model
        self._tokenizer = model.tokenizer
        self._special = [
            t.content for t in self._tokenizer.added_tokens_decoder.values() if t.special
        ]
        self._bodies: dict[str, list[int]] = {}
        self._told: dict[tuple[str, int], str] = {}
        """What was given and its token -> how it was spelled."""
        self._split: dict[str, str] = {}
        """Prompts that end within a token -> what stands there when the answer follows."""

    def id(self, prompt: str, answer: str, *, beside: str | None = None) -> int:
        """The one token that ``answer`` is when it follows ``prompt``.

        Args:
            beside: what the answer is to be told from; an error says where both begin with one token.

        Raises:
            ToolInputError: it is several tokens, or unknown; shows how it tokenises and the way out.
        """
        if answer.startswith(EXACT):
            token = self._numbered(answer)
            self._told[answer, token] = pieces(self._tokenizer, [token])[0]
            return token
        first, *others = self._spellings(prompt, answer)
        spelled, ids = first, self._after(prompt, first)
        if self._unknown(ids) and others:  # a word-level tokenizer knows no words written together
            spelled, ids = others[0], self._after(prompt, others[0])
        if len(ids) != 1 or self._unknown(ids):
            raise ToolInputError(self._refusal(prompt, spelled, ids, beside))
        self._told[answer, ids[0]] = spelled
        return ids[0]

    def ids(self, prompt: str, answers: Sequence[str]) -> list[int]:
        """The same for several answers of one prompt."""
        return [self.id(prompt, answer) for answer in answers]

    def notes(self) -> list[str]:
        """Every token used, and prompts after which no answer can follow naturally."""
        notes = []
        if self._told:
            told = [self._line(given, token) for given, token in self._told]
            more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
            changed = any("→" in each for each in told)
            how = (
                f" (→: spelled as the prompt continues; {EXACT}NUMBER takes that token)"
                if changed
                else ""
            )
            notes.append(f"answers as tokens: {', '.join(told[:_SHOWN])}{more}{how}")
        if self._split:
            prompt, joined = next(iter(self._split.items()))
            what = "space" if prompt[-1].isspace() else "character"
            notes.append(
                f"prompts that end within a token: {len(self._split)}, such as {_tail(prompt)}, where text goes on as "
                f"{joined!r}; what follows them is rarely what the model was trained on: leave out the last {what}"
            )
        return notes

    def _line(self, given: str, token: int) -> str:
        spelled = self._told[given, token]
        same = spelled == given or self._alone(given) == [token]
        if given.startswith(EXACT) or same:
            return f"{(spelled if given.startswith(EXACT) else given)!r} {token}"
        return f"{given!r} → {spelled!r} {token}"

    def _numbered(self, answer: str) -> int:
        number = answer.removeprefix(EXACT)
        size = int(self._model.module.get_output_embeddings().weight.shape[0])
        if not (number.isascii() and number.isdigit() and int(number) < size):
            raise ToolInputError(
                f"{answer!r} is no token of {self._model.name}: give {EXACT} and a number below {size} "
                "(gadfly tokenize shows them)"
            )
        return int(number)

    def _spellings(self, prompt: str, answer: str) -> list[str]:
        """As writing goes on first, the other one after it."""
        if not answer.strip():
            raise ToolInputError(
                "an answer is empty; give the token that follows, or its id:NUMBER"
            )
        if answer[0].isspace():
            return [answer]
        closed = any(prompt.endswith(text) for text in self._special)
        both = [answer, f" {answer}"]
        return both if closed or not gap(prompt, answer) else both[::-1]

    def _after(self, prompt: str, spelled: str) -> list[int]:
        """What the spelling adds to the prompt's tokens."""
        before = self._body(prompt)
        whole = bare(self._tokenizer, prompt + spelled)
        natural = whole
        if prompt[-1:] == " ":  # the space that the prompt has is the answer's
            natural = bare(self._tokenizer, prompt + spelled.lstrip())
        if natural[: len(before)] != before and not self._unknown(natural):
            first = next(i for i, each in enumerate(before) if natural[i : i + 1] != [each])
            self._split.setdefault(prompt, "|".join(pieces(self._tokenizer, natural[first:])))
        stands = whole[: len(before)] == before
        return whole[len(before) :] if stands else self._alone(spelled)

    def _unknown(self, ids: Sequence[int]) -> bool:
        return self._tokenizer.unk_token_id in ids

    def _alone(self, text: str) -> list[int]:
        """The tokens of a text as they stand within another one: some tokenizers put a space before a beginning."""
        line = self._body("\n")
        whole = bare(self._tokenizer, f"\n{text}")
        return whole[len(line) :] if whole[: len(line)] == line else bare(self._tokenizer, text)

    def _body(self, text: str) -> list[int]:
        if text not in self._bodies:
            self._bodies[text] = bare(self._tokenizer, text)
        return self._bodies[text]

    def _refusal(self, prompt: str, spelled: str, ids: Sequence[int], beside: str | None) -> str:
        cut = pieces(self._tokenizer, ids)
        start = f"an answer must be one token of {self._model.name}: after {_tail(prompt)}, {spelled!r} is {cut}"
        if self._whole_without_space(prompt, spelled):
            return (
                f"{start}. The space at the end of the prompt is the cause, for it begins the token {' ' + spelled!r}: "
                "leave it out"
            )
        if len(ids) == 2 and not cut[0].strip():
            return f"{start}. Let the prompt end with {cut[0]!r}, or choose another word"
        if cut and _PART in cut[0]:
            return f"{start}. Its first token is a part of a character: choose another word, or an {EXACT}NUMBER"
        first = f"{cut[0]!r}, {EXACT}{ids[0]}" if ids else "its spelling is empty"
        if ids and beside is not None and self._first(prompt, beside) == ids[0]:
            return (
                f"{start}. {beside!r} begins with the same token ({first}), so that token cannot tell them apart: "
                "choose other words"
            )
        return f"{start}. Choose another word, its first token ({first}), or another {EXACT}NUMBER"

    def _whole_without_space(self, prompt: str, spelled: str) -> bool:
        """Whether the answer is one token where the prompt does not end with a space."""
        if not prompt.endswith(" ") or not (before := prompt.rstrip(" ")):
            return False
        ids = self._after(before, f" {spelled.lstrip()}")
        return len(ids) == 1 and not self._unknown(ids)

    def _first(self, prompt: str, answer: str) -> int | None:
        """The token that an answer begins with, however many it is."""
        if answer.startswith(EXACT) or not answer.strip():
            return None
        return next(iter(self._after(prompt, self._spellings(prompt, answer)[0])), None)


def _tail(prompt: str) -> str:
    return repr(prompt if len(prompt) <= _TAIL else f"…{prompt[-_TAIL:]}")
