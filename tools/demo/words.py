"""The word lists of the demo language: lower case, one token each.

Covers names, nouns, adjectives, the capitals (true facts) and the counted series. Templates live in
``builders`` and ``language``. Positions in these tuples carry meaning: a word's *cluster* is its
index divided by a cluster size, and clusters decide what is held out of training (``pairs``).
Reordering a list therefore changes the split, and the packaged weights no longer fit it.
"""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Girl's and boy's names alternate, so that every cluster and every fifth name holds both.
_GIRLS = _words(
    "mary anna emma alice sarah laura julia helen ruth jane kate lucy clara diana nora "
    "susan karen lisa maria eva olivia amy martha judith ellen irene nina paula rachel sophie"
)
_BOYS = _words(
    "john tom peter paul james david robert henry george simon martin oliver daniel thomas jack "
    "michael kevin brian eric adam samuel philip edward arthur victor leo oscar hugo felix stephen"
)
NAMES: tuple[str, ...] = tuple(name for pair in zip(_GIRLS, _BOYS, strict=True) for name in pair)
FEMALE: frozenset[str] = frozenset(_GIRLS)
NAME_CLUSTER = 6

PLACES: tuple[str, ...] = _words(
    "shop store park school office station garden library market museum restaurant beach "
    "hospital bank church cafe"
)
OBJECTS: tuple[str, ...] = _words(
    "book drink ball letter ring pen gift ticket coin bag cup hat map basket lamp camera"
)

# (country, capital): one word each, and not in dispute. Countries with a two-word name or capital,
# with two seats of government, or with a contested one are left out.
CAPITALS: tuple[tuple[str, str], ...] = (
    ("france", "paris"), ("italy", "rome"), ("spain", "madrid"), ("germany", "berlin"),
    ("england", "london"), ("russia", "moscow"), ("china", "beijing"), ("japan", "tokyo"),
    ("egypt", "cairo"), ("greece", "athens"), ("portugal", "lisbon"), ("austria", "vienna"),
    ("poland", "warsaw"), ("sweden", "stockholm"), ("norway", "oslo"), ("finland", "helsinki"),
    ("denmark", "copenhagen"), ("ireland", "dublin"), ("hungary", "budapest"), ("cuba", "havana"),
    ("peru", "lima"), ("canada", "ottawa"), ("kenya", "nairobi"), ("turkey", "ankara"),
    ("iran", "tehran"), ("iraq", "baghdad"), ("thailand", "bangkok"), ("vietnam", "hanoi"),
    ("ukraine", "kyiv"), ("belgium", "brussels"), ("bulgaria", "sofia"), ("romania", "bucharest"),
    ("serbia", "belgrade"), ("croatia", "zagreb"), ("latvia", "riga"), ("estonia", "tallinn"),
    ("iceland", "reykjavik"), ("morocco", "rabat"), ("ghana", "accra"), ("syria", "damascus"),
    ("jordan", "amman"), ("lebanon", "beirut"), ("nepal", "kathmandu"), ("colombia", "bogota"),
    ("australia", "canberra"),
)  # fmt: skip
CAPITAL_CLUSTER = 5

POSITIVE: tuple[str, ...] = _words(
    "great superb wonderful excellent brilliant good lovely delightful charming amazing fantastic "
    "beautiful perfect marvelous splendid clever funny graceful moving inspired elegant bold vivid "
    "gripping thrilling touching dazzling magical joyful pleasant stunning terrific gorgeous "
    "radiant witty sublime impressive refreshing captivating enchanting"
)
NEGATIVE: tuple[str, ...] = _words(
    "awful terrible horrible dreadful boring bad dull poor weak ugly clumsy tedious lifeless "
    "shallow annoying painful messy stupid bland sloppy dreary ghastly hideous pathetic tiresome "
    "wooden stale lame grim vulgar rotten miserable confusing disappointing ridiculous pointless "
    "lazy flat hollow unbearable"
)
VALENCE_CLUSTER = 5
WORKS: tuple[str, ...] = _words("film movie play show concert novel series opera")
ASPECTS: tuple[str, ...] = _words(
    "acting music plot cast dialogue script ending dancing singing lighting"
)

# (singular, plural)
NOUNS: tuple[tuple[str, str], ...] = tuple(
    (noun, plural)
    for noun, _, plural in (
        entry.partition(":")
        for entry in _words(
            "key:keys cabinet:cabinets teacher:teachers dog:dogs window:windows door:doors "
            "doctor:doctors car:cars tree:trees house:houses painter:painters bird:birds "
            "box:boxes table:tables farmer:farmers cat:cats bottle:bottles bridge:bridges "
            "student:students horse:horses flower:flowers wall:walls guard:guards ship:ships "
            "clock:clocks tower:towers child:children mouse:mice basin:basins chair:chairs "
            "king:kings cow:cows mirror:mirrors gate:gates pilot:pilots rabbit:rabbits "
            "picture:pictures river:rivers singer:singers wolf:wolves"
        )
    )
)
NOUN_CLUSTER = 5
TRAITS: tuple[str, ...] = _words(
    "old new small big red blue green white black clean dirty heavy quiet strange"
)

# Each series in order, and whether its last word is followed by its first.
SERIES: tuple[tuple[tuple[str, ...], bool], ...] = (
    (
        _words(
            "one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
            "fifteen sixteen seventeen eighteen nineteen twenty"
        ),
        False,
    ),
    (_words("monday tuesday wednesday thursday friday saturday sunday"), True),
    (
        _words(
            "january february march april may june july august september october november december"
        ),
        True,
    ),
    (
        _words("first second third fourth fifth sixth seventh eighth ninth tenth"),
        False,
    ),
)

VERBS: tuple[str, ...] = _words(
    "saw found liked painted moved watched wanted followed carried remembered"
)
ADVERBS: tuple[str, ...] = _words("today slowly quickly again yesterday often")

# What random sequences are drawn from: content words of every kind, so that nothing but the
# sequence itself tells which word comes next.
POOL: tuple[str, ...] = (
    *NAMES, *PLACES, *OBJECTS, *POSITIVE, *NEGATIVE, *TRAITS,
    *(noun for forms in NOUNS for noun in forms),
)  # fmt: skip
