"""Looking at a model before experimenting on it: its make-up, how it tokenises, and raw activations as a file.

``model_info`` needs the configuration only and ``tokenize`` the tokenizer only: neither loads weights. They are no
experiments: nothing is claimed, so there is no verdict. Leaves out everything that is concluded from activations.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

from gadfly.errors import MissingExtraError, ModelError, ToolInputError
from gadfly.tools.arrays import Tensor
from gadfly.tools.checkpoints import locate, tokenizer_of, why_unread
from gadfly.tools.contract import Context, ToolArgs, tool
from gadfly.tools.given import Text
from gadfly.tools.reach import Elsewhere, ModelName
from gadfly.tools.records import Data, DataArgs, Message, data_field, read, rendered
from gadfly.tools.tokens import bare, doubled, front, ids_of

_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
_PAGE = 200  # tokens shown at a time


# -- model_info ------------------------------------------------------------------------------------


class ModelInfoArgs(ToolArgs):
    model: ModelName = Field(
        default="demo", description="'demo' (packaged), a hub name, or a local model folder"
    )


class ModelInfo(BaseModel):
    """What a model is made of. Memory in GiB, for the weights alone; activations come on top."""

    name: str
    demo: bool
    architecture: str
    layers: int
    hidden_size: int
    heads: int
    key_value_heads: int
    head_size: int
    mlp_size: int | None
    vocabulary: int
    max_tokens: int | None
    sliding_window: int | None
    experts: int | None
    tied_embeddings: bool
    parameters: int | None
    dtype: str
    memory: dict[str, float]
    softcap: float | None
    behaviours: list[str] = Field(default=[], description="what the demo model is known to do")
    notes: list[str] = Field(default=[])


@tool(
    name="model_info",
    cost="a second; reads the configuration and loads no weights",
    extra="interp",
    examples=("", "--model Qwen/Qwen3-0.6B --json"),
)
def model_info(args: ModelInfoArgs, context: Context) -> ModelInfo:
    """What a model is made of: architecture, layers, heads and key-value heads, sizes, vocabulary, parameters, dtype
    and the memory its weights take; for the demo model also its known behaviours. Loads no weights.

    Raises:
        ModelError: there is no such model, or its configuration cannot be read.
    """
    where = locate(args.model, weights=False)
    config = _config(args.model, where)
    text = config.get_text_config()
    count, notes = _count(config, where)
    heads = int(getattr(text, "num_attention_heads", 0) or 0)
    hidden = int(getattr(text, "hidden_size", 0) or 0)
    if not heads or not hidden:
        raise ModelError(
            f"{args.model} is no transformer that can be inspected: {config.model_type}"
        )
    dtype = str(getattr(config, "dtype", None) or "float32").removeprefix("torch.")
    known: list[str] = []
    if args.model == "demo":
        from gadfly.tools.demo.behaviours import BEHAVIOURS

        known = [f"{each.name}: {each.title}" for each in BEHAVIOURS.values()]
    cap = getattr(text, "final_logit_softcapping", None)
    return ModelInfo(
        name=args.model,
        demo=args.model == "demo",
        architecture=(getattr(config, "architectures", None) or [config.model_type])[0],
        layers=int(text.num_hidden_layers),
        hidden_size=hidden,
        heads=heads,
        key_value_heads=int(getattr(text, "num_key_value_heads", None) or heads),
        head_size=int(getattr(text, "head_dim", None) or hidden // heads),
        mlp_size=_whole(text, "intermediate_size", "n_inner")
        or (4 * hidden if text.model_type == "gpt2" else None),
        vocabulary=int(text.vocab_size),
        max_tokens=_whole(text, "max_position_embeddings", "n_positions"),
        sliding_window=None
        if getattr(text, "use_sliding_window", True) is False
        else _whole(text, "sliding_window"),
        experts=_whole(text, "num_experts", "num_local_experts", "n_routed_experts"),
        tied_embeddings=bool(getattr(text, "tie_word_embeddings", False)),
        parameters=count,
        dtype=dtype,
        memory={kind: round(count * n / 2**30, 3) for kind, n in _BYTES.items()} if count else {},
        softcap=float(cap) if cap else None,
        behaviours=known,
        notes=notes,
    )


def _whole(config: Any, *names: str) -> int | None:
    """The first of these settings that is a number."""
    found = (getattr(config, name, None) for name in names)
    return next((int(value) for value in found if value), None)


def _config(name: str, where: Path | str) -> Any:
    try:
        from transformers import AutoConfig
    except ImportError as error:
        raise MissingExtraError("reading a model's configuration", "interp") from error
    try:
        return AutoConfig.from_pretrained(str(where), trust_remote_code=False)
    except Exception as error:
        raise ModelError(why_unread("the configuration of", name, error)) from error


def _count(config: Any, where: Path | str) -> tuple[int | None, list[str]]:
    """Parameters: of the stored tensors where they are at hand, else of the architecture built without memory."""
    if isinstance(where, Path):
        stored = _stored(where)
        if stored is not None:
            return stored, []
    try:
        import torch
        from transformers import AutoModelForCausalLM

        with torch.device("meta"):
            built = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
        return sum(p.numel() for p in built.parameters()), []
    except Exception as error:
        text = " ".join(str(error).split())[:120]
        return None, [f"parameters could not be counted without the weights ({text})"]


def _stored(folder: Path) -> int | None:
    """Numbers in the safetensors files, from their headers alone."""
    from safetensors import SafetensorError, safe_open

    total = 0
    files = sorted(folder.glob("*.safetensors"))
    for path in files:
        try:
            with safe_open(str(path), framework="pt") as file:
                total += sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
        except (SafetensorError, OSError):
            return None
    return total if files else None


# -- tokenize --------------------------------------------------------------------------------------


class TokenizeArgs(ToolArgs):
    model: ModelName = Field(
        default="demo", description="'demo' (packaged), a hub name, or a local model folder"
    )
    texts: list[str] = Field(min_length=1, max_length=64, description="the texts to tokenise")
    chat: bool = Field(
        default=False, description="render each as a user's message with the chat template first"
    )
    page: int = Field(default=1, ge=1, description=f"page of the tokens, {_PAGE} of each text")


class Token(BaseModel):
    """One token. ``position`` counts from 0 in the text, ``from_end`` from -1; ``padded`` is its column in a batch."""

    position: int
    from_end: int
    padded: int
    id: int
    token: str
    special: bool


class Tokenised(BaseModel):
    """One text. ``padding`` is how many pad tokens a batch of these texts puts to its left."""

    text: str
    count: int
    padding: int
    single_token: bool
    tokens: list[Token]


class Tokenization(BaseModel):
    """Texts as a model sees them."""

    model: str
    bos: str | None
    bos_added: bool
    padding_token: str | None
    chat_template: bool
    equal_lengths: bool
    texts: list[Tokenised]
    notes: list[str] = Field(default=[])


@tool(
    name="tokenize",
    cost="a second; loads the tokenizer and no weights",
    extra="interp",
    examples=(
        '--texts "the capital of france is" --texts paris',
        '--texts " Paris" --model Qwen/Qwen3-0.6B',
    ),
)
def tokenize(args: TokenizeArgs, context: Context) -> Tokenization:
    """Show how a model tokenises texts: ids, tokens and positions (from the start, from the end, and in a left-padded
    batch), whether a BOS is added, whether the texts have equal lengths, and whether each is a single token.

    Raises:
        ModelError: there is no such model, or it has no tokenizer.
        ToolInputError: an empty text, a page that does not exist, or a chat template that is missing.
    """
    tokenizer = tokenizer_of(args.model)
    notes: list[str] = []
    rows: list[list[int]] = []
    for text in args.texts:
        if not text:
            raise ToolInputError("a text is empty")
        rows.append(ids_of(tokenizer, _shown_to(tokenizer, text, args)))
    longest = max(len(row) for row in rows)
    pages = max(1, -(-longest // _PAGE))
    if args.page > pages:
        raise ToolInputError(f"there is no page {args.page}; the longest text fills {pages}")
    special = {int(i) for i in tokenizer.all_special_ids}
    bos = tokenizer.bos_token_id
    before = front(tokenizer)
    shown = slice((args.page - 1) * _PAGE, args.page * _PAGE)
    found = []
    for text, row in zip(args.texts, rows, strict=True):
        padding = longest - len(row)
        alone = bare(tokenizer, text)
        found.append(
            Tokenised(
                text=text if len(text) <= 400 else text[:400] + "…",
                count=len(row),
                padding=padding,
                single_token=len(alone) == 1 and alone[0] != tokenizer.unk_token_id,
                tokens=[
                    Token(
                        position=place,
                        from_end=place - len(row),
                        padded=padding + place,
                        id=i,
                        token=tokenizer.decode([i]),
                        special=i in special,
                    )
                    for place, i in list(enumerate(row))[shown]
                ],
            )
        )
    unknown = tokenizer.unk_token_id
    if unknown is not None and unknown not in (bos, tokenizer.eos_token_id):
        strange = sum(i == unknown for row in rows for i in row)
        if strange:
            notes.append(
                f"{strange} tokens are unknown to the vocabulary and read as {tokenizer.unk_token}"
            )
    if any(doubled(tokenizer, row) for row in rows):
        notes.append("a text begins with two beginning-of-sequence tokens, as it was written")
    if before and any(bare(tokenizer, text)[: len(before)] == before for text in args.texts):
        notes.append(
            f"a text begins with {tokenizer.decode(before)} itself: no second one was added"
        )
    return Tokenization(
        model=args.model,
        bos=tokenizer.bos_token,
        bos_added=bos in before,
        padding_token=tokenizer.pad_token,
        chat_template=bool(getattr(tokenizer, "chat_template", None)),
        equal_lengths=len({len(row) for row in rows}) == 1,
        texts=found,
        notes=notes,
    )


def _shown_to(tokenizer: Any, text: str, args: TokenizeArgs) -> str:
    """What the model is shown of a text: itself, or a user's message in the chat template."""
    said = [Message(role="user", content=text)]
    return rendered(tokenizer, said, args.model) if args.chat else text


