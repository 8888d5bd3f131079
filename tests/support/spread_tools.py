"""Run every experiment on the demo model as it is and spread over two pretended devices; print what differs as JSON.

A program of its own: once registered, a pretended device stays for the life of the process.
"""

from __future__ import annotations

import json
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import torch
from torch.utils._pytree import tree_flatten
from torch.utils.backend_registration import (
    _DummyBackendModule,
    _setup_privateuseone_for_python_backend,
)

from gadfly.tools import model as model_module
from gadfly.tools.model import LocalModel
from gadfly.tools.registry import by_name
from gadfly.tools.runner import execute
from gadfly.tools.selftesting.dictionaries import random_dictionary
from support.devices import pretended, spread

RUNS: dict[str, dict[str, Any]] = {
    "patch residual": {"behaviour": "capital-of", "n": 6},
    "patch head": {"behaviour": "capital-of", "n": 6, "site": "head", "metric": "kl"},
    "patch key": {"behaviour": "capital-of", "n": 6, "site": "key"},
    "patch mlp path": {"behaviour": "capital-of", "n": 6, "site": "mlp", "through": ["logits"]},
    "patch head path": {
        "behaviour": "capital-of",
        "n": 6,
        "site": "head",
        "through": ["4.mlp", "5.0.query"],
    },
    "steer": {"behaviour": "sentiment", "layer": 3, "n": 6},
    "ablate mlp": {"behaviour": "capital-of", "n": 6, "component": "mlp", "layers": [4]},
    "ablate mean": {
        "behaviour": "capital-of",
        "n": 6,
        "component": "head",
        "heads": ["4.1"],
        "how": "mean",
    },
    "ablate resample": {
        "behaviour": "capital-of",
        "n": 6,
        "component": "attention",
        "layers": [1],
        "how": "resample",
    },
    "lens": {"behaviour": "capital-of", "n": 6},
    "attribute": {"behaviour": "capital-of", "n": 6},
    "attention": {"kind": "induction", "sequences": 8},
    "patchscope": {"behaviour": "capital-of", "n": 6},
    "activations": {"texts": ["the capital of france is", "rome"]},
    "generate": {"prompt": "the capital of france is"},
}


class _Backend(_DummyBackendModule):
    """Asked when the random state is put aside; there is none beside the CPU's."""

    def get_rng_state(self, device: object = None) -> torch.Tensor:
        return torch.get_rng_state()

    def set_rng_state(self, state: torch.Tensor, device: object = None) -> None:
        pass


def over_two(model: LocalModel) -> LocalModel:
    """The same weights, from the third layer on and the head on another device than the embedding."""
    module = model.module
    names = {id(part): name for name, part in module.named_modules()}
    first, second = "pretend:0", "pretend:1"
    if module.get_output_embeddings().weight is module.get_input_embeddings().weight:
        head = module.get_output_embeddings()
        head.weight = torch.nn.Parameter(head.weight.detach().clone())
    module.to(first)
    later = [*model.blocks[3:], model.final_norm, model.unembedding]
    spread(module, {names[id(part)]: second for part in later})
    return LocalModel.wrap(module, model.tokenizer, name="demo")


def main(only: list[str]) -> None:
    folder = Path(tempfile.mkdtemp())
    RUNS["sae"] = {"sae": str(random_dictionary(folder, 128, 4, 0)), "behaviour": "truth"}
    runs = {name: args for name, args in RUNS.items() if not only or name in only}
    found: dict[str, Any] = {}
    plain = {name: _values(name, args) for name, args in runs.items()}
    _setup_privateuseone_for_python_backend("pretend", backend_module=_Backend())
    # Views of tensors made outside inference mode would want a version counter, which the pretended ones lack.
    with pretended(), torch.inference_mode():
        apart = over_two(model_module.load("demo", device="cpu", dtype="float32"))
        model_module.load = lambda *_, **__: apart
        for name, args in runs.items():
            try:
                values = _values(name, args)
                same = values.keys() == plain[name].keys()
                gaps = {key: abs(values[key] - plain[name][key]) for key in values if same}
                far = {key: gap for key, gap in gaps.items() if not gap <= 1e-4}
                found[name] = "" if same and not far else f"{far}: {values} beside {plain[name]}"
            except Exception as error:
                found[name] = "".join(_frames(error))
    sys.stdout.write(json.dumps(found))


def _frames(error: Exception) -> list[str]:
    """What was wrong, and where in the tools."""
    ours = [f for f in traceback.extract_tb(error.__traceback__) if "gadfly/tools" in f.filename]
    return [f"{error} at ", *(f"{f.filename.split('gadfly/')[-1]}:{f.lineno} " for f in ours[-3:])]


def _values(name: str, args: dict[str, Any]) -> dict[str, float]:
    result = execute(by_name(name.split()[0]), args)
    values = getattr(result, "values", None)
    if values is None:
        leaves = tree_flatten(result.model_dump(exclude={"model", "fingerprint", "run"}))[0]
        values = {str(i): leaf for i, leaf in enumerate(leaves)}
    return {key: value for key, value in values.items() if isinstance(value, (int, float))}


if __name__ == "__main__":
    main(sys.argv[1:])
