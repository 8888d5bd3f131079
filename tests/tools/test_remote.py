"""Activations through NDIF's road: the request is serialised and run as it would be there, in this process."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from gadfly.corpus.progress import Silent  # noqa: E402
from gadfly.errors import ModelError, UsageError  # noqa: E402
from gadfly.tools.capture import at, capture  # noqa: E402
from gadfly.tools.demo import demo_path  # noqa: E402
from gadfly.tools.inspecting import activations  # noqa: E402
from gadfly.tools.model import load  # noqa: E402
from gadfly.tools.remote import RemoteModel, Site  # noqa: E402

TEXTS = ["the capital of france is", "maria", "when mary and john went to the shop"]


@pytest.mark.parametrize(
    ("site", "position"), [("residual", "last"), ("attention", "mean"), ("mlp", "last")]
)
def test_the_same_numbers_as_here(site: Site, position: str) -> None:
    model = load("demo", device="cpu")
    modules = {"residual": model.blocks, "attention": model.attentions, "mlp": model.mlps}[site]
    here = capture(model, TEXTS, at(position), modules=modules, progress=Silent()).layers
    remote = RemoteModel(demo_path().as_posix(), backend="local")
    there = remote.activations(
        TEXTS, site=site, position=None if position == "mean" else -1, progress=Silent()
    )
    assert there.shape == here.shape
    assert torch.allclose(there, here, atol=1e-3, rtol=1e-4)


def test_without_a_key_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NDIF_API_KEY", raising=False)
    with pytest.raises(UsageError, match="NDIF_API_KEY"):
        activations(texts=TEXTS, model="Qwen/Qwen3-0.6B", remote=True)


def test_an_unknown_model_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="nobody/nothing"):
        RemoteModel("nobody/nothing", backend="local")