# -- activations -----------------------------------------------------------------------------------


class ActivationsArgs(DataArgs):
    """Arguments of ``activations``."""

    OLD = (("behaviour", "texts", "texts_file"),)

    data: Data = data_field("text (or messages)", 1, "truth")
    n: int = Field(default=32, ge=1, le=20000, description="how many prompts of a task")
    site: Literal["residual", "attention", "mlp"] = Field(
        default="residual", description="the residual stream after a layer, or a sublayer's output"
    )
    position: str = Field(
        default="last", description="one vector a text: last, mean, or -2, -3, ... from the end"
    )
    remote: Elsewhere = Field(
        default=False, description="run on NDIF through nnsight; needs a hub name and NDIF_API_KEY"
    )


class LayerSize(BaseModel):
    """Norms of one layer's activations, and how much of them all texts share."""

    layer: int
    mean_norm: float
    norm_of_mean: float
    largest_dimension: int
    largest_share: float = Field(
        description="share of the squared norm in the largest dimension: near 1 is a massive activation"
    )


class Activations(BaseModel):
    """``file`` is safetensors: ``activations`` [layers, texts, hidden] in float32 and, unless it
    ran elsewhere, ``embedding`` [texts, hidden]."""

    model: str
    site: str
    position: str
    texts: int
    layers: int
    hidden_size: int
    file: str
    sizes: list[LayerSize]
    notes: list[str] = Field(default=[])


