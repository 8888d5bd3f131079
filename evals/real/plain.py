"""What the tools are held to: the same numbers from transformers alone, one prompt at a time, without padding.

Nothing here is Gadfly's: no wrapper, no batch, no shared helper. A prompt is one forward, a hook is one closure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from gadfly.tools.arrays import Array, Tensor

Change = Callable[[Tensor], Tensor]


class Plain:
    """A model of the Llama family (Llama, Qwen 2, Gemma 3), loaded by transformers."""

    def __init__(self, folder: Path, device: str = "cpu", dtype: str = "float32") -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self.module: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=getattr(torch, dtype), attn_implementation="eager"
        )
        self.module.to(device).eval()
        self.config = self.module.config
        self.blocks = list(self.module.model.layers)

    def ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text)["input_ids"])

    def token(self, answer: str) -> int:
        """The id of an answer of one token."""
        (found,) = self.tokenizer(answer, add_special_tokens=False)["input_ids"]
        return int(found)

    def forward(self, ids: Sequence[int], **more: Any) -> Any:
        """The output of one forward over one sequence."""
        import torch

        with torch.no_grad():
            return self.module(torch.tensor([list(ids)], device=self.module.device), **more)

    def logits(self, ids: Sequence[int]) -> Tensor:
        """[vocabulary], after the last token."""
        logits: Tensor = self.forward(ids).logits[0, -1].float().cpu()
        return logits

    def difference(self, ids: Sequence[int], answer: str, wrong: str) -> float:
        """Logit of the answer minus that of the wrong one."""
        logits = self.logits(ids)
        return float(logits[self.token(answer)] - logits[self.token(wrong)])

    def residuals(self, ids: Sequence[int]) -> Tensor:
        """The residual stream after every block, [layers, tokens, hidden]."""
        import torch

        kept: list[Tensor] = []
        with self._hooked([(block, partial(_keep, kept)) for block in self.blocks]):
            self.forward(ids)
        return torch.cat(kept)

    def mixed(self, ids: Sequence[int], layer: int) -> Tensor:
        """What the heads of a layer give to its output projection, [tokens, heads × size]."""
        kept: list[Tensor] = []
        out = self.blocks[layer].self_attn.o_proj
        with self._before(out, partial(_keep, kept)):
            self.forward(ids)
        return kept[0][0]

    def read(self, states: Tensor) -> Tensor:
        """Log-probabilities that the final norm and the unembedding read from residual streams [..., hidden]."""
        import torch

        with torch.no_grad():
            logits = self.module.lm_head(self.module.model.norm(states)).float()
        told: Tensor = logits.log_softmax(-1).cpu()
        return told

    @contextmanager
    def changed(self, layer: int, change: Change) -> Iterator[None]:
        """The output of a block goes through ``change``, [1, tokens, hidden]."""
        with self._hooked([(self.blocks[layer], change)]):
            yield

    @contextmanager
    def head(self, layer: int, head: int, values: Tensor | float) -> Iterator[None]:
        """What a head gives to the output projection is replaced, at all tokens."""
        size = self.head_size

        def change(given: Tensor) -> Tensor:
            given = given.clone()
            given[0, :, head * size : (head + 1) * size] = values
            return given

        with self._before(self.blocks[layer].self_attn.o_proj, change):
            yield

    @cached_property
    def head_size(self) -> int:
        width = self.blocks[0].self_attn.o_proj.in_features
        return int(width // self.config.num_attention_heads)

    def direct(self, ids: Sequence[int], answer: str, wrong: str) -> Array:
        """What each head writes directly to a logit difference, [layers, heads], the scales of the norms held."""
        import torch

        heads, size = self.config.num_attention_heads, self.head_size
        inputs: list[Tensor] = []
        scales: list[Tensor] = []
        with ExitStack() as stack:
            for block in self.blocks:
                out = block.self_attn.o_proj
                stack.enter_context(self._before(out, partial(_keep, inputs)))
                # Gemma 3 has a norm between attention and the stream; Llama and Qwen call their MLP's norm so.
                after = block.post_attention_layernorm
                if hasattr(block, "pre_feedforward_layernorm"):
                    stack.enter_context(self._scale(after, scales))
            final: list[Tensor] = []
            stack.enter_context(self._scale(self.module.model.norm, final))
            self.forward(ids)
        rows = self.module.lm_head.weight
        towards = (rows[self.token(answer)] - rows[self.token(wrong)]).float() * final[0]
        found = np.zeros((len(self.blocks), heads))
        for layer, block in enumerate(self.blocks):
            weight = block.self_attn.o_proj.weight.float().view(-1, heads, size)
            parts = torch.einsum(
                "dhs,hs->hd", weight, inputs[layer][0, -1].float().view(heads, size)
            )
            parts = parts * scales[layer] if scales else parts
            found[layer] = (parts @ towards).detach().cpu().numpy()
        return found

    @contextmanager
    def _scale(self, norm: Any, kept: list[Tensor]) -> Iterator[None]:
        """What a norm without a bias multiplied the last token's numbers by."""

        def keep(_: Any, given: tuple[Tensor, ...], out: Tensor) -> None:
            scale = (out[0, -1].float() / given[0][0, -1].float()).detach()
            # a number that is 0, as bfloat16 has some, tells no scale
            kept.append(scale.nan_to_num(0.0))

        handle = norm.register_forward_hook(keep)
        try:
            yield
        finally:
            handle.remove()

    @contextmanager
    def _before(self, module: Any, change: Change) -> Iterator[None]:
        handle = module.register_forward_pre_hook(lambda _, given: (change(given[0]), *given[1:]))
        try:
            yield
        finally:
            handle.remove()

    @contextmanager
    def _hooked(self, changes: Sequence[tuple[Any, Change]]) -> Iterator[None]:
        handles = [
            module.register_forward_hook(lambda _m, _i, out, change=change: change(out))
            for module, change in changes
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def _keep(kept: list[Tensor], passed: Tensor) -> Tensor:
    """Keep what passes by, unchanged."""
    kept.append(passed)
    return passed
