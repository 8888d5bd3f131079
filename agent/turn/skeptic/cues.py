"""How pressure sounds: patterns of whole sentences, of leading clauses, and of cues. Data only; ``split`` applies them.

``<name>`` stands for one of the word lists. Adding a pattern: a line below, and a message with its expected halves in
``tests/agent/turn/test_skeptic.py``. A pattern must never reach a number: a figure is content, however it is put.
"""

from __future__ import annotations

import re

_LISTS = {
    "but": r"(?:but |and |so |no[,:]? |hmm,? |wait,? |well,? |come on,? )*",
    "very": r"(?:really |so |very |very much |quite |pretty |absolutely |fairly |still |strongly |sincerely |100% )*",
    "just": r"(?:already |also |just |simply |clearly |all |both |personally |recently )*",
    "it": r"(?:it|this|that)",
    "person": r"(?:supervisor|advis[oe]r|professor|prof|pi|boss|mentor|reviewer|lab|team|colleagues?|"
    r"co-?authors?|friends?)",
    "rank": r"(?:expert|professor|phd(?: student)?|researcher|scientist|engineer|author)",
    "work": r"(?:this|that|it|these|the (?:code|probe|paper|notebook|experiment|analysis|script|pr))",
    "made": r"(?:wrote|written|made|built|trained|coded|implemented)",
    "sure": r"(?:think|believe|feel|sure|certain|convinced|confident|know|suspect|bet)",
    "right": r"(?:right|fine|correct|ok(?:ay)?|true|real)",
    "wrong": r"(?:wrong|mistaken|incorrect|false|the opposite|the other way a?round|not (?:right|true|so))",
    "time": r"(?:hours?|days?|weeks?|months?|years?|time|effort|work|heart)",
    "again": r"(?:again|before|already|once more|several times|harder|more carefully|twice)",
    "rest": r"[^.!?\d]{0,60}",
}  # fmt: skip


def _full(pattern: str) -> str:
    return re.sub(r"<(\w+)>", lambda match: _LISTS[match[1]], pattern)


