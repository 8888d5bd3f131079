"""The stand-alone repeat of a head's score: eager attention in plain transformers, one sequence at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gadfly.tools.scripting import as_literal, location

if TYPE_CHECKING:
    from gadfly.tools.attending.heads import Found, Scores, Sequences
    from gadfly.tools.model import LocalModel

_TEMPLATE = """\
# One head's mean attention at one distance, one sequence at a time. Needs: torch, transformers.
import json
import torch
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained({where}, attn_implementation="eager", dtype=torch.{dtype},
                                             use_safetensors=True, device_map={device!r}).eval()
LAYER, HEAD, BACK, FIRST, LAST = {layer}, {head}, {back}, {first}, {last}
SEQUENCES = json.loads({sequences})

total = 0.0
for ids in SEQUENCES:
    with torch.no_grad():
        found = model(torch.tensor([ids], device=model.device), output_attentions=True, use_cache=False)
    pattern = found.attentions[LAYER][0, HEAD].float()  # [destination, source]
    total += sum(pattern[at, at - BACK].item() for at in range(FIRST, LAST)) / (LAST - FIRST)
print(f"score {{total / len(SEQUENCES):.6f}}   (Gadfly: {expected:.6f})")
"""


def script(model: LocalModel, sequences: Sequences, found: Found, scores: Scores) -> str:
    """The script that recomputes the first kind's best head over all sequences."""
    back = {"induction": sequences.length - 1, "duplicate": sequences.length, "previous": 1}
    first = sequences.start + sequences.length
    last = first + sequences.length - (1 if found.kind == "induction" else 0)
    index = found.layer * scores.heads + found.head
    rows = sequences.plain if found.kind == "previous" else sequences.repeated
    return _TEMPLATE.format(
        where=location(model),
        device=model.fingerprint["device"],
        dtype=str(model.fingerprint["dtype"]),
        layer=found.layer,
        head=found.head,
        back=back[found.kind],
        first=first,
        last=last,
        sequences=as_literal(rows),
        expected=float(scores.own[found.kind][index].mean()),
    )