@tool(
    name="activations",
    cost="one forward over the texts",
    extra="interp",
    examples=(
        "--data task:truth --n 100",
        "--data texts.txt --site mlp --position mean",
        "--model meta-llama/Llama-3.1-70B --data texts.txt --remote",
    ),
)
def activations(args: ActivationsArgs, context: Context) -> Activations:
    """Write a model's activations to a file. One vector for each text at every layer, as safetensors, with the norms of
    each layer. For a question about them use probe, steer or sae, which bring their controls.

    Raises:
        ToolInputError: an empty text, or an unknown position.
        ModelError: the model cannot be loaded or fails its self-check.
    """
    from safetensors.torch import save_file

    from gadfly.tools.capture import at, capture

    given = read(args, Text, lambda t: [Text(text=e.prompt) for e in t.examples(args.n, args.seed)])
    texts = [each.text for each in given]
    reduce = at(args.position)
    tensors: dict[str, Tensor] = {}
    if args.remote:
        from gadfly.tools.remote import RemoteModel

        index = {"mean": None, "last": -1}.get(args.position, args.position)
        tensors["activations"] = RemoteModel(args.model).activations(
            texts,
            site=args.site,
            position=None if index is None else int(index),
            progress=context.progress,
        )
        source = f"NDIF: {args.model}"
    else:
        model = context.model(args)
        found = capture(
            model, texts, reduce, modules=model.modules(args.site), progress=context.progress
        )
        tensors |= {"activations": found.layers, "embedding": found.embedding}
        source = model.weights
    layers = tensors["activations"]
    path = context.artifacts() / "activations.safetensors"
    about = {
        "model": source,
        "site": args.site,
        "position": args.position,
        "texts": json.dumps(texts),
        "axes": "layer, text, hidden",
    }
    save_file({name: value.contiguous() for name, value in tensors.items()}, str(path), about)
    bad = int((~layers.isfinite()).sum())
    return Activations(
        model=args.model,
        site=args.site,
        position=args.position,
        texts=len(texts),
        layers=layers.shape[0],
        hidden_size=layers.shape[2],
        file=str(path),
        sizes=[_size(layer, values) for layer, values in enumerate(layers)],
        notes=[f"{bad} numbers are not finite; use --dtype float32"] if bad else [],
    )


def _size(layer: int, values: Tensor) -> LayerSize:
    from gadfly.tools import ties

    squares = values.square().mean(0)
    largest = ties.first(squares.cpu(), ties.noise("float32", squares))
    return LayerSize(
        layer=layer,
        mean_norm=round(float(values.norm(dim=-1).mean()), 4),
        norm_of_mean=round(float(values.mean(0).norm()), 4),
        largest_dimension=largest,
        largest_share=round(float(squares[largest] / squares.sum().clamp(min=1e-30)), 4),
    )
