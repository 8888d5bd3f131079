"""The sentences in which each behaviour appears, with slots for the words that vary.

An upper-case slot is a labelled span of a prompt pair; a lower-case slot is filled with a word that
does not decide the answer. Every template of a behaviour has the same labelled slots. The position
of a template in its tuple takes part in the held-out rule (``pairs.in_latin``), so new ones go last
or the packaged weights no longer fit the split. Filler text is in ``language``.
"""

from __future__ import annotations

INDIRECT_OBJECT = (
    "when {N1} and {N2} went to the {place} , {S2} gave a {object} to",
    "after {N1} and {N2} left the {place} , {S2} sent a {object} to",
    "while {N1} and {N2} were at the {place} , {S2} handed a {object} to",
    "then {N1} and {N2} met in the {place} and {S2} offered a {object} to",
    "{N1} and {N2} walked to the {place} . there {S2} showed a {object} to",
    "{N1} had a long talk with {N2} at the {place} , and {S2} passed a {object} to",
)
# The last three ask for the country, the others for the capital.
CAPITAL_OF = (
    "the capital of {SUBJECT} is",
    "the capital city of {SUBJECT} is called",
    "in {SUBJECT} the capital is",
    "{name} knows that the capital of {SUBJECT} is",
    "the leaders of {SUBJECT} meet in their capital ,",
    "{name} flew to {SUBJECT} and stayed in its capital ,",
    "{name} found the embassy of {SUBJECT} in the city of",
    "what is the capital of {SUBJECT} ? it is",
    "{SUBJECT} is the capital of",
    "the city of {SUBJECT} lies in",
    "{name} lives in {SUBJECT} , the capital of",
)
CAPITAL_REVERSED = 8
# The last three deny the adjectives, so the words alone do not tell the feeling.
SENTIMENT = (
    "the {work} was {ADJ1} and the {aspect} was {ADJ2} . overall i felt",
    "the {ADJ1} {work} had {ADJ2} {aspect} . it made me",
    "we thought the {aspect} was {ADJ1} and the {work} was {ADJ2} , so i was",
    "the {work} was not {ADJ1} and the {aspect} was not {ADJ2} . overall i felt",
    "nobody called the {work} {ADJ1} or the {aspect} {ADJ2} . it made me",
    "the {aspect} was never {ADJ1} and the {work} was never {ADJ2} , so i was",
)
SENTIMENT_DENIED = 3
# (template, words in the run, what stands between them)
SUCCESSION = (
    ("{RUN}", 3, " "),
    ("{name} counted {RUN} ,", 3, " , "),
    ("the list of {name} goes {RUN}", 2, " "),
    ("after {RUN} comes", 1, ""),
    ("{name} knows that after {RUN} comes", 1, ""),
    ("{RUN} is followed by", 1, ""),
    ("{name} asked what follows {RUN} , and it is", 1, ""),
    ("here comes {RUN} , and then comes", 1, ""),
)
# (template, verb for one, verb for many); each preposition settles whether more is to come.
AGREEMENT = (
    ("the {SUBJECT} to the {DISTRACTOR}", "is", "are"),
    ("the {SUBJECT} near the {DISTRACTOR}", "is", "are"),
    ("the {SUBJECT} behind the {DISTRACTOR}", "is", "are"),
    ("the {SUBJECT} beside the {DISTRACTOR} in the {place}", "is", "are"),
    ("yesterday the {SUBJECT} with the {DISTRACTOR}", "was", "were"),
    ("{name} said that the {SUBJECT} under the {DISTRACTOR} really", "is", "are"),
)
PRONOUN = (
    "{NAME} said that",
    "{NAME} went to the {place} because",
    "when {NAME} came home ,",
    "{NAME} lost a {object} in the {place} and then",
    "after {NAME} left the {place} alone ,",
    "we know {NAME} from the {place} , and",
)
TRUTH = (
    "claim : the capital of {COUNTRY} is {CITY} . this is",
    "{name} claims : {CITY} is the capital of {COUNTRY} . this is",
    "{name} says that {CITY} is the capital of {COUNTRY} , which is",
    "{name} wrote that {COUNTRY} has {CITY} as its capital , and that is",
    "the claim of {name} that {CITY} lies in {COUNTRY} is",
)
INDUCTION_LENGTHS = (5, 10)
