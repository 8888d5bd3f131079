"""Archives read in memory, member by member, within bounds; nothing is ever written to a path.

Yields regular files alone: links, devices and names that lead outside are skipped. Leaves out other
compressions than gzip and zip's own deflate.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO

from gadfly.corpus.fetch.errors import ArchiveError


@dataclass(frozen=True)
class Bounds:
    """What an archive may hold: sizes in bytes, unpacked. ``ratio`` counts once a megabyte is unpacked."""

    members: int = 50_000
    total: int = 1_000_000_000
    each: int = 20_000_000
    ratio: int = 250


@dataclass(frozen=True)
class Member:
    """One file. ``path`` is relative, with forward slashes."""

    path: str
    data: bytes = field(repr=False)


Wanted = Callable[[str], bool]


def members(
    data: bytes, wanted: Wanted = lambda _: True, bounds: Bounds | None = None
) -> Iterator[Member]:
    """The wanted files of a tar, tar.gz or zip, in its order.

    A file over ``bounds.each`` is skipped, since its neighbours are as good as before.

    Raises:
        ArchiveError: no archive, a broken one, or one over a bound.
    """
    bounds = bounds or Bounds()
    reader = _zip if data[:4] in (b"PK\x03\x04", b"PK\x05\x06") else _tar
    try:
        yield from reader(data, wanted, bounds)
    except (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise ArchiveError(f"the archive is broken ({error})") from error
    except (NotImplementedError, RuntimeError) as error:  # zipfile: an unknown method, a password
        raise ArchiveError(f"the archive cannot be read ({error})") from error
    except (ValueError, OverflowError, OSError, UnicodeError) as error:  # tarfile: absurd headers
        raise ArchiveError(f"the archive has a malformed header ({error})") from error


def commit_of(data: bytes) -> str | None:
    """The commit that ``git archive`` notes in the tar's global header."""
    try:
        head = gzip.GzipFile(fileobj=io.BytesIO(data)).read(2_048)
    except (OSError, EOFError, zlib.error):
        return None
    found = head[512:1024].rpartition(b" comment=")[2].partition(b"\n")[0]
    text = found.decode("ascii", "replace")
    return text if head[156:157] == b"g" and len(text) == 40 and text.isalnum() else None


def gunzip(data: bytes, most: int) -> bytes:
    """One gzipped file.

    Raises:
        ArchiveError: broken, or larger than ``most`` bytes.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            found = file.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ArchiveError(f"the gzip file is broken ({error})") from error
    if len(found) > most:
        raise ArchiveError(f"the file unpacks to more than {most / 1e6:.3g} MB")
    return found


def _tar(data: bytes, wanted: Wanted, bounds: Bounds) -> Iterator[Member]:
    raw: IO[bytes] | gzip.GzipFile = io.BytesIO(data)
    if data[:2] == b"\x1f\x8b":
        raw = gzip.GzipFile(fileobj=raw)
    counted = _Counted(raw, len(data), bounds)
    with tarfile.open(fileobj=counted, mode="r|") as archive:
        for count, entry in enumerate(archive, 1):
            _check_count(count, bounds)
            path = _safe(entry.name)
            if path is None or not entry.isreg() or entry.issparse() or entry.size > bounds.each:
                continue
            if not wanted(path):
                continue
            file = archive.extractfile(entry)
            content = file.read() if file is not None else b""
            if len(content) != entry.size:
                raise ArchiveError("the archive is broken (it is cut short)")
            yield Member(path, content)


def _zip(data: bytes, wanted: Wanted, bounds: Bounds) -> Iterator[Member]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        _check_count(len(archive.infolist()), bounds)
        total = 0
        for entry in archive.infolist():
            path = _safe(entry.filename)
            link = (entry.external_attr >> 16) & 0o170000 == 0o120000
            if path is None or link or entry.is_dir() or entry.file_size > bounds.each:
                continue
            if not wanted(path):
                continue
            with archive.open(entry) as file:
                content = file.read(bounds.each + 1)  # the header may lie about the size
            total += len(content)
            _check_size(total, len(data), bounds)
            if len(content) <= bounds.each:
                yield Member(path, content)


class _Counted(io.RawIOBase):
    """Counts what is unpacked, members that nobody wants included: they cost the same time."""

    def __init__(self, raw: IO[bytes] | gzip.GzipFile, packed: int, bounds: Bounds) -> None:
        self._raw = raw
        self._packed = packed
        self._bounds = bounds
        self._read = 0

    def read(self, size: int = -1) -> bytes:
        part = self._raw.read(size)
        self._read += len(part)
        _check_size(self._read, self._packed, self._bounds)
        return part


def _check_count(count: int, bounds: Bounds) -> None:
    if count > bounds.members:
        raise ArchiveError(f"the archive holds more than {bounds.members} files")


def _check_size(unpacked: int, packed: int, bounds: Bounds) -> None:
    if unpacked > bounds.total:
        raise ArchiveError(f"the archive unpacks to more than {bounds.total / 1e6:.3g} MB")
    if unpacked > 1_000_000 and unpacked > bounds.ratio * packed:
        raise ArchiveError(f"the archive unpacks to more than {bounds.ratio} times its size")


def _safe(name: str) -> str | None:
    """A relative path without ``..``; anything else could not have come from an honest project."""
    if not name or "\0" in name or "\\" in name or ":" in name.partition("/")[0]:
        return None
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        return None
    return path.as_posix()
