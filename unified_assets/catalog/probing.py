"""One path in; the columns of its catalog row that need its content out. Runs in a guarded worker process."""

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import xxhash

from unified_assets.core.errors import UnreadableFile
from unified_assets.files import Detection, detect, open_regular, probe_stream
from unified_assets.formats.archives import list_members

PROBED = ("width", "height", "duration_s", "sample_rate_hz", "channels", "encoding", "language", "records", "pages", "title", "frames", "fps")
STILL_WRITTEN = "still_being_written"
NEEDS_INSTALL = "install_extra_video"
_CONTAINERS = frozenset(
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
_WHY_NOT = {
    "image/heic": "HEIC needs an HEVC decoder, which no permissive dependency brings; save it as JPEG, PNG, WebP or AVIF",
    "image/avif": "this build of Pillow has no AVIF decoder; pip install -U pillow",
    "image/webp": "this build of Pillow has no WebP decoder; pip install -U pillow",
    "image/svg+xml": "a drawing in XML: rendering it needs a browser engine; save it as PNG",
}
_CHUNK = 1 << 20
_AT_ONCE = 1 << 20  # a file of up to so many bytes is read once, for all that looks at it
LARGE_BYTES = 512 << 20
MIN_ALLOCATED_SHARE = 0.01
_TITLE_CHARS = 300


class Listed(NamedTuple):
    """A regular file as the walk saw it."""

    path: str
    size_bytes: int
    mtime_ns: int
    inode: int


class Probed(NamedTuple):
    """What its content says."""

    file_id: str | None
    modality: str
    media_type: str | None
    extension_agrees: bool
    status: str
    reason: str | None
    columns: Mapping[str, Any]


def probe_file(root: Path, listed: Listed) -> Probed:
    """Detect, hash and probe a file. Raises UnreadableFile where it cannot be opened, MemoryError where it bursts."""
    return _examine(root, listed, deep=True)


def identify_file(root: Path, listed: Listed) -> Probed:
    """Detect and hash only: for a file that its modality's probe did not survive."""
    return _examine(root, listed, deep=False)


def _examine(root: Path, listed: Listed, *, deep: bool) -> Probed:
    with open_regular(root, listed.path) as stream:
        _require_stillness(stream, listed)
        _require_substance(stream)
        try:
            content = io.BytesIO(stream.read(listed.size_bytes + 1)) if listed.size_bytes <= _AT_ONCE else stream
            found = detect(content, listed.path)
            file_id = _digest(content)
        except OSError as error:
            raise UnreadableFile("io_error", error.strerror or "") from error
        status, reason, columns = _probe(content, found, empty=not listed.size_bytes) if deep else ("ok", None, {})
        _require_stillness(stream, listed)
    return Probed(file_id, found.modality, found.media_type, found.agrees, status, reason, columns)


def _require_stillness(stream: BinaryIO, listed: Listed) -> None:
    facts = os.fstat(stream.fileno())
    if (facts.st_size, facts.st_mtime_ns, facts.st_ino) != (listed.size_bytes, listed.mtime_ns, listed.inode):
        raise UnreadableFile(STILL_WRITTEN, "its size or time moved during the scan")


def _require_substance(stream: BinaryIO) -> None:
    """A terabyte of hole costs nothing to make and hours to read."""
    facts = os.fstat(stream.fileno())
    if facts.st_size >= LARGE_BYTES and facts.st_blocks * 512 < facts.st_size * MIN_ALLOCATED_SHARE:
        raise UnreadableFile("sparse", f"claims {facts.st_size} bytes, has {facts.st_blocks * 512} on disk")


def _digest(stream: BinaryIO) -> str:
    if isinstance(stream, io.BytesIO):
        return xxhash.xxh3_128_hexdigest(stream.getbuffer())
    stream.seek(0)
    digest = xxhash.xxh3_128()
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _probe(stream: BinaryIO, found: Detection, *, empty: bool) -> tuple[str, str | None, Mapping[str, Any]]:
    if found.modality == "other":
        return _contained(stream, found.media_type) if found.media_type in _CONTAINERS else ("unsupported", *_unsupported(found.media_type))
    if empty and found.modality != "text":
        return "quarantined", "empty", {}
    try:
        return "ok", None, _columns(probe_stream(stream, found.modality, found.media_type))
    except MemoryError:
        raise
    except UnreadableFile as error:
        status = "unsupported" if error.reason == NEEDS_INSTALL else "quarantined"
        return status, error.reason, _detail(error.detail)
    except Exception as error:  # noqa: BLE001 - whatever a hostile file provokes becomes its row
        return "quarantined", type(error).__name__, _detail(str(error))


def _contained(stream: BinaryIO, media_type: str) -> tuple[str, str | None, Mapping[str, Any]]:
    """A container is listed and stays closed; one that would burst, or cannot be listed, says so."""
    try:
        return "unsupported", "container", {"probe_extra": _json(list_members(stream, media_type))}
    except UnreadableFile as error:
        known = {"listed": False, "problem": error.reason, "detail": error.detail[:_TITLE_CHARS]}
        return ("quarantined", "bomb", _detail(error.detail)) if error.reason == "bomb" else ("unsupported", "container", {"probe_extra": _json(known)})
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a hostile file provokes becomes its row
        return "unsupported", "container", {"probe_extra": _json({"listed": False, "problem": type(error).__name__, "detail": str(error)[:_TITLE_CHARS]})}


def _unsupported(media_type: str) -> tuple[str, Mapping[str, Any]]:
    reason = {"application/octet-stream": "unknown_format", "inode/x-empty": "empty"}.get(media_type, "unsupported_format")
    return reason, _detail(_WHY_NOT.get(media_type, ""))


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, default=str)


def _columns(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Known columns as they are; those of a plug-in modality as JSON."""
    known = {name: value for name, value in values.items() if name in PROBED and value is not None}
    if isinstance(known.get("title"), str):
        known["title"] = known["title"].encode("utf-8", "replace").decode()[:_TITLE_CHARS]
    extra = {name: value for name, value in values.items() if name not in PROBED}
    return {**known, "probe_extra": _json(extra)} if extra else known


def _detail(text: str) -> Mapping[str, Any]:
    return {"probe_extra": json.dumps({"detail": text.encode("utf-8", "replace").decode()[:_TITLE_CHARS]})} if text else {}
