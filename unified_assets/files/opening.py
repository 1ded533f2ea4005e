"""A root and a relative path in; a stream on, or a descriptor of, a regular file below that root out, or a reason why not."""

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
_NO_NAMES = frozenset({b"", b".", b".."})
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


class Folders:
    """Opens regular files below a root, as `open_regular` does, with the last folder kept open: paths come in order."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._folder: str | None = None
        self._descriptor = -1

    def open(self, path: str) -> tuple[int, os.stat_result]:
        """A descriptor of the file and its facts. Raises UnreadableFile as `open_regular` does."""
        folder, _, name = path.rpartition("/")
        try:
            if folder != self._folder:
                self._enter(folder, path)
            descriptor = os.open(_plain(name, path), _FILE, dir_fd=self._descriptor)
        except OSError as error:
            raise UnreadableFile(_reason(error), error.strerror or "") from error
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            os.close(descriptor)
            raise UnreadableFile("not_regular", "a FIFO, socket, device or folder")
        return descriptor, facts

    def close(self) -> None:
        """Let go of the folder."""
        if self._folder is not None:
            os.close(self._descriptor)
            self._folder = None

    def _enter(self, folder: str, path: str) -> None:
        self.close()
        self._descriptor = _enter(self._root, [_plain(part, path) for part in folder.split("/")] if folder else [])
        self._folder = folder


def _plain(part: str, path: str) -> bytes:
    """The name that a part of a path stands for."""
    name = decode_path(part) if "\\" in part else part.encode()
    if name in _NO_NAMES or b"\0" in name or b"/" in name:
        raise UnreadableFile("outside_root", f"{path!r} is not a plain path below the raw root")
    return name


def _descend(root: Path, parts: list[bytes]) -> int:
    """A descriptor of the last part, opened part by part so that no folder on the way is a link."""
    folder = _enter(root, parts[:-1])
    try:
        return os.open(parts[-1], _FILE, dir_fd=folder)
    finally:
        os.close(folder)


def _enter(root: str | Path, parts: list[bytes]) -> int:
    """A descriptor of a folder below the root."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for part in parts:
        try:
            inner = os.open(part, _FOLDER, dir_fd=folder)
        finally:
            os.close(folder)
        folder = inner
    return folder


def _reason(error: OSError) -> str:
    return _REASONS.get(error.errno or 0, "io_error")
