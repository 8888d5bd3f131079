"""Retrieval by paper-qa from passages that are already cut. ``gadfly.evals.peers.paper_qa`` starts it.

``Docs.aadd_texts`` takes the passages, ``Docs.retrieve_texts`` finds them: no LLM takes part, and the settings are the
defaults. ``given`` looks up vectors that came with the job; ``sparse`` and ``hybrid`` are the package's own.
"""

# mypy: ignore-errors
import asyncio
import json
import sys
import time
from importlib.metadata import version

import wire  # first: it takes stdout away from what is imported next

# isort: split
from lmi import EmbeddingModel, HybridEmbeddingModel, SparseEmbeddingModel
from paperqa import Doc, Docs, Settings, Text

job = json.load(sys.stdin)


class Given(EmbeddingModel):
    name: str = "given"
    ndim: int = job["width"]

    async def embed_documents(self, texts):
        return [VECTORS[text] for text in texts]


VECTORS = dict(zip(job["texts"], job["vectors"], strict=True))
VECTORS |= dict(zip(job["questions"], job["question_vectors"], strict=True))
MODELS = {
    "given": Given(),
    "sparse": SparseEmbeddingModel(),
    "hybrid": HybridEmbeddingModel(models=[Given(), SparseEmbeddingModel()]),
}


async def run(model, settings):
    docs = Docs()
    by_document = {}
    for number, name in enumerate(job["documents"]):
        by_document.setdefault(name, []).append(number)
    for name, numbers in by_document.items():
        doc = Doc(docname=name, dockey=name, citation=name)
        texts = [Text(text=job["texts"][n], name=str(n), doc=doc) for n in numbers]
        await docs.aadd_texts(texts, doc, settings=settings, embedding_model=model)
    await docs.retrieve_texts(job["questions"][0], job["k"], settings, model)  # builds the index
    found, taken = None, []
    for _ in range(job["rounds"]):
        answers, times = [], []
        for question in job["questions"]:
            started = time.perf_counter()
            texts = await docs.retrieve_texts(question, job["k"], settings, model)
            times.append(1000 * (time.perf_counter() - started))
            answers.append([int(text.name) for text in texts])
        found = found or answers
        taken.append(times)
    return {"found": found, "milliseconds": taken}


settings = Settings()
wire.answer(
    {
        "version": version("paper-qa"),
        "methods": {name: asyncio.run(run(MODELS[name], settings)) for name in job["methods"]},
    }
)
