"""Activations of a model that runs elsewhere: on NDIF (https://ndif.us), through nnsight.

The model is not loaded here, only its configuration and tokenizer. What is sent is the tokens and a few lines that
keep one vector a text and layer; what comes back is those. Leaves out every experiment whose exactness rests on hooks
of our own: they need the model at hand.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal

from gadfly.corpus.progress import Progress, running
from gadfly.errors import GadflyError, MissingExtraError, ModelError, UsageError
from gadfly.tools.arrays import Tensor
from gadfly.tools.capture import MASSIVE, usual
from gadfly.tools.model import padded
from gadfly.tools.rows import portions, special_ids
from gadfly.tools.tokens import ids_of

Site = Literal["residual", "attention", "mlp"]
_MODULES = {"residual": "layers_output", "attention": "attentions_output", "mlp": "mlps_output"}


class RemoteModel:
    """A model by its hub name, without weights.

    Args:
        backend: True for NDIF; ``local`` runs the same request in this process, through the same serialisation.

    Raises:
        UsageError: no NDIF key.
        ModelError: no such model.
    """

    def __init__(self, name: str, *, backend: bool | Literal["local"] = True) -> None:
        if backend is True and not os.environ.get("NDIF_API_KEY"):
            raise UsageError(
                "running on NDIF needs a key: get one at https://login.ndif.us and set NDIF_API_KEY"
            )
        try:
            import torch  # noqa: F401 - before nnterp
            from nnterp import StandardizedTransformer
        except ImportError as error:
            raise MissingExtraError("running on NDIF", "interp") from error
        try:
            # The simulation runs the model here, so it alone needs weights.
            self.model: Any = StandardizedTransformer(
                name, check_renaming=False, trust_remote_code=False, dispatch=backend == "local"
            )
        except Exception as error:
            raise ModelError(f"cannot read the configuration of {name}: {_line(error)}") from error
        self.name = name
        self.layers = int(self.model.num_layers)
        self.hidden_size = int(self.model.hidden_size)
        self._backend = backend

    def activations(
        self,
        texts: Sequence[str],
        *,
        site: Site,
        position: int | None,
        progress: Progress,
        max_tokens: int = 8192,
    ) -> Tensor:
        """One vector a text at every layer, [layers, texts, hidden], float32 on the CPU.

        Args:
            position: an index from the end, or None for the mean over tokens, those that ``capture.mean`` takes.

        Raises:
            GadflyError: NDIF refused the job or it failed there.
        """
        import torch

        tokenizer = self.model.tokenizer
        rows = [ids_of(tokenizer, text) for text in texts]
        out = torch.empty(self.layers, len(texts), self.hidden_size)
        with running(progress, "Activations on NDIF", len(texts)):
            for some in portions([len(row) for row in rows], max_tokens):
                out[:, some] = self._one([rows[i] for i in some], _MODULES[site], position)
                progress.advance(len(some))
        return out

    def _one(self, rows: list[list[int]], module: str, position: int | None) -> Tensor:
        import torch

        batch = padded(rows, self.model.tokenizer.pad_token_id or 0)
        inputs = {
            "input_ids": batch.ids,
            "attention_mask": batch.mask,
            "position_ids": batch.positions,
        }
        mask = batch.mask
        those = usual(batch, special_ids(self.model))
        those = torch.where(those.any(1, keepdim=True), those, mask.bool())
        # One form for a mean and for a position: plain tensors travel, functions of this package do not.
        if position is not None:
            those = torch.zeros(mask.shape, dtype=torch.bool)
            those[:, position] = True
        model, count, massive = self.model, self.layers, MASSIVE
        try:
            with torch.no_grad(), model.trace(inputs, remote=self._backend):
                outputs = getattr(model, module)
                kept = []
                for layer in range(count):
                    hidden = outputs[layer].float()
                    chosen = those.to(hidden.device)
                    # As ``capture.without_massive``.
                    norms = hidden.norm(dim=-1)
                    usual_norms = norms.masked_fill(~chosen, float("nan"))
                    limit = massive * usual_norms.nanmedian(1, keepdim=True).values
                    chosen = (chosen & ~(norms > limit))[..., None]
                    kept.append(((hidden * chosen).sum(1) / chosen.sum(1)).cpu())
                stacked: Any = torch.stack(kept)
                found = stacked.save()  # nnsight's own method: what is saved outlives the trace
        except Exception as error:
            raise GadflyError(f"NDIF could not run {self.name}: {_line(error)}") from error
        return torch.as_tensor(found)


def _line(error: Exception) -> str:
    """The last line of an error that may carry a remote traceback; no key of ours is ever part of a request."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__
