"""The documentation in a Python package's source distribution: README, docs, docstrings and signatures.

The index is the one that pip on this machine uses. What is fetched is checked against the index's hash and
read in memory: nothing is installed, built or imported.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email.parser import Parser
from functools import lru_cache
from urllib.parse import urlsplit, urlunsplit

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from gadfly import tables
from gadfly.corpus.convert import simple_index
from gadfly.corpus.convert.facts import LICENCE_FILES, licence_of
from gadfly.corpus.documents import Document, slug, slugs
from gadfly.corpus.fetch.archives import Bounds, members
from gadfly.corpus.fetch.client import Client, Fetching
from gadfly.corpus.fetch.errors import FetchError
from gadfly.corpus.fetch.response import decode
from gadfly.corpus.sources.base import About, Origin, from_markdown
from gadfly.corpus.sources.pydoc import page
from gadfly.errors import CorpusError

_READER = "1"  # raise it when the same package comes out differently
_SIZE = 200_000_000
_MOST_MODULES = 300
_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
_IS = tables.patterns(__file__, 0)


@dataclass(frozen=True)
class PypiSource:
    """``pypi:NAME`` for the newest release, ``pypi:NAME==VERSION`` for one."""

    target: str
    fetching: Fetching = field(default_factory=Fetching)
    index: str | None = None
    """The address of a simple index; pip's own if not given."""

    def __post_init__(self) -> None:
        parse_target(self.target)

    @property
    def name(self) -> str:
        package, version = parse_target(self.target)
        return f"pypi:{package}" + (f"=={version}" if version else "")

    def fingerprint(self) -> str:
        pinned = bool(parse_target(self.target)[1])
        return f"pypi {_READER} {self.fetching.period(pinned=pinned)}"

    def documents(self) -> Iterator[Document]:
        package, wanted = parse_target(self.target)
        index = (self.index or index_url()).rstrip("/")
        fetching = self.fetching
        host = urlsplit(index).hostname or ""
        if fetching.client is None and host:  # the index may be inside this network
            fetching = replace(fetching, client=_index_client(host))
        file = _chosen(fetching, f"{index}/{package}/", package, wanted)
        data = fetching.get(_with_login(file.url, index), pinned=True, size=_SIZE).body
        if file.sha256 and hashlib.sha256(data).hexdigest() != file.sha256:
            raise FetchError(
                file.url, "the file is not the one that the index describes (sha256 differs)"
            )
        yield from read(data, package, str(file.version), sdist=file.sdist, source=self.name)


def _chosen(fetching: Fetching, url: str, package: str, wanted: str) -> simple_index.File:
    """The file to read, from the index's page of the package."""
    response = fetching.get(url, accept=_ACCEPT, absent=f"the index has no package {package}")
    files = simple_index.read(response.text(), response.url, package)
    chosen = simple_index.choose(files, wanted)
    if chosen is None and wanted:
        known = sorted({each.version for each in files}, reverse=True)[:5]
        raise FetchError(
            url, f"no version {wanted}; the newest are {', '.join(map(str, known)) or 'none'}"
        )
    if chosen is None:
        raise FetchError(url, f"{package} has no release that can be read")
    return chosen


def read(
    data: bytes, package: str, version: str, *, sdist: bool, source: str
) -> Iterator[Document]:
    """The documents in a source distribution or a wheel.

    Raises:
        CorpusError: it is broken, or holds nothing to read.
    """
    texts = {
        _inner(each.path, sdist): decode(each.data)
        for each in members(data, lambda path: _wanted(_inner(path, sdist)), Bounds(each=3_000_000))
    }
    expression, said, description = _metadata(texts)
    files = (licence_of(text) for path, text in texts.items() if LICENCE_FILES.match(path))
    named = expression or next((name for name in files if name), None) or said or None
    base = f"pypi/{package}"
    pages = list(_pages(texts, base, package, description, source))
    modules = list(_modules(texts, base, source))
    if not pages and not modules:
        raise CorpusError(f"{package} {version} holds neither documentation nor documented modules")
    for document in [*pages, *modules]:
        facts = {"version": version, "licence": document.licence or named}
        meta = {**document.meta, "package": package}
        title = f"{document.title} ({package} {version})"
        yield document.model_copy(update={**facts, "title": title, "meta": meta})


def parse_target(target: str) -> tuple[str, str]:
    """The canonical name of a package, and a version or an empty text.

    Raises:
        CorpusError: neither.
    """
    found = _IS["target"].fullmatch(target.strip())
    version = (found.group("version") or "") if found else ""
    try:
        if found and (not version or Version(version)):
            return canonicalize_name(found.group("name")), version
    except InvalidVersion:
        pass
    raise CorpusError(f"{target!r} names no package; valid: pypi:NAME, pypi:NAME==1.2.3")


