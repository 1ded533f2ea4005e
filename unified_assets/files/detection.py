"""A stream and a name in; what kind of file the content says it is out.

Order: magic numbers, directories of containers, chains of audio frames, structure of text. The name only decides among
kinds that content cannot tell apart, and for media types that a plug-in brings and no magic number here knows.
"""

from functools import cache
from typing import BinaryIO, NamedTuple

from unified_assets.core import plugins
from unified_assets.files import containers
from unified_assets.files.text_structure import SVG, TEXT_EXTENSIONS, text_media_type
from unified_assets.formats.encodings import decode_as, find_encoding

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


def detect(stream: BinaryIO, name: str) -> Detection:
    """Tell the kind of a seekable stream by its content. `name`: its file name, or empty. Leaves the stream anywhere."""
    extension = _extension(name)
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    promised = _by_extension().get(extension)
    media_type = (promised or EMPTY) if not head else _by_content(stream, head, extension)
    if media_type == UNKNOWN and promised is not None and promised not in _known_by_content():
        media_type = promised
    return Detection(media_type, _by_media_type().get(media_type, "other"), promised is None or _compatible(promised, media_type))


def _by_content(stream: BinaryIO, head: bytes, extension: str) -> str:
    found = _by_magic(head) or _by_directory(stream, head, extension)
    if found:
        return found
    whole = len(head) < HEAD_BYTES
    encoding = find_encoding(head, whole=whole)
    if encoding is not None:
        return text_media_type(decode_as(head, encoding, whole=whole), extension, whole=whole)
    if containers.is_aac(head):
        return "audio/aac"
    return "audio/mpeg" if containers.is_mp3(stream, head) else UNKNOWN


def _by_magic(head: bytes) -> str | None:
    found = next((media_type for magic, media_type in _BY_FIRST_BYTE.get(head[:1], ()) if head.startswith(magic)), None)
    return found or _by_two_marks(head)


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


def _compatible(promised: str, found: str) -> bool:
    if promised == found or (promised == "text/plain" and _by_media_type().get(found) == "text"):
        return True
    return any(promised in family and found in family for family in _SAME_FAMILY)


@cache
def _by_media_type() -> dict[str, str]:
    return {media_type: modality.name for modality in plugins.modalities().values() for media_type in modality.media_types}


@cache
def _by_extension() -> dict[str, str]:
    shipped = {extension: media_type for modality in plugins.modalities().values() for extension, media_type in modality.extensions.items()}
    return {
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
        **TEXT_EXTENSIONS,
        **shipped,
    }


@cache
def _known_by_content() -> frozenset[str]:
    """Media types that content would have shown: their extension alone proves nothing."""
    return frozenset({"application/x-tar", *(media_type for _, media_type in _MAGIC), *_by_extension().values()} - _plugged_in())


def _plugged_in() -> set[str]:
    outside = [modality for modality in plugins.modalities().values() if modality.name not in {"audio", "document", "image", "text", "video"}]
    return {media_type for modality in outside for media_type in modality.media_types}