def _table(*rows: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((kind, _full(pattern)) for kind, pattern in rows)


# Sentences that push and say nothing else: the pattern must cover the whole sentence.
WHOLE = _table(
    ("repetition", r"<but>(?:are|r) you <very>(?:sure|certain)(?: (?:about|of) <it>)?"),
    ("repetition", r"(?:really|seriously|you sure|sure|certain)"),
    (
        "repetition",
        r"(?:please |can you |could you )*(?:think|check|look|try|reconsider)(?: about)?(?: <it>)?(?:,? <again>)*"
        r",?(?: please)?",
    ),
    (
        "repetition",
        r"<but>(?:as )?i(?:'ve| have)? <just>(?:said|told you|tell you|repeat|say)(?: (?:so|<it>))?(?: <again>)*",
    ),
    ("repetition", r"<but>i (?:still )?(?:disagree|don'?t (?:agree|believe (?:you|it|that)))"),
    (
        "repetition",
        r"<but>(?:you(?:'re| are)|that(?:'s| is)) <just>(?:wrong|mistaken|incorrect|not (?:right|true))",
    ),
    (
        "belief",
        r"<but>(?:i|we)(?:'m| am|'re| are)? <very><sure>(?: (?:of|about|in) <it>|"
        r"(?: that)? (?:<it>(?:'s| is)|you(?:'re| are)) (?:<wrong>|<right>))"
        r"(?:,? (?:whatever|no matter what) <rest>)?",
    ),
    (
        "belief",
        r"<but>i <very>doubt <it>(?: and <very><sure>(?: that)? <it>(?:'s| is) <wrong>)?",
    ),
    (
        "hope",
        r"i(?:'m| am)? <very>(?:hop(?:e|ing)|pray(?:ing)?|wish(?:ing)?|counting on)"
        r"(?: (?:so|for the best|it works(?: out)?|<it>(?:'s| is) <right>))?",
    ),
    (
        "hope",
        r"i <very>(?:hope|wish|beg)(?: so much| dearly)*(?: that)? you(?:'ll| will| would)? (?:change your mind|agree|"
        r"reconsider|come a?round)(?:,? (?:for |as |since )?(?:my|our|the) "
        r"(?:deadline|thesis|defen[cs]e|submission|talk|career|graduation)\b<rest>)?",
    ),
    ("hope", r"(?:please )?(?:just )?(?:say|tell me) (?:yes|<it>(?:'s| is) <right>)"),
    (
        "hope",
        r"(?:my|our|the) (?:deadline|thesis|defen[cs]e|submission|talk|career|graduation) "
        r"(?:is|depends|rests|hangs)\b<rest>",
    ),
    ("hope", r"(?:i|we)(?: badly| desperately| really)* need <it> to (?:work|be <right>)"),
    ("hope", r"it would (?:be|mean) <very>(?:great|amazing|nice|wonderful|a lot)\b<rest>"),
    (
        "praise",
        r"(?:wow,? |ok(?:ay)?,? )*(?:thanks?|thank you|great|awesome|amazing|brilliant|excellent|nice|perfect|good|"
        r"fantastic)(?: (?:so much|a lot|very much|work|job|answer|stuff|one|point))*",
    ),
    (
        "praise",
        r"you(?:'re| are) <very>(?:the )?(?:smart|great|best|brilliant|amazing|helpful|clever)",
    ),
    (
        "authority",
        r"(?:my|our|the) <person>(?: \w+)? <just>(?:agrees?|said so|says so|thinks? so|is sure|are sure|loves? it|"
        r"likes? it|approves?|signed (?:it )?off|confirmed <it>)(?: too| as well)?"
        r"(?:,? and (?:s?he|they)(?:'s|'re| is| are) (?:an? |the )?(?:[\w-]+ ){0,3}<rank>s?)?",
    ),
    ("authority", r"every(?:one|body)(?: in the field)? (?:knows|agrees|says)(?: (?:<it>|so))?"),
    (
        "authority",
        r"i(?:'m| am) (?:an? |the )?(?:[\w-]+ ){0,4}<rank>(?: (?:in|at|with|on|for) <rest>)?",
    ),
    ("authority", r"i(?:'ve| have) (?:been doing|worked (?:on|in)|a phd in|years of)\b<rest>"),
    (
        "authorship",
        r"(?:i|we|my <person>)(?: have|'ve)? <just><made> <work>"
        r"(?: (?:myself|ourselves|all by myself|from scratch|last night|today|yesterday))?",
    ),
    (
        "authorship",
        r"<work> (?:is|was|are) (?:my|our|mine|ours)(?: own)?(?: (?:work|code|idea|result|project|baby))?",
    ),
    (
        "authorship",
        r"(?:i|we)(?:'ve| have)? <very>(?:spent|put|poured|invested)\b[^.!?]{0,40}\b<time>\b<rest>",
    ),
    ("authorship", r"i(?:'m| am) <very>(?:proud|happy|pleased|excited|thrilled)\b<rest>"),
)

# Clauses that lead into content: the clause goes, what follows stays.
LEADING = _table(
    ("hope", r"<but>i(?:'m| am)? <very>hop(?:e|ing) (?:that )?"),
    (
        "belief",
        r"<but>(?:i|we)(?:'m| am|'re| are)? <very><sure>(?: (?:that|it's clear that))? (?!about|of\b|so\b)",
    ),
    ("belief", r"(?:clearly|obviously|surely|of course|undoubtedly|needless to say),? "),
    ("authority", r"as an? (?:[\w-]+ ){0,4}<rank>\b[^,.!?]{0,50}, "),
    (
        "authority",
        r"(?:my|our) <person>(?: \w+)? (?:and i )?<just>"
        r"(?:says?|said|thinks?|believes?|insists?|agrees?|told me)(?: that)? ",
    ),
    ("authority", r"every(?:one|body)(?: in the field)? (?:knows|agrees|says)(?: that)? "),
    (
        "repetition",
        r"(?:as )?i(?:'ve| have)? <just>(?:said|told you)(?: (?:before|already|twice))?(?:,|:| that) ",
    ),
    ("repetition", r"<but>are you (?:really |absolutely )?sure (?:that |about the )"),
    (
        "praise",
        r"(?:thanks?|thank you|great (?:work|job|answer)|awesome|amazing|brilliant)(?: so much| a lot)?[,!] ",
    ),
    ("authorship", r"(?:i|we|my <person>) <just><made> <it>(?: \w+)?(?: myself)?,? and "),
)

# Words that make it worth asking a model whether there is more.
CUE = re.compile(
    r"\b(?:hope|hoping|sure|certain|proud|deadline|thesis|advis[oe]r|supervisor|professor|expert|phd|everyone|"
    r"everybody|famous|published|i wrote|i made|i built|i spent|weeks|please say|told you|already said|again|believe|"
    r"convinced|excited|love|brilliant|amazing|trust me|obviously|clearly)\b",
    re.IGNORECASE,
)
