"""Speed beside peers: one table of ratios, each taken within one run on one machine.

    python -m gadfly.evals.bench [--device auto] [--only patch,probe] [--peers] [--json] [--no-write]

Every row names what was measured, what it is compared with, and the ratio; the modules ``bench_*`` and ``peer_*`` say
how. Seconds of one machine mean little on another, ratios travel better. ``--peers`` (``make bench``) adds other
packages on the same weights, passages and cases: TransformerLens and pyvene, repeng, paper-qa, and ruff. All but the
last get environments of their own on first use, which takes minutes and some GB; without ``--peers`` the table says
that they are missing. How far the results of two packages differ is in the note. A measurement that cannot be taken
here is a row that says why.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from gadfly.corpus.index import Corpus
from gadfly.corpus.sources.guide import GuideSource
from gadfly.errors import GadflyError, UsageError
from gadfly.evals import bench_corpus, bench_patch, bench_probe, bench_steer
from gadfly.evals.place import own_home, told, write


class Row(NamedTuple):
    """``ratio`` is the peer's cost over ours: above 1 we are quicker. None where nothing was measured."""

    what: str
    beside: str
    ratio: float | None
    ours: str
    theirs: str
    note: str = ""


def patch(device: str) -> list[Row]:
    """A sweep over layers and positions beside the ways it is usually written."""
    found = []
    for pairs in (1, 16):
        measured = bench_patch.measure("demo", "capital-of", pairs, device, 3, 512)
        ours = measured["methods"]["engine"]["seconds"]
        found += [
            Row(
                f"patching sweep, {pairs} pair{'s'[: pairs > 1]}", name, method["times_engine"],
                f"{ours:.3f} s", f"{method['seconds']:.3f} s", f"largest difference {method['difference']:.0e}",
            )
            for name, method in measured["methods"].items()
            if name != "engine"
        ]  # fmt: skip
    return found


def probe(device: str) -> list[Row]:
    """Capture beside the bare forward, fits beside scikit-learn."""
    captured = bench_probe.measure_capture(8, 256, 200, device, 3)
    fits = bench_probe.measure_fits(8, 400, 1024, 50)
    return [
        Row(
            "activations of every layer", "the bare forward", captured["capture_throughput"],
            f"{captured['capture_s']:.3f} s", f"{captured['bare_forward_s']:.3f} s",
        ),
        Row(
            "probes, 8 layers x 6 strengths", "scikit-learn", fits["fit_speedup"],
            f"{fits['fit_s']:.2f} s", f"{fits['scikit_learn_s']:.2f} s",
            f"accuracy {fits['fit_accuracy']:.3f} and {fits['scikit_learn_accuracy']:.3f}",
        ),
        Row(
            "50 shuffled-label controls", "scikit-learn", fits["shuffles_speedup"],
            f"{fits['shuffles_s']:.2f} s", f"{fits['scikit_learn_shuffles_s']:.2f} s",
        ),
    ]  # fmt: skip


def steer(device: str) -> list[Row]:
    """Steered generation beside unsteered, a sweep beside plain forwards of the same rows."""
    from gadfly.tools.model import load

    found = bench_steer.measure(load("demo", device=device), 16, 24, 3, 512)
    seconds = found["seconds"]
    return [
        Row(
            what,
            beside,
            seconds[theirs] / seconds[ours],
            f"{seconds[ours]:.3f} s",
            f"{seconds[theirs]:.3f} s",
        )
        for what, beside, ours, theirs in (
            ("steered generation", "transformers, unsteered", "steered", "unsteered"),
            ("steering sweep, next token", "plain forwards of its rows", "sweep", "plain"),
            (
                "steering sweep, 8 new tokens",
                "transformers, same rows",
                "sweep generated",
                "plain generated",
            ),
        )
    ]


def corpus(device: str) -> list[Row]:
    """Search in the packaged guide beside plain FTS5 over the same passages."""
    return _searched("search in the guide, by words", words_only=True)


def search(device: str) -> list[Row]:
    """The same with vectors, and beside paper-qa: minutes, for every passage is embedded first."""
    from gadfly.evals.peers.environment import interpreter
    from gadfly.evals.peers.paper_qa import PAPER_QA

    return _searched("search in the guide", words_only=False, python=interpreter(PAPER_QA))


def _searched(what: str, *, words_only: bool, python: Path | None = None) -> list[Row]:
    with own_home(words_only=words_only) as place:
        # Vectors are made once, also for ``bench_corpus --guide``.
        index = Corpus.open(place / ("bench_guide" if words_only else "bench_corpus_1"))
        index.sync([GuideSource()])
        questions = bench_corpus.guide_questions()
        measured = bench_corpus.measure(index, questions, 2, python)["methods"]
    ours = measured["gadfly"]
    return [
        Row(
            what, name, method["median_ms"] / ours["median_ms"],
            f"{ours['median_ms']:.1f} ms", f"{method['median_ms']:.1f} ms",
            f"recall@10 {ours['recall@10']:.3f} and {method['recall@10']:.3f}",
        )
        for name, method in measured.items()
        if not name.startswith("gadfly")
    ]  # fmt: skip


