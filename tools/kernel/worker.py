"""What runs inside the sandbox: reads code as JSON lines, executes it, answers as JSON lines. Stands alone.

Each answer carries the id of its request. The code shares this process and may break it: then it ends, and the other
side says so. ``enter`` has set the limits before this starts.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import math
import os
import sys
import traceback
from pathlib import Path
from typing import Any

_OUTPUT = 2_000_000  # characters kept of what one execution prints
_SHORT = 100_000  # of its value, and of its error
_CUT = "\n[cut]"
_NAMES = 1000  # numbers that one execution may keep


def main() -> None:
    # The code's own input is empty, its own output nowhere; requests and answers travel on descriptors of their own.
    requests, answers = os.fdopen(os.dup(0), encoding="utf-8"), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    kept: dict[str, float] = {}
    space = _space(json.loads(sys.argv[1]), kept)
    for line in requests:
        request = json.loads(line)
        kept.clear()
        answer = _run(request["code"], space, kept)
        # A line break first: the code may have written the beginning of a line.
        data = memoryview(f"\n{json.dumps({'id': request['id'], **answer})}\n".encode())
        while data:
            data = data[os.write(answers, data) :]


def _space(told: dict[str, Any], kept: dict[str, float]) -> dict[str, Any]:
    """The names at hand."""

    def keep(**numbers: float) -> None:
        """Name numbers, so that an answer can cite them."""
        for name, number in numbers.items():
            if isinstance(number, str | bytes | bool) or not math.isfinite(float(number)):
                raise ValueError(f"keep takes finite numbers; {name} is {number!r}")
            if len(kept) >= _NAMES:
                raise ValueError(f"keep takes at most {_NAMES} numbers")
            kept[name] = float(number)

    def load(name: str = told["model"], **options: Any) -> Any:
        """The local model, as the experiments use it."""
        from gadfly.tools.model import load as load_model

        return load_model(name, **options)

    return {
        "__name__": "__main__",
        "keep": keep,
        "load": load,
        "results": json.loads(Path(told["results"]).read_text(encoding="utf-8")),
        "artifacts": Path(told["artifacts"]),
    }


class _Output(io.StringIO):
    """Keeps the beginning of what is printed; the rest costs no memory."""

    def write(self, text: str) -> int:
        left = max(0, _OUTPUT - self.tell())
        super().write(text if len(text) <= left else text[:left])
        return len(text)

    def kept(self) -> str:
        text = self.getvalue()
        return text if len(text) < _OUTPUT else text + _CUT


def _run(code: str, space: dict[str, Any], kept: dict[str, float]) -> dict[str, Any]:
    output, value, error = _Output(), "", ""
    try:
        tree = ast.parse(code)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            exec(compile(tree, "<code>", "exec"), space)
            if isinstance(last, ast.Expr):
                result = eval(compile(ast.Expression(last.value), "<code>", "eval"), space)
                value = "" if result is None else _short(repr(result))
    except BaseException as raised:
        error = _told(raised)
    return {"output": output.kept(), "value": value, "error": error, "numbers": dict(kept)}


def _short(text: str) -> str:
    # By the base class: the code's own kind of text may do anything when it is cut.
    if str.__len__(text) <= _SHORT:
        return str.__str__(text)
    return str.__getitem__(text, slice(_SHORT)) + _CUT


def _told(raised: BaseException) -> str:
    try:
        return traceback.format_exc(limit=-6)[-_SHORT:] or type(raised).__name__
    except BaseException:
        return f"{type(raised).__name__}, which cannot be shown"


if __name__ == "__main__":
    main()
