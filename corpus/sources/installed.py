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
from typing import TYPE_CHECKING

from gadfly import tables
from gadfly.corpus.documents import Document, slug
from gadfly.corpus.sources.base import About, Origin
from gadfly.corpus.sources.pydoc import page
from gadfly.errors import CorpusError

if TYPE_CHECKING:
    from gadfly.corpus.fetch.client import Fetching

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

    @property
    def target(self) -> str:
        return self.name

    def version(self) -> str | None:
        """The installed version, or None."""
        try:
            return metadata.version(self.package)
        except metadata.PackageNotFoundError:
            return None

    def fingerprint(self) -> str:
        pages = hashlib.sha256(repr(self.pages).encode()).hexdigest()[:12]
        return f"{self.package}=={self.version()} {_READER} {pages}"

    def documents(self) -> Iterator[Document]:
        version = self.version()
        spec = find_spec(self.package)
        roots = list(spec.submodule_search_locations or []) if spec else []
        if version is None or not roots:
            return
        about = metadata.metadata(self.package).json
        licence = str(about.get("license_expression") or about.get("license") or "")[:60]
        licence = licence.split("\n")[0]
        if self.readme and about.get("description"):
            text = str(about["description"])
            yield self._document("readme", f"{self.package} README", text, version, licence)
        for wanted in self.pages:
            for module, path in _modules(self.package, Path(roots[0]), wanted.module):
                source = path.read_text(encoding="utf-8", errors="replace")
                try:
                    text = page(module, source, names=wanted.names, body_lines=wanted.body_lines)
                except SyntaxError:  # written for another Python: no reason to lose the rest
                    continue
                if text:
                    short = module.removeprefix(f"{self.package}.")
                    yield self._document(slug(short), module, text, version, licence)

    def _document(self, stem: str, title: str, text: str, version: str, licence: str) -> Document:
        about = About(f"{self.package}/{stem}", self.name, "installed-doc")
        title, meta = f"{title} ({self.package} {version})", {"package": self.package}
        return about.document(
            text, title=title, licence=licence or None, version=version, meta=meta
        )


def installed_sources() -> list[InstalledSource]:
    """The packages that Gadfly's experiments are written in, limited to what interpretability touches."""
    found = []
    for each in tables.table(__file__)["package"]:
        pages = [Pages(**{**row, "names": tuple(row.get("names", ()))}) for row in each["pages"]]
        found.append(InstalledSource(each["name"], tuple(pages), each["readme"]))
    return found


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


def _opened(target: str, _: Fetching) -> InstalledSource:
    """A package of this environment; those that Gadfly knows well are limited to what matters."""
    name = target.partition(":")[2].strip()
    known = next((each for each in installed_sources() if each.package == name), None)
    if known is not None:
        return known
    source = InstalledSource(name, (Pages(name), Pages(f"{name}.*")))
    if source.version() is None:
        raise CorpusError(
            f"no package {name} is installed here; to read it without installing: pypi:{name}"
        )
    return source


ORIGIN = Origin(_opened, "installed:NAME")
