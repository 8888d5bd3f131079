"""Tools that read: sizes, tokens, activations, the logit lens, patchscopes."""

from __future__ import annotations

import numpy as np

from gadfly.evals.real.asking import Answer, Rows, Subject

_CAPITALS, _NAMES, _OPPOSITES = (
    "capitals.report.jsonl",
    "indirect_object.report.jsonl",
    "opposites.jsonl",
)
_SAME, _SUMMER, _NOISE, _TEXTS = (
    "same_token.jsonl",
    "last_summer.jsonl",
    "noise.jsonl",
    "texts.jsonl",
)
_SLACK = (
    0.15  # a tool looks for a layer on one half of the prompts: a share moves by a prompt or two
)


def model_info(s: Subject) -> Rows:
    plain, c = s.plain, s.plain.config
    count = sum(each.numel() for each in plain.module.parameters())
    wanted = (len(plain.blocks), c.num_attention_heads, c.num_key_value_heads, c.hidden_size, count)
    got = s.ask("model_info")
    r = got.result
    found = (r.layers, r.heads, r.key_value_heads, r.hidden_size, r.parameters)
    words = "{} layers, {} heads on {}, {} wide, {:,} parameters"
    yield s.row(got, words.format(*wanted), words.format(*found), found == wanted)


def tokenize(s: Subject) -> Rows:
    for text in (" Paris", "She said, quietly, that it was late."):
        ids = s.plain.ids(text)
        ran, found, seconds = s.type("tokenize", texts=text)
        told = [[token["id"] for token in each["tokens"]] for each in found["texts"]]
        fact = f"{text!r} is one text, with its space: {len(ids)} tokens, the first {ids[0]}"
        said = f"{len(told)} text, {sum(map(len, told))} tokens, the first {told[0][0]}"
        yield s.row(Answer("tokenize", ran, None, seconds), fact, said, told == [ids])
    if s.plain.tokenizer.chat_template is None:
        return
    message = [{"role": "user", "content": "Hello there"}]
    kind = {"add_generation_prompt": True, "tokenize": True, "return_dict": True}
    wanted = list(s.plain.tokenizer.apply_chat_template(message, **kind)["input_ids"])
    got = s.ask("tokenize", texts=["Hello there"], chat=True)
    shown_ids = [token.id for token in got.result.texts[0].tokens]
    warned = [note for note in got.result.notes if "BOS" in note]
    shown = f"{len(shown_ids)} tokens" + (f"; {warned[0]}" if warned else ", no warning")
    fact = f"the template gives {len(wanted)} tokens, nothing twice at its start"
    yield s.row(got, fact, shown, shown_ids == wanted and not warned)


def activations(s: Subject) -> Rows:
    from safetensors.torch import load_file

    layer = len(s.plain.blocks) // 2
    wanted = np.stack(
        [
            s.plain.residuals(s.plain.ids(each["text"]))[layer, -1].float().cpu()
            for each in s.records(_TEXTS)
        ]
    )
    got = s.ask("activations", _TEXTS)
    found = load_file(got.result.file)["activations"][layer].float().numpy()
    apart = float(np.abs(found - wanted).max() / np.abs(wanted).max())
    norm = float(np.linalg.norm(wanted, axis=-1).mean())
    mine = float(np.linalg.norm(found, axis=-1).mean())
    fact = f"mean norm of the last token's residual after layer {layer} is {norm:.3g}"
    # a sum in another order moves the last bits; a wrong token or layer moves everything
    yield s.row(got, fact, f"{mine:.3g}, each number within {apart:.0e}", apart < s.near)


def lens(s: Subject) -> Rows:
    yield from _read(s, _CAPITALS, logs=True)
    yield from _read(s, _OPPOSITES)
    yield from _read(s, _NAMES)
    yield s.null(s.ask("lens", _NOISE), "random words, random answers")


