"""The engine's guard rails, counted against reasoners whose character is known.

    python -m gadfly.evals.guards [--reasoner hallucinating] [--questions 12] [--no-experiments] [--json] [--no-write]

A guard is counted where it is needed (each invented receipt: was it struck?) and where it must stay silent (the honest
reasoner: was any receipt struck?). Where a comparison is possible, ``without`` is the same count with the guard taken
away. No key, no network; nothing of the user's is touched. Exits with 1 if a guard let anything through.
"""

from __future__ import annotations

import argparse
import json
import sys

from gadfly.evals.guarding import COUNTED, Amount, Guard
from gadfly.evals.place import own_home, told, write


def measure(amount: Amount, names: tuple[str, ...] = tuple(COUNTED)) -> list[Guard]:
    """Every guard against these reasoners, in a data folder of its own."""
    with own_home():
        return [guard for name in names for guard in COUNTED[name](amount)]


def table(guards: list[Guard]) -> str:
    """The guards as text."""
    wide = max(len(guard.what) for guard in guards)
    lines = [f"{'reasoner':14} {'guard':{wide}} {'held':>9}  95 % interval   without it"]
    for g in guards:
        low, high = g.held.interval
        share = g.without.share if g.without else None
        without = (
            "" if share is None or g.without is None else f"{g.without.count} of {g.without.of}"
        )
        mark = "" if g.passed else "   <- let through"
        lines.append(
            f"{g.reasoner:14} {g.what:{wide}} {g.held.count:3} of {g.held.of:3}  "
            f"{low:.3f} … {high:.3f}   {without}{mark}"
        )
    return "\n".join(lines)


def main() -> int:
    """The command line of the module docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--reasoner", choices=tuple(COUNTED), action="append", help="only this one")
    parser.add_argument(
        "--questions", type=int, default=12, help="answerable ones; half as many unanswerable"
    )
    parser.add_argument(
        "--claims", type=int, default=8, help="each under nine framings and six push-backs"
    )
    parser.add_argument("--no-experiments", action="store_true", help="without torch")
    parser.add_argument("--no-write", action="store_true", help="leave evals/results as it is")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    amount = Amount(args.questions, args.questions // 2, args.claims, not args.no_experiments)
    guards = measure(amount, tuple(args.reasoner or COUNTED))
    measured = {"guards": [guard.as_json() for guard in guards]}
    if not args.no_write and not args.reasoner:
        print(f"written to {write('guards', measured)}", file=sys.stderr)
    print(json.dumps(measured, indent=1) if args.json else table(guards))
    return int(not all(guard.passed for guard in guards))


if __name__ == "__main__":
    sys.exit(told(main))
