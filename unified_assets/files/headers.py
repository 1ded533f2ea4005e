"""What an open file is, in; the catalog columns that its headers tell without a decoder out, or None: then its decoder is asked.

Only parsers written here and bounded: the processes that run this load no native decoder.
"""

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from unified_assets.formats.movie_headers import film_facts
from unified_assets.formats.picture_headers import picture_size
from unified_assets.formats.sound_headers import sound_facts
from unified_assets.formats.text_facts import Decoding, text_facts

HEADER_BYTES = 1 << 20
_FILMS = frozenset({"video/mp4", "video/quicktime"})
Facts = Mapping[str, Any]


def header_facts(stream: BinaryIO, kind: tuple[str, str], size_bytes: int, text: Decoding | None) -> Facts | None:
    """Columns of a file of `kind` (modality, media type). `text`: what detection decoded of it. Raises what reading a text raises."""
    reader = _READERS.get(kind[0])
    return None if reader is None else reader(stream, kind[1], size_bytes, text)


def _picture(stream: BinaryIO, media_type: str, size_bytes: int, _: Decoding | None) -> Facts | None:
    size = picture_size(_head(stream), media_type, size_bytes)
    return None if size is None else {"width": size[0], "height": size[1]}


def _sound(stream: BinaryIO, media_type: str, size_bytes: int, _: Decoding | None) -> Facts | None:
    return sound_facts(_head(stream), media_type, size_bytes)


def _film(stream: BinaryIO, media_type: str, size_bytes: int, _: Decoding | None) -> Facts | None:
    """Without the decoder a film is not usable, whatever its header says."""
    return film_facts(stream, size_bytes) if media_type in _FILMS and films_decode() else None


def _text(stream: BinaryIO, media_type: str, _: int, text: Decoding | None) -> Facts:
    return text_facts(stream, media_type, text)


def _head(stream: BinaryIO) -> bytes:
    stream.seek(0)
    return stream.read(HEADER_BYTES)


def films_decode() -> bool:
    """Whether PyAV, the extra `video`, is installed."""
    return importlib.util.find_spec("av") is not None


_READERS: Mapping[str, Callable[[BinaryIO, str, int, Decoding | None], Facts | None]] = {"image": _picture, "audio": _sound, "video": _film, "text": _text}
