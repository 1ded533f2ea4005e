"""A file or its bytes in; what its modality makes of it out."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from unified_assets.core.errors import UnreadableFile
from unified_assets.files.detection import detect
from unified_assets.files.opening import open_regular

if TYPE_CHECKING:  # the processes that only survey files load neither numpy nor a decoder
    from unified_assets.core.contracts import Modality
    from unified_assets.core.media import Decoded


def decode(root: Path, path: str, modality: str, media_type: str) -> "Decoded":
    """Decode a catalogued file within the bounds of its modality. Raises UnreadableFile, or what the decoder raises."""
    with open_regular(root, path) as stream:
        return decode_stream(stream, modality, media_type)


def decode_bytes(data: bytes, name: str = "") -> tuple[str, str, "Decoded"]:
    """Detect and decode bytes: (modality, media type, decoded). `name` helps where the content alone does not tell."""
    found = detect(io.BytesIO(data), name)
    if found.modality == "other":
        raise UnreadableFile("unsupported", found.media_type)
    return found.modality, found.media_type, decode_stream(io.BytesIO(data), found.modality, found.media_type)


def decode_stream(stream: BinaryIO, modality: str, media_type: str) -> "Decoded":
    """Decode an open, seekable stream."""
    return _plugin(modality).decode(stream, media_type)


def probe_stream(stream: BinaryIO, modality: str, media_type: str) -> Mapping[str, Any]:
    """The catalog columns a modality reads from the headers of an open, seekable stream."""
    return _plugin(modality).probe(stream, media_type)


def _plugin(modality: str) -> "Modality":
    from unified_assets.core import plugins

    try:
        return plugins.modalities()[modality]
    except KeyError:
        raise UnreadableFile("unsupported", f"no modality is called {modality!r}") from None
