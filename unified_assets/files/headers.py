"""What an open file is, in; the catalog columns that its headers tell without a decoder out, or None: then its decoder is asked.

Only parsers written here and bounded: the processes that run this load no native decoder.
"""

import importlib.util
import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, BinaryIO

from unified_assets.formats.movie_headers import film_facts
from unified_assets.formats.picture_headers import picture_size
from unified_assets.formats.sound_headers import sound_facts
from unified_assets.formats.text_facts import Decoding, text_facts

SHORT_BYTES, HEADER_BYTES = 1 << 14, 1 << 20  # nearly all headers end in the first; cover pictures and colour profiles may be longer
_FILMS = frozenset({"video/mp4", "video/quicktime"})
Facts = Mapping[str, Any]


def header_facts(stream: BinaryIO, kind: tuple[str, str], size_bytes: int, text: Decoding | None) -> Facts | None:
    """Columns of a file of `kind` (modality, media type). `text`: what detection decoded of it. Raises what reading a text raises."""
    reader = _READERS.get(kind[0])
    return None if reader is None else reader(stream, kind[1], size_bytes, text)


def _picture(stream: BinaryIO, media_type: str, size_bytes: int, _: Decoding | None) -> Facts | None:
    for length in (SHORT_BYTES, HEADER_BYTES):
        size = picture_size(_head(stream, length), media_type, size_bytes)
        if size is not None:
            return {"width": size[0], "height": size[1]}
        if size_bytes <= length:
            break
    return None


def _sound(stream: BinaryIO, media_type: str, size_bytes: int, _: Decoding | None) -> Facts | None:
    for length in (SHORT_BYTES, HEADER_BYTES):
        facts = sound_facts(_head(stream, length), media_type, size_bytes)
        if facts is not None or size_bytes <= length:
            return facts
    return None


def _film(stream: BinaryIO, media_type: str, size_bytes: int, _: Decoding | None) -> Facts | None:
    """Without the decoder a film is not usable, whatever its header says."""
    return film_facts(stream, size_bytes) if media_type in _FILMS and films_decode() else None


def _text(stream: BinaryIO, media_type: str, _: int, text: Decoding | None) -> Facts:
    return text_facts(stream, media_type, text)


def _head(stream: BinaryIO, length: int) -> bytes:
    stream.seek(0)
    return stream.read(length)


def films_decode() -> bool:
    """Whether PyAV, the extra `video`, is installed."""
    return sys.modules["av"] is not None if "av" in sys.modules else _found()


@cache
def _found() -> bool:
    return importlib.util.find_spec("av") is not None


_READERS: Mapping[str, Callable[[BinaryIO, str, int, Decoding | None], Facts | None]] = {"image": _picture, "audio": _sound, "video": _film, "text": _text}
