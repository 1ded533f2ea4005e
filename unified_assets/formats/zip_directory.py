"""A zip archive in; the entries of its central directory, or one member unpacked, out, within bounds (APPNOTE 6.3.10)."""

import struct
import zlib
from typing import BinaryIO, NamedTuple

from unified_assets.core.errors import UnreadableFile

MAX_DIRECTORY_BYTES = 32 << 20
MAX_ENTRIES = 200_000
_TAIL_BYTES = 22 + 0xFFFF  # the end record and the longest comment behind it
_TAIL_FIRST = 1 << 10  # comments are rare: look here before reading the whole tail
_END, _END_MARK = struct.Struct("<4s4H2LH"), b"PK\x05\x06"
_END64, _END64_MARK = struct.Struct("<4sQ2H2L4Q"), b"PK\x06\x06"
_LOCATOR, _LOCATOR_MARK = struct.Struct("<4sLQL"), b"PK\x06\x07"
_ENTRY, _ENTRY_MARK = struct.Struct("<4s6H3L5H2L"), b"PK\x01\x02"
_HEADER, _HEADER_MARK = struct.Struct("<4s5H3L2H"), b"PK\x03\x04"
_ENCRYPTED, _UTF8 = 0x1, 0x800
_STORED, _DEFLATED = 0, 8
_FULL32 = 0xFFFFFFFF


class Entry(NamedTuple):
    """What the directory says of one member. Sizes are claims: a reader counts for itself."""

    name: str
    packed_bytes: int
    unpacked_bytes: int
    encrypted: bool
    method: int
    checksum: int
    offset: int


def read_directory(stream: BinaryIO) -> list[Entry]:
    """All entries, in the order of the directory. Raises UnreadableFile(truncated | bomb) for one that is lost or beyond the bounds."""
    offset, size, count, shift = _end_record(stream)
    if count > MAX_ENTRIES or size > MAX_DIRECTORY_BYTES:
        raise UnreadableFile("bomb", f"a directory of {count} members in {size} bytes")
    stream.seek(offset)
    data = stream.read(size)
    entries: list[Entry] = []
    at = 0
    while at + _ENTRY.size <= len(data) and len(entries) <= MAX_ENTRIES:
        fields = _ENTRY.unpack_from(data, at)
        if fields[0] != _ENTRY_MARK:
            break
        _, _, _, flags, method, _, _, checksum, packed, unpacked, name_length, extra_length, comment_length, _, _, _, where = fields
        start = at + _ENTRY.size
        end = start + name_length + extra_length
        raw = data[start : start + name_length]
        if _FULL32 in {packed, unpacked, where}:
            unpacked, packed, where = _overflown(data[start + name_length : end], unpacked, packed, where)
        name = raw.decode("utf-8" if flags & _UTF8 or raw.isascii() else "cp437", "replace")
        entries.append(Entry(name, packed, unpacked, bool(flags & _ENCRYPTED), method, checksum, where + shift))
        at = end + comment_length
    if len(entries) < count:
        raise UnreadableFile("truncated", f"{len(entries)} of {count} members in the directory")
    return entries


def unpack(stream: BinaryIO, entry: Entry, most_bytes: int) -> bytes:
    """A member, or its first `most_bytes` and one more. Raises UnreadableFile(encrypted | corrupt)."""
    if entry.encrypted:
        raise UnreadableFile("encrypted", entry.name)
    total = stream.seek(0, 2)
    stream.seek(min(entry.offset, total))
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size or not header.startswith(_HEADER_MARK):
        raise UnreadableFile("corrupt", f"{entry.name} is not where the directory says")
    begin = entry.offset + _HEADER.size + sum(_HEADER.unpack(header)[-2:])
    if begin + entry.packed_bytes > total or entry.method not in {_STORED, _DEFLATED}:
        raise UnreadableFile("corrupt", f"{entry.name} is cut, or packed by method {entry.method}")
    stream.seek(begin)
    data = stream.read(entry.packed_bytes if entry.method == _DEFLATED else min(entry.packed_bytes, most_bytes + 1))
    if entry.method == _DEFLATED:
        inflating = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            data = inflating.decompress(data, most_bytes + 1)
        except zlib.error as error:
            raise UnreadableFile("corrupt", f"{entry.name}: {error}") from error
    if len(data) <= most_bytes and zlib.crc32(data) != entry.checksum:
        raise UnreadableFile("corrupt", f"{entry.name} has another checksum")
    return data


def _end_record(stream: BinaryIO) -> tuple[int, int, int, int]:
    """(offset, size, number of entries) of the directory, and how many bytes stand before the archive: a self-extractor's are allowed."""
    total = stream.seek(0, 2)
    for length in (_TAIL_FIRST, _TAIL_BYTES):
        begin = max(0, total - length)
        stream.seek(begin)
        tail = stream.read(length)
        at = tail.rfind(_END_MARK)
        if at >= 0 and at + _END.size <= len(tail):
            break
    else:
        raise UnreadableFile("truncated", "no end of the zip directory")
    _, _, _, _, count, size, offset, _ = _END.unpack_from(tail, at)
    where = begin + at
    if count == 0xFFFF or _FULL32 in {size, offset}:
        found = _end_record64(stream, where)
        if found is not None:
            count, size, offset, where = found
    shift = where - size - offset
    if where < size or shift < 0:
        raise UnreadableFile("truncated", "the zip directory lies outside the file")
    return offset + shift, size, count, shift


def _end_record64(stream: BinaryIO, where: int) -> tuple[int, int, int, int] | None:
    stream.seek(max(0, where - _LOCATOR.size))
    locator = stream.read(_LOCATOR.size)
    if len(locator) < _LOCATOR.size or not locator.startswith(_LOCATOR_MARK):
        return None
    at = _LOCATOR.unpack(locator)[2]
    stream.seek(min(at, where))
    record = stream.read(_END64.size)
    if len(record) < _END64.size or not record.startswith(_END64_MARK):
        return None
    fields = _END64.unpack(record)
    return fields[7], fields[8], fields[9], at


def _overflown(extra: bytes, *values: int) -> tuple[int, ...]:
    """Unpacked size, packed size and offset: those from four gigabytes on stand in the extra field 1, in this order."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            wide = iter(struct.unpack_from(f"<{length // 8}Q", extra[at + 4 : at + 4 + length].ljust(length, b"\0")))
            return tuple(next(wide, value) if value == _FULL32 else value for value in values)
        at += 4 + length
    return values
