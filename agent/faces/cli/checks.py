"""What is missing of {key, corpus, GPU, weights, extras, sandbox}: each with the command that adds it and what works
without. Quick: no torch, no litellm, no network. Leaves out how it is shown.
"""

from __future__ import annotations

import platform
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, computed_field

from gadfly import __version__
from gadfly.agent.llm.choose import KEYS, roles
from gadfly.agent.llm.facts import facts
from gadfly.errors import GadflyError
from gadfly.home import home
from gadfly.settings import ALL, API_BASE, FILE, LLM, Setting

Part = Literal["key", "corpus", "gpu", "weights", "extras", "sandbox"]
_INTERP = ("torch", "nnterp", "nnsight", "transformers", "sklearn", "matplotlib", "safetensors")


class Check(BaseModel):
    """One part. ``add`` is the command that brings it, ``without`` what works as long as it is missing."""

    name: Part
    state: Literal["ok", "missing", "broken"]
    found: str
    add: str = ""
    without: str = ""


class SettingLine(BaseModel):
    """A setting with its value (of a secret: that it is set) and where that comes from."""

    name: str
    value: str
    source: str
    meaning: str
    accepts: str
    wrong: str = ""
    """What is wrong with the value."""


class Report(BaseModel):
    """All parts, every setting, and what works now."""

    version: str
    home: str
    checks: list[Check]
    settings: list[SettingLine]
    works: list[str]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def missing(self) -> list[str]:
        return [check.name for check in self.checks if check.state != "ok"]


def diagnose(*, deep: bool = False) -> Report:
    """Look at every part. Never raises for what it finds.

    Args:
        deep: also import torch and load the demo model (seconds): that they work, not only that they are there.
    """
    checks = [_guarded(name, look) for name, look in _LOOKS.items()]
    if deep:
        checks = [_deep(check) for check in checks]
    ok: set[str] = {check.name for check in checks if check.state == "ok"}
    settings = [_setting(each) for each in ALL]
    return Report(
        version=__version__, home=str(home()), checks=checks, settings=settings, works=_works(ok)
    )


def _setting(setting: Setting) -> SettingLine:
    value, source, wrong = "", FILE, ""
    try:
        value, source = setting.shown()
        setting.found()
    except GadflyError as error:
        wrong = str(error)
    return SettingLine(
        name=setting.name,
        value=value,
        source=source,
        meaning=setting.meaning,
        accepts=setting.accepts,
        wrong=wrong,
    )


def _works(ok: set[str]) -> list[str]:
    works = ["search with quotes, code review by rules, project templates"]
    if "extras" in ok:
        where = "a GPU" if "gpu" in ok else "the CPU (small models)"
        works.append(f"experiments with controls on {where}: gadfly patch, probe, steer, ...")
    if "key" in ok:
        works.append("free questions and the chat: gadfly ask, gadfly chat")
    else:
        works.append("gadfly ask by the offline engine (quotes and experiments, no free text)")
    if {"sandbox", "key", "extras"} <= ok:
        works.append("Python in the sandbox, where no tool fits")
    return works


def _key() -> Check:
    found = roles()
    if found is None:
        return Check(
            name="key", state="missing", found=f"none of {', '.join(KEYS)}, and no {API_BASE.name}",
            add="export OPENROUTER_API_KEY=...   (or for a local server: export "
            f"{API_BASE.name}=http://127.0.0.1:8000/v1 {LLM.name}=openai/NAME; or {LLM.name}=local)",
            without="the offline engine answers with quotes and experiments",
        )  # fmt: skip
    known = facts(found.main.model)
    price = (
        ""
        if known.price_in is None or known.price_out is None
        else f", ${known.price_in * 1e6:g} in and ${known.price_out * 1e6:g} out per million tokens"
    )
    same = found.judge.model == found.main.model
    others = f"; fast: {found.fast.model}; judge: {'the same' if same else found.judge.model}"
    return Check(
        name="key", state="ok", found=f"{found.main.model} ({found.main.because}){price}{others}"
    )


def _corpus() -> Check:
    path = home() / "corpus" / "corpus.sqlite"
    add = "gadfly corpus build   (fetches the works of the packaged list; gadfly corpus add PATH adds your own)"
    if not path.exists():
        return Check(
            name="corpus", state="missing", found="not built yet: the packaged guide is indexed at the first search",
            add=add, without="the field guide and the installed packages' documentation",
        )  # fmt: skip
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)
    try:
        documents, tokens, bare = db.execute(
            "SELECT count(DISTINCT document), coalesce(sum(tokens), 0), coalesce(sum(embedded = 0), 0) FROM chunks"
        ).fetchone()
        own = db.execute(
            "SELECT count(*) FROM documents WHERE source != 'guide' AND source NOT LIKE 'installed:%'"
        ).fetchone()[0]
    finally:
        db.close()
    by = "by words only" if bare else "by words and meaning"
    found = f"{documents} documents, {tokens:,} tokens, searched {by}"
    if not own:
        return Check(
            name="corpus", state="missing", found=f"{found}; no papers, only the packaged part", add=add,
            without="the field guide and the installed packages' documentation",
        )  # fmt: skip
    return Check(name="corpus", state="ok", found=found)


