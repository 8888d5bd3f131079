"""The stand-alone repeat of a steering result: plain nnterp and PyTorch, one prompt at a time, no cache, no Gadfly.

It recomputes the headline effect the slow and obvious way: with the whole text again at every token, so that a reader
can check the number without trusting this package's cached engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gadfly.tools import scripting
from gadfly.tools.generating import row_seed, stop_ids

if TYPE_CHECKING:
    from gadfly.tools.model import LocalModel
    from gadfly.tools.steering.analysis import Analysis
    from gadfly.tools.steering.arguments import SteerArgs
    from gadfly.tools.steering.task import Task


def script(model: LocalModel, args: SteerArgs, task: Task, a: Analysis, folder: str) -> str:
    """The script that recomputes the effect at the chosen dose over all prompts."""
    prompts = [
        {
            "prompt": prompt,
            "towards": task.towards[i],
            "away": task.away[i],
            "seed": row_seed(args.seed, i),
        }
        for i, prompt in enumerate(task.prompts)
    ]
    return scripting.script(
        model,
        "steering",
        folder=folder,
        layer=a.source.layer,
        positions=args.positions,
        metric=task.metric,
        dose=a.evidence.dose,
        length=a.evidence.dose * a.norm,
        words=task.words,
        max_tokens=args.max_tokens,
        temperature=args.temperature,
        stops=sorted(stop_ids(model)),
        prompts=prompts,
        expected=a.evidence.effect,
    )
