"""The numbers of Inspect's logs as a result file, for the report. The logs themselves stay where Inspect put them.

    python -m gadfly.evals.report.logs FOLDER [--json] [--no-write]

Of several logs of one task and model the newest counts. A log of a run that did not finish is left out, and said.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

from gadfly.errors import MissingExtraError, UsageError
from gadfly.evals.kit.script import script
from gadfly.evals.report.sections import text


def read(folder: Path = Path("logs")) -> dict[str, Any]:
    """The metrics of each task and model.

    Args:
        folder: where Inspect wrote

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


if __name__ == "__main__":
    script(read, partial(text, "inspect"), result="inspect")
