"""The first bytes of a PNG, JPEG, GIF, BMP or WebP in; its width and height, as stored, out.

Written for the plain case: whatever is unusual, damaged or beyond the bounds gives None, and the picture is left to its decoder.
Nothing here reads further than the bytes it is given, and every loop moves forward.
"""

import struct
import zlib
from collections.abc import Callable, Mapping

MAX_PIXELS = 40_000_000  # no claim above it is believed: the decoder says what it makes of such a picture
_CHUNKS = 200
Size = tuple[int, int]

_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # colour type -> bits a sample
_PNG_PLAIN = frozenset({b"PLTE", b"tRNS", b"pHYs", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"bKGD", b"hIST", b"tIME", b"tEXt", b"eXIf"})
_MAX_TEXT = 1 << 16
_JPEG_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive
_JPEG_PLAIN = frozenset({0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)})
_BMP_DEPTHS = frozenset({1, 4, 8, 24, 32})


def picture_size(data: bytes, media_type: str, size_bytes: int) -> Size | None:
    """(width, height), or None where only the decoder can tell. `data`: the beginning of a file of `size_bytes`."""
    reader = _READERS.get(media_type)
    try:
        found = None if reader is None else reader(data, size_bytes)
    except (struct.error, IndexError):
        return None  # the header is cut
    return found if found is not None and found[0] > 0 and found[1] > 0 and found[0] * found[1] <= MAX_PIXELS else None


def _png(data: bytes, _: int) -> Size | None:
    """Chunks up to the first pixels, each with the checksum it claims (ISO/IEC 15948)."""
    if data[8:16] != b"\0\0\0\x0dIHDR":
        return None
    width, height, depth, colour, packing, filtering, interlace = struct.unpack_from(">LLBBBBB", data, 16)
    if depth not in _PNG_DEPTHS.get(colour, ()) or packing or filtering or interlace > 1:
        return None
    at = 8
    for _ in range(_CHUNKS):
        length, kind = struct.unpack_from(">L4s", data, at)
        if kind == b"IDAT":
            return width, height
        end = at + 12 + length
        if end > len(data) or zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            return None
        if at > 8 and (kind not in _PNG_PLAIN or length > _MAX_TEXT):
            return None
        at = end
    return None


def _jpeg(data: bytes, _: int) -> Size | None:
    """Segments up to the first scan (ITU-T T.81): one frame header with one or three components of eight bits."""
    at, found = 2, None
    for _ in range(_CHUNKS):
        if data[at] != 0xFF:
            return None
        kind, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2 or at + 2 + length > len(data):
            return None
        if kind == 0xDA:
            return found
        if kind in _JPEG_FRAMES:
            depth, height, width, components = struct.unpack_from(">BHHB", data, at + 4)
            if found is not None or depth != 8 or components not in {1, 3} or length != 8 + 3 * components:
                return None
            found = (width, height)
        elif kind not in _JPEG_PLAIN or (kind == 0xDB and not _whole_tables(data[at + 4 : at + 2 + length])):
            return None
        at += 2 + length
    return None


def _whole_tables(tables: bytes) -> bool:
    """Quantisation tables of 64 values, of one byte or two each, and nothing after the last."""
    at = 0
    while at < len(tables):
        at += 1 + (64 if tables[at] < 16 else 128)
    return at == len(tables)


def _gif(data: bytes, _: int) -> Size | None:
    """The screen, where the first frame lies inside it (GIF89a)."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    for _ in range(_CHUNKS):
        if data[at] == 0x2C:
            left, top, wide, high = struct.unpack_from("<HHHH", data, at + 1)
            return (width, height) if wide and high and left + wide <= width and top + high <= height else None
        if data[at] != 0x21 or data[at + 1] not in {0xF9, 0xFE, 0xFF}:
            return None
        at += 2
        while data[at]:
            at += 1 + data[at]
        at += 1
    return None


def _bmp(data: bytes, size_bytes: int) -> Size | None:
    """An uncompressed bitmap with the 40-byte header, all its rows there."""
    start, header, width, height, planes, depth, compression = struct.unpack_from("<LLllHHL", data, 10)
    if header != 40 or planes != 1 or depth not in _BMP_DEPTHS or compression or width <= 0:
        return None
    rows = abs(height)
    return (width, rows) if start >= 54 and start + (width * depth + 31) // 32 * 4 * rows <= size_bytes else None


def _webp(data: bytes, size_bytes: int) -> Size | None:
    """One still picture, lossy (RFC 6386) or lossless, alone in its container."""
    length = int.from_bytes(data[16:20], "little")
    if int.from_bytes(data[4:8], "little") + 8 != size_bytes or 20 + length + (length & 1) != size_bytes:
        return None
    if data[12:16] == b"VP8 " and data[23:26] == b"\x9d\x01\x2a" and not data[20] & 1 and int.from_bytes(data[20:23], "little") >> 5 < length:
        wide, high = struct.unpack_from("<HH", data, 26)
        return wide & 0x3FFF, high & 0x3FFF
    if data[12:16] == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1) if bits >> 29 == 0 else None
    return None


_READERS: Mapping[str, Callable[[bytes, int], Size | None]] = {
    "image/png": _png,
    "image/jpeg": _jpeg,
    "image/gif": _gif,
    "image/bmp": _bmp,
    "image/webp": _webp,
}
