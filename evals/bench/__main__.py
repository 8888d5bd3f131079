"""Speed beside peers: one table of ratios, each taken within one run on one machine.

    python -m gadfly.evals.bench [--device auto] [--only patch,probe] [--peers] [--json] [--no-write]

Every row names what was measured, what it is compared with, and the ratio; the modules beside this one say
how. Seconds of one machine mean little on another, ratios travel better. ``--peers`` (``make bench``) adds other
packages on the same weights, passages and cases: TransformerLens and pyvene, repeng, paper-qa, and ruff. All but the
last get environments of their own on first use, which takes minutes and some GB; without ``--peers`` the table says
that they are missing. How far the results of two packages differ is in the note. A measurement that cannot be taken
here is a row that says why.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from gadfly.corpus.index import Corpus
from gadfly.corpus.sources.guide import GuideSource
from gadfly.errors import GadflyError
from gadfly.evals.bench import corpus, lens, load, patch, peer_patch, peer_steer, probe, ruff, steer
from gadfly.evals.kit.place import own_home
from gadfly.evals.kit.script import known, script
from gadfly.evals.measuring.cases import DEFAULT, packaged
from gadfly.evals.report.sections import text

_SKLEARN = "scikit-learn"


class Row(NamedTuple):
    """``ratio`` is the peer's cost over ours: above 1 we are quicker. None where nothing was measured."""

    what: str
    beside: str
    ratio: float | None
    ours: str
    theirs: str
    note: str = ""


def missing(what: str, beside: str, why: object) -> Row:
    """A row without a measurement."""
    return Row(what, beside, None, "", "", f"not measured: {why}")


def timed(
    what: str, beside: str, theirs: float, ours: float, form: str = "{:.3f} s", note: str = ""
) -> Row:
    """A row of two times, both written in ``form``."""
    return Row(what, beside, theirs / ours, form.format(ours), form.format(theirs), note)


def patching(device: str) -> list[Row]:
    """A sweep over layers and positions beside the ways it is usually written."""
    found = []
    for pairs in (1, 16):
        methods = patch.measure(n=pairs, device=device, rounds=3)["methods"]
        what, ours = f"patching sweep, {pairs} pair{'s'[: pairs > 1]}", methods["engine"]["seconds"]
        for name, method in methods.items():
            note = f"largest difference {method['difference']:.0e}"
            if name != "engine":
                found.append(timed(what, name, method["seconds"], ours, note=note))
    return found


def loading(_: str) -> list[Row]:
    """The demo loaded, on files that are new here and again, beside transformers."""
    seconds = load.measure(rounds=3)["seconds"]
    return [
        timed(what, beside, seconds[theirs], seconds[ours])
        for what, beside, ours, theirs in (
            ("loading again", "from_pretrained", "later", "plain"),
            ("loading for the first time, checked", "from_pretrained", "first", "plain"),
            ("loading for the first time, checked", "it and one forward", "first", "used"),
        )
    ]


def reading(_: str) -> list[Row]:
    """A logit lens beside one forward over the same prompts."""
    found = lens.measure(rounds=3)
    return [
        timed(f"logit lens, {each['tokens']} tokens", "one forward", *both)
        for each in (found["short"], found["long"])
        if (both := (each["seconds"]["forward"], each["seconds"]["lens"]))
    ]


def probing(device: str) -> list[Row]:
    """Capture beside the bare forward, fits beside scikit-learn."""
    found = probe.measure(8, 256, 200, device, 3, 8, 400, 1024, 50)
    accuracy = f"accuracy {found['fit_accuracy']:.3f} and {found['scikit_learn_accuracy']:.3f}"
    bare, ours = found["bare_forward_s"], found["capture_s"]
    theirs, fits = found["scikit_learn_s"], found["fit_s"]
    shuffles = found["scikit_learn_shuffles_s"], found["shuffles_s"]
    return [
        timed("activations of every layer", "the bare forward", bare, ours),
        timed("probes, 8 layers x 6 strengths", _SKLEARN, theirs, fits, "{:.2f} s", accuracy),
        timed("50 shuffled-label controls", _SKLEARN, *shuffles, "{:.2f} s"),
    ]


def steering(device: str) -> list[Row]:
    """Steered generation beside unsteered, a sweep beside plain forwards of the same rows."""
    seconds = steer.measure(device=device, rounds=3)["seconds"]
    generated = "transformers, same rows"
    return [
        timed(what, beside, seconds[theirs], seconds[ours])
        for what, beside, ours, theirs in (
            ("steered generation", "transformers, unsteered", "steered", "unsteered"),
            ("steering sweep, next token", "plain forwards of its rows", "sweep", "plain"),
            ("steering sweep, 8 new tokens", generated, "sweep generated", "plain generated"),
        )
    ]


