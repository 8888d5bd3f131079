"""Plain generation from prompts, and the decoding loop that every tool which generates shares.

The loop keeps keys and values between steps, pads on the left, gives explicit positions, and draws each row from a
generator of its own: a text depends on its prompt and seed, never on what shares its batch. Hooks that are set when it
runs take part in every step. Leaves out steering (``steering``), which only sets such a hook.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, model_validator

from gadfly.corpus.progress import running
from gadfly.errors import ToolInputError
from gadfly.tools.arrays import Tensor
from gadfly.tools.contract import Context, ExperimentArgs, tool
from gadfly.tools.hooks import before, hooked
from gadfly.tools.model import Batch, LocalModel

if TYPE_CHECKING:
    import torch


class GenerateArgs(ExperimentArgs):
    """Arguments of ``generate``."""

    prompt: str | None = Field(default=None, description="one prompt, commas and all")
    prompts: list[str] | None = Field(default=None, description="several prompts")
    max_tokens: int = Field(default=40, ge=1, le=4096, description="the most new tokens of a text")
    temperature: float = Field(
        default=0.0, ge=0, le=10, description="0: always the likeliest token; else sampling"
    )
    samples: int = Field(
        default=1, ge=1, le=256, description="texts for each prompt; more than one needs sampling"
    )
    max_rows: int = Field(
        default=64, ge=1, le=65536, description="texts generated at once; bounds memory"
    )

    @model_validator(mode="after")
    def _sensible(self) -> GenerateArgs:
        if (self.prompt is None) == (self.prompts is None):
            raise ValueError("give prompt or prompts, one of them")
        if self.prompts is not None and not self.prompts:
            raise ValueError("prompts is empty")
        if self.samples > 1 and self.temperature == 0:
            raise ValueError("at temperature 0 all samples are the same; raise temperature")
        return self


class Generation(BaseModel):
    """One continuation. ``text`` holds the new tokens only, without the prompt."""

    prompt: str
    sample: int
    text: str
    tokens: int
    ended: bool = Field(description="whether the model ended the text itself")


class Generations(BaseModel):
    """Texts in the order of prompts, samples of one prompt together."""

    generations: list[Generation]
    notes: list[str] = []


@tool(
    name="generate",
    cost="seconds on the demo model; grows with tokens x model size",
    extra="interp",
    examples=(
        '--prompt "the capital of france is" --max-tokens 8',
        '--prompt "when mary and john went" --temperature 0.8 --samples 4 --seed 1',
    ),
)
def generate(args: GenerateArgs, context: Context) -> Generations:
    """Continue prompts with the local model: greedy by default, else sampled at a temperature, seeded. Reads only; no
    experiment and no verdict.

    Raises:
        ToolInputError: an empty prompt, or prompt and new tokens together longer than the model takes.
        ModelError: the model cannot be loaded or fails its self-check.
    """
    model = context.model(args)
    asked = args.prompts if args.prompts is not None else [args.prompt or ""]
    rows = [(prompt, sample) for prompt in asked for sample in range(args.samples)]
    notes: list[str] = []
    with running(context.progress, "Generating", len(rows)):
        written = texts(
            model,
            [prompt for prompt, _ in rows],
            args.max_tokens,
            temperature=args.temperature,
            seeds=[row_seed(args.seed, number) for number in range(len(rows))],
            max_rows=args.max_rows,
            on_done=context.progress.advance,
            on_halved=lambda n: notes.append(f"memory ran out: {n} texts at once were generated"),
        )
    return Generations(
        generations=[
            Generation(
                prompt=prompt,
                sample=sample,
                text=model.tokenizer.decode(ids),
                tokens=len(ids),
                ended=len(ids) < args.max_tokens,
            )
            for (prompt, sample), ids in zip(rows, written, strict=True)
        ],
        notes=notes,
    )


def row_seed(seed: int, number: int) -> int:
    """The seed of one row: far apart for neighbours, the same on every machine."""
    return (seed * 1_000_003 + number * 7_919) % (2**63)


def texts(
    model: LocalModel,
    prompts: Sequence[str],
    max_tokens: int,
    *,
    temperature: float = 0.0,
    seeds: Sequence[int] | None = None,
    max_rows: int = 64,
    on_done: Callable[[int], None] = lambda _: None,
    on_halved: Callable[[int], None] = lambda _: None,
) -> list[list[int]]:
    """New token ids of each prompt, in parts of at most ``max_rows`` prompts; halved when memory runs out."""
    seeds = seeds if seeds is not None else [0] * len(prompts)

    def part(some: list[int]) -> list[list[int]]:
        batch = model.batch([prompts[i] for i in some])
        return decode(
            model, batch, max_tokens, temperature=temperature, seeds=[seeds[i] for i in some]
        )

    # Prompts of like length together, so that little is padded.
    order = sorted(range(len(prompts)), key=lambda i: -len(model.ids(prompts[i])))
    found: dict[int, list[int]] = {}
    for some, made in in_parts(order, max_rows, part, on_halved):
        found.update(zip(some, made, strict=True))
        on_done(len(some))
    return [found[i] for i in range(len(prompts))]


def noting(notes: list[str]) -> Callable[[int], None]:
    """What tells of a bound on rows that was halved: it adds to the notes."""
    return lambda rows: notes.append(f"memory ran out: at most {rows} rows a forward were used")


def in_parts(
    rows: Sequence[int],
    max_rows: int,
    work: Callable[[list[int]], Any],
    on_halved: Callable[[int], None],
) -> list[tuple[list[int], Any]]:
    """``work`` on parts of at most ``max_rows`` rows; where GPU memory runs out the bound is halved and told."""
    import torch

    done = 0
    out: list[tuple[list[int], Any]] = []
    while done < len(rows):
        some = list(rows[done : done + max_rows])
        try:
            out.append((some, work(some)))
        except torch.cuda.OutOfMemoryError:
            if len(some) == 1:
                raise
            torch.cuda.empty_cache()
            max_rows = max(1, len(some) // 2)
            on_halved(max_rows)
            continue
        done += len(some)
    return out


def decode(
    model: LocalModel,
    batch: Batch,
    max_tokens: int,
    *,
    temperature: float = 0.0,
    seeds: Sequence[int] | None = None,
) -> list[list[int]]:
    """New token ids of each row: one forward over the prompt, then one token a step with keys and values kept.

    Args:
        temperature: 0 takes the likeliest token; else tokens are drawn (by the Gumbel-max trick).
        seeds: one for each row; rows of equal seed meet the same noise.

    Returns:
        For each row at most ``max_tokens`` ids; a token that ends the text is left out.

    Raises:
        ToolInputError: prompt and new tokens are longer than the model takes.
    """
    import torch

    from gadfly.tools import ties

    check_length(model, batch, max_tokens)
    stops = torch.tensor(sorted(stop_ids(model)), device=batch.ids.device)
    noise = _noise(seeds or [0] * len(batch), temperature)
    ids, mask, positions = batch.ids, batch.mask, batch.positions
    cache: Any = None
    ended = torch.zeros(len(batch), dtype=torch.bool, device=ids.device)
    steps: list[Tensor] = []

    def last(hidden: Tensor) -> Tensor:
        # Only it reaches the unembedding, as in LocalModel.forward.
        return hidden[:, -1:].contiguous()

    with model.working(), hooked([before(model.unembedding, last)]):
        for _ in range(max_tokens):
            out = model.module(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
            )
            cache = out.past_key_values
            logits = out.logits[:, -1].float().to(ids.device)
            if noise is not None:
                logits = logits / temperature + noise(logits)
            ids = ties.likeliest(logits)
            steps.append(ids)
            if len(stops):
                ended |= torch.isin(ids[:, 0], stops)
                if bool(ended.all()):
                    break
            mask = torch.cat([mask, mask.new_ones(len(batch), 1)], dim=1)
            positions = positions[:, -1:] + 1
    ending = set(stops.tolist())
    return [_until(row, ending) for row in torch.cat(steps, dim=1).tolist()]


def _until(ids: list[int], ending: set[int]) -> list[int]:
    return next((ids[:i] for i, one in enumerate(ids) if one in ending), ids)


def _noise(seeds: Sequence[int], temperature: float) -> Callable[[Tensor], Tensor] | None:
    """Gumbel noise [rows, vocabulary] of one step, each row from its own generator on the CPU."""
    import torch

    if temperature == 0:
        return None
    generators: dict[int, torch.Generator] = {
        seed: torch.Generator().manual_seed(seed) for seed in dict.fromkeys(seeds)
    }

    def draw(logits: Tensor) -> Tensor:
        drawn = {
            seed: -torch.log(
                -torch.log(torch.rand(logits.shape[-1], generator=g).clamp(1e-20, 1 - 1e-7))
            )
            for seed, g in generators.items()
        }
        return torch.stack([drawn[seed] for seed in seeds]).to(logits.device)

    return draw


def stop_ids(model: LocalModel) -> set[int]:
    """The tokens that end a text: the model's generation settings, else the tokenizer's. Id 0 counts."""
    told = getattr(model.module.generation_config, "eos_token_id", None)
    if told is None:
        told = model.tokenizer.eos_token_id
    if told is None:
        return set()
    return set(told) if isinstance(told, (list, tuple)) else {int(told)}


def check_length(model: LocalModel, batch: Batch, max_tokens: int) -> None:
    """Raises ToolInputError if prompt and new tokens do not fit into the model's context."""
    limit = getattr(model.module.config, "max_position_embeddings", None)
    longest = max(batch.lengths)
    if limit and longest + max_tokens > limit:
        raise ToolInputError(
            f"a prompt of {longest} tokens and {max_tokens} new ones are more than the {limit} that {model.name} takes"
        )
