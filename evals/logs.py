"""The numbers of Inspect's logs as a result file, for the report. The logs themselves stay where Inspect put them.

    python -m gadfly.evals.logs FOLDER [--json] [--no-write]

Of several logs of one task and model the newest counts. A log of a run that did not finish is left out, and said.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gadfly.errors import MissingExtraError, UsageError
from gadfly.evals.place import told, write


def read(folder: Path) -> dict[str, Any]:
    """The metrics of each task and model.

    Raises:
        MissingExtraError: inspect-ai is not installed.
        UsageError: the folder holds no finished log.
    """
    try:
        from inspect_ai.log import list_eval_logs, read_eval_log
    except ImportError:
        raise MissingExtraError("reading Inspect's logs", "evals") from None
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for info in sorted(list_eval_logs(str(folder)), key=lambda each: each.name):
        log = read_eval_log(info, header_only=True)
        if log.status != "success" or log.results is None:
            print(f"left out, {log.status}: {info.name}", file=sys.stderr)
            continue
        task, model = log.eval.task.rpartition("/")[2], log.eval.model
        found[task, model] = {
            "task": task,
            "model": model,
            "samples": log.results.completed_samples,
            "metrics": {
                _named(score.name, name, len(log.results.scores)): metric.value
                for score in log.results.scores
                for name, metric in score.metrics.items()
            },
        }
    if not found:
        raise UsageError(
            f"no finished log in {folder}; run: inspect eval evals/tasks/answering.py --model gadfly/honest"
        )
    return {"runs": list(found.values())}


def _named(score: str, metric: str, scores: int) -> str:
    plain = metric.removeprefix("grouped_").removeprefix(f"{score}: ").removeprefix("grouped_")
    return f"{score}: {plain}" if scores > 1 else plain


def main() -> int:
    """The command line of the module docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=Path("logs"),
        help="where Inspect wrote (default: logs)",
    )
    parser.add_argument("--no-write", action="store_true", help="leave evals/results as it is")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    measured = read(args.folder)
    if not args.no_write:
        print(f"written to {write('inspect', measured)}", file=sys.stderr)
    if args.json:
        print(json.dumps(measured, indent=1))
        return 0
    for run in measured["runs"]:
        print(f"{run['task']} with {run['model']}, {run['samples']} samples")
        for name, value in run["metrics"].items():
            print(f"  {name:40} {value:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(told(main))