def peer_patch(name: str, device: str) -> list[Row]:
    """The same sweep by another package on the same weights."""
    from gadfly.evals import peer_patch
    from gadfly.evals.peers.environment import interpreter

    peer = peer_patch.PEERS[name]
    found = peer_patch.compare(peer, "demo", "capital-of", 16, 5, device, interpreter(peer))
    return [
        Row(
            "patching sweep, 16 pairs", f"{name} {found['version']}", found["ratio"],
            f"{found['seconds']:.3f} s", f"{found['their_seconds']:.3f} s",
            f"largest difference {found['difference']:.0e}",
        )
    ]  # fmt: skip


def repeng(device: str) -> list[Row]:
    """Steered generation by repeng on the same weights, with the same vector."""
    from gadfly.evals import peer_steer
    from gadfly.evals.peers.environment import REPENG, interpreter

    found = peer_steer.compare("demo", None, 16, 24, 5, device, interpreter(REPENG))
    return [
        Row(
            "steered generation", f"repeng {found['version']}", found["ratio"],
            f"{found['tokens_per_second']:.0f} tok/s", f"{found['their_tokens_per_second']:.0f} tok/s",
            f"largest difference of a logit {found['difference']:.0e}, {found['same_tokens']:.1%} of tokens agree",
        )
    ]  # fmt: skip


def ruff(_: str) -> list[Row]:
    """The review's rules beside ruff, on the cases that are here."""
    from gadfly.evals import ruff_rules
    from gadfly.evals.review_rules import DEFAULT

    with ruff_rules.packaged() as folder:
        sets = {"packaged cases": ruff_rules.compare(folder, excerpts=True)}
    found = []
    if DEFAULT.is_dir():
        sets["review samples"] = ruff_rules.compare(DEFAULT)
    else:
        found.append(Row("review samples", "ruff", None, "", "", "not measured: they are not here"))
    for name, (ours, *others) in sets.items():
        found += [
            Row(
                f"review of {name}, bugs named {ours.named} and {theirs.named} of {ours.bugs}",
                theirs.tool, theirs.seconds / ours.seconds,
                f"{1000 * ours.seconds:.0f} ms", f"{1000 * theirs.seconds:.0f} ms",
                f"reacted to {ours.gone} and {theirs.gone} of {ours.bugs}; quiet on {ours.quiet} and {theirs.quiet} "
                f"of {ours.others} files without the bug",
            )
            for theirs in others
        ]  # fmt: skip
    return found


_PARTS: dict[str, Callable[[str], list[Row]]] = {
    "patch": patch,
    "probe": probe,
    "steer": steer,
    "corpus": corpus,
}
_PEERS: dict[str, Callable[[str], list[Row]]] = {
    "transformer-lens": partial(peer_patch, "transformer-lens"),
    "pyvene": partial(peer_patch, "pyvene"),
    "repeng": repeng,
    "search": search,
    "ruff": ruff,
}


def measure(device: str = "auto", only: str | None = None, peers: bool = False) -> list[Row]:
    """All rows. A part that fails is one row with the reason.

    Args:
        only: some parts, separated by commas; a peer may be among them.

    Raises:
        UsageError: a part that does not exist.
    """
    every = {**_PARTS, **_PEERS}
    chosen = only.split(",") if only else [*_PARTS, *(_PEERS if peers else ())]
    for name in chosen:
        if name not in every:
            raise UsageError(f"no benchmark {name!r}; there are: {', '.join(every)}")
    found: list[Row] = []
    for name in chosen:
        try:
            found += every[name](device)
        except (GadflyError, ImportError) as error:
            found.append(Row(name, "", None, "", "", f"not measured: {error}"))
        print(f"{name}: done", file=sys.stderr)
    if not only and not peers:
        found.append(
            Row("other packages", ", ".join(_PEERS), None, "", "", "not measured: add --peers")
        )
    return found


def table(found: list[Row]) -> str:
    """The rows as text."""
    wide = max(len(row.what) for row in found)
    beside = max(len(row.beside) for row in found)
    return "\n".join(
        f"{row.what:{wide}}  {row.beside:{beside}}  "
        + (
            f"{row.ratio:7.2f} x   {row.ours:>9} beside {row.theirs:>9}   {row.note}"
            if row.ratio
            else row.note
        )
        for row in found
    )


def main() -> int:
    """The command line of the module docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda")
    parser.add_argument("--only", help=f"some of: {', '.join([*_PARTS, *_PEERS])}")
    parser.add_argument(
        "--peers", action="store_true", help=f"also beside {', '.join(_PEERS)}; minutes at first"
    )
    parser.add_argument("--no-write", action="store_true", help="leave evals/results as it is")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = measure(args.device, args.only, args.peers)
    measured = {"rows": [row._asdict() for row in found]}
    if not args.no_write and not args.only:
        print(
            f"written to {write('bench', measured, device=_device(args.device))}", file=sys.stderr
        )
    print(json.dumps(measured, indent=1) if args.json else table(found))
    return 0


def _device(name: str) -> str:
    import torch

    return name if name != "auto" else "cuda:0" if torch.cuda.is_available() else "cpu"


if __name__ == "__main__":
    sys.exit(told(main))
