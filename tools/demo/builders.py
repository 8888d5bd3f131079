"""One function per behaviour: a random clean/corrupt pair of it, in the asked split.

Each takes a random generator, the split and a *side* (0 or 1): behaviours with a label return a
pair whose clean prompt has that label, so that callers can balance classes. What a behaviour means
and how it is described to other tools is in ``behaviours``; positions and splits are in ``pairs``,
words and sentences in ``words``.
"""

from __future__ import annotations

from random import Random

from gadfly.tools.demo import words as w
from gadfly.tools.demo.pairs import (
    BOS_TOKENS,
    Pair,
    Split,
    fill,
    in_latin,
    make_pair,
    partner,
    pick,
)


def _free(rng: Random) -> dict[str, str]:
    """Words for the slots that do not decide the answer."""
    return {
        "name": rng.choice(w.NAMES),
        "place": rng.choice(w.PLACES),
        "object": rng.choice(w.OBJECTS),
        "work": rng.choice(w.WORKS),
        "aspect": rng.choice(w.ASPECTS),
    }


def indirect_object(rng: Random, split: Split, side: int) -> Pair:
    """Side 1: the indirect object is named first. Corrupt: the other name is the giver."""
    template = rng.choice(w.INDIRECT_OBJECT)
    first, second = ("{IO}", "{S1}") if side else ("{S1}", "{IO}")
    template = template.replace("{N1}", first).replace("{N2}", second)
    io, recipient = pick(rng, w.NAMES)
    giver = w.NAMES[partner(rng, split, io, len(w.NAMES), w.NAME_CLUSTER)]
    return make_pair(
        template,
        shared={**_free(rng), "IO": recipient, "S1": giver},
        clean={"S2": giver},
        corrupt={"S2": recipient},
        answer=recipient,
        wrong=giver,
        group=f"names-{io // w.NAME_CLUSTER}",
        label=side,
    )


def capital_of(rng: Random, split: Split, _side: int) -> Pair:
    """Country to capital and back. Corrupt: another country (or capital) in the same sentence."""
    number, template = pick(rng, w.CAPITAL_OF)
    allowed = [i for i in range(len(w.CAPITALS)) if in_latin(split, number, i)]
    one, other = (w.CAPITALS[i] for i in rng.sample(allowed, 2))
    ask, told = (1, 0) if number >= w.CAPITAL_REVERSED else (0, 1)
    return make_pair(
        template,
        shared=_free(rng),
        clean={"SUBJECT": one[ask]},
        corrupt={"SUBJECT": other[ask]},
        answer=one[told],
        wrong=other[told],
        group=one[0],
    )


def sentiment(rng: Random, split: Split, side: int) -> Pair:
    """Side 1: a good review. Corrupt: both adjectives of the opposite valence."""
    number, template = pick(rng, w.SENTIMENT)
    denied = number >= w.SENTIMENT_DENIED
    size, count = w.VALENCE_CLUSTER, len(w.POSITIVE)
    one = rng.randrange(count)
    other = partner(rng, split, one, count, size)
    # The opposite pair is drawn from the same clusters, so it is held out exactly when this one is.
    mirror_one = one // size * size + rng.randrange(size)
    mirror_other = other // size * size + rng.randrange(size)
    while mirror_other == mirror_one:
        mirror_other = other // size * size + rng.randrange(size)
    said, opposite = (w.POSITIVE, w.NEGATIVE) if side != denied else (w.NEGATIVE, w.POSITIVE)
    return make_pair(
        template,
        shared=_free(rng),
        clean={"ADJ1": said[one], "ADJ2": said[other]},
        corrupt={"ADJ1": opposite[mirror_one], "ADJ2": opposite[mirror_other]},
        answer="happy" if side else "sad",
        wrong="sad" if side else "happy",
        group=f"adjectives-{one // size}",
        label=side,
    )


