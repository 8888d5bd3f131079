"""A package index's page for one project, as JSON (PEP 691) or as HTML (PEP 503): which files it offers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urljoin, urlsplit

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from gadfly.corpus.convert.soup import attribute, parse, pick
from gadfly.errors import CorpusError


@dataclass(frozen=True)
class File:
    """One file of a project. ``sha256`` is empty where the index does not state it."""

    name: str
    url: str
    version: Version
    sdist: bool
    sha256: str = ""
    yanked: bool = False


def read(text: str, url: str, project: str) -> list[File]:
    """The files of a project's page that are source distributions or wheels.

    Raises:
        CorpusError: it is neither of the two forms.
    """
    found = []
    for name, address, digest, yanked in (
        _json(text) if text.lstrip().startswith("{") else _html(text)
    ):
        parsed = _parse(name, project)
        if parsed is None:
            continue
        version, sdist = parsed
        found.append(File(name, urljoin(url, address), version, sdist, digest.lower(), yanked))
    return found


def choose(files: list[File], wanted: str = "") -> File | None:
    """The source distribution of a version, else one of its wheels; without a version, of the newest release."""
    if wanted:
        files = [each for each in files if each.version == Version(wanted)]
    else:
        files = [each for each in files if not each.yanked]
        files = [each for each in files if not each.version.is_prerelease] or files
    readable = [
        each for each in files if not each.name.endswith((".tar.bz2", ".tar.xz", ".tar.Z", ".egg"))
    ]
    return max(
        readable,
        key=lambda each: (
            each.version,
            each.sdist,
            each.name.endswith(".tar.gz"),
            "none-any" in each.name,
        ),
        default=None,
    )


def _parse(name: str, project: str) -> tuple[Version, bool] | None:
    try:
        if name.endswith(".whl"):
            owner, version, *_ = parse_wheel_filename(name)
            sdist = False
        elif name.endswith((".tar.gz", ".zip")):
            owner, version = parse_sdist_filename(name)
            sdist = True
        else:
            return None
    except (InvalidSdistFilename, InvalidWheelFilename, InvalidVersion):
        return None
    return (version, sdist) if owner == canonicalize_name(project) else None


def _json(text: str) -> Iterator[tuple[str, str, str, bool]]:
    try:
        for file in json.loads(text)["files"]:
            digest = str((file.get("hashes") or {}).get("sha256") or "")
            yield str(file["filename"]), str(file["url"]), digest, bool(file.get("yanked"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorpusError("the package index answers with JSON of an unknown form") from error


def _html(text: str) -> Iterator[tuple[str, str, str, bool]]:
    links = pick(parse(text), "a[href]")
    if not links and "<" not in text:
        raise CorpusError("the package index answers neither with JSON nor with HTML")
    for link in links:
        place, _, fragment = attribute(link, "href").partition("#")
        digest = re.search(r"sha256=([0-9a-fA-F]{64})", fragment)
        name = unquote(urlsplit(place).path).rpartition("/")[2]
        yield name, place, digest.group(1) if digest else "", link.has_attr("data-yanked")
