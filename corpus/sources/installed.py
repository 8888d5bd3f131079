"""Documentation of the packages in this environment: their README, docstrings and signatures.

The passages name the installed version, and go stale when it changes: the version is part of the
source's fingerprint. Packages are found through their metadata and read as text, never imported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from gadfly.corpus.documents import Document, normalise, slug
from gadfly.corpus.sources.pydoc import page

_READER = "1"  # raise it when pages come out differently for the same package version


@dataclass(frozen=True)
class Pages:
    """Which modules of a package to read. ``names`` limits a module to some of its top-level names."""

    module: str
    names: tuple[str, ...] = ()
    body_lines: int = 0


@dataclass(frozen=True)
class InstalledSource:
    """One installed package. A package that is not installed has no documents."""

    package: str
    pages: tuple[Pages, ...]
    readme: bool = True

    @property
    def name(self) -> str:
        return f"installed:{self.package}"

    def version(self) -> str | None:
        """The installed version, or None."""
        try:
            return metadata.version(self.package)
        except metadata.PackageNotFoundError:
            return None

    def fingerprint(self) -> str:
        return f"{self.package}=={self.version()} {_READER} {hash_of(self.pages)}"

    def documents(self) -> Iterator[Document]:
        version = self.version()
        root = _package_folder(self.package)
        if version is None or root is None:
            return
        about = metadata.metadata(self.package).json
        licence = str(about.get("license_expression") or about.get("license") or "")[:60]
        licence = licence.split("\n")[0]
        if self.readme and about.get("description"):
            text = str(about["description"])
            yield self._document("readme", f"{self.package} README", text, version, licence)
        for wanted in self.pages:
            for module, path in _modules(self.package, root, wanted.module):
                source = path.read_text(encoding="utf-8", errors="replace")
                try:
                    text = page(module, source, names=wanted.names, body_lines=wanted.body_lines)
                except SyntaxError:  # written for another Python: no reason to lose the rest
                    continue
                if text:
                    short = module.removeprefix(f"{self.package}.")
                    yield self._document(slug(short), module, text, version, licence)

    def _document(self, stem: str, title: str, text: str, version: str, licence: str) -> Document:
        return Document(
            id=f"{self.package}/{stem}",
            title=f"{title} ({self.package} {version})",
            text=normalise(text),
            kind="installed-doc",
            source=self.name,
            licence=licence or None,
            version=version,
            meta={"package": self.package},
        )


def installed_sources() -> list[InstalledSource]:
    """The packages that Gadfly's experiments are written in, limited to what interpretability touches."""
    return [
        InstalledSource(
            "nnterp", (Pages("nnterp", body_lines=25), Pages("nnterp.*", body_lines=25))
        ),
        InstalledSource("nnsight", tuple(Pages(module) for module in _NNSIGHT)),
        InstalledSource("transformers", _TRANSFORMERS, readme=False),
    ]


def hash_of(pages: tuple[Pages, ...]) -> str:
    """A short name for a choice of pages, so that a changed choice is read again."""
    return hashlib.sha256(repr(pages).encode()).hexdigest()[:12]


def _package_folder(package: str) -> Path | None:
    spec = find_spec(package)
    locations = list(spec.submodule_search_locations or []) if spec else []
    return Path(locations[0]) if locations else None


def _modules(package: str, root: Path, pattern: str) -> Iterator[tuple[str, Path]]:
    """Module names and files; a trailing ``.*`` means every public module directly inside."""
    star = pattern.endswith(".*")
    inner = pattern.removesuffix(".*").split(".")[1:]
    if star:
        for path in sorted(root.joinpath(*inner).glob("*.py")):
            if not path.stem.startswith("_"):
                yield ".".join([package, *inner, path.stem]), path
        return
    module = root.joinpath(*inner).with_suffix(".py") if inner else root / "__init__.py"
    for path in (module, root.joinpath(*inner) / "__init__.py"):
        if path.is_file():
            yield pattern, path
            return


_NNSIGHT = (
    "nnsight",
    "nnsight.intervention.envoy",
    "nnsight.intervention.errors",
    "nnsight.intervention.hooks",
    "nnsight.intervention.interleaver",
    "nnsight.intervention.batching",
    "nnsight.intervention.source",
    "nnsight.intervention.tracing.*",
    "nnsight.modeling.*",
    "nnsight.modeling.mixins.*",
    "nnsight.util",
)

_FAMILIES = ("gpt2", "gpt_neox", "llama", "qwen3", "gemma3")

_TRANSFORMERS = (
    Pages(
        "transformers.modeling_outputs",
        names=(
            "ModelOutput",
            "BaseModelOutput",
            "BaseModelOutputWithPast",
            "CausalLMOutputWithPast",
        ),
    ),
    Pages(
        "transformers.cache_utils",
        names=("CacheLayerMixin", "Cache", "DynamicLayer", "DynamicCache", "StaticCache"),
    ),
    Pages(
        "transformers.tokenization_utils_base", names=("BatchEncoding", "PreTrainedTokenizerBase")
    ),
    Pages(
        "transformers.modeling_utils",
        names=("PreTrainedModel", "AttentionInterface", "ModuleUtilsMixin"),
    ),
    Pages(
        "transformers.masking_utils",
        names=("create_causal_mask", "eager_mask", "sdpa_mask", "AttentionMaskInterface"),
    ),
    Pages("transformers.generation.utils", names=("GenerateDecoderOnlyOutput", "GenerationMixin")),
    Pages("transformers.generation.configuration_utils", names=("GenerationConfig",)),
    Pages("transformers.generation.stopping_criteria"),
    Pages("transformers.integrations.sdpa_attention", body_lines=25),
    Pages("transformers.utils.output_capturing", body_lines=25),
    *(Pages(f"transformers.models.{each}.modeling_{each}", body_lines=20) for each in _FAMILIES),
)
