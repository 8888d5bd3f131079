"""``local``: the chat model that is loaded for experiments also talks. No second copy of its weights.

Its chat template writes messages and tools, ``chatformat`` reads the calls out of its text. It shares the model's one
worker with the experiments, so a conversation and a forward never meet. Greedy, streaming, free of charge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gadfly.agent.llm.chatformat import Stream, for_template, parse
from gadfly.agent.llm.model import Messages, OnText, Reply, Tools, assistant
from gadfly.errors import LLMError
from gadfly.tools.tokens import ids_of

if TYPE_CHECKING:
    from gadfly.tools.model import LocalModel

_MOST_OUTPUT = 4_096  # tokens


class LocalChat:
    """A :class:`~gadfly.agent.llm.model.ChatModel` over :class:`~gadfly.tools.model.LocalModel`.

    Args:
        model: its name as experiments take it, or the loaded model itself.
    """

    def __init__(self, model: str | LocalModel, *, max_tokens: int = _MOST_OUTPUT) -> None:
        self._given = model
        self._max_tokens = max_tokens

    @property
    def name(self) -> str:
        return f"local/{self._given if isinstance(self._given, str) else self._given.name}"

    def reply(self, messages: Messages, tools: Tools, on_text: OnText) -> Reply:
        model = self._model()
        prompt = self._prompt(model, messages, tools)
        stream = Stream()

        def say(piece: str) -> None:
            if shown := stream.feed(piece):
                on_text(shown)

        raw, count = self._write(model, prompt, say)
        text, calls = parse(raw)
        message = assistant(text, calls)
        return Reply(
            text, message, calls, input_tokens=len(prompt), output_tokens=count, dollars=0.0
        )

    def _model(self) -> LocalModel:
        if not isinstance(self._given, str):
            return self._given
        from gadfly.tools.model import load

        return load(self._given)

    def _prompt(self, model: LocalModel, messages: Messages, tools: Tools) -> list[int]:
        """Token ids of the conversation, as the model's own template writes it, its BOS once."""
        if not getattr(model.tokenizer, "chat_template", None):
            raise LLMError(
                f"{model.name} has no chat template, so it cannot talk; use a chat model, or --llm offline"
            )
        try:
            text = model.tokenizer.apply_chat_template(
                for_template(list(messages)),
                tools=list(tools) or None,
                tokenize=False,
                add_generation_prompt=True,
            )
        except Exception as error:  # a template is a program: anything may come out of it
            raise LLMError(
                f"the chat template of {model.name} refuses this: {str(error)[:200]}"
            ) from error
        ids = ids_of(model.tokenizer, text)
        limit = getattr(model.module.config, "max_position_embeddings", None)
        if limit and len(ids) >= limit:
            raise LLMError(
                f"the conversation has {len(ids)} tokens and {model.name} takes {limit}; "
                "start a new one, or name another model with --llm"
            )
        return ids

    def _write(self, model: LocalModel, prompt: list[int], say: OnText) -> tuple[str, int]:
        """New text, told token by token, and how many tokens it has. A character in several tokens waits for all."""
        import torch

        from gadfly.tools.generating import stop_ids

        stops = stop_ids(model)
        limit = getattr(model.module.config, "max_position_embeddings", None) or 1 << 30
        ids = torch.tensor([prompt], device=model.device)
        cache: Any = None
        made: list[int] = []
        text, shown = "", 0  # tokens before ``shown`` are told
        with model.working():
            # Only the last position reaches the unembedding, as in LocalModel.forward.
            handle = model.unembedding.register_forward_pre_hook(lambda _, args: (args[0][:, -1:],))
            try:
                for _ in range(min(self._max_tokens, limit - len(prompt))):
                    start = len(prompt) + len(made) - ids.shape[1]
                    positions = torch.arange(start, start + ids.shape[1], device=ids.device)[None]
                    out = model.module(
                        input_ids=ids, position_ids=positions, past_key_values=cache, use_cache=True
                    )
                    cache = out.past_key_values
                    token = int(out.logits[0, -1].argmax())
                    if token in stops:
                        break
                    made.append(token)
                    ids = torch.tensor([[token]], device=ids.device)
                    # Decoded beside the tokens just before, because a token's spelling depends on its neighbour.
                    context = max(0, shown - 4)
                    before = model.tokenizer.decode(made[context:shown])
                    now = model.tokenizer.decode(made[context:])
                    if len(now) > len(before) and not now.endswith("�"):
                        text, shown = text + now[len(before) :], len(made)
                        say(now[len(before) :])
            finally:
                handle.remove()
        return text, len(made)
