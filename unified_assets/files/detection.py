"""A stream and a name in; what kind of file the content says it is out.

Order: magic numbers, directories of containers, chains of audio frames, structure of text. The name only decides among
kinds that content cannot tell apart, and for media types that a plug-in brings and no magic number here knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import BinaryIO, NamedTuple

from unified_assets.files import containers
from unified_assets.files.text_structure import SVG, TEXT_EXTENSIONS, text_media_type
from unified_assets.formats.encodings import decode_as, find_encoding
from unified_assets.formats.text_facts import Decoding

HEAD_BYTES = 1 << 16
UNKNOWN, EMPTY = "application/octet-stream", "inode/x-empty"

_MAGIC = (  # (bytes at the start, media type)
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),
    (b"MM\0+", "image/tiff"),
    (b"fLaC", "audio/flac"),
    (b"FLV\x01", "video/x-flv"),
    (b"\0\0\x01\xba", "video/mpeg"),
    (b"\0\0\x01\xb3", "video/mpeg"),
    (b"0&\xb2u\x8ef\xcf\x11", "video/x-ms-asf"),
    (b"{\\rtf", "application/rtf"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"(\xb5/\xfd", "application/zstd"),
    (b"7z\xbc\xaf'\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\x7fELF", "application/x-executable"),
    (b"MZ", "application/vnd.microsoft.portable-executable"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
    (b"PAR1", "application/vnd.apache.parquet"),
    (b"ARROW1", "application/vnd.apache.arrow.file"),
    (b"\x93NUMPY", "application/x-npy"),
    (b"\x89HDF\r\n\x1a\n", "application/x-hdf5"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"\0\x01\0\0\0", "font/ttf"),
    (b"OTTO", "font/otf"),
)
_BY_FIRST_BYTE = {
    bytes([first]): tuple((magic, media_type) for magic, media_type in _MAGIC if magic[0] == first) for first in {magic[0] for magic, _ in _MAGIC}
}
_RIFF = {b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo", b"WEBP": "image/webp"}
_AIFF = {b"AIFF": "audio/aiff", b"AIFC": "audio/aiff"}
_CHUNKED = {b"RIFF": _RIFF, b"RF64": _RIFF, b"FORM": _AIFF}
_OURS = frozenset({"audio", "document", "image", "text", "video"})
_PROMISES = {
    "zip": "application/zip",
    "gz": "application/gzip",
    "tgz": "application/gzip",
    "tar": "application/x-tar",
    "7z": "application/x-7z-compressed",
    "rar": "application/vnd.rar",
    "bz2": "application/x-bzip2",
    "xz": "application/x-xz",
    "zst": "application/zstd",
    "heic": "image/heic",
    "heif": "image/heic",
    "avif": "image/avif",
    "svg": SVG,
    "xlsx": containers.XLSX,
    "xls": containers.XLS,
}
_BMP_HEADERS = {12, 40, 52, 56, 64, 108, 124}
_MOVIE_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"skip", b"free"}
_SAME_FAMILY = (
    frozenset({"application/json", "application/jsonl"}),
    frozenset({"text/xml", "text/html", SVG}),
    frozenset({"application/gzip", SVG}),
    frozenset({"video/mp4", "video/quicktime", "audio/mp4"}),
    frozenset({"video/x-matroska", "video/webm"}),
)


class Detection(NamedTuple):
    """What the content is; `agrees` is False where the extension promises something else."""

    media_type: str
    modality: str
    agrees: bool


@dataclass(frozen=True)
class Kinds:
    """What the installed modalities make of media types and extensions: all that detection needs of them."""

    modalities: Mapping[str, str]  # media type -> modality
    promises: Mapping[str, str]  # extension -> media type
    plugged_in: frozenset[str]  # media types of modalities that are not ours: their content need not be known here

    def tell(self, stream: BinaryIO, name: str) -> tuple[Detection, Decoding | None]:
        """The kind of a seekable stream; where it is a text of 64 KiB at most, also that text and its encoding. Leaves the stream anywhere."""
        extension = _extension(name)
        stream.seek(0)
        head = stream.read(HEAD_BYTES)
        promised = self.promises.get(extension)
        media_type, text = _by_content(stream, head, extension) if head else (promised or EMPTY, None)
        if media_type == UNKNOWN and promised in self.plugged_in:
            media_type = promised
        agrees = promised is None or promised == media_type or self._alike(promised, media_type)
        return Detection(media_type, self.modalities.get(media_type, "other"), agrees), text

    def _alike(self, promised: str, found: str) -> bool:
        if promised == "text/plain" and self.modalities.get(found) == "text":
            return True
        return any(promised in family and found in family for family in _SAME_FAMILY)


def detect(stream: BinaryIO, name: str) -> Detection:
    """Tell the kind of a seekable stream by its content, among the kinds that plug-ins bring. `name`: its file name, or empty."""
    return kinds().tell(stream, name)[0]


def _by_content(stream: BinaryIO, head: bytes, extension: str) -> tuple[str, Decoding | None]:
    found = _by_magic(head) or _by_directory(stream, head, extension)
    if found:
        return found, None
    whole = len(head) < HEAD_BYTES
    encoding = find_encoding(head, whole=whole)
    if encoding is not None:
        text = decode_as(head, encoding, whole=whole)
        return text_media_type(text, extension, whole=whole), (text, encoding) if whole else None
    if containers.is_aac(head):
        return "audio/aac", None
    return ("audio/mpeg" if containers.is_mp3(stream, head) else UNKNOWN), None


def _by_magic(head: bytes) -> str | None:
    for magic, media_type in _BY_FIRST_BYTE.get(head[:1], ()):
        if head.startswith(magic):
            return media_type
    return _by_two_marks(head)


def _by_two_marks(head: bytes) -> str | None:
    """Formats whose first bytes leave a choice."""
    if head.startswith(b"ustar", 257):
        return "application/x-tar"
    if head[:4] in _CHUNKED:
        return _CHUNKED[head[:4]].get(head[8:12])
    if head[:4] == b"OggS":
        return "video/ogg" if b"\x80theora" in head[:512] else "audio/ogg"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "video/webm" if b"webm" in head[:128] else "video/x-matroska"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "image/bmp"
    return "application/pdf" if b"%PDF-" in head[:1024] else None


def _by_directory(stream: BinaryIO, head: bytes, extension: str) -> str | None:
    if head[:4] in {b"PK\x03\x04", b"PK\x05\x06"}:
        return containers.zip_media_type(stream, head)
    if head[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        return containers.ole_media_type(stream, extension)
    if head[4:8] in _MOVIE_BOXES:
        return containers.movie_media_type(stream, head)
    if head[:3] == b"ID3":
        return "audio/mpeg" if containers.is_mp3(stream, head) or extension == "mp3" else None
    return None


def _extension(name: str) -> str:
    stem, dot, extension = name.rpartition("/")[2].rpartition(".")
    return extension.lower() if dot and stem else ""


@cache
def kinds() -> Kinds:
    """The kinds of the modalities that are installed."""
    from unified_assets.core import plugins

    installed = plugins.modalities().values()
    shipped = {extension: media_type for modality in installed for extension, media_type in modality.extensions.items()}
    return Kinds(
        modalities={media_type: modality.name for modality in installed for media_type in modality.media_types},
        promises={**_PROMISES, **TEXT_EXTENSIONS, **shipped},
        plugged_in=frozenset(media_type for modality in installed if modality.name not in _OURS for media_type in modality.media_types),
    )
