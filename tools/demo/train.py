"""Make the demo model: ``python -m gadfly.tools.demo.train --out DIR --steps N --seed S``.

Builds tokenizer and model, trains on ``language`` with next-token prediction, evaluates on held-out
prompts and writes the folder with its card. A CPU with two cores is enough (minutes). The folder is
replaced in one go at the end: Ctrl-C, or a crash, leaves what was there. The seed decides the data
and the initial weights; different machines may still differ in the last digits.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from gadfly.tools.demo.evaluate import PROMPTS, Training, evaluate, table, write_card
from gadfly.tools.demo.language import BOS, PAD, SPECIALS, UNK, Stream, vocabulary

MAX_LENGTH = 256
WARMUP = 100
REPORT_PROMPTS = 100
REPORT_SEED = 2000  # progress is measured on other prompts than the card


@dataclass(frozen=True)
class Settings:
    """What decides the result of a training."""

    steps: int = 3000
    seed: int = 0
    rows: int = 48
    length: int = 48
    rate: float = 3e-3
    layers: int = 6
    width: int = 128
    hidden: int = 256
    heads: int = 4
    shared_heads: int = 2
    decay: float = 0.05


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def build_tokenizer() -> Any:
    """The tokenizer: one token per word, lower case, punctuation apart.

    Text is normalised (NFKC, lower case), split at spaces and around punctuation, and each word is looked up whole; a
    word outside the vocabulary becomes ``<unk>``. The tokenizer itself prepends exactly one ``<bos>`` and pads on the
    left, as generation and ``[:, -1]`` want. There is no chat template and no end-of-text token. Training needs none of
    this (``language`` maps words to the same ids); it is for everyone who loads the model.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    ids = {word: index for index, word in enumerate(vocabulary())}
    core = Tokenizer(models.WordLevel(ids, unk_token=UNK))
    core.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("isolated")]
    )
    core.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A {BOS} $B", special_tokens=[(BOS, ids[BOS])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token=BOS,
        pad_token=PAD,
        unk_token=UNK,
        padding_side="left",
        truncation_side="left",
        model_max_length=MAX_LENGTH,
        clean_up_tokenization_spaces=False,
    )


def build_model(settings: Settings) -> Any:
    """A Qwen3 transformer with grouped-query attention and tied embeddings, freshly initialised."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(settings.seed)
    config = Qwen3Config(
        vocab_size=len(vocabulary()),
        hidden_size=settings.width,
        intermediate_size=settings.hidden,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.shared_heads,
        head_dim=settings.width // settings.heads,
        max_position_embeddings=MAX_LENGTH,
        tie_word_embeddings=True,
        pad_token_id=SPECIALS.index("<pad>"),
        bos_token_id=SPECIALS.index("<bos>"),
        eos_token_id=None,
    )
    return Qwen3ForCausalLM(config)


def train(settings: Settings, report_every: int) -> tuple[Any, Any]:
    """The trained model (eval mode) and its tokenizer."""
    import torch
    from torch.nn.functional import cross_entropy

    tokenizer = build_tokenizer()
    model = build_model(settings).train()
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": settings.decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=settings.rate,
        betas=(0.9, 0.98),
        fused=True,
    )

    def factor(step: int) -> float:
        return min((step + 1) / WARMUP, max(0.02, 1 - step / settings.steps))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
    rows = Stream(settings.seed).rows(settings.length)
    started = time.monotonic()
    for step in range(1, settings.steps + 1):
        batch = list(islice(rows, settings.rows))
        ids = torch.tensor([row for row, _ in batch])
        weights = torch.tensor([weight for _, weight in batch])[:, 1:].flatten()
        logits = model(ids[:, :-1]).logits
        losses = cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
        loss = (losses * weights).sum() / weights.sum()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
        if step % report_every == 0 or step == settings.steps:
            decided = float(losses.detach()[weights == 1].mean())
            scores = evaluate(model.eval(), tokenizer, REPORT_PROMPTS, REPORT_SEED)
            model.train()
            accuracies = " ".join(f"{name} {s.accuracy:.2f}" for name, s in scores.items())
            minutes = (time.monotonic() - started) / 60
            _say(
                f"step {step}/{settings.steps}  {minutes:.1f} min  loss {float(loss.detach()):.3f}"
                f"  answers {decided:.3f}  {accuracies}"
            )
    return model.eval(), tokenizer


def write(folder: Path, model: Any, tokenizer: Any, training: Training, prompts: int) -> None:
    """Evaluate, write everything beside ``folder``, then put it in its place."""
    held_out = evaluate(model, tokenizer, prompts)
    trained = evaluate(model, tokenizer, prompts, split="train")
    _say(table(held_out))
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder as the target, so that the final rename stays on one file system.
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        new = work / "new"
        model.generation_config.max_new_tokens = 20
        model.save_pretrained(new)
        tokenizer.save_pretrained(new)
        write_card(new, training, held_out, trained)
        for file in new.iterdir():
            file.chmod(0o644)  # safetensors writes for the owner alone; packages are for everyone
        if folder.exists():
            folder.replace(work / "old")
        new.replace(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Train, evaluate, write."""
    default = Settings()
    parser = argparse.ArgumentParser(prog="python -m gadfly.tools.demo.train")
    parser.add_argument("--out", type=Path, required=True, help="folder to write (replaced)")
    parser.add_argument("--steps", type=int, default=default.steps)
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--layers", type=int, default=default.layers)
    parser.add_argument("--rate", type=float, default=default.rate)
    parser.add_argument("--report-every", type=int, default=200)
    parser.add_argument("--prompts", type=int, default=PROMPTS, help="per behaviour on the card")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(argv)

    import torch

    torch.set_num_threads(options.threads)
    settings = Settings(
        steps=options.steps, seed=options.seed, layers=options.layers, rate=options.rate
    )
    started, busy = time.monotonic(), time.process_time()
    try:
        model, tokenizer = train(settings, options.report_every)
    except KeyboardInterrupt:
        _say(f"stopped: nothing written, {options.out} is as it was")
        return 130
    training = Training(
        command=(
            f"python -m gadfly.tools.demo.train --out DIR --steps {settings.steps}"
            f" --seed {settings.seed} --layers {settings.layers} --rate {settings.rate}"
        ),
        seed=settings.seed,
        steps=settings.steps,
        tokens=settings.steps * settings.rows * settings.length,
        minutes=(time.monotonic() - started) / 60,
        cpu_minutes=(time.process_time() - busy) / 60,
        parameters=sum(p.numel() for p in model.parameters()),
        shape=(
            f"{settings.layers} layers, width {settings.width}, MLP {settings.hidden}, "
            f"{settings.heads} query heads sharing {settings.shared_heads} key/value heads"
        ),
    )
    write(options.out, model, tokenizer, training, options.prompts)
    _say(f"wrote {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
