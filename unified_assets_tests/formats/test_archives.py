"""Archives are listed and stay closed; what would burst says so before it does."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile

import pytest

from unified_assets.core.errors import UnreadableFile
from unified_assets.formats.archives import MAX_WALKED_BYTES, list_members
from unified_assets.formats.zip_directory import read_directory, unpack

ZIP, TAR, GZIP, BZIP2, XZ = "application/zip", "application/x-tar", "application/gzip", "application/x-bzip2", "application/x-xz"
NAMES = {"a.txt": b"one", "folder/b.txt": b"three", "inner.zip": b"PK"}


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(members: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (zipped(NAMES), ZIP),
        (b"#!/bin/sh\n" + zipped(NAMES), ZIP),
        (tarred(NAMES), TAR),
        (gzip.compress(tarred(NAMES)), GZIP),
        (bz2.compress(tarred(NAMES)), BZIP2),
        (lzma.compress(tarred(NAMES)), XZ),
    ],
)
def test_members_are_listed_with_their_sizes(data, media_type):
    assert list_members(io.BytesIO(data), media_type) == {
        "listed": True,
        "members": 3,
        "unpacked_bytes": 10,
        "archives_inside": 1,
        "names": ["a.txt", "folder/b.txt", "inner.zip"],
    }


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_of_tars_are_whole(form):
    name = "deep/" * 30 + "ünd.txt"
    assert list_members(io.BytesIO(tarred({name: b"x"}, form)), TAR)["names"] == [name]


def test_a_compressed_file_that_is_no_tar_is_one_member():
    assert list_members(io.BytesIO(gzip.compress(b"words " * 1000)), GZIP)["unpacked_bytes"] == 6000
    buffer = io.BytesIO()
    with gzip.GzipFile("notes.txt", "wb", fileobj=buffer) as stream:
        stream.write(b"words")
    assert list_members(buffer, GZIP) == {"listed": True, "members": 1, "unpacked_bytes": 5, "archives_inside": 0, "names": ["notes.txt"]}


def test_formats_without_a_reader_are_not_listed():
    assert list_members(io.BytesIO(b"Rar!"), "application/vnd.rar") == {"listed": False}


def test_bombs_are_named_before_they_burst():
    for data, media_type in (
        (zipped({"zeros": bytes(64 << 20)}), ZIP),
        (gzip.compress(tarred({"zeros": bytes(48 << 20), "end": b"x"})), GZIP),
        (bz2.compress(tarred({"zeros": bytes(48 << 20), "end": b"x"})), BZIP2),
        (lzma.compress(tarred({"zeros": bytes(48 << 20), "end": b"x"})), XZ),
    ):
        with pytest.raises(UnreadableFile) as caught:
            list_members(io.BytesIO(data), media_type)
        assert caught.value.reason == "bomb", media_type


def test_a_long_compressed_tar_is_walked_so_far_and_says_so():
    noise = (struct.pack("<16Q", *range(16)) + b"\xff" * 16) * (1 << 16)
    noisy = gzip.compress(tarred({f"{number}.bin": noise[number:] + bytes([number]) for number in range(5)}), 0)
    found = list_members(io.BytesIO(noisy), GZIP)
    assert 0 < found["members"] < 5
    assert found["cut"] == f"after {MAX_WALKED_BYTES >> 20} MiB"


def test_directories_that_lie_are_refused():
    whole = zipped(NAMES)
    for cut in range(0, len(whole), 7):
        with pytest.raises(UnreadableFile) as caught:
            read_directory(io.BytesIO(whole[:cut]))
        assert caught.value.reason == "truncated"
    many = whole[:-14] + struct.pack("<HHLLH", 9, 9, *struct.unpack("<LL", whole[-10:-2]), 0)
    with pytest.raises(UnreadableFile, match="3 of 9 members"):
        read_directory(io.BytesIO(many))


def test_entries_of_four_gigabytes_are_read_as_python_reads_them(tmp_path):
    path = tmp_path / "big.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a", "b"):
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(b"x" * 70_000)
    with path.open("rb") as stream:
        assert [entry[:3] for entry in read_directory(stream)] == [
            (info.filename, info.compress_size, info.file_size) for info in zipfile.ZipFile(path).infolist()
        ]


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_unpack_as_python_unpacks_them_also_behind_other_bytes(packing):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        for name, content in (("a.txt", b"plum " * 500), ("empty", b""), ("\u00fc/b", bytes(range(256)))):
            archive.writestr(name, content)
    stream = io.BytesIO(b"#!/bin/sh\n" + buffer.getvalue())
    assert {entry.name: unpack(stream, entry, 1 << 20) for entry in read_directory(stream)} == {
        "a.txt": b"plum " * 500,
        "empty": b"",
        "\u00fc/b": bytes(range(256)),
    }


def test_a_member_is_unpacked_no_further_than_asked_whatever_it_claims():
    data = bytearray(zipped({"zeros": bytes(4 << 20)}))
    struct.pack_into("<L", data, data.rfind(b"PK\x01\x02") + 24, 10)
    (entry,) = read_directory(io.BytesIO(data))
    assert len(unpack(io.BytesIO(data), entry, 1000)) == 1001


def test_members_that_were_changed_cut_or_locked_are_refused():
    whole = zipped({"a": b"plum " * 500})
    (entry,) = read_directory(io.BytesIO(whole))
    changed = bytearray(whole)
    changed[40] ^= 0x55
    for data, asked, reason in (
        (changed, entry, "corrupt"),
        (whole, entry._replace(checksum=1), "corrupt"),
        (whole, entry._replace(offset=7), "corrupt"),
        (whole, entry._replace(offset=1 << 40), "corrupt"),
        (whole, entry._replace(packed_bytes=1 << 40), "corrupt"),
        (whole, entry._replace(method=99), "corrupt"),
        (whole, entry._replace(encrypted=True), "encrypted"),
    ):
        with pytest.raises(UnreadableFile) as caught:
            unpack(io.BytesIO(data), asked, 1 << 20)
        assert caught.value.reason == reason, asked