def index_url() -> str:
    """The index that pip uses here: its environment variable, its configuration files, else pip's own default."""
    return os.environ.get("PIP_INDEX_URL", "").split(" ")[0] or _configured() or _default()


@lru_cache(maxsize=1)
def _default() -> str:
    """Where pip looks when nothing is configured, as its help says. Raises CorpusError if there is no pip."""
    said = " ".join(_pip("--isolated", "download", "--help").split())
    found = re.search(r"--index-url <url>[^()]*\(default (\w+://[^\s)]+)\)", said)
    if not found:
        raise CorpusError("no package index is configured and pip is not here; set PIP_INDEX_URL")
    return found[1]


@lru_cache(maxsize=1)
def _configured() -> str:
    return parse_config(_pip("config", "list"))


def _pip(*arguments: str) -> str:
    """What pip prints, or nothing where there is none."""
    command = [sys.executable, "-P", "-m", "pip", "--disable-pip-version-check", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def parse_config(listed: str) -> str:
    """The index address in what ``pip config list`` prints; the more specific entry wins."""
    found = {}
    for line in listed.splitlines():
        entry = re.fullmatch(r"\s*([\w:-]+)\.index-url\s*=\s*'(.*)'\s*", line)
        if entry:
            found[entry.group(1)] = entry.group(2).strip()
    return next(
        (found[name] for name in (":env:", "download", "install", "global") if found.get(name)), ""
    )


@lru_cache(maxsize=4)
def _index_client(host: str) -> Client:
    return Client(allow_hosts=[host])


def _with_login(url: str, index: str) -> str:
    """The index's user and password on a file's address of the same host, as pip does it."""
    parts, home = urlsplit(url), urlsplit(index)
    if "@" in home.netloc and "@" not in parts.netloc and parts.hostname == home.hostname:
        return urlunsplit(parts._replace(netloc=f"{home.netloc.rpartition('@')[0]}@{parts.netloc}"))
    return url


def _inner(path: str, sdist: bool) -> str:
    """A path without the folder that a source distribution puts around everything."""
    return path.partition("/")[2] if sdist else path


def _wanted(path: str) -> bool:
    if LICENCE_FILES.match(path) or path == "PKG-INFO" or path.endswith(".dist-info/METADATA"):
        return True
    if path.endswith(".py"):
        return not _IS["not_modules"].search(re.sub(r"/__init__\.py$", ".py", path))
    return bool(_IS["docs"].match(path)) and not _IS["not_docs"].search(path)


def _metadata(texts: dict[str, str]) -> tuple[str, str, str]:
    """The licence's expression, its name in an older field, and the long description."""
    path = next((each for each in texts if each == "PKG-INFO" or each.endswith("/METADATA")), None)
    if path is None:
        return "", "", ""
    message = Parser().parsestr(texts[path])
    said = str(message.get("License") or "").strip().split("\n")[0]
    body = message.get_payload()
    description = str(message.get("Description") or (body if isinstance(body, str) else ""))
    expression = str(message.get("License-Expression") or "")
    return expression, said if len(said) <= 60 else "", description


def _pages(
    texts: dict[str, str], base: str, package: str, description: str, source: str
) -> Iterator[Document]:
    readme = False
    for path, text in sorted(texts.items()):
        if path.endswith((".py", "PKG-INFO", "METADATA")) or LICENCE_FILES.match(path):
            continue
        readme = readme or path.lower().startswith("readme")
        about = About(f"{base}/{slugs(path)}", source, "library-doc", path, meta={"file": path})
        document = from_markdown(about, text)
        if document.text.strip():
            yield document
    if not readme and description.strip():
        about = About(f"{base}/readme", source, "library-doc", f"{package} README")
        yield from_markdown(about, description, {})


def _modules(texts: dict[str, str], base: str, source: str) -> Iterator[Document]:
    """Pages of the documented modules, those near the top of the package first."""
    taken = 0
    for path in sorted(texts, key=lambda path: (path.count("/"), path)):
        stem = path.removesuffix(".py").removeprefix("src/")
        module = stem.removesuffix("/__init__").replace("/", ".")
        if (
            not path.endswith(".py")
            or taken >= _MOST_MODULES
            or not re.fullmatch(r"[A-Za-z]\w*(\.\w+)*", module)
        ):
            continue
        if '"""' not in texts[path] and "'''" not in texts[path]:
            continue  # bare signatures teach nothing
        try:
            text = page(module, texts[path])
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # written for another Python
            continue
        if text:
            taken += 1
            about = About(f"{base}/api/{slug(module)}", source, "library-doc", meta={"file": path})
            yield from_markdown(about, text, {"title": module})


ORIGIN = Origin(PypiSource, "pypi:NAME[==VERSION]")
