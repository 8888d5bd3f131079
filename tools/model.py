"""The local model that experiments run on: loaded through nnterp, checked, one worker at a time.

Covers loading (packaged demo, hub name, local folder, a module in memory), tokenisation with left padding and
explicit position ids, the self-check and the fingerprint. Leaves out what is measured on it: tools hook the
standardised modules named here and call :meth:`LocalModel.forward`.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import os
import platform
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gadfly.corpus.progress import Progress, Silent, running
from gadfly.errors import MissingExtraError, ModelError, ToolInputError
from gadfly.tools import tokens
from gadfly.tools.arrays import Tensor
from gadfly.tools.checkpoints import damaged, hub, locate, snapshot
from gadfly.tools.hooks import after, before, hooked
from gadfly.tools.known import Known, hash_of_files

if TYPE_CHECKING:
    import torch
    from torch import nn

Place = str | dict[str, str]
"""A device, a way of sharing layers out, or a device map."""
PROJECTIONS = ("o_proj", "c_proj", "dense", "out_proj", "wo")
"""Names of the output projection within an attention module, by family."""
_SHARED_OUT = ("balanced", "balanced_low_0", "sequential")
_LOADED: dict[tuple[str, str, str], LocalModel] = {}
_LOADING = threading.RLock()
_CHECK = 2  # raised when the self-check changes, so that no model counts as having passed it
_NAMED = 3  # weights that a message names
# Largest difference of logits that the self-check takes for rounding, relative to their spread.
_TOLERANCE = {"float32": 1e-4, "float16": 2e-2, "bfloat16": 1e-1}


@dataclass(frozen=True)
class Batch:
    """Token ids, left-padded: ``ids``, ``mask`` and ``positions`` have shape [rows, tokens]."""

    ids: Tensor
    mask: Tensor
    positions: Tensor

    def __len__(self) -> int:
        return int(self.ids.shape[0])

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row without padding."""
        return [int(n) for n in self.mask.sum(-1)]

    @property
    def rows(self) -> list[list[int]]:
        """The ids of each row without padding."""
        pairs = zip(self.ids.tolist(), self.lengths, strict=True)
        return [row[len(row) - length :] for row, length in pairs]

    def map(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """The batch with the same change made to all three."""
        return Batch(change(self.ids), change(self.mask), change(self.positions))


class LocalModel:
    """A causal language model with its standardised modules.

    ``blocks``, ``attentions`` and ``mlps`` are plain torch modules, one for each layer; hook them at full speed.
    """

    def __init__(
        self, standardised: Any, name: str, identity: dict[str, Any], weights: Callable[[], str]
    ) -> None:
        self.standardised = standardised
        self.name = name
        self.identity = identity
        self._weights = weights
        self.tokenizer = standardised.tokenizer
        self.module: Any = standardised._model
        self.blocks: list[nn.Module] = _parts(name, standardised, "layers")
        self.attentions: list[nn.Module] = _parts(name, standardised, "layers", "self_attn")
        self.mlps: list[nn.Module] = _parts(name, standardised, "layers", "mlp")
        self._writers = {
            "residual": self.blocks,
            "attention": [_writer(each) for each in self.attentions],
            "mlp": [_writer(each) for each in self.mlps],
        }
        (self.final_norm,) = _parts(name, standardised, "ln_final")
        (self.unembedding,) = _parts(name, standardised, "lm_head")
        self.num_layers = len(self.blocks)
        self.hidden_size = int(standardised.hidden_size)
        self._worker = threading.RLock()
        self.module.eval()

    @classmethod
    def wrap(cls, module: nn.Module, tokenizer: Any, *, name: str = "in memory") -> LocalModel:
        """A model already in memory, standardised and checked like any other.

        Raises:
            ModelError: nnterp does not know the architecture, or the self-check fails.
        """
        _torch()
        from nnterp import StandardizedTransformer

        try:
            with _LOADING, _quickly():
                standardised = StandardizedTransformer(
                    module,
                    tokenizer=tokenizer,
                    check_renaming=False,
                    dispatch=True,
                    rename_config=_names(),
                )
        except Exception as error:
            raise ModelError(
                f"nnterp cannot standardise {type(module).__name__}: {error}"
            ) from error
        parameter = next(module.parameters())
        mark = {"name": name, "dtype": _short(parameter.dtype), "device": str(parameter.device)}
        weights = _hash_tensors(module)  # now: its owner may train it further
        model = cls(standardised, name, mark, lambda: weights)
        model.check()
        return model

    @property
    def device(self) -> torch.device:
        """Where tokens go in, and where logits and whatever a tool keeps are brought. Layers may be elsewhere."""
        device: torch.device = self.module.get_input_embeddings().weight.device
        return device

    @property
    def dtype(self) -> str:
        """The precision of its weights, such as ``bfloat16``."""
        return str(self.identity["dtype"])

    @cached_property
    def weights(self) -> str:
        """The hash of its weights. That of a checkpoint's files is taken when it is first asked for."""
        return self._weights()

    @property
    def fingerprint(self) -> dict[str, Any]:
        """What identifies it in the ledger, the hash of its weights included."""
        return {**self.identity, "weights": self.weights}

    @property
    def config(self) -> Any:
        """The configuration of the language model, which is a part of a multimodal one's."""
        config = self.module.config
        return config.get_text_config() if hasattr(config, "get_text_config") else config

    @property
    def heads(self) -> int:
        """Query heads of a layer. Raises ModelError where the configuration does not say."""
        count = getattr(self.config, "num_attention_heads", None)
        if not isinstance(count, int):
            raise ModelError(f"{self.name} does not say how many heads a layer has")
        return count

    def modules(self, site: str) -> list[nn.Module]:
        """The modules of every layer whose output a site is: ``residual``, ``attention`` or ``mlp``. Of a sublayer
        that adds the stream itself (BLOOM, MPT) it is the projection at its end: what it gives is what is written."""
        return self._writers[site]

    def output_projection(self, layer: int) -> Any:
        """The linear map at the end of a layer's attention, whose input is the heads side by side; None if it has no
        usual name."""
        return _projection(self.attentions[layer])

    def check_layer(self, layer: int) -> None:
        """Raises ToolInputError, naming the layers there are, if this is none of them."""
        if not 0 <= layer < self.num_layers:
            raise ToolInputError(
                f"no layer {layer}; {self.name} has layers 0 to {self.num_layers - 1}"
            )

    @contextmanager
    def working(self, *, gradients: bool = False) -> Iterator[None]:
        """Hold the model: hooks of two callers must never meet in one forward. Others queue.

        ``gradients`` lets activations carry them; the weights' own are never computed.
        """
        torch = _torch()
        with self._worker, torch.enable_grad() if gradients else torch.inference_mode():
            yield

    def forward(self, batch: Batch) -> Tensor:
        """Logits of the last position, shape [rows, vocabulary]. Hooks that are set take part.

        Only the last position reaches the unembedding: a full [rows, tokens, vocabulary] tensor would be the
        largest of the whole forward, and no tool here reads it. Rows may be more than ``batch`` has, where a
        hook appended some.
        """
        # As a view with gaps it would be multiplied row by row, and the whole unembedding be read for each.
        last = before(self.unembedding, lambda hidden: hidden[:, -1:].contiguous())
        with hooked([last]):
            return self.logits(batch)[:, -1]

    def logits(self, batch: Batch) -> Tensor:
        """Logits of every position, [rows, tokens, vocabulary], as a loss needs them."""
        out = self.module(
            input_ids=batch.ids,
            attention_mask=batch.mask,
            position_ids=batch.positions,
            use_cache=False,
        )
        logits: Tensor = out.logits.to(self.device)
        return logits

    # -- text and tokens -------------------------------------------------------------------------

    def batch(self, prompts: Sequence[str]) -> Batch:
        """Tokenise prompts, the tokenizer's BOS included once, padded on the left.

        Raises:
            ToolInputError: an empty prompt, or one longer than the model takes.
        """
        return self.batch_of([self.ids(prompt) for prompt in prompts], "prompt")

    def batch_of(self, rows: Sequence[Sequence[int]], what: str = "row") -> Batch:
        """Token ids of several rows as one batch, padded on the left. ``what`` is what an error calls a row.

        Raises:
            ToolInputError: an empty row, or one longer than the model takes.
        """
        lengths = [len(row) for row in rows]
        if not min(lengths):
            raise ToolInputError(f"a {what} has no tokens")
        limit = getattr(self.module.config, "max_position_embeddings", None)
        if limit and max(lengths) > limit:
            raise ToolInputError(
                f"a {what} has {max(lengths)} tokens; {self.name} takes at most {limit}"
            )
        # The pad id is masked, so any valid id serves where the tokenizer has none. It may be 0.
        usual = (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id)
        pad = next((i for i in usual if i is not None), 0)
        return padded(rows, pad).map(lambda part: part.to(self.device))

    def ids(self, prompt: str) -> list[int]:
        """The token ids of one prompt (:func:`tokens.ids_of`). Raises ToolInputError if it is empty."""
        if not prompt.strip():
            raise ToolInputError("a prompt is empty")
        return tokens.ids_of(self.tokenizer, prompt)

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """Each id as readable text."""
        return tokens.pieces(self.tokenizer, ids)

    # -- trust -----------------------------------------------------------------------------------

    def check(self) -> None:
        """Refuse a model that cannot be measured correctly.

        Raises:
            ModelError: weights that are not numbers; a padded batch that differs from single rows; hooks on the
                blocks that do not see every layer in order; tokens that see later ones.
        """
        torch = _torch()
        if (bad := _not_finite(self.module)) is not None:
            raise ModelError(f"{self.name} has weights that are not finite, first in {bad}")
        vocabulary = self.module.get_output_embeddings().weight.shape[0]
        generator = torch.Generator().manual_seed(0)
        long = torch.randint(vocabulary, (1, 5), generator=generator).to(self.device)
        short = long[:, :3]
        padded = Batch(
            torch.cat([long, torch.cat([long[:, :2], short], dim=1)]),
            torch.tensor([[1] * 5, [0] * 2 + [1] * 3], device=self.device),
            torch.tensor([list(range(5)), [0] * 2 + list(range(3))], device=self.device),
        )
        seen: list[int] = []
        last: list[Tensor] = []

        def look(layer: int, hidden: Tensor) -> None:
            seen.append(layer)
            if layer == self.num_layers - 1:
                last.append(hidden)

        # Two forwards, of few tokens: on a first load they are most of what is paid for beyond reading the files.
        with (
            self.working(),
            hooked(after(each, partial(look, i)) for i, each in enumerate(self.blocks)),
        ):
            together, alone = self.forward(padded)[1:], self.forward(_whole(short))
        tolerance = _TOLERANCE.get(self.dtype, 1e-1)
        gap = float((together - alone).abs().max() / alone.float().std().clamp(min=1e-6))
        if not gap <= tolerance:
            raise ModelError(
                f"{self.name} gives other logits in a padded batch than alone (difference {gap:.2g} of their "
                "spread): its positions or mask are handled in a way that would falsify every measurement"
            )
        if seen != 2 * list(range(self.num_layers)):
            raise ModelError(f"the layers of {self.name} do not run once each and in order")
        # The short row begins the long one, so a causal model sees the same there.
        begun, whole = last[1].float(), last[0][:1, : short.shape[1]].float()
        if not float((begun - whole).abs().max() / whole.std().clamp(min=1e-6)) <= tolerance:
            raise ModelError(
                f"{self.name} ({type(self.module).__name__}) lets tokens see those after them, as encoders such as "
                "BERT do; the tools study causal language models"
            )


def _names() -> Any:
    """Names of modules that nnterp does not know: the last norm of Phi and Persimmon."""
    from nnterp.rename_utils import RenameConfig

    return RenameConfig(ln_final_name="final_layernorm")


def _projection(module: Any) -> Any:
    return next((getattr(module, name) for name in PROJECTIONS if hasattr(module, name)), None)


def _writer(sublayer: nn.Module) -> nn.Module:
    """The module whose output is what a sublayer writes into the stream: itself, or, where it is given the stream and
    adds it, the projection at its end."""
    if "residual" not in inspect.signature(type(sublayer).forward).parameters:
        return sublayer
    found: nn.Module = _projection(sublayer) or list(sublayer.children())[-1]
    if "Linear" not in type(found).__name__:  # a dropout may stand behind it
        found = [each for each in sublayer.children() if "Linear" in type(each).__name__][-1]
    return found


def _parts(name: str, standardised: Any, what: str, within: str = "") -> list[nn.Module]:
    """The modules that a model has under nnterp's names: every layer's for ``layers``.

    Raises:
        ModelError: it lacks one. OPT's blocks hold no module that is the MLP.
    """
    try:
        found = getattr(standardised, what)
        found = list(found) if what == "layers" else [found]
        return [(getattr(each, within) if within else each)._module for each in found]
    except (AttributeError, TypeError) as error:
        kind = type(standardised._model).__name__
        of_it = f"{within} in its layers" if within else what
        raise ModelError(
            f"{name} ({kind}) has no module that nnterp knows as {of_it}, which the experiments hook; use a model of "
            "another architecture, such as Llama, Qwen, Gemma, GPT-2 or Pythia"
        ) from error


def load(
    name: str, *, device: str = "auto", dtype: str = "auto", progress: Progress | None = None
) -> LocalModel:
    """The model ``name``, loaded once per process.

    Args:
        name: ``demo``, ``planted`` (a mechanism written by hand), a local folder, or a hub name.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``; over several GPUs ``balanced``, ``balanced_low_0``,
            ``sequential`` (layers shared out by accelerate), or a device map as JSON, module name to device.
        dtype: ``auto`` is float32 on a CPU and the checkpoint's own elsewhere.

    Raises:
        MissingExtraError: torch or nnterp is not installed.
        ModelError: it does not exist, is no safetensors checkpoint, or fails its self-check.
    """
    torch = _torch()
    where = _device(torch, device)
    with _LOADING:
        key = (name, json.dumps(where), dtype)
        if key not in _LOADED:
            with running(progress or Silent(), f"Loading the model {name}"):
                _LOADED[key] = _load(torch, name, where, dtype)
        return _LOADED[key]


def _load(torch: Any, name: str, device: Place, dtype: str) -> LocalModel:
    where = locate(name)
    known = Known(where) if isinstance(where, Path) else None  # before the weights are read
    on_cpu = device == "cpu" or (isinstance(device, dict) and set(device.values()) == {"cpu"})
    kind = getattr(torch, dtype) if dtype != "auto" else torch.float32 if on_cpu else "auto"
    try:
        from nnterp import StandardizedTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # ours is shown; downloads keep the hub's own
        with _quickly(), _complete(name):
            standardised = StandardizedTransformer(
                str(where),
                device_map=device,
                dtype=kind,
                use_safetensors=True,  # a pickle runs code when it is opened
                trust_remote_code=False,
                check_renaming=False,  # our own check below runs the real model
                dispatch=True,
                rename_config=_names(),
            )
    except ImportError as error:
        raise MissingExtraError(f"loading a model ({error.name})", "interp") from error
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(_explain(name, where, error)) from error
    _all_resident(name, standardised._model)
    standardised._model.requires_grad_(False)  # no tool trains; their graph would only cost memory
    used = _short(next(standardised._model.parameters()).dtype)
    revision = getattr(standardised._model.config, "_commit_hash", None)
    if known is None and (place := snapshot(name, revision)) is not None:
        known = Known(
            place, f"tensors in {used}"
        )  # the hub's files never change below one revision
    weights: Callable[[], str] = partial(_weights_of, standardised._model, where, known)
    if not isinstance(where, Path):
        now = weights()  # of the tensors, which may change: it takes no time
        weights = lambda: now  # noqa: E731
    identity = {
        "name": name,
        "revision": revision,
        "config": _hash_config(standardised._model.config),
        "dtype": used,
        "device": device,
    }
    model = LocalModel(standardised, name, identity, weights)
    conditions = _conditions(used, device)
    if known is None or not known.passed(conditions):
        model.check()
        if known is not None:
            known.keep(passed=conditions)
    return model


def _weights_of(module: nn.Module, where: Path | str, known: Known | None) -> str:
    """The hash of the weights: as it is known; else of the files, if they are still those that were loaded; else of
    the tensors in memory."""
    if known is not None and known.weights is not None:
        return known.weights
    found = None
    if isinstance(where, Path) and known is not None:
        found = hash_of_files(where)
        if not known.unchanged():
            return _hash_tensors(module)
    found = found or _hash_tensors(module)
    if known is not None:
        known.keep(weights=found)
    return found


@contextmanager
def _quickly() -> Iterator[None]:
    """nnsight asks each of its modules for names that most lack, and writes the whole model into the text of each
    error, which nobody reads: most of its time. Held under the lock of loading."""
    from nnsight.intervention.envoy import Envoy

    told = Envoy.__str__
    Envoy.__str__ = lambda envoy: type(envoy).__name__
    try:
        yield
    finally:
        Envoy.__str__ = told


@contextmanager
def _complete(name: str) -> Iterator[None]:
    """Refuse a checkpoint that does not give every weight: transformers draws those at random, and every number
    measured is then of another model. It reports them at the end of a load, without tied weights and what a model works
    out by itself; nnsight hands none of it on. Held under the lock of loading.

    Raises:
        ModelError: weights that the checkpoint lacks, or has in another shape.
    """
    from transformers import modeling_utils

    report = modeling_utils.log_state_dict_report

    def look(*given: Any, **named: Any) -> None:
        info = named["loading_info"]
        shapes = sorted(f"{key} {tuple(a)} for {tuple(b)}" for key, a, b in info.mismatched_keys)
        for those, what in (
            (sorted(info.missing_keys), "lacks"),
            (shapes, "has weights of another shape than its config.json says:"),
        ):
            if those:
                more = f" and {len(those) - _NAMED} more" if len(those) > _NAMED else ""
                raise ModelError(
                    f"{name} {what} {', '.join(those[:_NAMED])}{more}: such weights would be random numbers, and the "
                    "results of another model; copy or download all of it again, or save it whole with its config"
                )
        report(*given, **named)

    modeling_utils.log_state_dict_report = look
    try:
        yield
    finally:
        modeling_utils.log_state_dict_report = report


def _conditions(dtype: str, device: Place) -> str:
    """All but the files on which the outcome of :meth:`LocalModel.check` rests."""
    found = []
    for name in ("torch", "transformers", "nnsight", "nnterp", "accelerate"):
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return ", ".join(
        [f"check {_CHECK}", dtype, json.dumps(device, sort_keys=True), platform.machine(), *found]
    )


def _explain(name: str, where: Path | str, error: Exception) -> str:
    reason = " ".join(str(error).split())[:200]
    if "Unrecognized configuration class" in reason:
        return f"{name} is no causal language model, which the tools study: {reason.partition(' for this kind')[0]}"
    if "StandardizedTransformer has no attribute" in reason:
        return f"{name} is no transformer that nnterp knows ({reason}); the tools study causal transformers"
    if isinstance(where, Path):
        if bad := damaged(where):
            return f"{bad} is cut short or damaged ({reason}); copy or download it again"
        return f"cannot load {where}: {reason}"
    if type(error).__name__ == "SafetensorError":
        return f"the weights of {name} are damaged ({reason}); delete it from the cache {hub()}, which fetches it again"
    if os.environ.get("HF_HUB_OFFLINE") == "1":
        return f"{name} is not in the local hub cache, and HF_HUB_OFFLINE=1 forbids fetching it; or use --model demo"
    return f"cannot load {name} from the hub ({reason}); check the name and the network, or use --model demo"


def _hash_config(config: Any) -> str:
    settings = json.loads(json.dumps(config.to_dict(), default=str))
    settings.pop("_name_or_path", None)
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def _not_finite(module: nn.Module) -> str | None:
    """The first weight that holds a number that is not finite. A sum is finite only if all of its terms are, and takes
    one pass without a copy; where it is not, it may have run over, so the numbers themselves are looked at."""
    torch = _torch()
    named = [(name, p) for name, p in module.named_parameters() if p.is_floating_point()]
    sums = [p.detach().sum(dtype=torch.float32) for _, p in named]
    for (name, p), total in zip(named, [float(each) for each in sums], strict=True):
        if not math.isfinite(total) and not bool(torch.isfinite(p).all()):
            return name
    return None


def _hash_tensors(module: nn.Module) -> str:
    """A hash over name, shape and 4,096 evenly spread numbers of every weight: quick on large models."""
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        flat = tensor.detach().flatten()
        step = max(1, flat.numel() // 4096)
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(flat[::step].float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _all_resident(name: str, module: Any) -> None:
    """Refuse weights that wait on the CPU or the disk: they cannot be checked, and moving them in at each forward would
    cost more than any experiment.

    Raises:
        ModelError: some are.
    """
    waiting = {str(p.device) for p in module.parameters()} & {"meta"}
    if waiting:
        raise ModelError(
            f"{name} does not fit on the devices asked for: parts of it would wait on the CPU or the disk. "
            "Use a smaller model, --dtype bfloat16, more GPUs, or --device cpu"
        )


def _device(torch: Any, wanted: str) -> Place:
    if wanted == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    if wanted in _SHARED_OUT:
        if not torch.cuda.is_available():
            raise ModelError(f"no GPU here to share a model out ({wanted}); use auto or cpu")
        return wanted
    mapped = wanted.lstrip().startswith("{")
    places = _device_map(wanted) if mapped else {"": wanted}
    for place in places.values():
        try:
            torch.empty(0, device=place)
        except (RuntimeError, AssertionError) as error:
            raise ModelError(f"no device {place!r} here; use auto or cpu") from error
    return places if mapped else wanted


def _device_map(text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not found:
        raise ModelError(
            f"the device map is no JSON object of module names and devices: {text}; for example "
            '{"model.embed_tokens": "cuda:0", "model.layers.0": "cuda:1", ...}'
        )
    # accelerate's maps give a GPU as a number.
    return {str(part): f"cuda:{i}" if isinstance(i, int) else str(i) for part, i in found.items()}


def padded(rows: Sequence[Sequence[int]], pad: int) -> Batch:
    """Rows of token ids on the CPU, padded on the left with ``pad``; positions count from each row's own beginning."""
    torch = _torch()
    longest = max(len(row) for row in rows)
    ids = torch.tensor([[pad] * (longest - len(row)) + list(row) for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    return Batch(ids, mask, (mask.cumsum(-1) - 1).clamp(min=0))


def _whole(ids: Tensor) -> Batch:
    torch = _torch()
    rows, length = ids.shape
    positions = torch.arange(length, device=ids.device).expand(rows, length)
    return Batch(ids, torch.ones_like(ids), positions)


def _short(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def _torch() -> Any:
    """torch, which must be imported before nnterp."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("running experiments", "interp") from error
    return torch