def _gpu() -> Check:
    without = "small models on the CPU; the demo model takes seconds"
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return Check(name="gpu", state="ok", found="Apple GPU (mps)")
    tool = shutil.which("nvidia-smi")
    if tool is None:
        present = any(Path("/dev").glob("nvidia[0-9]*"))
        if present:
            return Check(
                name="gpu", state="ok", found="an NVIDIA device (nvidia-smi is not installed)"
            )
        return Check(
            name="gpu", state="missing", found="no NVIDIA device and no nvidia-smi",
            add="run Gadfly on a machine with a GPU; a model of 1B parameters needs about 4 GB", without=without,
        )  # fmt: skip
    query = [tool, "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, timeout=10)
    if done.returncode:
        reason = " ".join((done.stderr or done.stdout).split())[:160]
        return Check(
            name="gpu",
            state="broken",
            found=f"nvidia-smi fails: {reason}",
            add="repair the driver",
            without=without,
        )
    return Check(name="gpu", state="ok", found="; ".join(done.stdout.strip().splitlines()))


def _weights() -> Check:
    from gadfly.tools.checkpoints import BUILT_IN, hub

    names = sorted(
        folder.name.removeprefix("models--").replace("--", "/")
        for folder in hub().glob("models--*")
        if any(folder.glob("snapshots/*/*.safetensors"))
    )
    if names:
        shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
        return Check(name="weights", state="ok", found=f"{shown}, and {', '.join(BUILT_IN)}")
    return Check(
        name="weights", state="missing", found=f"no model in {hub()}, only the built-in {', '.join(BUILT_IN)}",
        add="gadfly model_info --model Qwen/Qwen3-0.6B fetches its configuration; the first experiment its weights",
        without="every experiment, on the packaged demo model",
    )  # fmt: skip


def _extras() -> Check:
    lacking = [name for name in _INTERP if find_spec(name) is None]
    if lacking:
        return Check(
            name="extras", state="missing", found=f"not installed: {', '.join(lacking)}",
            add="pip install 'gadfly-interp[interp]'", without="search, quotes, review by rules, projects",
        )  # fmt: skip
    try:
        nnsight = version("nnsight")
    except PackageNotFoundError:
        nnsight = "unknown"
    if tuple(int(part) for part in nnsight.split(".")[:2] if part.isdigit()) >= (0, 8):
        return Check(
            name="extras", state="broken", found=f"nnsight {nnsight} does not work with nnterp",
            add="pip install 'nnsight>=0.7,<0.8'", without="search, quotes, review by rules, projects",
        )  # fmt: skip
    shown = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "nnterp"))
    return Check(name="extras", state="ok", found=f"{shown}, nnsight {nnsight}")


def _sandbox() -> Check:
    from gadfly.tools.kernel import sandbox

    reason = sandbox.missing()
    if reason:
        return Check(
            name="sandbox", state="missing", found=reason.split(";")[0].removeprefix("no sandbox: "),
            add=sandbox.WAY_OUT, without="everything but Python as a tool of last resort",
        )  # fmt: skip
    return Check(name="sandbox", state="ok", found="bubblewrap works")


_LOOKS: dict[Part, Callable[[], Check]] = {
    "key": _key, "corpus": _corpus, "gpu": _gpu, "weights": _weights, "extras": _extras, "sandbox": _sandbox,
}  # fmt: skip


def _guarded(name: Part, look: Callable[[], Check]) -> Check:
    """A part that cannot even be looked at is broken; the others are still told."""
    try:
        return look()
    except GadflyError as error:
        return Check(name=name, state="broken", found=str(error))
    except sqlite3.Error as error:
        return Check(
            name=name, state="broken", found=f"the index is damaged ({error})", add="gadfly corpus rebuild",
            without="nothing that searches",
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return Check(name=name, state="broken", found=f"{type(error).__name__}: {error}")


def _deep(check: Check) -> Check:
    if check.state != "ok" or check.name not in ("extras", "gpu"):
        return check
    try:
        if check.name == "extras":
            from gadfly.tools.model import load

            load("demo", device="cpu")
            return check.model_copy(
                update={"found": f"{check.found}; the demo model loads and passes its self-check"}
            )
        import torch
    except Exception as error:  # whatever an installation may throw is the finding
        line = " ".join(str(error).split())[:200]
        return check.model_copy(update={"state": "broken", "found": f"{check.found}; but: {line}"})
    if torch.cuda.is_available() or torch.backends.mps.is_available():
        return check.model_copy(
            update={"found": f"{check.found}; torch {torch.__version__} sees it"}
        )
    return check.model_copy(
        update={
            "state": "broken", "found": f"{check.found}; but torch {torch.__version__} does not see it",
            "add": "install a torch build for this GPU: https://pytorch.org/get-started/locally",
        }
    )  # fmt: skip
