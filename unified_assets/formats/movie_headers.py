"""An MP4 or QuickTime film in; size, frame rate, frames and duration of its picture track, rate and channels of its sound, out.

Written for the plain case (ISO/IEC 14496-12): one picture track with a constant frame rate, at most one AAC track, all boxes there,
nothing fragmented, encrypted or edited. Everything else gives None, and the film is left to its decoder.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

MAX_MOVIE_BYTES = 4 << 20
MAX_FRAME_PIXELS = 40_000_000
MAX_FRAMES = 1 << 24
_BOXES = 256
_PASSED_OVER = frozenset({b"ftyp", b"mdat", b"free", b"skip", b"wide", b"udta", b"meta", b"uuid"})
_PICTURES = frozenset({b"avc1", b"avc3", b"hvc1", b"hev1", b"mp4v"})
_TABLE = frozenset({b"stsd", b"stts", b"stsc", b"stsz"})
_NORMAL, _EDIT_SLACK_S = 0x10000, 0.1
_SOUND_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_UNDOUBLED_HZ = 32_000  # from here on AAC is not played at twice the rate it is stored with
_NO_DOUBLING = 0x2B7 << 6 | 5 << 1  # the extension that says so for lower rates, its flag 0
Box = tuple[bytes, bytes]


class _Track(NamedTuple):
    kind: bytes
    timescale: int
    duration: int
    boxes: Mapping[bytes, bytes]  # of the sample table
    header: bytes


def film_facts(stream: BinaryIO, size_bytes: int) -> Mapping[str, Any] | None:
    """The catalog columns of a film, or None where only the decoder can tell."""
    try:
        movie = _movie(stream, size_bytes)
        tracks = None if movie is None else _tracks(movie)
        return None if tracks is None else _facts(tracks)
    except (struct.error, IndexError):
        return None  # a box is cut


def _movie(stream: BinaryIO, size_bytes: int) -> bytes | None:
    """The content of the movie box, where the boxes of the file fill it to its last byte."""
    at, movie = 0, None
    for _ in range(_BOXES):
        if at == size_bytes:
            return movie
        stream.seek(at)
        header = stream.read(16)
        length, kind = struct.unpack_from(">L4s", header)
        if length == 1:
            (length,) = struct.unpack_from(">Q", header, 8)
        if length < 8 or at + length > size_bytes or (kind != b"moov" and kind not in _PASSED_OVER):
            return None
        if kind == b"moov":
            if movie is not None or length > MAX_MOVIE_BYTES or header[:4] == b"\0\0\0\1":
                return None
            stream.seek(at + 8)
            movie = stream.read(length - 8)
        at += length
    return None


def _boxes(data: bytes) -> Iterator[Box]:
    at = 0
    for _ in range(_BOXES):
        if at + 8 > len(data):
            return
        length, kind = struct.unpack_from(">L4s", data, at)
        if length < 8 or at + length > len(data):
            raise IndexError
        yield kind, data[at + 8 : at + length]
        at += length


def _tracks(movie: bytes) -> list[_Track] | None:
    found: list[_Track] = []
    clock = 0
    for kind, content in _boxes(movie):
        if kind == b"mvhd":
            (clock,) = struct.unpack_from(">L", content, 20 if content[0] else 12)
        elif kind == b"trak":
            track = _track(content, clock)
            if track is None:
                return None
            found.append(track)
        elif kind not in {b"udta", b"iods", b"free", b"meta"}:
            return None
    return found


def _track(data: bytes, movie_clock: int) -> _Track | None:
    inside = dict(_boxes(data))
    media = dict(_boxes(inside.get(b"mdia", b"")))
    table = dict(_boxes(dict(_boxes(media.get(b"minf", b""))).get(b"stbl", b"")))
    clock = media.get(b"mdhd", b"")
    if not table.keys() >= _TABLE or not (b"stco" in table or b"co64" in table) or not clock or clock[0] > 1:
        return None
    timescale, duration = struct.unpack_from(">LQ", clock, 20) if clock[0] else struct.unpack_from(">LL", clock, 12)
    if not timescale or not duration or not _plays_whole(inside.get(b"edts", b""), duration / timescale, movie_clock):
        return None
    return _Track(media.get(b"hdlr", b"")[8:12], timescale, duration, table, inside.get(b"tkhd", b""))


def _plays_whole(edits: bytes, duration_s: float, movie_clock: int) -> bool:
    """No edit list, or one entry that plays at normal speed as long as the track lasts, but for a tenth of a second."""
    listed = dict(_boxes(edits)).get(b"elst") if edits else None
    if listed is None:
        return True
    count, length, start, speed = struct.unpack_from(">LQqL" if listed[0] else ">LLlL", listed, 4)
    return count == 1 and start >= 0 and speed == _NORMAL and movie_clock > 0 and abs(length / movie_clock - duration_s) < _EDIT_SLACK_S


def _facts(tracks: list[_Track]) -> Mapping[str, Any] | None:
    pictures, sounds = ([track for track in tracks if track.kind == kind] for kind in (b"vide", b"soun"))
    if len(pictures) != 1 or len(sounds) > 1 or len(tracks) != len(pictures) + len(sounds):
        return None
    facts = _picture(pictures[0])
    sound = _sound(sounds[0]) if sounds else {}
    return None if facts is None or sound is None else {**facts, **sound}


def _entry(track: _Track) -> Box | None:
    """The one sample entry of a track: its codec and content."""
    listed = track.boxes[b"stsd"]
    entries = list(_boxes(listed[8:]))
    return entries[0] if len(entries) == 1 and listed[4:8] == b"\0\0\0\1" else None


def _picture(track: _Track) -> Mapping[str, Any] | None:
    entry = _entry(track)
    if entry is None or entry[0] not in _PICTURES:
        return None
    width, height = struct.unpack_from(">HH", entry[1], 24)
    if struct.unpack(">LL", track.header[-8:]) != (width << 16, height << 16) or not 0 < width * height <= MAX_FRAME_PIXELS:
        return None
    frames = struct.unpack_from(">L", track.boxes.get(b"stsz", b""), 8)[0]
    steps = track.boxes.get(b"stts", b"")
    count, told, step = struct.unpack_from(">LLL", steps, 4)
    if count != 1 or told != frames or not 0 < frames <= MAX_FRAMES or abs(step * frames - track.duration) > step:
        return None
    duration = min(track.duration, step * frames)
    return {"width": width, "height": height, "duration_s": duration / track.timescale, "fps": track.timescale / step, "frames": frames}


def _sound(track: _Track) -> Mapping[str, Any] | None:
    entry = _entry(track)
    if entry is None or entry[0] != b"mp4a" or entry[1][8:10] != b"\0\0":
        return None
    channels, rate = struct.unpack_from(">H", entry[1], 16)[0], struct.unpack_from(">L", entry[1], 24)[0] >> 16
    config = _audio_config(dict(_boxes(entry[1][28:])).get(b"esds", b""))
    if len(config) < 2:
        return None
    bits = int.from_bytes(config[:8].ljust(8, b"\0"), "big")
    kind, clock, layout = bits >> 59, bits >> 55 & 15, bits >> 51 & 15
    undoubled = rate >= _UNDOUBLED_HZ or bits >> 31 & 0x1FFFF == _NO_DOUBLING
    if kind != 2 or clock >= len(_SOUND_RATES) or _SOUND_RATES[clock] != rate or layout != channels or not 0 < channels <= 6 or not undoubled:
        return None
    return {"sample_rate_hz": rate, "channels": channels}


def _audio_config(descriptor: bytes) -> bytes:
    """The AudioSpecificConfig (ISO/IEC 14496-3) inside an elementary stream descriptor: tag 3, in it 4, in it 5."""
    at = 4
    for tag, fixed in ((3, 3), (4, 13), (5, 0)):
        if descriptor[at] != tag:
            return b""
        at += 1
        length = 0
        for _ in range(4):
            byte = descriptor[at]
            at += 1
            length = length << 7 | byte & 0x7F
            if not byte & 0x80:
                break
        if tag == 5:
            return descriptor[at : at + length]
        at += fixed
    return b""