def by_words(_: str) -> list[Row]:
    """Search in the packaged guide beside plain FTS5 over the same passages."""
    return _searched("search in the guide, by words", words_only=True)


def search(_: str) -> list[Row]:
    """The same with vectors, and beside paper-qa: minutes, for every passage is embedded first."""
    from gadfly.evals.peers.environment import interpreter
    from gadfly.evals.peers.paper_qa import PAPER_QA

    return _searched("search in the guide", words_only=False, python=interpreter(PAPER_QA))


def _searched(what: str, *, words_only: bool, python: Path | None = None) -> list[Row]:
    with own_home(words_only=words_only) as place:
        # Vectors are made once, also for ``bench.corpus --guide``.
        index = Corpus.open(place / ("bench_guide" if words_only else "bench_corpus_1"))
        index.sync([GuideSource()])
        methods = corpus.measure(index, corpus.guide_questions(), 2, python)["methods"]
    ours = methods["gadfly"]
    found = []
    for name, method in methods.items():
        note = f"recall@10 {ours['recall@10']:.3f} and {method['recall@10']:.3f}"
        if not name.startswith("gadfly"):
            times = method["median_ms"], ours["median_ms"]
            found.append(timed(what, name, *times, "{:.1f} ms", note))
    return found


def patching_by(name: str, device: str) -> list[Row]:
    """The same sweep by another package on the same weights."""
    peer = peer_patch.PEERS[name]
    found = peer_patch.compare(peer, "demo", "capital-of", 16, 5, device)
    beside, note = f"{name} {found['version']}", f"largest difference {found['difference']:.0e}"
    times = found["their_seconds"], found["seconds"]
    return [timed("patching sweep, 16 pairs", beside, *times, note=note)]


def repeng(device: str) -> list[Row]:
    """Steered generation by repeng on the same weights, with the same vector."""
    found = peer_steer.measure(device=device)
    ours, theirs = found["tokens_per_second"], found["their_tokens_per_second"]
    note = f"largest difference of a logit {found['difference']:.0e}, {found['same_tokens']:.1%} of tokens agree"
    speeds = f"{ours:.0f} tok/s", f"{theirs:.0f} tok/s"
    return [Row("steered generation", f"repeng {found['version']}", found["ratio"], *speeds, note)]


def reviewing(_: str) -> list[Row]:
    """The review's rules beside ruff, on the cases that are here."""
    with packaged() as folder:
        sets = {"packaged cases": ruff.compare(folder, excerpts=True)}
    found = []
    if DEFAULT.is_dir():
        sets["review samples"] = ruff.compare(DEFAULT)
    else:
        found.append(missing("review samples", "ruff", "they are not here"))
    for name, (ours, *others) in sets.items():
        for theirs in others:
            bugs, files = ours.bugs, ours.others
            what = f"review of {name}, bugs named {ours.named} and {theirs.named} of {bugs}"
            note = (
                f"reacted to {ours.gone} and {theirs.gone} of {bugs}; quiet on {ours.quiet} and {theirs.quiet} "
                f"of {files} files without the bug"
            )
            times = 1000 * theirs.seconds, 1000 * ours.seconds
            found.append(timed(what, theirs.tool, *times, "{:.0f} ms", note))
    return found


Parts = dict[str, Callable[[str], list[Row]]]
_PARTS: Parts = {"load": loading, "patch": patching, "lens": reading, "probe": probing}
_PARTS |= {"steer": steering, "corpus": by_words}
_PEERS: Parts = {name: partial(patching_by, name) for name in peer_patch.PEERS}
_PEERS |= {"repeng": repeng, "search": search, "ruff": reviewing}


def measure(
    device: str = "auto", only: tuple[str, ...] = (), peers: bool = False
) -> dict[str, Any]:
    """All rows. A part that fails is one row with the reason.

    Args:
        device: auto, cpu, cuda
        only: some of load, patch, lens, probe, steer, corpus and the peers
        peers: also beside transformer-lens, pyvene, repeng, search, ruff; minutes at first

    Raises:
        UsageError: a part that does not exist.
    """
    every = {**_PARTS, **_PEERS}
    chosen = known(only, every, "benchmark") if only else [*_PARTS, *(_PEERS if peers else ())]
    found: list[Row] = []
    for name in chosen:
        try:
            found += every[name](device)
        except (GadflyError, ImportError) as error:
            found.append(missing(name, "", error))
        print(f"{name}: done", file=sys.stderr)
    if not only and not peers:
        found.append(missing("other packages", ", ".join(_PEERS), "add --peers"))
    return {"rows": [row._asdict() for row in found]}


if __name__ == "__main__":
    script(measure, partial(text, "bench"), result="bench", parts=["only"])