def _read(s: Subject, file: str, logs: bool = False) -> Rows:
    """Whether a layer before the last is readable, and which is the first; with ``logs`` also what is read."""
    items = s.records(file)
    logp = np.zeros((len(s.plain.blocks), len(items)))
    rank = np.zeros_like(logp)
    for column, item in enumerate(items):
        states = s.plain.residuals(s.plain.ids(item["prompt"]))[:, -1]
        read, target = s.plain.read(states), s.plain.token(item["answer"])
        logp[:, column] = read[:, target].numpy()
        rank[:, column] = (read > read[:, [target]]).sum(-1).numpy()
    got = s.ask("lens", file)
    if got.error:
        yield s.refused(got, "the lens reads each layer")
        return
    if logs:
        mean = logp.mean(1)
        places = [0, len(mean) // 2, len(mean) - 2]
        mine = [float(got.cell("log p", layer=str(layer))) for layer in places]
        pairs = list(zip(mine, (mean[layer] for layer in places), strict=True))
        fact = f"mean log p after layers {places}: {', '.join(f'{b:.1f}' for _, b in pairs)}"
        said = ", ".join(f"{a:.1f}" for a, _ in pairs)
        yield s.row(got, fact, said, all(s.agree(a, b, 0.05) for a, b in pairs))
    few = int(got.value("likeliest"))
    share = (rank < few).mean(1)
    needed = share[-1] / 2
    where = np.flatnonzero(share[:-1] >= needed)
    found = f"first after layer {where[0]}" if len(where) else "after no layer before the last"
    fact = (
        f"half as often as in the output ({share[-1]:.2f}) among the {few} likeliest: {found} "
        f"(at most {share[:-1].max():.2f})"
    )
    layer = int(got.value("layer"))
    readable = any(row[-1] == "first readable" for row in got.result.table.rows)
    earlier = share[: layer if readable else -1]
    agreed = not (earlier >= needed + _SLACK).any()
    if readable:
        agreed = agreed and share[layer] >= needed - _SLACK
        yield s.row(got, fact, f"first readable after layer {layer}", agreed)
    else:
        yield s.row(got, fact, f"none; nearest after layer {layer}", agreed)


def patchscope(s: Subject) -> Rows:
    got = s.ask("patchscope", _CAPITALS, position="-2", target="The capital of {} is", into=0)
    fact = "the state of a country's name, put into layer 0 of the same prompt"
    if got.error:
        yield s.refused(got, fact)
    else:
        layer = int(got.value("layer"))
        wanted = _transplanted(s, layer)
        mine = got.value("log_probability")
        fact = f"{fact}: from layer {layer}, mean log p {wanted:.2f}"
        yield s.row(got, fact, f"{mine:.2f}", s.agree(mine, wanted, 0.05))
    same = s.ask("patchscope", _SAME)
    yield s.null(same, "the answer is the token that is read")
    summer = s.ask("patchscope", _SUMMER, target="The capital of {} is")
    yield s.null(summer, "a country in passing; its name alone, in the target, has a capital")
    noise = s.ask("patchscope", _NOISE, target="{} ->")
    yield s.null(noise, "random words, random answers")


def _transplanted(s: Subject, layer: int) -> float:
    """Mean log-probability of the capital after the state of the country's token was put into another prompt."""
    total = []
    for item in s.records(_CAPITALS):
        ids = s.plain.ids(item["prompt"])
        state = s.plain.residuals(ids)[layer, -2]
        there = s.plain.ids("The capital of X is")

        def put(hidden: object, state: object = state) -> object:
            hidden = hidden.clone()  # type: ignore[attr-defined]
            hidden[0, -2] = state  # type: ignore[index]
            return hidden

        with s.plain.changed(0, put):  # type: ignore[arg-type]
            logits = s.plain.logits(there)
        total.append(float(logits.log_softmax(-1)[s.plain.token(item["answer"])]))
    return float(np.mean(total))
