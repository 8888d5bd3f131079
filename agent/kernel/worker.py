"""What runs inside the sandbox: reads code as JSON lines, executes it, answers as JSON lines. Stands alone.

Limits are set before the first line of foreign code; a hard limit that was lowered cannot be raised again.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import resource
import sys
import traceback
from pathlib import Path
from typing import Any

_OUTPUT = 2_000_000  # characters kept of what one execution prints


def main() -> None:
    limits = json.loads(sys.stdin.readline())
    # stdout and stderr belong to the code; answers travel on a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _limit(limits)
    space = _space(limits)
    for line in sys.stdin:
        request = json.loads(line)
        space["_kept"].clear()
        answers.write(json.dumps(_run(request["code"], space)) + "\n")
        answers.flush()


def _limit(limits: dict[str, Any]) -> None:
    for name, value in (
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
        (resource.RLIMIT_NOFILE, 1024),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, limits["cpu_seconds"]),
    ):
        resource.setrlimit(name, (value, value))
    if limits["memory_bytes"]:
        resource.setrlimit(resource.RLIMIT_AS, (limits["memory_bytes"], limits["memory_bytes"]))


def _space(limits: dict[str, Any]) -> dict[str, Any]:
    """The names at hand."""
    kept: dict[str, float] = {}

    def keep(**numbers: float) -> None:
        """Name numbers, so that an answer can cite them."""
        kept.update({name: float(value) for name, value in numbers.items()})

    def load(name: str = limits["model"], **options: Any) -> Any:
        """The local model, as the experiments use it."""
        from gadfly.tools.model import load as load_model

        return load_model(name, **options)

    results = json.loads(Path(limits["results"]).read_text(encoding="utf-8"))
    return {
        "__name__": "__main__",
        "keep": keep,
        "load": load,
        "results": results,
        "artifacts": Path(limits["artifacts"]),
        "_kept": kept,
    }


def _run(code: str, space: dict[str, Any]) -> dict[str, Any]:
    output, value, error = io.StringIO(), "", ""
    try:
        tree = ast.parse(code)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            exec(compile(tree, "<code>", "exec"), space)
            if isinstance(last, ast.Expr):
                result = eval(compile(ast.Expression(last.value), "<code>", "eval"), space)
                value = "" if result is None else repr(result)
    except BaseException:
        error = traceback.format_exc(limit=-6)
    kept = space.get("_kept")
    return {
        "output": output.getvalue()[:_OUTPUT],
        "value": value[:_OUTPUT],
        "error": error,
        "numbers": dict(kept) if isinstance(kept, dict) else {},
    }


if __name__ == "__main__":
    main()
