"""What is missing of {key, corpus, GPU, weights, extras, sandbox}: each with the command that adds it and what works
without (``checks.toml``). Quick: no torch, no litellm, no network. Leaves out how it is shown.
"""

from __future__ import annotations

import platform
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, computed_field

from gadfly import __version__
from gadfly.agent.llm.choose import KEYS, roles
from gadfly.agent.llm.facts import facts
from gadfly.errors import GadflyError
from gadfly.settings import ALL, API_BASE, FILE, Setting, home
from gadfly.tables import table
from gadfly.tools.runner import lacking

Part = Literal["key", "corpus", "gpu", "weights", "extras", "sandbox"]
_MISSING = table(__file__)


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
    checks = [_check(name, _seen(look)) for name, look in _LOOKS.items()]
    if deep:
        checks = [_deep(check) for check in checks]
    settings = [_setting(each) for each in ALL]
    return Report(
        version=__version__,
        home=str(home()),
        checks=checks,
        settings=settings,
        works=_works({check.name: check.state for check in checks}),
    )


def _check(name: Part, seen: Look) -> Check:
    told = {field: text for field, text in seen._asdict().items() if text}
    return Check(name=name, **{**(_MISSING[name] if seen.state == "missing" else {}), **told})


def _setting(setting: Setting) -> SettingLine:
    value, source, wrong = "", FILE, ""
    try:
        value, source = setting.shown()
        setting.found()
    except GadflyError as error:
        wrong = str(error)
    told = {name: getattr(setting, name) for name in ("name", "meaning", "accepts")}
    return SettingLine(**told, value=value, source=source, wrong=wrong)


def _works(states: Mapping[str, str]) -> list[str]:
    ok = {name for name, state in states.items() if state == "ok"}
    works = ["search with quotes, code review by rules, project templates"]
    if "extras" in ok:
        where = "a GPU" if "gpu" in ok else "the CPU (small models)"
        works.append(f"experiments with controls on {where}: gadfly patch, probe, steer, ...")
    if "key" in ok:
        works.append("free questions and the chat: gadfly ask, gadfly chat")
    else:
        asked = "gadfly ask --llm offline" if states["key"] == "broken" else "gadfly ask"
        works.append(f"{asked} by the offline engine (quotes and experiments, no free text)")
    if {"sandbox", "key", "extras"} <= ok:
        works.append("Python in the sandbox, where no tool fits")
    return works


class Look(NamedTuple):
    """What was seen of one part: a :class:`Check` without its name."""

    state: Literal["ok", "missing", "broken"]
    found: str
    add: str = ""
    without: str = ""


def _key() -> Look:
    found = roles()
    if found is None:
        return Look("missing", f"none of {', '.join(KEYS)}, and no {API_BASE.name}")
    known, price = facts(found.main.model), ""
    if known.price_in is not None and known.price_out is not None:
        into, out = known.price_in * 1e6, known.price_out * 1e6
        price = f", ${into:g} in and ${out:g} out per million tokens"
    judge = "the same" if found.judge.model == found.main.model else found.judge.model
    main = f"{found.main.model} ({found.main.because}){price}"
    return Look("ok", f"{main}; fast: {found.fast.model}; judge: {judge}")


def _corpus() -> Look:
    path = home() / "corpus" / "corpus.sqlite"
    if not path.exists():
        found = "not built yet: the packaged guide is indexed at the first search"
        return Look("missing", found)
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
        return Look("missing", f"{found}; no papers, only the packaged part")
    return Look("ok", found)


def _gpu() -> Look:
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return Look("ok", "Apple GPU (mps)")
    tool = shutil.which("nvidia-smi")
    if tool is None:
        if any(Path("/dev").glob("nvidia[0-9]*")):
            return Look("ok", "an NVIDIA device (nvidia-smi is not installed)")
        return Look("missing", "no NVIDIA device and no nvidia-smi")
    query = [tool, "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, timeout=10)
    if done.returncode:
        reason = " ".join((done.stderr or done.stdout).split())[:160]
        return Look("broken", f"nvidia-smi fails: {reason}", "repair the driver", _without("gpu"))
    return Look("ok", "; ".join(done.stdout.strip().splitlines()))


def _weights() -> Look:
    from gadfly.tools.checkpoints import BUILT_IN, hub

    names = sorted(
        folder.name.removeprefix("models--").replace("--", "/")
        for folder in hub().glob("models--*")
        if any(folder.glob("snapshots/*/*.safetensors"))
    )
    built_in = ", ".join(BUILT_IN)
    if not names:
        return Look("missing", f"no model in {hub()}, only the built-in {built_in}")
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    return Look("ok", f"{shown}, and {built_in}")


def _extras() -> Look:
    if missing := lacking("interp"):
        return Look("missing", f"not installed: {', '.join(missing)}")
    try:
        nnsight = version("nnsight")
    except PackageNotFoundError:
        nnsight = "unknown"
    if tuple(int(part) for part in nnsight.split(".")[:2] if part.isdigit()) >= (0, 8):
        found, add = (
            f"nnsight {nnsight} does not work with nnterp",
            "pip install 'nnsight>=0.7,<0.8'",
        )
        return Look("broken", found, add, _without("extras"))
    shown = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "nnterp"))
    return Look("ok", f"{shown}, nnsight {nnsight}")


def _sandbox() -> Look:
    from gadfly.tools.kernel import sandbox

    if reason := sandbox.missing():
        found = reason.split(";")[0].removeprefix("no sandbox: ")
        return Look("missing", found, sandbox.WAY_OUT)
    return Look("ok", "bubblewrap works")


def _without(part: Part) -> str:
    return str(_MISSING[part]["without"])


_LOOKS: dict[Part, Callable[[], Look]] = {
    "key": _key,
    "corpus": _corpus,
    "gpu": _gpu,
    "weights": _weights,
    "extras": _extras,
    "sandbox": _sandbox,
}


def _seen(look: Callable[[], Look]) -> Look:
    """A part that cannot even be looked at is broken; the others are still told."""
    try:
        return look()
    except GadflyError as error:
        return Look("broken", str(error))
    except sqlite3.Error as error:
        damaged = f"the index is damaged ({error})"
        return Look("broken", damaged, "gadfly corpus rebuild", "nothing that searches")
    except (OSError, subprocess.SubprocessError) as error:
        return Look("broken", f"{type(error).__name__}: {error}")


def _deep(check: Check) -> Check:
    if check.state != "ok" or check.name not in ("extras", "gpu"):
        return check
    change: dict[str, str] = {}
    try:
        if check.name == "extras":
            from gadfly.tools.model import load

            load("demo", device="cpu")
            said = "the demo model loads and passes its self-check"
        else:
            import torch

            said = f"torch {torch.__version__} sees it"
            if not (torch.cuda.is_available() or torch.backends.mps.is_available()):
                said = f"but torch {torch.__version__} does not see it"
                change = {
                    "state": "broken",
                    "add": "install a torch build for this GPU: https://pytorch.org/get-started/locally",
                }
    except Exception as error:  # whatever an installation may throw is the finding
        said, change = f"but: {' '.join(str(error).split())[:200]}", {"state": "broken"}
    return check.model_copy(update={"found": f"{check.found}; {said}", **change})
