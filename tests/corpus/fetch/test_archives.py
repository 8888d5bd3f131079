"""Archives: honest ones are read, the others are bounded, skipped or named."""

from __future__ import annotations

import contextlib
import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from gadfly.corpus.fetch.archives import Bounds, commit_of, gunzip, members
from gadfly.corpus.fetch.errors import ArchiveError

FILES = {"repo-1/README.md": b"# Read me", "repo-1/docs/a.rst": b"A\n=", "repo-1/x.py": b"x = 1"}


def tar(files: dict[str, bytes], mode: str = "w:gz", **pax: str) -> bytes:
    out = io.BytesIO()
    options: dict[str, Any] = {"pax_headers": pax} if pax else {}
    with tarfile.open(fileobj=out, mode=mode, **options) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def zipped(files: dict[str, bytes], **more: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **more) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


MAKERS = [tar, lambda files: tar(files, "w"), zipped]


@pytest.mark.parametrize("make", MAKERS)
def test_members(make: Callable[[dict[str, bytes]], bytes]) -> None:
    data = make(FILES)
    assert {each.path: each.data for each in members(data)} == FILES
    some = members(data, lambda path: path.endswith((".md", ".rst")))
    assert [each.path for each in some] == ["repo-1/README.md", "repo-1/docs/a.rst"]
    assert list(members(make({}))) == []


@pytest.mark.parametrize("make", MAKERS)
def test_names_that_lead_outside_are_skipped(make: Callable[[dict[str, bytes]], bytes]) -> None:
    bad = ("../up", "a/../../up", "/etc/passwd", "C:/x", "a\\..\\b", "..")
    data = make({**dict.fromkeys(bad, b"evil"), "good": b"ok", "./also/./good": b"ok"})
    assert [each.path for each in members(data)] == ["good", "also/good"]


def test_links_and_devices_are_skipped() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for kind in (
            tarfile.SYMTYPE,
            tarfile.LNKTYPE,
            tarfile.FIFOTYPE,
            tarfile.CHRTYPE,
            tarfile.DIRTYPE,
        ):
            entry = tarfile.TarInfo(f"link{kind.decode()}")
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
    assert list(members(out.getvalue())) == []
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert list(members(out.getvalue())) == []


@pytest.mark.parametrize("make", MAKERS)
def test_bounds(make: Callable[[dict[str, bytes]], bytes]) -> None:
    many = make({f"f{i}": b"x" for i in range(20)})
    with pytest.raises(ArchiveError, match="more than 10 files"):
        list(members(many, bounds=Bounds(members=10)))
    large = make({"a": b"x" * 5_000, "b": b"small"})
    assert [each.path for each in members(large, bounds=Bounds(each=1_000))] == ["b"]
    with pytest.raises(ArchiveError, match=r"unpacks to more than 0.004 MB"):
        list(members(large, bounds=Bounds(total=4_000)))


@pytest.mark.parametrize("make", [tar, zipped])
def test_a_bomb(make: Callable[[dict[str, bytes]], bytes]) -> None:
    bomb = make({"bomb": b"\0" * 6_000_000, "b": b"x"})
    assert len(bomb) < 10_000
    with pytest.raises(ArchiveError, match="more than 250 times its size"):
        list(members(bomb))


def test_a_bomb_that_nobody_wants_costs_time_too() -> None:
    with pytest.raises(ArchiveError, match="times its size"):
        list(members(tar({"bomb": b"\0" * 6_000_000}), lambda path: False))


def test_a_zip_that_lies_about_its_size() -> None:
    data = bytearray(zipped({"a": b"x" * 10_000}))
    for at in (data.index(b"PK\x03\x04") + 22, data.index(b"PK\x01\x02") + 24):
        data[at : at + 4] = (10).to_bytes(4, "little")
    with pytest.raises(ArchiveError):
        list(members(bytes(data)))


@pytest.mark.parametrize("make", MAKERS)
def test_broken_archives(make: Callable[[dict[str, bytes]], bytes]) -> None:
    import random

    whole = make({"a": random.Random(0).randbytes(4_000), **FILES})
    for cut in (3, 20, 600, len(whole) // 2):
        with pytest.raises(ArchiveError):
            list(members(whole[:cut]))
    rng = random.Random(1)
    for _ in range(150):  # whatever is flipped, nothing but an ArchiveError may come out
        data = bytearray(whole)
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        with contextlib.suppress(ArchiveError):
            list(members(bytes(data)))
    for junk in (b"", b"junk", b"<html>" * 200, b"\x1f\x8b", gzip.compress(b"not a tar" * 100)):
        with pytest.raises(ArchiveError):
            list(members(junk))


def test_a_password_is_named() -> None:
    data = bytearray(zipped({"a": b"secret"}))
    for at in (data.index(b"PK\x03\x04") + 6, data.index(b"PK\x01\x02") + 8):
        data[at] |= 1
    with pytest.raises(ArchiveError, match="password"):
        list(members(bytes(data)))


def test_gunzip() -> None:
    assert gunzip(gzip.compress(b"one file"), 100) == b"one file"
    with pytest.raises(ArchiveError, match="more than"):
        gunzip(gzip.compress(b"x" * 101), 100)
    for junk in (b"", b"junk", gzip.compress(b"one file")[:-6]):
        if junk:
            with pytest.raises(ArchiveError, match="broken"):
                gunzip(junk, 100)


def test_the_commit_of_an_archive() -> None:
    commit = "4cd36aaeb5dad931d085bd5d46a12b402fe15272"
    assert commit_of(tar(FILES, comment=commit)) == commit
    assert commit_of(tar(FILES)) is None
    assert commit_of(tar(FILES, comment="not a commit")) is None
    for junk in (b"", b"junk", gzip.compress(b""), gzip.compress(b"x")[:-3]):
        assert commit_of(junk) is None
