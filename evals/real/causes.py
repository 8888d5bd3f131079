"""Tools that ask what causes an answer: patch, attribute, ablate; and attention, which only looks."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from gadfly.evals.real.asking import Rows, Subject
from gadfly.tools.arrays import Array, Tensor
from gadfly.tools.contract import Verdict

_CAPITAL_PAIRS, _NAME_PAIRS, _NAMES = (
    "capital_pairs.report.jsonl",
    "indirect_object_pairs.report.jsonl",
    "indirect_object.report.jsonl",
)
_NOISE, _NOISE_PAIRS = "noise.jsonl", "noise_pairs.jsonl"
_PROMPT = "The capital of France is"


@cache
def _writes(s: Subject, file: str) -> Array:
    """What each head writes directly to the logit difference, [layers, heads], mean over the prompts of a file."""
    each_prompt = np.array(
        [
            s.plain.direct(s.plain.ids(each["prompt"]), each["answer"], each["wrong"])
            for each in s.records(file)
        ]
    )
    return np.asarray(each_prompt.mean(0))


def _best(s: Subject) -> tuple[int, int]:
    """The head that writes most on the design half: the report half did not choose it."""
    found = _writes(s, "indirect_object.design.jsonl")
    layer, head = np.unravel_index(int(found.argmax()), found.shape)
    return int(layer), int(head)


def _differences(s: Subject, file: str) -> tuple[Array, Array]:
    """Logit differences of the clean and the corrupt prompts, [pairs] each."""
    return tuple(  # type: ignore[return-value]
        np.array(
            [
                s.plain.difference(s.plain.ids(each[side]), each["answer"], each["wrong"])
                for each in s.records(file)
            ]
        )
        for side in ("clean", "corrupt")
    )


def attribute(s: Subject) -> Rows:
    layer, head = _best(s)
    found = _writes(s, _NAMES)
    whole = np.mean(
        [
            s.plain.difference(s.plain.ids(each["prompt"]), each["answer"], each["wrong"])
            for each in s.records(_NAMES)
        ]
    )
    got = s.ask("attribute", _NAMES)
    name = f"L{layer} head {head}"
    share = found[layer, head] / whole
    fact = f"{name} (most on the design half) writes {found[layer, head]:.2f}, {share:.0%} of {whole:.2f}"
    if got.error:
        yield s.refused(got, fact)
    else:
        mine = float(got.cell("contribution", component=name))
        named = [str(row[0]) for row in got.result.table.rows]
        top = next(each for each in named if "head" in each)
        agreed = s.agree(mine, float(found[layer, head]), 0.02) and top == name
        agreed &= got.verdict == "supported"
        said = f"first head is {top}; {name} writes {mine:.2f}"
        yield s.row(got, f"{fact}; supported", said, agreed)
    yield from _spelled(s)
    yield s.null(s.ask("attribute", _NOISE), "random words, random answers")


def _spelled(s: Subject) -> Rows:
    """One answer in two spellings, and its prompt with the BOS typed out where the tokenizer adds one."""
    ids = s.plain.ids(_PROMPT)
    wanted = s.plain.difference(ids, " Paris", " Tokyo")
    tokens = s.plain.token(" Paris"), s.plain.token(" Tokyo")
    exact = f"' Paris' ({tokens[0]}) − ' Tokyo' ({tokens[1]}) is {wanted:.2f}"
    asked = [
        (_PROMPT, " Paris", " Tokyo", exact),
        (_PROMPT, "Paris", "Tokyo", f"{exact}; an answer after a word begins with a space"),
    ]
    if ids[0] == s.plain.tokenizer.bos_token_id:
        typed = s.plain.tokenizer.bos_token + _PROMPT
        asked.append(
            (typed, " Paris", " Tokyo", f"{exact}; a BOS that is typed out is the only one")
        )
    for prompt, answer, wrong, fact in asked:
        given = {"prompt": prompt, "answer": answer, "wrong": wrong}
        got = s.ask("attribute", json.dumps(given))
        if got.error:
            yield s.refused(got, fact)
            continue
        mine = got.value("logit")
        told = next((note for note in got.result.notes if "as tokens" in note), "no tokens told")
        agreed = s.agree(mine, wanted, 0.01) and all(str(token) in told for token in tokens)
        yield s.row(got, fact, f"{mine:.2f}; {told}", agreed)


def patch(s: Subject) -> Rows:
    clean, corrupt = _differences(s, _CAPITAL_PAIRS)
    layer, gap = 2 * len(s.plain.blocks) // 3, (clean - corrupt).mean()
    restored = {}
    for place in (-1, -2):

        def put(each: dict[str, Any], place: int = place) -> float:
            state = s.plain.residuals(s.plain.ids(each["clean"]))[layer, place]
            with s.plain.changed(layer, lambda hidden: _with(hidden, place, state)):
                ids = s.plain.ids(each["corrupt"])
                return s.plain.difference(ids, each["answer"], each["wrong"])

        restored[place] = _change(s, _CAPITAL_PAIRS, put, corrupt) / gap
    got = s.ask("patch", _CAPITAL_PAIRS, layers=[layer], direction="denoising")
    fact = f"after layer {layer} the last token restores {restored[-1]:.2f}, the country's name {restored[-2]:.2f}"
    if got.error:
        yield s.refused(got, fact)
    else:
        mine = {place: float(got.cell("denoising", place=place)) for place in restored}
        agreed = all(s.agree(mine[place], float(restored[place])) for place in restored)
        yield s.row(got, fact, " and ".join(f"{each:.2f}" for each in mine.values()), agreed)
    yield from _heads(s)
    null = s.ask("patch", _NOISE_PAIRS, layers=[layer], direction="denoising")
    yield s.null(null, "random words, random answers")


def _heads(s: Subject) -> Rows:
    layer, head = _best(s)
    clean, corrupt = _differences(s, _NAME_PAIRS)
    size = s.plain.head_size

    def put(each: dict[str, Any]) -> float:
        mixed = s.plain.mixed(s.plain.ids(each["clean"]), layer)
        with s.plain.head(layer, head, mixed[:, head * size : (head + 1) * size]):
            ids = s.plain.ids(each["corrupt"])
            return s.plain.difference(ids, each["answer"], each["wrong"])

    wanted = _change(s, _NAME_PAIRS, put, corrupt) / (clean - corrupt).mean()
    got = s.ask("patch", _NAME_PAIRS, site="head", layers=[layer], direction="denoising")
    fact = (
        f"L{layer} head {head} restores {wanted:.2f} and is reported: supported, or too few pairs"
    )
    if got.error:
        yield s.refused(got, fact)
        return
    mine = float(got.cell("denoising", place=f"head {head}"))
    reported = f"head {head} of layer {layer} " in got.result.headline
    said = f"{mine:.2f}, {'' if reported else 'not '}in the headline"
    passed = reported and got.verdict != Verdict.NOT_SUPPORTED
    yield s.row(got, fact, said, passed and s.agree(mine, float(wanted)))


def ablate(s: Subject) -> Rows:
    layer, head = _best(s)
    clean, corrupt = _differences(s, _NAME_PAIRS)

    def without(each: dict[str, Any]) -> float:
        with s.plain.head(layer, head, 0.0):
            return s.plain.difference(s.plain.ids(each["clean"]), each["answer"], each["wrong"])

    wanted = -_change(s, _NAME_PAIRS, without, clean) / (clean - corrupt).mean()
    here: dict[str, Any] = {"component": "head", "heads": [f"{layer}.{head}"], "how": "zero"}
    got = s.ask("ablate", _NAME_PAIRS, **here)
    fact = f"without L{layer} head {head}, {wanted:.2f} of the difference is gone"
    if got.error:
        yield s.refused(got, fact)
    else:
        mine = got.value("effect")
        yield s.row(got, fact, f"{mine:.2f}", s.agree(mine, float(wanted)))
    yield s.null(s.ask("ablate", _NOISE_PAIRS, **here), "random words, random answers")


def attention(s: Subject) -> Rows:
    scores = _induction(s)
    best = np.unravel_index(int(scores.argmax()), scores.shape)
    layer, head = (int(each) for each in best)
    fact = f"L{layer} head {head} looks {scores[best]:.2f} at what followed the earlier copy"
    got = s.ask("attention", kind="induction")
    if got.error:
        yield s.refused(got, fact)
    else:
        found = int(got.value("induction_layer")), int(got.value("induction_head"))
        mine = got.value("induction_score")
        # other random sequences: a score moves by some hundredths, and near heads may change places
        agreed = abs(scores[found] - scores[best]) < 0.1 and abs(mine - scores[found]) < 0.1
        said = f"L{found[0]} head {found[1]}: {mine:.2f}"
        yield s.row(got, f"{fact}; supported", said, agreed and got.verdict == "supported")
    null = _untrained(s).ask("attention", kind="induction")
    yield s.null(null, "the same architecture, four layers, random weights")


def _induction(s: Subject) -> Array:
    """[layers, heads]: attention from a token's second copy to what followed its first, on random tokens."""
    rng, length = np.random.default_rng(1015), 16
    special = set(s.plain.tokenizer.all_special_ids)
    front = [i for i in s.plain.ids("") if i in special]
    total = []
    for _ in range(16):
        drawn = rng.integers(300, len(s.plain.tokenizer) - 300, length).tolist()
        out = s.plain.forward([*front, *drawn, *drawn], output_attentions=True)
        patterns = np.stack([each[0].float().cpu().numpy() for each in out.attentions])
        at = np.arange(length) + length + len(front)
        # the last token's copy was followed by the sequence's second half; it counts as all others do
        total.append(patterns[:, :, at, at - length + 1].mean(-1))
    return np.asarray(np.mean(total, axis=0))


def _untrained(s: Subject) -> Subject:
    """The same architecture with few layers and weights as they are before training."""
    import copy

    import torch
    from transformers import AutoModelForCausalLM

    config = copy.deepcopy(s.plain.config)
    config.num_hidden_layers = 4
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:4]
    torch.manual_seed(0)
    folder = s.scratch / "untrained"
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
    s.plain.tokenizer.save_pretrained(folder)
    return Subject(f"{s.name}-untrained", folder, s.device, s.dtype, s.scratch)


def _with(hidden: Tensor, place: int, state: Tensor) -> Tensor:
    hidden = hidden.clone()
    hidden[0, place] = state
    return hidden


def _change(
    s: Subject, file: str, measured: Callable[[dict[str, Any]], float], before: Array
) -> float:
    """By how much a change moves the mean logit difference over the pairs of a file."""
    return float(np.mean([measured(each) for each in s.records(file)]) - before.mean())
