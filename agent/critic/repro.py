"""From argued to reproduced: a model's small script that fails on the code and passes on its repair.

The script and the code run only inside bubblewrap: no network, nothing writable but memory, limits on time and
memory. Where there is no bubblewrap nothing runs, the remark stays argued, and says why.
"""

from __future__ import annotations

import ast
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from gadfly.agent.critic.judge import with_replacement
from gadfly.agent.critic.views import Spot
from gadfly.agent.llm.prompting import fence, prompt
from gadfly.tools.kernel import sandbox
from gadfly.tools.kernel.box import Box
from gadfly.tools.kernel.sandbox import Limits
from gadfly.tools.review.reading.material import File
from gadfly.tools.review.report import Remark

_SECONDS = 60
_LIMITS = Limits(file=10 << 20, cpu=_SECONDS, address=16 << 30, memory=8 << 30)
_BLOCK = re.compile(r"```(?:python)?\n(.*?)```", re.DOTALL)
_LONGEST = 8_000  # characters
# By these a script could tell the two versions apart without what they compute.
_PEEKS = "inspect getsource open __file__ read_text linecache __code__ exit _exit"


def reproduced(remark: Remark, file: File, ask: Callable[[str], str | None]) -> Remark:
    """The remark, with what came of trying.

    Args:
        ask: a question to a model in a fresh context; None where it gives no reply.
    """
    missing = sandbox.missing()
    if missing:
        return _with(remark, f"not tried: {missing}")
    if remark.suggestion is None or file.is_notebook or file.partial:
        why = "there is no repaired version of the whole file to compare with"
        return _with(remark, f"not tried: {why}")
    told = fence("claim", f"{remark.quote}\n\n{remark.message}")
    code = fence("code", file.source.text)
    script = _script(ask(prompt("review_repro").render(code=code, claim=told)) or "")
    if script is None:
        return _with(remark, "not reproduced: the model gave no script that may be run")
    lines = file.source.lines(None)
    spot = Spot(None, remark.start_line, remark.end_line)
    as_is = _run(script, "\n".join(lines))
    repaired = _run(script, with_replacement(lines, spot, remark.suggestion))
    fails = as_is is not None and as_is[0] != 0 and "AssertionError" in as_is[1]
    if fails and repaired and repaired[0] == 0:
        done = _with(remark, "a script fails on this code and passes on the repair")
        return done.model_copy(update={"evidence": "reproduced", "repro": script})
    return _with(
        remark, f"not reproduced: {_outcome('as it is', as_is)}, {_outcome('repaired', repaired)}"
    )


def _script(reply: str) -> str | None:
    found = _BLOCK.search(reply)
    script = (found[1] if found else reply).strip()
    try:
        tree = ast.parse(script)
    except (SyntaxError, ValueError, RecursionError):
        return None
    nodes = list(ast.walk(tree))
    named = {n.id for n in nodes if isinstance(n, ast.Name)}
    named |= {n.attr for n in nodes if isinstance(n, ast.Attribute)}
    imports = [n for n in nodes if isinstance(n, ast.Import | ast.ImportFrom)]
    named |= {a.name.split(".")[0] for n in imports for a in n.names}
    asserts = any(isinstance(n, ast.Assert) for n in nodes)
    return (
        script if asserts and named.isdisjoint(_PEEKS.split()) and len(script) <= _LONGEST else None
    )


def _run(script: str, subject: str) -> tuple[int, str] | None:
    """Exit code and the last line of the errors; None if it took too long."""
    with tempfile.TemporaryDirectory(prefix="gadfly-repro-") as made:
        folder = Path(made)
        (folder / "subject.py").write_text(subject, encoding="utf-8")
        (folder / "check.py").write_text(script, encoding="utf-8")
        program = [sys.executable, "-s", str(folder / "check.py")]
        environment = {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
        box = Box(program, [folder], environment, _LIMITS)
        try:
            return box.finished(2 * _SECONDS)
        finally:
            box.close()


def _outcome(name: str, ran: tuple[int, str] | None) -> str:
    if ran is None:
        return f"{name} it took too long"
    code, said = ran
    return f"{name} it failed ({said.split(':', 1)[0] or code})" if code else f"{name} it passed"


def _with(remark: Remark, note: str) -> Remark:
    return remark.model_copy(update={"note": "; ".join(filter(None, (remark.note, note)))})