def induction(rng: Random, _split: Split, _side: int) -> Pair:
    """A random sequence, then one of its words again. Corrupt: what followed it is elsewhere.

    The sequence is fresh in every call, so both splits are the same here. Clean and corrupt hold
    the same words: which of them occur does not tell the answer, only their order does.
    """
    length = rng.randint(*w.INDUCTION_LENGTHS)
    sequence = rng.sample(w.POOL, length)
    while True:
        a, c = rng.sample(range(length - 1), 2)
        if abs(a - c) > 1:  # else B and C (or D and A) would be the same word
            break
    b, d = a + 1, c + 1
    swapped = list(sequence)
    swapped[b], swapped[d] = sequence[d], sequence[b]
    prompt, spans = fill(" ".join([*sequence, sequence[a]]), {})
    for name, index in (("A1", a), ("B", b), ("C", c), ("D", d)):
        spans[name] = (index + BOS_TOKENS, index + BOS_TOKENS + 1)
    corrupt = " ".join([*swapped, sequence[a]])
    return Pair(prompt, corrupt, sequence[b], sequence[d], sequence[a], spans)


def succession(rng: Random, split: Split, _side: int) -> Pair:
    """What comes next in a counted series. Corrupt: another place in the same series."""
    ends: list[int] = []
    while len(ends) < 2:  # a short series may have a single held-out place in this template
        number, (template, run, between) = pick(rng, w.SUCCESSION)
        base, (series, cyclic) = pick(rng, w.SERIES)
        first, last = (0, len(series)) if cyclic else (run - 1, len(series) - 1)
        ends = [i for i in range(first, last) if in_latin(split, number, base + i)]
    one, other = rng.sample(ends, 2)

    def words(end: int) -> str:
        # Negative indices wrap around, which only a cyclic series reaches.
        return between.join(series[i] for i in range(end - run + 1, end + 1))

    return make_pair(
        template,
        shared=_free(rng),
        clean={"RUN": words(one)},
        corrupt={"RUN": words(other)},
        answer=series[(one + 1) % len(series)],
        wrong=series[(other + 1) % len(series)],
        group=series[one],
    )


def agreement(rng: Random, split: Split, side: int) -> Pair:
    """Side 1: a plural subject, with a noun of either number in between. Corrupt: its number."""
    template, one, many = rng.choice(w.AGREEMENT)
    subject, forms = pick(rng, w.NOUNS)
    between = w.NOUNS[partner(rng, split, subject, len(w.NOUNS), w.NOUN_CLUSTER)]
    verbs = (one, many)
    return make_pair(
        template,
        shared={**_free(rng), "DISTRACTOR": rng.choice(between)},
        clean={"SUBJECT": forms[side]},
        corrupt={"SUBJECT": forms[1 - side]},
        answer=verbs[side],
        wrong=verbs[1 - side],
        group=f"nouns-{subject // w.NOUN_CLUSTER}",
        label=side,
    )


def pronoun(rng: Random, split: Split, side: int) -> Pair:
    """Side 1: a girl's name. Corrupt: a boy's name, and the other way round."""
    number, template = pick(rng, w.PRONOUN)
    allowed = [name for i, name in enumerate(w.NAMES) if in_latin(split, number, i)]
    girl = rng.choice([name for name in allowed if name in w.FEMALE])
    boy = rng.choice([name for name in allowed if name not in w.FEMALE])
    clean, corrupt = (girl, boy) if side else (boy, girl)
    return make_pair(
        template,
        shared=_free(rng),
        clean={"NAME": clean},
        corrupt={"NAME": corrupt},
        answer="she" if side else "he",
        wrong="he" if side else "she",
        group=clean,
        label=side,
    )


def truth(rng: Random, split: Split, side: int) -> Pair:
    """Side 1: a true statement about a capital. Corrupt: the statement with another city.

    Held out twice: the country never met this template in training, nor this wrong city at all.
    """
    number, template = pick(rng, w.TRUTH)
    allowed = [i for i in range(len(w.CAPITALS)) if in_latin(split, number, i)]
    index = rng.choice(allowed)
    country, city = w.CAPITALS[index]
    false = w.CAPITALS[partner(rng, split, index, len(w.CAPITALS), w.CAPITAL_CLUSTER)][1]
    cities = (false, city)
    return make_pair(
        template,
        shared={**_free(rng), "COUNTRY": country},
        clean={"CITY": cities[side]},
        corrupt={"CITY": cities[1 - side]},
        answer="true" if side else "false",
        wrong="false" if side else "true",
        group=f"countries-{index // w.CAPITAL_CLUSTER}",
        label=side,
    )
