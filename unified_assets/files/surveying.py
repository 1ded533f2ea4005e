"""A listed file in; what it is, its digest, and what its headers say without a native decoder out: one open, one read.

Runs in a guarded worker process that imports this module and no numeric library: such a process starts in a tenth of a second.
"""

import io
import json
import os
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

import xxhash

from unified_assets.core.errors import UnreadableFile
from unified_assets.files.detection import Kinds
from unified_assets.files.headers import header_facts
from unified_assets.files.opening import Folders
from unified_assets.formats.text_facts import Decoding

PROBED = ("width", "height", "duration_s", "sample_rate_hz", "channels", "encoding", "language", "records", "pages", "title", "frames", "fps")
STILL_WRITTEN = "still_being_written"
UNDECIDED = "undecided"  # status of a file whose decoder must be asked
AT_ONCE = 1 << 20  # a file of up to so many bytes is read once, for all that looks at it
LARGE_BYTES = 512 << 20
MIN_ALLOCATED_SHARE = 0.01
CONTAINERS = frozenset(
    {
        "application/zip",
        "application/gzip",
        "application/x-tar",
        "application/x-bzip2",
        "application/x-xz",
        "application/zstd",
        "application/x-7z-compressed",
        "application/vnd.rar",
    }
)
_PROBED = frozenset(PROBED)
_WHY_NOT = {
    "image/heic": "HEIC needs an HEVC decoder, which no permissive dependency brings; save it as JPEG, PNG, WebP or AVIF",
    "image/avif": "this build of Pillow has no AVIF decoder; pip install -U pillow",
    "image/webp": "this build of Pillow has no WebP decoder; pip install -U pillow",
    "image/svg+xml": "a drawing in XML: rendering it needs a browser engine; save it as PNG",
}
_NAMELESS = {"application/octet-stream": "unknown_format", "inode/x-empty": "empty"}
_CHUNK = 1 << 20
_TITLE_CHARS = 300
Verdict = tuple[str, str | None, Mapping[str, Any]]  # status, reason, columns
Row = tuple[str, int, int, int]  # a `Listed`, or a plain tuple of its fields


class Listed(NamedTuple):
    """A regular file as the walk saw it."""

    path: str
    size_bytes: int
    mtime_ns: int
    inode: int


class Surveyed(NamedTuple):
    """What its content says. `columns` are those of the catalog that a probe fills."""

    file_id: str | None
    modality: str
    media_type: str | None
    extension_agrees: bool
    status: str
    reason: str | None
    columns: Mapping[str, Any]


def survey_file(folders: Folders, kinds: Kinds, listed: Row) -> tuple[Any, ...]:
    """Detect, hash and read the headers of a file, as a plain `Surveyed` tuple. Raises UnreadableFile where it cannot be opened or read."""
    return _survey(folders, kinds, listed, deep=True)


def identify_file(folders: Folders, kinds: Kinds, listed: Row) -> tuple[Any, ...]:
    """Detect and hash only: for a file whose reading a worker did not survive."""
    return _survey(folders, kinds, listed, deep=False)


def _survey(folders: Folders, kinds: Kinds, listed: Row, *, deep: bool) -> tuple[Any, ...]:
    path, size_bytes, *_ = listed
    descriptor, facts = folders.open(path)
    try:
        require_stillness(facts, listed)
        require_substance(facts)
        try:
            stream, file_id = _read(descriptor, size_bytes)
            found, text = kinds.tell(stream, path)
        except OSError as error:
            raise UnreadableFile("io_error", error.strerror or "") from error
        verdict = _verdict(stream, (found.modality, found.media_type), size_bytes, text) if deep else (UNDECIDED, None, {})
        require_stillness(os.fstat(descriptor), listed)
    finally:
        os.close(descriptor)
    return (file_id, found.modality, found.media_type, found.agrees, *verdict)


def _read(descriptor: int, size_bytes: int) -> tuple[BinaryIO, str]:
    """The content and its digest. Raises UnreadableFile for a file that is no longer as long as it was."""
    if size_bytes <= AT_ONCE:
        data = os.read(descriptor, size_bytes + 1)
        if len(data) != size_bytes:
            raise UnreadableFile(STILL_WRITTEN, "its size or time moved during the scan")
        return io.BytesIO(data), xxhash.xxh3_128_hexdigest(data)
    stream = os.fdopen(descriptor, "rb", closefd=False)
    return stream, digest(stream)


def digest(stream: BinaryIO) -> str:
    """xxh3-128 of a whole stream, hex."""
    stream.seek(0)
    found = xxhash.xxh3_128()
    while chunk := stream.read(_CHUNK):
        found.update(chunk)
    return str(found.hexdigest())


def require_stillness(facts: os.stat_result, listed: Row) -> None:
    """Raise UnreadableFile where a file is not as it was listed."""
    if (facts.st_size, facts.st_mtime_ns, facts.st_ino) != listed[1:]:
        raise UnreadableFile(STILL_WRITTEN, "its size or time moved during the scan")


def require_substance(facts: os.stat_result) -> None:
    """A terabyte of hole costs nothing to make and hours to read."""
    if facts.st_size >= LARGE_BYTES and facts.st_blocks * 512 < facts.st_size * MIN_ALLOCATED_SHARE:
        raise UnreadableFile("sparse", f"claims {facts.st_size} bytes, has {facts.st_blocks * 512} on disk")


def _verdict(stream: BinaryIO, kind: tuple[str, str], size_bytes: int, text: Decoding | None) -> Verdict:
    modality, media_type = kind
    if modality == "other":
        return (UNDECIDED, None, {}) if media_type in CONTAINERS else ("unsupported", *_unsupported(media_type))
    if not size_bytes and modality != "text":
        return "quarantined", "empty", {}
    try:
        values = header_facts(stream, kind, size_bytes, text)
    except MemoryError:
        raise
    except UnreadableFile as error:
        return "quarantined", error.reason, detail(error.detail)
    except Exception as error:  # noqa: BLE001 - whatever a hostile file provokes becomes its row
        return "quarantined", type(error).__name__, detail(str(error))
    return (UNDECIDED, None, {}) if values is None else ("ok", None, columns(values))


def _unsupported(media_type: str) -> tuple[str, Mapping[str, Any]]:
    return _NAMELESS.get(media_type, "unsupported_format"), detail(_WHY_NOT.get(media_type, ""))


def columns(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Known columns as they are; those of a plug-in modality as JSON."""
    known = {name: value for name, value in values.items() if value is not None and name in _PROBED}
    if isinstance(known.get("title"), str):
        known["title"] = known["title"].encode("utf-8", "replace").decode()[:_TITLE_CHARS]
    if values.keys() <= _PROBED:
        return known
    return {**known, "probe_extra": as_json({name: value for name, value in values.items() if name not in _PROBED})}


def detail(text: str) -> Mapping[str, Any]:
    """A problem in words, as a column."""
    return {"probe_extra": json.dumps({"detail": text.encode("utf-8", "replace").decode()[:_TITLE_CHARS]})} if text else {}


def as_json(values: Mapping[str, Any]) -> str:
    """Values of any kind as JSON text."""
    return json.dumps(values, sort_keys=True, default=str)
