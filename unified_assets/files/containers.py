"""A stream that starts like a container in; the media type that its directory shows out."""

from collections.abc import Callable
from typing import BinaryIO

from unified_assets.core.errors import UnreadableFile
from unified_assets.formats.zip_directory import read_directory

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DOC, PPT, XLS = "application/msword", "application/vnd.ms-powerpoint", "application/vnd.ms-excel"
_PARTS = (("word/", DOCX), ("ppt/", PPTX), ("xl/", XLSX))
_BOOK = "META-INF/container.xml"
_STREAMS = (("WordDocument", DOC), ("PowerPoint Document", PPT), ("Workbook", XLS), ("Book", XLS))
_ENCRYPTED = {"docx": DOCX, "pptx": PPTX, "xlsx": XLSX}
_OPEN_DOCUMENT = b"mimetypeapplication/"
_MOVIE_BYTES = 1 << 20
_BOXES = 64
_MP3_KBITS = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MP3_RATES = (44100, 48000, 32000)
FrameLength = Callable[[bytes], int]


def zip_media_type(stream: BinaryIO, head: bytes) -> str:
    """Office package, OpenDocument, EPUB, or plain zip. A package whose directory is lost is told by its first parts."""
    at = head.find(_OPEN_DOCUMENT, 0, 128)
    if at >= 0:
        declared = head[at + len(b"mimetype") : at + 128].split(b"PK", 1)[0]
        return declared.decode("ascii", "replace").strip()
    try:
        names = [entry.name for entry in read_directory(stream)]
    except UnreadableFile:
        return next((media_type for part, media_type in _PARTS if part.encode() in head), "application/zip")
    if "[Content_Types].xml" in names:
        return next((media_type for part, media_type in _PARTS if any(name.startswith(part) for name in names)), "application/zip")
    return "application/epub+zip" if _BOOK in names else "application/zip"


def ole_media_type(stream: BinaryIO, extension: str) -> str:
    """Legacy Office by the stream it holds; an encrypted OOXML file by its extension."""
    import olefile

    stream.seek(0)
    try:
        with olefile.OleFileIO(stream) as package:
            names = {entry[0] for entry in package.listdir()}
    except (OSError, ValueError, IndexError, RecursionError):
        return {"doc": DOC, "ppt": PPT}.get(extension, "application/x-ole-storage")
    if "EncryptedPackage" in names:
        return _ENCRYPTED.get(extension, DOCX)
    return next((media_type for name, media_type in _STREAMS if name in names), "application/x-ole-storage")


def movie_media_type(stream: BinaryIO, head: bytes) -> str:
    """An ISO base media file: by brand, and by whether its tracks hold pictures (ISO/IEC 14496-12)."""
    brand = head[8:12] if head[4:8] == b"ftyp" else b"qt  "
    if brand in {b"heic", b"heix", b"mif1", b"msf1", b"hevc"}:
        return "image/heic"
    if brand in {b"avif", b"avis"}:
        return "image/avif"
    if brand in {b"M4A ", b"M4B ", b"M4P "}:
        return "audio/mp4"
    if brand == b"qt  ":
        return "video/quicktime"
    movie = _movie_box(stream)
    return "audio/mp4" if b"soun" in movie and b"vide" not in movie else "video/mp4"


def _movie_box(stream: BinaryIO) -> bytes:
    at = 0
    for _ in range(_BOXES):
        stream.seek(at)
        header = stream.read(16)
        size = int.from_bytes(header[:4], "big")
        if size == 1:
            size = int.from_bytes(header[8:16], "big")
        if header[4:8] == b"moov":
            return stream.read(min(size, _MOVIE_BYTES))
        if len(header) < 16 or size < 8:
            return b""
        at += size
    return b""


def is_mp3(stream: BinaryIO, head: bytes) -> bool:
    """Three MPEG audio frames in a chain, after an ID3 tag and padding if there is one."""
    start = 0
    if head[:3] == b"ID3" and len(head) > 10:
        start = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    stream.seek(start)
    data = stream.read(1 << 14)
    padding = len(data) - len(data.lstrip(b"\0")) if start else 0
    return _chain(data[padding:], _mp3_frame)


def is_aac(head: bytes) -> bool:
    """Three ADTS frames in a chain."""
    return _chain(head, _adts_frame)


def _chain(data: bytes, length_of: FrameLength) -> bool:
    at = 0
    for count in range(3):
        length = length_of(data[at : at + 7])
        if not length:
            return count > 0 and at >= len(data)
        at += length
    return True


def _mp3_frame(header: bytes) -> int:
    """Length in bytes of the MPEG audio frame that starts here, 0 where none does."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = (header[1] >> 3) & 3, 4 - ((header[1] >> 1) & 3)
    bitrate, rate, pad = header[2] >> 4, (header[2] >> 2) & 3, (header[2] >> 1) & 1
    if version == 1 or layer == 4 or bitrate in {0, 15} or rate == 3:
        return 0
    kbits = _MP3_KBITS[1 if version == 3 else 2, layer][bitrate - 1]
    hertz = _MP3_RATES[rate] // {3: 1, 2: 2, 0: 4}[version]
    if layer == 1:
        return (12_000 * kbits // hertz + pad) * 4
    return (72_000 if layer == 3 and version != 3 else 144_000) * kbits // hertz + pad


def _adts_frame(header: bytes) -> int:
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0
