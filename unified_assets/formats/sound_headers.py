"""The first bytes of a WAV or FLAC file in; its sample rate, channels and duration out.

Written for the plain case: whatever is unusual, damaged or cut gives None, and the file is left to its decoder.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any

MAX_CHANNELS = 64
MAX_RATE_HZ = 768_000
_CHUNKS = 64
_INTEGERS, _FLOATS, _EXTENSIBLE = 1, 3, 0xFFFE
_SUBFORMAT = b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"  # of the extensible header, after the format's own number
_SAMPLE_BITS = {_INTEGERS: (8, 16, 24, 32), _FLOATS: (32, 64)}
_COMMENTS, _PICTURE = 4, 6
_PLAIN_BLOCKS = frozenset({0, 1, 3, _COMMENTS, _PICTURE})  # STREAMINFO, padding, seek table
_MAX_COMMENTS = 1000
_FLAC_BITS = frozenset({8, 16, 24})
_FLAC_RATES = {1: 88200, 2: 176400, 3: 192000, 4: 8000, 5: 16000, 6: 22050, 7: 24000, 8: 32000, 9: 44100, 10: 48000, 11: 96000, 15: 0}  # code in a frame
Facts = Mapping[str, Any]


def sound_facts(data: bytes, media_type: str, size_bytes: int) -> Facts | None:
    """Rate, channels and duration, or None where only the decoder can tell. `data`: the beginning of a file of `size_bytes`."""
    reader = _READERS.get(media_type)
    try:
        found = None if reader is None else reader(data, size_bytes)
    except (struct.error, IndexError):
        return None  # the header is cut
    if found is None:
        return None
    rate, channels, frames = found
    if not (0 < rate <= MAX_RATE_HZ and 0 < channels <= MAX_CHANNELS and frames > 0):
        return None
    return {"sample_rate_hz": rate, "channels": channels, "duration_s": frames / rate}


def _wav(data: bytes, size_bytes: int) -> tuple[int, int, int] | None:
    """Uncompressed samples that are all there, in a RIFF file (rate, channels, frames)."""
    if data[:4] != b"RIFF":
        return None
    at, layout = 12, None
    for _ in range(_CHUNKS):
        kind, length = struct.unpack_from("<4sL", data, at)
        if kind == b"fmt ":
            if layout is not None or (layout := _layout(data[at + 8 : at + 8 + length])) is None:
                return None
        elif kind == b"data":
            if layout is None or at + 8 + length > size_bytes or length % layout[2]:
                return None
            return layout[0], layout[1], length // layout[2]
        elif not kind.isalnum() and kind not in {b"LIST", b"fact", b"JUNK", b"PEAK", b"cue "}:
            return None
        at += 8 + length + (length & 1)
    return None


def _layout(chunk: bytes) -> tuple[int, int, int] | None:
    """(rate, channels, bytes a frame) of a format chunk whose numbers agree."""
    kind, channels, rate, byte_rate, frame_bytes, bits = struct.unpack_from("<HHLLHH", chunk)
    if kind == _EXTENSIBLE and len(chunk) >= 40 and chunk[26:40] == _SUBFORMAT and int.from_bytes(chunk[18:20], "little") == bits:
        kind = int.from_bytes(chunk[24:26], "little")
    if bits not in _SAMPLE_BITS.get(kind, ()) or not channels or frame_bytes != channels * bits // 8 or byte_rate != rate * frame_bytes:
        return None
    return rate, channels, frame_bytes


def _flac(data: bytes, _: int) -> tuple[int, int, int] | None:
    """STREAMINFO (RFC 9639), where a frame follows the metadata (rate, channels, frames)."""
    at, last = 4, False
    while not last:
        last, kind, length = bool(data[at] & 0x80), data[at] & 0x7F, int.from_bytes(data[at + 1 : at + 4], "big")
        if (kind == 0) != (at == 4) or kind not in _PLAIN_BLOCKS or (kind == 0 and length != 34):
            return None
        if kind == _COMMENTS and not _whole_comments(data[at + 4 : at + 4 + length]):
            return None
        at += 4 + length
    if data[at] != 0xFF or data[at + 1] & 0xFE != 0xF8:
        return None
    packed = int.from_bytes(data[18:26], "big")  # 20 bits rate, 3 channels - 1, 5 bits a sample - 1, 36 samples
    rate = packed >> 44
    if _FLAC_RATES.get(data[at + 2] & 15, rate) != rate or (packed >> 36 & 31) + 1 not in _FLAC_BITS:
        return None
    return rate, (packed >> 41 & 7) + 1, packed & (1 << 36) - 1


def _whole_comments(block: bytes) -> bool:
    """The vendor's name and as many comments as are announced fill the block."""
    at = 4 + int.from_bytes(block[:4], "little")
    (count,) = struct.unpack_from("<L", block, at)
    at += 4
    for _ in range(min(count, _MAX_COMMENTS)):
        at += 4 + struct.unpack_from("<L", block, at)[0]
    return at == len(block)


_READERS: Mapping[str, Callable[[bytes, int], tuple[int, int, int] | None]] = {"audio/wav": _wav, "audio/flac": _flac}
