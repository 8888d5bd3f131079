"""What each tool must find on the hand-written model (``--model planted``), whose truth is in its weights.

A tool joins with one entry here, one in ``plants`` and one in ``nulls``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gadfly.tools import planted
from gadfly.tools.ablation import ablate
from gadfly.tools.attending import attention
from gadfly.tools.attribution import attribute
from gadfly.tools.contract import Result, Tool, Verdict
from gadfly.tools.features import sae
from gadfly.tools.logit_lens import lens
from gadfly.tools.patching import patch
from gadfly.tools.patchscopes import patchscope
from gadfly.tools.probing import probe
from gadfly.tools.selftesting import dictionaries
from gadfly.tools.steering import steer

Arguments = dict[str, Any]
TOOLS: dict[str, Tool[Any, Any]] = {
    each.name: each
    for each in (patch, probe, steer, ablate, lens, patchscope, attribute, attention, sae)
}
_WHERE = f"layer {planted.LAYER}"


@dataclass(frozen=True)
class Case:
    """``planted`` makes arguments for the hand-written model from a seed and a folder; ``found`` reads the result,
    which is known to be ``supported`` by then."""

    tool: str
    planted: Callable[[int, Path], Arguments]
    found: Callable[[Result], bool]
    truth: str
    """What there is to find, in words."""


def passed(case: Case, result: Result) -> bool:
    """Whether the tool found the planted truth."""
    return result.verdict is Verdict.SUPPORTED and case.found(result)


def _class_axis(result: Result) -> bool:
    """The direction that the run wrote is the planted one, up to sign."""
    from gadfly.tools import vectors

    direction = vectors.load(str(getattr(result, "direction", ""))).direction
    return abs(float(direction[planted.CLASS_OUT])) > 0.9


def _steer_planted(seed: int, _: Path) -> Arguments:
    items = planted.labelled(200, seed)
    plus, minus = (
        [str(item["text"]) for item in items if item["label"] == side] for side in ("plus", "minus")
    )
    n = min(len(plus), len(minus), 48)
    return {
        "positive": plus[:n],
        "negative": minus[:n],
        "layer": planted.LAYER,
        "prompts": [pair["clean"] for pair in planted.pairs(12, seed + 1)],
        "towards": ["plus"] * 12,
        "away": ["minus"] * 12,
        "max_tokens": 1,
        "doses": [0.05, 0.1, 0.2],
        "neutral": planted.texts(16, seed + 2),
    }


def _patchscope_planted(seed: int, _: Path) -> Arguments:
    prompts = [
        {"prompt": f"f{(i + seed) % planted.WORDS} s{i} ?", "answer": f"a{i}"}
        for i in range(planted.WORDS)
    ]
    return {"prompts": prompts, "target": "f1 f2 {}"}


def _answered_planted(seed: int, _: Path) -> Arguments:
    names = {"prompt": "clean", "answer": "answer", "wrong": "wrong"}
    pairs = planted.pairs(32, seed)
    return {"prompts": [{new: pair[old] for new, old in names.items()} for pair in pairs]}


def _without_wrong(prompts: list[dict[str, str]]) -> Arguments:
    told = [{name: each[name] for name in ("prompt", "answer")} for each in prompts]
    return {"prompts": told}


def _sae_planted(seed: int, folder: Path) -> Arguments:
    exact = dictionaries.exact_dictionary
    made = exact(folder, planted.HIDDEN, planted.LAYER, planted.CLASS_OUT)
    return {"sae": str(made), "texts": planted.texts(24, seed)}


CASES: tuple[Case, ...] = (
    Case(
        "patch",
        lambda seed, _: {"pairs": planted.pairs(16, seed), "site": "head"},
        lambda r: (
            r.table.rows[0][:2] == [planted.LAYER, f"head {planted.HEAD}"]
            and r.values["mediator_effect"] > 0.95
        ),
        f"head {planted.HEAD} of {_WHERE} carries all of the answer",
    ),
    Case(
        "probe",
        lambda seed, _: {"texts": planted.labelled(400, seed), "shuffles": 100},
        lambda r: r.values["layer"] == planted.LAYER and _class_axis(r),
        f"the class is one axis from {_WHERE} on, and not in the words",
    ),
    Case(
        "steer", _steer_planted, _class_axis, f"the same axis after {_WHERE} turns minus into plus"
    ),
    Case(
        "ablate",
        lambda seed, _: {
            "pairs": planted.pairs(16, seed),
            "component": "head",
            "heads": [f"{planted.LAYER}.{planted.HEAD}"],
        },
        lambda r: r.values["effect"] > 0.45,
        f"without head {planted.HEAD} of {_WHERE} nothing of the answer is left",
    ),
    Case(
        "lens",
        lambda seed, folder: _without_wrong(_answered_planted(seed, folder)["prompts"]),
        lambda r: r.values["layer"] == planted.LAYER and r.values["top_share"] > 0.9,
        f"the answer can be read after {_WHERE} and not before",
    ),
    Case(
        "attribute",
        _answered_planted,
        lambda r: r.table.rows[0][0] == f"L{planted.LAYER} head {planted.HEAD}",
        f"head {planted.HEAD} of {_WHERE} writes the answer",
    ),
    Case(
        "attention",
        lambda seed, _: {"kind": "previous"},
        lambda r: (
            (r.values["previous_layer"], r.values["previous_head"])
            == (planted.PREVIOUS_LAYER, planted.PREVIOUS_HEAD)
        ),
        f"head {planted.PREVIOUS_HEAD} of layer {planted.PREVIOUS_LAYER} attends to the token before",
    ),
    Case(
        "patchscope",
        _patchscope_planted,
        lambda r: r.values["layer"] == planted.LAYER,
        f"states after {_WHERE} name the answer in another prompt, and their token does not",
    ),
    Case(
        "sae",
        _sae_planted,
        lambda r: r.values["fvu"] < 0.01,
        "a dictionary of the axes themselves reconstructs everything",
    ),
)
