"""The stand-alone repeat of an ablation: plain nnterp and PyTorch, one forward a prompt, no Gadfly.

It reads the reference prompts again, makes the replacement anew and computes the mean effect over all pairs the slow
and obvious way, so that a reader can check the number without trusting this package's engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gadfly.tools import scripting
from gadfly.tools.ablation.analysis import Directional, Subject
from gadfly.tools.ablation.fill import donors

if TYPE_CHECKING:
    from gadfly.tools.ablation.arguments import AblateArgs
    from gadfly.tools.model import LocalModel
    from gadfly.tools.patching.pairs import Prepared, PromptPair


def script(
    model: LocalModel,
    args: AblateArgs,
    pairs: Sequence[PromptPair],
    prepared: Prepared,
    subject: Subject,
    reference: Sequence[str],
    folder: str,
    expected: float,
) -> str:
    """The script that recomputes the effect over all pairs."""
    batch = model.batch(reference)
    row, column = donors(prepared.clean, batch, args.seed)
    width, other = prepared.clean.ids.shape[1], batch.ids.shape[1]
    listed = []
    for i, pair in enumerate(pairs):
        item: dict[str, object] = {"clean": pair.clean, "corrupt": pair.corrupt}
        item |= {"answer": int(prepared.answer[i]), "wrong": int(prepared.wrong[i])}
        if args.fill == "resample":
            length = prepared.clean.lengths[i]
            donor = int(row[i, -1])
            item["donor"] = reference[donor]
            padding = other - batch.lengths[donor]
            item["takes"] = [int(c) - padding for c in column[i, width - length :]]
        listed.append(item)
    if isinstance(subject, Directional):
        parts: list[tuple[str, int, int]] = [("residual", layer, -1) for layer in subject.layers]
    else:
        parts = [(part.kind, part.layer, part.head) for part in subject]
    return scripting.script(
        model,
        "ablation",
        metric_function=scripting.metric_function(args.metric),
        folder=folder,
        how=args.fill,
        heads=model.heads if args.component == "head" else 1,
        parts=parts,
        pairs=listed,
        reference=list(reference) if args.fill == "mean" else [],
        expected=expected,
    )
