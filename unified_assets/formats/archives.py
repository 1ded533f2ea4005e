"""A zip, tar, gzip, bzip2 or xz file in; the list of its members out. Members are never unpacked.

Stated limits: 200,000 members and a directory of 32 MiB in a zip; 20,000 members of a tar; 32 MiB unpacked to walk a compressed
tar, at most 250 times what it was read from; archives inside archives are counted and stay closed (depth 1); 50 names are kept.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from unified_assets.core.errors import UnreadableFile
from unified_assets.formats.zip_directory import read_directory

MAX_NAMES = 50
MAX_NAME_CHARS = 200
MAX_TAR_MEMBERS = 20_000
MAX_WALKED_BYTES = 32 << 20
MAX_RATIO = 250
_RATIO_FROM_BYTES = 1 << 20
_MAX_HEADER_BYTES = 1 << 16
_XZ_MEMORY = 96 << 20
_BLOCK = 512
_CHUNK = 1 << 16
_NESTED = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".jar")
_LONG_NAME, _PAX = b"L", b"x"
Member = tuple[str, int]


def list_members(stream: BinaryIO, media_type: str) -> Mapping[str, Any]:
    """What is in an archive: number, total size and first names of its members; `listed` is False for formats without a reader here.

    Raises UnreadableFile("bomb") for what would unpack to more than 250 times its size, and corrupt, truncated or out of bounds ones by name.
    """
    if media_type == "application/zip":
        return _zip(stream)
    if media_type == "application/x-tar":
        stream.seek(0)
        return _summary(_tar(stream.read, lambda count: _skip(stream, count)))
    if media_type in _DECOMPRESSORS:
        return _compressed(stream, media_type)
    return {"listed": False}


def _zip(stream: BinaryIO) -> Mapping[str, Any]:
    size = stream.seek(0, 2)
    entries = read_directory(stream)
    facts = _summary(iter([(entry.name, entry.unpacked_bytes) for entry in entries if not entry.name.endswith("/")]))
    if facts["unpacked_bytes"] > max(_RATIO_FROM_BYTES, MAX_RATIO * size):
        raise UnreadableFile("bomb", f"{facts['members']} members unpack to {facts['unpacked_bytes']} bytes from {size}")
    return {**facts, "encrypted": True} if any(entry.encrypted for entry in entries) else facts


def _summary(members: Iterator[Member], limit: int = 1 << 60) -> dict[str, Any]:
    names: list[str] = []
    count = total = nested = 0
    for name, size in members:
        if count >= limit:
            break
        count, total = count + 1, total + size
        nested += name.lower().endswith(_NESTED)
        if len(names) < MAX_NAMES:
            names.append(name[:MAX_NAME_CHARS].encode("utf-8", "backslashreplace").decode())
    return {"listed": True, "members": count, "unpacked_bytes": total, "archives_inside": nested, "names": names}


class _Unpacked:
    """What a decompressor gives, a bounded part at a time. Raises UnreadableFile("bomb") beyond the ratio, EOFError beyond the bytes."""

    def __init__(self, stream: BinaryIO, media_type: str) -> None:
        stream.seek(0)
        self._stream, self._inner = stream, _DECOMPRESSORS[media_type]()
        self._ready = bytearray()
        self._taken = self.produced = 0

    def read(self, size: int) -> bytes:
        """At most `size` bytes, fewer only at the end of the data."""
        while len(self._ready) < size and self._more():
            pass
        data = bytes(self._ready[:size])
        del self._ready[:size]
        return data

    def skip(self, count: int) -> None:
        """Leave out that many bytes."""
        while count > 0 and (part := self.read(min(count, _CHUNK))):
            count -= len(part)

    def _more(self) -> bool:
        if self._inner.eof:
            return False
        pending = getattr(self._inner, "unconsumed_tail", b"")
        needs = bool(pending) or getattr(self._inner, "needs_input", True)
        fed = pending or (self._stream.read(_CHUNK) if needs else b"")
        self._taken += 0 if pending else len(fed)
        try:
            part = self._inner.decompress(fed, _CHUNK)
        except (zlib.error, OSError, EOFError, lzma.LZMAError, ValueError) as error:
            raise UnreadableFile("corrupt", str(error)) from error
        self._ready += part
        self.produced += len(part)
        if self.produced > max(_RATIO_FROM_BYTES, MAX_RATIO * self._taken):
            raise UnreadableFile("bomb", f"unpacks to more than {MAX_RATIO} times its size")
        if self.produced > MAX_WALKED_BYTES:
            raise EOFError
        return bool(part or fed)


def _gzip_decompressor() -> Any:
    return zlib.decompressobj(31)


def _xz_decompressor() -> Any:
    return lzma.LZMADecompressor(memlimit=_XZ_MEMORY)


_DECOMPRESSORS: Mapping[str, Callable[[], Any]] = {
    "application/gzip": _gzip_decompressor,
    "application/x-bzip2": bz2.BZ2Decompressor,
    "application/x-xz": _xz_decompressor,
}


def _compressed(stream: BinaryIO, media_type: str) -> Mapping[str, Any]:
    """A tar inside is walked; anything else is one member, whose size is what the gzip trailer claims."""
    inner = _Unpacked(stream, media_type)
    head = inner.read(_BLOCK)
    if _header(head) is None:
        name, claimed = _gzip_facts(stream) if media_type == "application/gzip" else (None, None)
        return {"listed": True, "members": 1, "unpacked_bytes": claimed, "archives_inside": 0, "names": [name] if name else []}
    again = _Unpacked(stream, media_type)
    found: list[Member] = []
    try:
        found.extend(_tar(again.read, again.skip))
    except EOFError:
        return {**_summary(iter(found)), "cut": f"after {MAX_WALKED_BYTES >> 20} MiB"}
    return _summary(iter(found))


def _gzip_facts(stream: BinaryIO) -> tuple[str | None, int | None]:
    """(original name, size modulo 4 GiB) of a gzip file (RFC 1952)."""
    stream.seek(0)
    head = stream.read(_CHUNK)
    size = stream.seek(0, 2)
    stream.seek(max(0, size - 4))
    claimed = int.from_bytes(stream.read(4), "little") if size >= 18 else None
    if len(head) < 10 or not head[3] & 8:
        return None, claimed
    at = 10 + (2 + int.from_bytes(head[10:12], "little") if head[3] & 4 else 0)
    return head[at : head.find(b"\0", at)][:MAX_NAME_CHARS].decode("latin-1"), claimed


def _tar(read: Callable[[int], bytes], skip: Callable[[int], None]) -> Iterator[Member]:
    """Members of a tar by their headers; their contents are passed over (POSIX.1-1988 ustar, GNU long names, pax paths)."""
    longer: str | None = None
    for _ in range(2 * MAX_TAR_MEMBERS):
        header = read(_BLOCK)
        if len(header) < _BLOCK or not header.strip(b"\0"):
            return
        facts = _header(header)
        if facts is None:
            raise UnreadableFile("corrupt", "a tar header whose sum is wrong")
        name, size, kind = facts
        padded = -(-size // _BLOCK) * _BLOCK
        if kind in {_LONG_NAME, _PAX}:
            if size > _MAX_HEADER_BYTES:
                raise UnreadableFile("bomb", f"a tar header of {size} bytes")
            longer = _long_name(read(padded)[:size], kind) or longer
            continue
        if kind in {b"0", b"\0", b"7"}:
            yield longer or name, size
        skip(padded)
        longer = None


def _header(block: bytes) -> tuple[str, int, bytes] | None:
    """(name, size, type) of a tar header, or None where its sum is wrong."""
    if len(block) < _BLOCK:
        return None
    try:
        told = int(block[148:156].strip(b" \0") or b"-1", 8)
        size = int.from_bytes(block[125:136], "big") if block[124] & 0x80 else int(block[124:136].strip(b" \0") or b"0", 8)
    except ValueError:
        return None
    if told != sum(block[:148]) + 8 * 32 + sum(block[156:]) or size < 0 or size > 1 << 60:
        return None
    name, prefix = block[:100].split(b"\0", 1)[0], block[345:500].split(b"\0", 1)[0] if block[257:263] == b"ustar\0" else b""
    return (prefix + b"/" + name if prefix else name).decode("utf-8", "backslashreplace"), size, block[156:157]


def _long_name(data: bytes, kind: bytes) -> str | None:
    if kind == _LONG_NAME:
        return data.rstrip(b"\0").decode("utf-8", "backslashreplace")
    found = [line.partition(b" path=")[2] for line in data.split(b"\n") if b" path=" in line]
    return found[-1].decode("utf-8", "backslashreplace") if found else None


def _skip(stream: BinaryIO, count: int) -> None:
    stream.seek(min(count, 1 << 62), 1)
