"""A root and a relative path in; a stream on a regular file below that root out, or a reason why not."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from unified_assets.core.errors import UnreadableFile
from unified_assets.core.paths import decode_path

_REASONS = {
    errno.ENOENT: "not_found",
    errno.ENOTDIR: "not_found",
    errno.EACCES: "no_permission",
    errno.EPERM: "no_permission",
    errno.ELOOP: "link",
    errno.ENXIO: "not_regular",  # a socket, or a FIFO nobody reads
    errno.ENODEV: "not_regular",
    errno.ENAMETOOLONG: "name_too_long",
}
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def open_regular(root: Path, path: str) -> BinaryIO:
    """Open `path` (as `encode_path` writes it) below `root` without following a link and without waiting on a FIFO.

    Raises UnreadableFile with the reason outside_root, link, not_regular, not_found, no_permission, name_too_long or io_error.
    """
    parts = decode_path(path).split(b"/")
    if any(part in {b"", b".", b".."} or b"\0" in part for part in parts):
        raise UnreadableFile("outside_root", f"{path!r} is not a plain path below the raw root")
    try:
        descriptor = _descend(root, parts)
    except OSError as error:
        raise UnreadableFile(_reason(error), error.strerror or "") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnreadableFile("not_regular", "a FIFO, socket, device or folder")
    return os.fdopen(descriptor, "rb")


def _descend(root: Path, parts: list[bytes]) -> int:
    """A descriptor of the last part, opened part by part so that no folder on the way is a link."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(parts[-1], _FILE, dir_fd=folder)
    finally:
        os.close(folder)


def _reason(error: OSError) -> str:
    return _REASONS.get(error.errno or 0, "io_error")
